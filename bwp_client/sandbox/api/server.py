"""Runs the local Buy with Prime API on a socket."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from bwp_client.sandbox.api.app import Log, create_app
from bwp_client.sandbox.api.behaviour import Behaviour

_STOPPING: Final = (signal.SIGINT, signal.SIGTERM)
_STDIN: Final = 0
_START_SECONDS: Final = 10.0


def serve(
    behaviour: Behaviour,
    *,
    port: int,
    on_ready: Callable[[int], None],
    host: str = "127.0.0.1",
    exit_with_stdin: bool = False,
    log: Log | None = None,
) -> None:
    """Serve until SIGTERM, SIGINT or the end of stdin.

    Args:
        behaviour: How the API behaves.
        port: 0 for a free port.
        on_ready: Called with the port once connections are accepted.
        host: The address to listen on.
        exit_with_stdin: Whether to end when stdin ends, so that the sandbox does not outlive its parent process.
        log: Called with the log line of each request; by default lines are written to stderr as JSON.

    Raises:
        OSError: The port is taken, or the address is not one of this machine.
    """
    with open_listener(host, port) as listener:
        server = SandboxServer(behaviour, log, lambda: on_ready(listener.getsockname()[1]))
        if exit_with_stdin:
            threading.Thread(target=_wait_for_end_of_stdin, args=(server,), daemon=True).start()
        asyncio.run(server.serve(sockets=[listener]))


class _Protocol(H11Protocol):
    """A protocol that passes its transport to the application, which needs it to drop the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class SandboxServer(uvicorn.Server):
    """A server of the local API that reports when it is ready and ends cleanly on a signal."""

    def __init__(self, behaviour: Behaviour, log: Log | None, on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                create_app(behaviour, log=log),
                http=_Protocol,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                log_level="critical",  # cut and dropped answers are intended: no traceback
                timeout_graceful_shutdown=2,
                server_header=False,
            )
        )
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then call `on_ready`."""
        await super().startup(sockets)
        self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal with exit code 0; uvicorn would raise the signal again and be killed by it."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._stop) for number in _STOPPING}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.should_exit = True


def open_listener(host: str, port: int) -> socket.socket:
    """Return a listening TCP socket.

    Args:
        host: The address to listen on.
        port: 0 for a free port.

    Raises:
        OSError: The port is taken, or the address is not one of this machine.
    """
    # asyncio sets TCP_NODELAY only on sockets whose protocol is named; without it, Nagle's algorithm delays every answer.
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, proto=socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(256)
    except OSError:
        listener.close()
        raise
    return listener


def _wait_for_end_of_stdin(server: SandboxServer) -> None:
    # Read from the descriptor, because a thread blocked inside sys.stdin would hold its lock when the interpreter ends.
    with contextlib.suppress(OSError):
        while os.read(_STDIN, 4_096):
            pass
    server.should_exit = True
