"""Every page says which part of the chosen period the data don't cover, and why nothing is compared."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.events import envelope
from support.reports import MONDAY, make_warehouse, steady, week_of_events

from bwp_client.warehouse.purge import purge

from .test_pages import words

OpenPage = Callable[..., AppTest]
PURGED = "The data of this period begin on 19 Feb 2026, as older data were purged."
NOT_COMPARED = "the data begin on 19 Feb 2026, as older data were purged"


@pytest.fixture(scope="module")
def purged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a warehouse of data from 9 February to 8 March 2026, of which those before 19 February were purged."""
    folder = tmp_path_factory.mktemp("purged")
    events, answers = steady()
    events += week_of_events(MONDAY, failed=6, completed=60, prefix="n", product="bp-new")
    warehouse = make_warehouse(folder, events, answers)
    purge(warehouse, datetime(2026, 2, 19, tzinfo=UTC))
    return Path(warehouse.uri)


@pytest.mark.parametrize("page", ["overview", "failure_rates", "error_codes", "trends", "tasks", "data_health"])
def test_a_period_cut_by_a_purge_is_said_to_be_cut(page: str, purged: Path, open_page: OpenPage) -> None:
    app = open_page(page, purged, **{"from": "2026-02-10", "to": "2026-03-08"})
    assert not app.exception
    assert PURGED in [item.value for item in app.warning]
    whole = open_page(page, purged, **{"from": "2026-02-19", "to": "2026-03-08"})
    assert not any("The data of this period" in item.value for item in whole.warning)


def test_a_period_before_that_was_purged_is_compared_nowhere(purged: Path, open_page: OpenPage) -> None:
    period = {"from": "2026-02-25", "to": "2026-03-08"}
    overview = open_page("overview", purged, **period)
    assert f"Not compared with the period before: {NOT_COMPARED}." in words(overview).replace("\\", "")
    assert not any("Pale" in item.proto.help for item in overview.subheader)
    trends = open_page("trends", purged, **period)
    values = {item.label: (item.value, item.delta) for item in trends.metric}
    assert values["Period before"][0] == "not compared"
    assert values["Difference"] == ("–", "not compared")
    assert words(trends).count(f"Nothing is compared with the period before: {NOT_COMPARED}.") == 2
    rates = open_page("failure_rates", purged, **period)
    assert {item.delta for item in rates.metric if item.label in {"Failed tasks", "Completed tasks"}} == {
        "not compared"
    }
    assert f"Not compared with the period before: {NOT_COMPARED}." in words(trends)
    assert set(rates.dataframe[0].value["Compared"]) == {"not compared"}
    assert any("because the period before lacks data" in item.proto.help for item in rates.subheader)


def test_a_product_that_began_later_is_named_and_not_compared(purged: Path, open_page: OpenPage) -> None:
    rates = open_page("failure_rates", purged, **{"from": "2026-02-28", "to": "2026-03-08"})
    began = "Business products whose first event came within the period: bp-new on 2 Mar 2026."
    assert began in [item.value.replace("\\", "") for item in rates.caption]
    compared = dict(
        zip(rates.dataframe[0].value["Business product"], rates.dataframe[0].value["Compared"], strict=True)
    )
    assert compared["bp-new"] == "not compared"
    assert set(compared.values()) == {"not compared", "no clear change"}


def test_a_running_period_is_said_to_run_without_a_warning(tmp_path: Path, open_page: OpenPage) -> None:
    now = datetime.now(UTC)
    start = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=20)
    events = [
        event
        for week in range(3)
        for event in week_of_events(start + timedelta(weeks=week), failed=5, completed=65, prefix=f"w{week}")
        if datetime.fromisoformat(event["time"]) < now
    ]
    events.append(envelope("just-now", time=now))
    app = open_page("overview", make_warehouse(tmp_path, events, {}).uri)
    (caption,) = [item.value for item in app.caption if "The data of this period" in item.value]
    assert caption.endswith(" UTC, as the period was still running.")
    assert not any("The data of this period" in item.value for item in app.warning)


def test_the_page_of_data_health_gives_no_all_clear_for_purged_days(purged: Path, open_page: OpenPage) -> None:
    app = open_page("data_health", purged, **{"from": "2026-02-10", "to": "2026-03-08"})
    assert f"⚠ {PURGED}" in [line for item in app.text for line in item.value.splitlines()]
