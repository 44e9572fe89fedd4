"""The server draws the overview once before its first visitor."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.runtime import Runtime, RuntimeState
from support.browser import link_app
from support.events import envelope
from support.reports import make_warehouse
from support.tables import clean_env
from support.waiting import WAIT_SECONDS

from bwp_client.ui import first_page

# Runs the app without a browser, until the figures of a page are cached and nobody is connected.
SERVER = f"""
import json, sys, time
from starlette.testclient import TestClient
from streamlit.runtime import Runtime
from app import app
from bwp_client.metrics import MetricName
from bwp_client.ui import data

def figures():
    return sorted({{key[0].value for results in data._results.values() for key in list(results)
                   if isinstance(key, tuple) and isinstance(key[0], MetricName)}})

with TestClient(app):
    end = time.monotonic() + {WAIT_SECONDS}
    while not (figures() and Runtime.instance().state.name == "NO_SESSIONS_CONNECTED") and time.monotonic() < end:
        time.sleep(0.05)
    print(json.dumps([figures(), Runtime.instance().state.name]))
"""


def test_the_figures_of_the_overview_are_computed_before_the_first_visit(tmp_path: Path) -> None:
    warehouse = make_warehouse(tmp_path, [envelope("t-1", outcome="FAILED"), envelope("t-2")], {})
    link_app(tmp_path)
    environment = clean_env() | {"BWP_WAREHOUSE": warehouse.uri, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-W", "ignore", "-c", SERVER]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures, state = json.loads(done.stdout.splitlines()[-1])
    assert {"period_comparison", "failure_rate", "error_codes", "coverage"} <= set(figures)
    assert state == "NO_SESSIONS_CONNECTED"
    assert "Traceback" not in done.stderr


def test_no_page_is_drawn_for_nobody_while_a_visitor_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: Any, **__: Any) -> str:
        raise AssertionError("a session was connected")

    runtime = SimpleNamespace(state=RuntimeState.ONE_OR_MORE_SESSIONS_CONNECTED, connect_session=connect)
    monkeypatch.setattr(Runtime, "instance", lambda: runtime)
    asyncio.run(first_page.draw_first_page())


def test_a_page_that_does_not_end_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    runtime = SimpleNamespace(
        state=RuntimeState.NO_SESSIONS_CONNECTED,
        connect_session=lambda *_, **__: "nobody",
        handle_backmsg=lambda *_: None,
        close_session=closed.append,
    )
    monkeypatch.setattr(Runtime, "instance", lambda: runtime)
    monkeypatch.setattr(first_page, "_MOST_SECONDS", 0.01)
    asyncio.run(first_page.draw_first_page())
    assert closed == ["nobody"]
