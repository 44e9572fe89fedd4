"""A local Buy with Prime API that runs in a thread of the test process."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from bwp_client.sandbox.api.app import LogLine
from bwp_client.sandbox.api.behaviour import Behaviour
from bwp_client.sandbox.api.server import SandboxServer, open_listener

_START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """A sandbox that is being served.

    Attributes:
        url: Its address, without a slash at the end.
        log: The request log so far.
    """

    url: str
    log: list[LogLine] = field(default_factory=list)


@contextlib.contextmanager
def running_sandbox(behaviour: Behaviour | None = None, *, port: int = 0) -> Iterator[RunningSandbox]:
    """Serve the sandbox from a thread while the block runs.

    Args:
        behaviour: How the API behaves.
        port: The port to listen on; 0 for a free one.

    Raises:
        TimeoutError: It did not start.
    """
    ready = threading.Event()
    log: list[LogLine] = []
    with open_listener("127.0.0.1", port) as listener:
        server = SandboxServer(behaviour or Behaviour(), log.append, ready.set)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
        thread.start()
        try:
            if not ready.wait(_START_SECONDS):
                raise TimeoutError("The sandbox did not start; nothing listens.")
            yield RunningSandbox(f"http://127.0.0.1:{listener.getsockname()[1]}", log)
        finally:
            server.should_exit = True
            thread.join(_START_SECONDS)
