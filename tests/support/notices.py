"""An HTTP receiver of notices on loopback."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """Answers every notice with `status`; a redirect leads to a page of its own, which answers 200 to every GET.

    Attributes:
        status: The HTTP status of the next answers.
        max_bytes: The length of a body from which on the answer is 413.
        notices: Every notice that arrived, whatever the answer was.
        accepted: The notices that were answered with 200.
        requests: The method and path of every request.
    """

    def __init__(self, port: int, status: int) -> None:
        self.status = status
        self.max_bytes: int | None = None
        self.host = f"127.0.0.1:{port}"
        self.url = f"json://{self.host}/hook"
        self.notices: list[dict[str, Any]] = []
        self.accepted: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str]] = []

    def answer(self, body: bytes) -> int:
        is_too_large = self.max_bytes is not None and len(body) > self.max_bytes
        status = 413 if is_too_large else self.status
        try:
            notice = json.loads(body)
        except ValueError:
            notice = {"body": body.decode()}
        self.notices.append(notice)
        if status == 200:
            self.accepted.append(notice)
        return status

    @property
    def titles(self) -> list[str]:
        """The titles of the accepted notices."""
        return [notice["title"] for notice in self.accepted]


@contextmanager
def hook(status: int = 200) -> Iterator[Receiver]:
    """Yield a running receiver."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status = found.answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.reply(status)

        def do_PUT(self) -> None:
            self.do_POST()

        def do_GET(self) -> None:
            self.reply(200)

        def reply(self, status: int) -> None:
            found.requests.append((self.command, self.path))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"http://{found.host}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Receiver(server.server_port, status)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def receiver(status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield an Apprise address, and the list to which the receiver adds every notice.

    Args:
        status: The HTTP status that the receiver answers.
    """
    with hook(status) as found:
        yield found.url, found.notices
