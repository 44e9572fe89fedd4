"""A shop with twelve failures in a year: its pages show single failed tasks where no rate can be shown."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.events import NOW, envelope, write
from support.lookups import looked_up, store_lookups

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse

from .test_pages import figures, words

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


def test_a_code_that_the_sidebar_chooses_narrows_them(small: Path, open_page: OpenPage) -> None:
    app = open_page("failure_rates", small, code="LEGAL_HOLD")
    assert dots(app) == 4


def test_a_year_of_which_no_month_has_a_rate_says_so(small: Path, open_page: OpenPage) -> None:
    app = open_page("failure_rates", small, **{"from": "2025-05-01", "to": "2026-05-01"})
    assert dots(app) == 12
    assert "Failure rate by month: too few finished tasks." in words(app)
