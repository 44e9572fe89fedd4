"""An event that is dated in the future is named, and is not taken for the newest one."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.events import envelope, write
from support.reports import run

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse

from .test_pages import words

NOW = datetime.now(UTC)
NEWEST = NOW - timedelta(hours=5)
NAMED = "1 event is dated later than the newest run"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a warehouse of 30 days of events, the newest 5 hours old, and an event to come."""
    folder = tmp_path_factory.mktemp("future")
    events = [
        envelope(f"t-{hours}", outcome="COMPLETED" if hours % 5 else "FAILED", time=NEWEST - timedelta(hours=hours))
        for hours in range(0, 30 * 24, 3)
    ]
    source = write(folder / "in" / "events.json", [*events, envelope("ahead", time=NOW + timedelta(hours=47))])
    load(Warehouse(str(folder / "warehouse")), open_source(str(source)))
    return folder


def test_the_default_period_of_metric_ends_with_the_newest_event(folder: Path) -> None:
    rows = json.loads(run(folder, "metric", "failure_rate", "--json").stdout)
    assert max(row["period_start"] for row in rows)[:10] == f"{NEWEST:%Y-%m-%d}"
    assert len(rows) == 28


def test_status_names_the_event(folder: Path) -> None:
    found = json.loads(run(folder, "status", "--json").stdout)
    assert found["last_event_at"][:13] == f"{NEWEST:%Y-%m-%dT%H}".replace("T", found["last_event_at"][10])
    assert any(NAMED in text for text in found["attention"])


def test_the_pages_name_the_event_and_end_with_the_newest(folder: Path, open_page: Callable[..., AppTest]) -> None:
    app = open_page("overview", folder / "warehouse")
    assert not app.exception
    assert app.date_input(key="to").value == NEWEST.date()
    text = words(app)
    assert f"Data to {NEWEST.day} {NEWEST:%b %H:%M} UTC" in text
    assert f"The newest event is of {NEWEST.day} {NEWEST:%b %Y %H:%M} UTC" in text
    assert NAMED in text
