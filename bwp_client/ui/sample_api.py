"""The local Buy with Prime API for sample data: a child process that starts at first use and ends with this server."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from functools import lru_cache

from bwp_client.errors import UsageError
from bwp_client.settings import SAMPLE_WAREHOUSE
from bwp_client.ui.jobs import low_priority


class SampleApi:
    """The child process of the local API, and the environment variables with its address and credentials."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._environment: dict[str, str] = {}

    def environment(self) -> dict[str, str]:
        """Return the environment variables that make `enrich` ask the local API; start the API when it does not run.

        Raises:
            UsageError: The API did not start.
        """
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            return dict(self._environment)

    def stop(self) -> None:
        """End the child process if there is one; the child process also ends when its stdin closes."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        process.terminate()
        process.wait()

    def _start(self) -> None:
        command = [sys.executable, "-m", "bwp_client", "sandbox", "--port", "0", "--json", "--exit-with-stdin"]
        process = subprocess.Popen(
            [*low_priority(), *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            process.wait()
            raise UsageError(
                "The local Buy with Prime API did not start, so sample errors can't be looked up. Try again."
            )
        ready = json.loads(line)
        self._process = process
        self._environment = {
            "BWP_WAREHOUSE": SAMPLE_WAREHOUSE,
            "BWP_API__ENDPOINT": ready["endpoint"],
            "BWP_API__TOKEN_ENDPOINT": ready["token_endpoint"],
            "BWP_API__CREDENTIALS": '{"*": {"client_id": "sample", "client_secret": "sample"}}',
            "BWP_API__REQUESTS_PER_SECOND": "400",
            "BWP_API__CONCURRENCY": "8",
        }


@lru_cache(maxsize=1)
def sample_api() -> SampleApi:
    """Return this server's local API."""
    return SampleApi()
