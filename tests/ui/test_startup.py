"""What the server does before it answers."""

import signal
import socket
import time
from contextlib import closing
from pathlib import Path

import pytest
from support.browser import free_port, link_app, start_app

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


def test_a_server_that_is_stopped_leaves_no_folder_of_its_jobs(tmp_path: Path) -> None:
    home, temporary = tmp_path / "home", tmp_path / "t"
    home.mkdir()
    temporary.mkdir()
    link_app(home)
    port = free_port()
    server = start_app(home, port, home / "server.log", TMPDIR=str(temporary))
    deadline = time.monotonic() + 60
    while not list(temporary.glob("bwp-jobs-*/load-1.*")):  # the sample's load, which a new server starts
        assert server.poll() is None, (home / "server.log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    server.send_signal(signal.SIGTERM)
    server.wait(30)
    assert not list(temporary.glob("bwp-jobs-*"))
