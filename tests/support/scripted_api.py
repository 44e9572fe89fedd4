"""A server on a real socket that sends the answers scripted by a test, byte for byte, and records the requests.

The last answer of a script is repeated. The answers have the forms of the API's description.
"""

import contextlib
import json
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

Say = Callable[[Any], None]
"""Writes an answer to an open handler; setting its `end` closes the connection."""


def http(status: int, body: bytes | str | dict[str, Any] | list[Any], **headers: str) -> Say:
    raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    headers.setdefault("content_type", "text/html" if raw[:1] == b"<" else "application/json")
    lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(raw)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]

    def say(handler: Any) -> None:
        handler.wfile.write("\r\n".join(lines).encode() + b"\r\n\r\n" + raw)

    return say


def cut_connection(status: int = 200) -> Say:
    def say(handler: Any) -> None:
        handler.wfile.write(f"HTTP/1.1 {status} OK\r\ncontent-length: 900\r\n\r\n".encode() + b'{"data": {"pers')
        handler.end = True

    return say


def drop() -> Say:
    def say(handler: Any) -> None:
        handler.end = True

    return say


def silence() -> Say:
    def say(handler: Any) -> None:
        handler.rfile.read(1)  # until the client gives up
        handler.end = True

    return say


def endless() -> Say:
    def say(handler: Any) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(200):
                handler.wfile.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        handler.end = True

    return say


def trickle(status: int = 200) -> Say:
    """Make an answer that sends a byte now and then, until the client gives up."""

    def say(handler: Any) -> None:
        handler.wfile.write(f"HTTP/1.1 {status} Whatever\r\ncontent-length: 1000000\r\n\r\n".encode())
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(b" ")
                time.sleep(0.01)
        handler.end = True

    return say


def token(value: str = "t-1", **more: Any) -> Say:
    return http(200, {"access_token": value, "token_type": "Bearer", "expires_in": 900} | more)


@dataclass
class Seen:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def bearer(self) -> str:
        return self.headers["authorization"].removeprefix("Bearer ")


@dataclass
class ScriptedApi:
    url: str = ""
    answers: list[Say] = field(default_factory=list)
    tokens: list[Say] = field(default_factory=lambda: [token()])
    seen: list[Seen] = field(default_factory=list)
    by_token: dict[str, Say] = field(default_factory=dict)

    @property
    def asked(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.path == "/graphql"]

    @property
    def token_asked(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.path == "/token"]

    def next_for(self, seen: Seen) -> Say:
        self.seen.append(seen)
        if seen.path == "/graphql" and seen.bearer in self.by_token:
            return self.by_token[seen.bearer]
        script = self.tokens if seen.path == "/token" else self.answers
        return script.pop(0) if len(script) > 1 else script[0]


class _Handler(socketserver.StreamRequestHandler):
    end = False

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            while not self.end and (line := self.rfile.readline()):
                headers = {}
                while (header := self.rfile.readline().strip()) != b"":
                    name, _, value = header.decode().partition(":")
                    headers[name.lower()] = value.strip()
                body = self.rfile.read(int(headers.get("content-length", 0)))
                api: ScriptedApi = self.server.api  # type: ignore[attr-defined]
                with self.server.lock:  # type: ignore[attr-defined]
                    say = api.next_for(Seen(line.decode().split()[1], headers, body))
                say(self)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


@contextlib.contextmanager
def scripted_api() -> Iterator[ScriptedApi]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        api = ScriptedApi(url=f"http://127.0.0.1:{server.server_address[1]}")
        server.api = api  # type: ignore[attr-defined]
        server.lock = threading.Lock()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
