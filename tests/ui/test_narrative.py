"""The overview's sentence about a product that stood out, over whole weeks of made-up outcomes."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.events import envelope, write
from support.lookups import looked_up, store_lookups

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse

from .test_pages import words

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
Days = Sequence[tuple[int, int]]
OpenPage = Callable[..., AppTest]


@pytest.fixture
def sentences(tmp_path: Path, open_page: OpenPage) -> Callable[[Days], list[str]]:
    """Return the sentences of the trends page over days of (failed, outcomes)."""

    def run(days: Days) -> list[str]:
        events = [
            envelope(
                f"task-{day}-{number}",
                outcome="FAILED" if number < failed else "COMPLETED",
                time=MONDAY + timedelta(days=day, minutes=3 * number),
            )
            for day, (failed, n) in enumerate(days)
            for number in range(n)
        ]
        write(tmp_path / "events.json", events)
        load(Warehouse(str(tmp_path / "w")), open_source(str(tmp_path / "events.json")))
        app = open_page("trends", tmp_path / "w")
        assert not app.exception
        return [line for text in app.text for line in text.value.splitlines() if line.startswith("Worst: ")]

    return run


def test_a_rise_that_gets_worse_where_its_run_of_weeks_ends_is_reported(sentences: Callable[[Days], list[str]]) -> None:
    worse = [(2, 2), (2, 2), (2, 2), (2, 3), (2, 3), (2, 3), (1, 3)]
    (sentence,) = sentences([(0, 10)] * 35 + [(2, 10)] * 7 + worse * 2)
    assert ", since " in sentence
    assert sentence.endswith(" It is still going on.")


def test_a_rise_that_lasts_is_not_reported_as_over(sentences: Callable[[Days], list[str]]) -> None:
    (sentence,) = sentences([(1, 24)] * 35 + [(5, 24)] * 35)
    assert ", since 9 Feb 2026. 175 of 840 tasks failed (20.8 %, usually 4.2 %)" in sentence
    assert sentence.endswith(" It is still going on.")


def test_the_sentence_gives_the_numbers_after_the_episode(sentences: Callable[[Days], list[str]]) -> None:
    (sentence,) = sentences([(0, 10)] * 49 + [(8, 10)] * 7 + [(0, 20)] * 6)
    assert ", 23 Feb to 1 Mar 2026. 56 of 70 tasks failed (80.0 %, usually 0.0 %)" in sentence
    assert sentence.endswith(" Since 2 Mar 2026: 0 of 120 (0.0 %).")


@pytest.fixture
def past_incident(tmp_path: Path) -> Callable[[int, int], Path]:
    """Return a function that makes a warehouse in which a code was frequent at a product for a week that is over.

    Its arguments are the numbers of tasks a day that fail with the code at another product, before that week and since.
    """

    def make(before: int, since: int) -> Path:
        plan = [(1, before)] * 49 + [(14, since)] * 7 + [(1, since)] * 6
        outcomes = [
            (f"{product}-{day}-{number}", number < failed, product, MONDAY + timedelta(days=day, minutes=3 * number))
            for day, counts in enumerate(plan)
            for product, failed in zip(("bp-luma", "bp-pine"), counts, strict=True)
            for number in range(24)
        ]
        write(tmp_path / "events.json", [
            envelope(task, outcome="FAILED" if has_failed else "COMPLETED", product=product, time=time)
            for task, has_failed, product, time in outcomes
        ])  # fmt: skip
        warehouse = Warehouse(str(tmp_path / "w"))
        load(warehouse, open_source(str(tmp_path / "events.json")))
        store_lookups(
            warehouse, [looked_up(task, errors=["ORDERS_NOT_CLOSED"]) for task, failed, *_ in outcomes if failed]
        )
        return tmp_path / "w"

    return make


OVER = "over since 2 Mar"


def states(app: AppTest, column: str = "state") -> list[str]:
    (table,) = [item.value for item in app.dataframe if column in item.value.columns]
    return [text for text in table[column] if text]


def test_the_state_of_a_code_and_a_product_agrees_with_the_headline(
    past_incident: Callable[[int, int], Path], open_page: OpenPage
) -> None:
    """The rise compares whole periods: 119 tasks against 28."""
    home = past_incident(0, 0)
    overview = open_page("overview", home)
    assert "mostly ORDERS_NOT_CLOSED. Over since 2 Mar." in words(overview).replace("\\", "")
    assert states(overview) == [OVER]
    assert states(open_page("error_codes", home)) == [OVER]
    figures = {item.label: item.value for item in open_page("error_codes", home, error_code="ORDERS_NOT_CLOSED").metric}
    assert figures["State"] == "Over since 2 Mar"
    trends = words(open_page("trends", home))
    assert f"ORDERS_NOT_CLOSED is {OVER}: " in trends
    assert "rising" not in trends
    assert f"higher, {OVER}" in states(open_page("failure_rates", home), "Compared")
    chosen = open_page("overview", home, code="ORDERS_NOT_CLOSED")
    assert "Over since 2 Mar." in words(chosen).replace("\\", "")
    assert states(chosen) == [OVER]


def test_a_code_that_is_over_at_one_product_only_is_not_over(
    past_incident: Callable[[int, int], Path], open_page: OpenPage
) -> None:
    overview = open_page("overview", past_incident(0, 8))
    assert "Over since 2 Mar." in words(overview).replace("\\", "")
    assert states(overview) == ["rising, but over at bp-luma"]


def test_a_code_that_is_as_frequent_as_before_in_the_whole_period_is_over_too(
    past_incident: Callable[[int, int], Path], open_page: OpenPage
) -> None:
    """Another product had many tasks with the code before the period's incident, so that the code did not rise."""
    overview = open_page("overview", past_incident(4, 0))
    assert "mostly ORDERS_NOT_CLOSED. Over since 2 Mar." in words(overview).replace("\\", "")
    assert states(overview) == [OVER]
