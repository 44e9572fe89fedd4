"""The reports page: empty, with reports, with a damaged one, compared, and making one through the command line."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.tables import command_json

from bwp_client.ui.jobs import JobStatus, jobs

QUIET = {"BWP_REPORT__BROWSER": "none", "BWP_REPORT__MIN_LOOKUP_COVERAGE": "0"}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "reports"
    for name, value in {**QUIET, "BWP_REPORT__OUT": str(folder)}.items():
        monkeypatch.setenv(name, value)
    return folder


def make(loaded: Path, folder: Path, period: str) -> str:
    done = command_json(
        "report", "--period", period, "--warehouse", loaded, "--out", folder, "--json", cwd=folder.parent, **QUIET
    )
    key: str = done["key"]
    return key


def captions(app: AppTest) -> str:
    return " ".join(item.value for item in app.caption)


def test_without_reports_it_says_so(open_page: Callable[..., AppTest], loaded: Path, place: Path) -> None:
    app = open_page("reports", loaded)
    assert not app.exception
    assert "None yet" in captions(app)


def test_reports_are_listed_opened_and_compared(open_page: Callable[..., AppTest], loaded: Path, place: Path) -> None:
    day = datetime.now(UTC).date() - timedelta(days=10)
    first = make(loaded, place, f"{day - timedelta(days=6)}..{day}")
    second = make(loaded, place, f"{day - timedelta(days=13)}..{day - timedelta(days=7)}")
    app = open_page("reports", loaded, report=first)
    assert not app.exception
    assert set(app.dataframe[0].value["Key"]) == {first, second}
    assert app.selectbox(key="report").value == first
    frame = app.get("iframe")[0].proto
    assert str(frame).count("data:text/html;base64,") == 1
    changes = app.dataframe[-1].value
    assert {"by_product", "failure_rate"} <= set(changes["Table"])


def test_a_damaged_report_is_named_and_the_others_are_shown(
    open_page: Callable[..., AppTest], loaded: Path, place: Path
) -> None:
    key = make(loaded, place, "2026-10")
    bad = place / "bad" / "manifest.json"
    bad.parent.mkdir()
    bad.write_text("{}")
    app = open_page("reports", loaded)
    assert not app.exception
    assert "bad can" in app.warning[0].value
    assert list(app.dataframe[0].value["Key"]) == [key]
    (place / key / "report.html").write_text("<script>alert(1)</script>")
    from bwp_client.ui.sections import reports as section

    section._file.clear()  # type: ignore[attr-defined]
    changed = open_page("reports", loaded)
    assert "is not what was published" in " ".join(item.value for item in changed.text)
    assert not changed.get("iframe")


@pytest.mark.timeout(900)
def test_a_report_is_made_from_the_page(open_page: Callable[..., AppTest], loaded: Path, place: Path) -> None:
    app = open_page("reports", loaded)
    app.selectbox(key="report_period").set_value("last-month").run()
    app.button(key="report_make").click().run()
    deadline = time.monotonic() + 800
    while (state := jobs().state("report")) is None or state.status is JobStatus.RUNNING:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert state.result["state"] == "published", state
    assert (place / state.result["key"] / "manifest.json").is_file()
