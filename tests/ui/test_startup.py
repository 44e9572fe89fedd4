"""The start and the end of the server."""

import asyncio
import shutil
import signal
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from support.browser import link_app, start_app
from support.events import envelope
from support.ports import free_port
from support.reports import make_warehouse
from support.waiting import WAIT_SECONDS, wait_until

from bwp_client.ui import startup


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


def test_readiness_is_read_once_for_all_who_ask_within_two_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BWP_WAREHOUSE", make_warehouse(tmp_path, [envelope("t-1")], {}).uri)
    app = Starlette(routes=[Route("/readyz", startup.readyz)])

    async def ask() -> tuple[int, bool]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app.invalid") as client:
            answer = await client.get("/readyz")
            return answer.status_code, answer.json()["ready"]

    cache = startup._has_run.cache
    cache.clear()
    with cache.timer:  # stands still
        assert asyncio.run(ask()) == (200, True)
        shutil.rmtree(tmp_path / "warehouse")
        assert asyncio.run(ask()) == (200, True)
    cache.expire(cache.timer() + 3)
    assert asyncio.run(ask()) == (503, False)
