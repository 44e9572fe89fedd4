"""Hosts on loopback that don't end their answer to a notice, or answer with something else."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_PAUSE_SECONDS = 0.05
PAGE = b"\n<!DOCTYPE html><html><title>Sign in</title></html>"


def endless_body(client: socket.socket) -> None:
    client.recv(65536)
    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        client.sendall(b"x" * 65536)


def dripping_body(client: socket.socket) -> None:
    client.recv(65536)
    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    _drip(client, b"x")


def dripping_header(client: socket.socket) -> None:
    client.recv(65536)
    client.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    _drip(client, b"x")


def dripping_greeting(client: socket.socket) -> None:
    """Greet as a mail server whose greeting has no last line."""
    _drip(client, b"220-welcome\r\n")


def sign_in_page(client: socket.socket) -> None:
    client.recv(65536)
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(PAGE), PAGE))
    client.close()


def _drip(client: socket.socket, text: bytes) -> None:
    while True:
        client.sendall(text)
        time.sleep(_PAUSE_SECONDS)


@contextmanager
def host(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Yield the `host:port` of a host that answers each connection in a thread of its own."""
    listening = socket.create_server(("127.0.0.1", 0))
    clients: list[socket.socket] = []

    def serve(client: socket.socket) -> None:
        with suppress(OSError):
            answer(client)

    def listen() -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                clients.append(client)
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    try:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.close()
        for client in clients:
            client.close()
