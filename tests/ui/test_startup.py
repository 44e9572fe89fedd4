"""What the server does before it answers."""

import signal
import time
from pathlib import Path

from support.browser import free_port, link_app, start_app


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
