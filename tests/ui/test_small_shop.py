"""A shop with twelve failures in a year: its pages show single failed tasks where no rate can be shown."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.events import NOW, envelope, write
from support.lookups import looked_up, store_lookups

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse

from .test_pages import figures, helps, words

OpenPage = Callable[..., AppTest]
PRODUCTS = ["bp-2f1c8f1e-0000-4000-8000-00000000000a", "bp-2f1c8f1e-0000-4000-8000-00000000000b"]
CODES = ["ORDERS_NOT_CLOSED", "LEGAL_HOLD", "NOT_FOUND"]
SENTENCE = f"12 failed of 45 finished tasks from 5 May 2025 to 1 May 2026; the newest on {NOW.day} {NOW:%b %Y}."


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a warehouse with a task on every eighth day of a year, of which each fourth failed."""
    folder = tmp_path_factory.mktemp("small")
    events, lookups = [], []
    for n in range(45):
        failed, product = n % 4 == 0, PRODUCTS[n % 3 == 0]
        time = NOW - timedelta(days=361 / 44 * n)
        events.append(envelope(f"t-{n}", outcome="FAILED" if failed else "COMPLETED", time=time, product=product))
        if failed:
            lookups.append(looked_up(f"t-{n}", errors=[CODES[n // 4 % 3]], business_product_id=product))
    load(Warehouse(str(folder / "w")), open_source(str(write(folder / "events.json", events))))
    store_lookups(Warehouse(str(folder / "w")), lookups)
    return folder / "w"


def dots(app: AppTest) -> int:
    """Return the number of dots of the timeline."""
    return sum(len(trace["x"]) for figure in figures(app) for trace in figure["data"] if trace["name"] == "Failed task")  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", ["overview", "failure_rates", "trends"])
def test_the_failed_tasks_of_the_year_take_the_place_of_an_empty_chart(
    page: str, small: Path, open_page: OpenPage
) -> None:
    app = open_page(page, small)
    assert not app.exception
    assert SENTENCE in words(app)
    assert dots(app) == 12
    assert not any(trace["name"] == "Failure rate" for figure in figures(app) for trace in figure["data"])  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", ["overview", "failure_rates"])
def test_they_are_shown_too_where_no_task_ended_in_the_period(page: str, small: Path, open_page: OpenPage) -> None:
    day = f"{(NOW - timedelta(days=2)).date()}"
    app = open_page(page, small, **{"from": day, "to": day})
    assert not app.exception
    assert dots(app) == 12


@pytest.mark.parametrize("query", [{}, {"error_code": "LEGAL_HOLD"}, {"more": "together"}, {"more": "compare"}])
@pytest.mark.parametrize("page", ["overview", "failure_rates", "error_codes", "trends", "tasks", "data_health"])
def test_no_figure_of_a_period_without_tasks_is_shown_as_nan(
    page: str, query: dict[str, str], small: Path, open_page: OpenPage
) -> None:
    day = f"{(NOW - timedelta(days=2)).date()}"
    app = open_page(page, small, **{"from": day, "to": day}, **query)
    assert not app.exception
    shown = words(app) + "".join(f"\n{item.value} {item.delta}" for item in app.metric)
    assert re.findall(r"\b(?:nan|NaN|NaT|inf)\b", shown) == []


def test_a_code_that_the_sidebar_chooses_narrows_them(small: Path, open_page: OpenPage) -> None:
    app = open_page("failure_rates", small, code="LEGAL_HOLD")
    assert dots(app) == 4


def test_a_year_of_which_no_month_has_a_rate_says_so(small: Path, open_page: OpenPage) -> None:
    app = open_page("failure_rates", small, **{"from": "2025-05-01", "to": "2026-05-01"})
    assert dots(app) == 12
    assert "Failure rate by month: too few finished tasks." in words(app)


def test_the_weeks_of_a_code_are_weeks_in_a_row_those_without_failures_too(small: Path, open_page: OpenPage) -> None:
    app = open_page("overview", small, **{"from": "2025-05-01", "to": "2026-05-01"})
    (rows,) = [item.value for item in app.dataframe if "weeks" in item.value]
    weeks = {row["code"]: list(row["weeks"]) for row in rows.to_dict("records")}
    # The newest whole week begins on 20 April; LEGAL_HOLD came last on 29 March, NOT_FOUND on 24 February.
    assert weeks["LEGAL_HOLD"] == [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert weeks["NOT_FOUND"] == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]


def test_a_single_task_is_worded_as_one(small: Path, open_page: OpenPage, tmp_path: Path) -> None:
    events = [envelope("t-1", outcome="FAILED", time=datetime.now(UTC) - timedelta(days=1))]
    load(Warehouse(str(tmp_path / "w")), open_source(str(write(tmp_path / "events.json", events))))
    looked = [looked_up("t-1", errors=["LEGAL_HOLD", "NOT_FOUND"], message="Held.")]
    store_lookups(Warehouse(str(tmp_path / "w")), looked, finished_at=datetime.now(UTC))
    pages = [
        open_page("overview", tmp_path / "w"),
        open_page("tasks", tmp_path / "w"),
        open_page("error_codes", tmp_path / "w", more="together"),
        open_page("error_codes", tmp_path / "w", error_code="LEGAL_HOLD"),
        open_page("trends", tmp_path / "w"),
    ]
    text = "\n".join(words(app) + "\n".join(helps(app)) for app in pages)
    assert re.findall(r"\b1 (?:failed |open |finished |overdue )?(?:tasks|events|of 1 tasks)\b", text) == []
    assert "Do today: 1 task is still in time" in text
    assert "The newest task of all data has this message" in text
