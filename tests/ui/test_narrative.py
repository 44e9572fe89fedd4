"""The overview's sentence about a product that stood out, over whole weeks of made-up outcomes."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.events import envelope, write

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse

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
