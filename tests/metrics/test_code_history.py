"""The history of an error code: its changes in words, the product behind a rise, and examples of its messages."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from support.events import envelope, write
from support.lookups import looked_up, store_lookups

from bwp_client.load import load
from bwp_client.metrics import Filters
from bwp_client.metrics.code_history import change_sentences, days_of_newest_rise, example_messages, source_of_rise
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.snapshot import Snapshot

DAY = datetime(2026, 5, 4, tzinfo=UTC)
FILTERS = Filters(from_time=datetime(2026, 1, 1, tzinfo=UTC), to_time=datetime(2026, 7, 1, tzinfo=UTC))


def changes(*rows: tuple[str, str, str, float, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["changed_at", "after_to", "direction", "before_rate", "after_rate"])
    frame = frame.assign(earliest=frame["changed_at"], latest=frame["changed_at"])
    times = ("changed_at", "earliest", "latest", "after_to")
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in times})


UP = ("2026-03-01", "2026-04-01", "up", 0.01, 0.05)
DOWN = ("2026-04-01", "2026-05-01", "down", 0.05, 0.02)


def test_the_newest_change_comes_first() -> None:
    assert change_sentences(changes(UP, DOWN)) == [
        "Down on 1 Apr 2026: from 5.0 % to 2.0 % of all finished tasks.",
        "Up on 1 Mar 2026: from 1.0 % to 5.0 % of all finished tasks.",
    ]
    assert change_sentences(changes()) == []


def test_the_days_between_which_a_change_lies_are_named() -> None:
    change = changes(DOWN).assign(
        earliest=pd.Timestamp("2026-03-30", tz="UTC"), latest=pd.Timestamp("2026-04-02", tz="UTC")
    )
    assert change_sentences(change) == [
        "Down on 1 Apr 2026 (between 30 Mar and 2 Apr 2026): from 5.0 % to 2.0 % of all finished tasks."
    ]


def test_the_days_of_a_rise_end_at_the_next_change() -> None:
    rise = days_of_newest_rise(changes(UP, DOWN), FILTERS)
    assert rise is not None
    assert (rise.from_time, rise.to_time) == (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
    assert days_of_newest_rise(changes(DOWN), FILTERS) is None


@pytest.mark.parametrize(
    ("contributions", "sentence"),
    [
        ({"a": 0.03, "b": -0.01}, "It came from a alone."),
        ({"a": 0.03, "b": 0.01}, "a made up 75 % of it."),
        ({"a": 0.02, "b": 0.02}, "Several products share it."),
        ({"a": -0.03, "b": 0.01}, None),
        ({}, None),
    ],
)
def test_a_rise_is_put_down_to_a_product_that_makes_up_most_of_it(
    contributions: dict[str, float], sentence: str | None
) -> None:
    rows = [("product", product, value) for product, value in contributions.items()]
    frame = pd.DataFrame(rows, columns=["part", "business_product_id", "contribution"])
    assert source_of_rise(frame, str) == sentence


def test_messages_that_differ_by_ids_and_numbers_are_one(tmp_path: Path) -> None:
    messages = [
        "Order 1181 of task 5eed5eed-0007-8040-841a-5cccb02e1f6f is open",
        "Order 7 of task 5eed5eed-0007-8140-8130-7fa09d507445 is open",
        "Something else",
        "",
    ]
    events = [envelope(f"t-{number}", outcome="FAILED", time=DAY) for number in range(len(messages))]
    warehouse = Warehouse(str(tmp_path / "w"))
    load(warehouse, open_source(str(write(tmp_path / "events.json", events))))
    answers = [
        looked_up(f"t-{number}")
        | {"errors": [{"code": "OPEN", "message": message}, {"code": "OTHER", "message": "no"}]}
        for number, message in enumerate(messages)
    ]
    store_lookups(warehouse, answers, finished_at=DAY)
    found, looked_at = example_messages(Snapshot.newest(warehouse), FILTERS, "OPEN")
    assert [(item.text, item.tasks) for item in found] == [("Order … of task … is open", 2), ("Something else", 1)]
    assert looked_at == len(messages)
