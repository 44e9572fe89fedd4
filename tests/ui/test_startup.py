"""What the server does before it answers."""

import socket
from contextlib import closing
from pathlib import Path

import pytest

from bwp_client.ui.startup import answer_at_once


@pytest.mark.skipif(not Path("/dev/fd").is_dir(), reason="this system does not list open files")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_messages_do_not_wait_for_the_ones_before(family: socket.AddressFamily) -> None:
    open_before = {path.name for path in Path("/dev/fd").iterdir()}
    with closing(socket.socket(family, socket.SOCK_STREAM)) as server:
        server.bind(("127.0.0.1" if family is socket.AF_INET else "::1", 0))
        server.listen()
        assert not server.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        answer_at_once()
        with closing(socket.socket(family, socket.SOCK_STREAM)) as visitor:
            visitor.connect(server.getsockname())
            accepted, _ = server.accept()
            with closing(accepted):
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                assert not visitor.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert {path.name for path in Path("/dev/fd").iterdir()} == open_before
