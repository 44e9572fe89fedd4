"""The start and the end of the server."""

import signal
from pathlib import Path

from support.browser import link_app, start_app
from support.ports import free_port
from support.waiting import WAIT_SECONDS, wait_until


def test_a_server_that_is_stopped_leaves_no_folder_of_its_jobs(tmp_path: Path) -> None:
    home, temporary = tmp_path / "home", tmp_path / "t"
    home.mkdir()
    temporary.mkdir()
    link_app(home)
    log = home / "server.log"
    server = start_app(home, free_port(), log, TMPDIR=str(temporary))

    def has_started_the_load_of_the_sample() -> bool:
        assert server.poll() is None, log.read_text()
        return bool(list(temporary.glob("bwp-jobs-*/load-1.*")))

    wait_until(has_started_the_load_of_the_sample, log.read_text)
    server.send_signal(signal.SIGTERM)
    server.wait(WAIT_SECONDS)
    assert not list(temporary.glob("bwp-jobs-*"))
