"""A proxy in front of an S3 server that fails a chosen write, or loses the answer to it.

It is a process of its own: the storage client may wait for it while it holds this one's interpreter lock.
"""

import http.client
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

REFUSED = b"<Error><Code>AccessDenied</Code><Message>not now</Message></Error>"
NOT_HANDED_ON = {"transfer-encoding", "connection", "content-length"}


@dataclass(frozen=True)
class Proxy:
    """Its address, and a file that grows by a byte with every write."""

    address: str
    log: Path

    @property
    def writes(self) -> int:
        return self.log.stat().st_size


@contextmanager
def proxy(endpoint: str, folder: Path, kind: str, at: int) -> Iterator[Proxy]:
    """Hand everything on as it is, signatures too, but for the n-th write.

    `refuse` refuses that write and all after it; `lose` does it and loses the answer, once.
    """
    log = folder / f"{kind}-{at}.writes"
    log.write_bytes(b"")
    host = endpoint.removeprefix("http://")
    child = subprocess.Popen(
        [sys.executable, __file__, host, str(log), kind, str(at)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout
    try:
        yield Proxy(f"http://127.0.0.1:{child.stdout.readline().strip()}", log)
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


class Handler(BaseHTTPRequestHandler):
    """Hands one client's requests on."""

    protocol_version = "HTTP/1.1"
    host, log, kind, at = "", Path(), "", 0
    lock = threading.Lock()

    def do_GET(self) -> None:
        self._hand_on()

    def do_HEAD(self) -> None:
        self._hand_on()

    def do_PUT(self) -> None:
        self._write()

    def do_POST(self) -> None:
        self._write()

    def do_DELETE(self) -> None:
        self._write()

    def _write(self) -> None:
        with self.lock, self.log.open("ab") as file:
            file.write(b"x")
            number = file.tell()
        if self.kind == "refuse" and number >= self.at:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer(403, {}, REFUSED)
        else:
            self._hand_on(lose=self.kind == "lose" and number == self.at)

    def _hand_on(self, *, lose: bool = False) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        connection = http.client.HTTPConnection(self.host, timeout=30)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        if lose:
            self.close_connection = True
            return
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in NOT_HANDED_ON}
        length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self._answer(answer.status, headers, data, length)

    def _answer(self, status: int, headers: dict[str, str], body: bytes, length: str | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def serve(host: str, log: str, kind: str, at: str) -> None:
    """Serve until killed; the port is printed first."""
    settings = {"host": host, "log": Path(log), "kind": kind, "at": int(at)}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Chosen", (Handler,), settings))
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(*sys.argv[1:])
