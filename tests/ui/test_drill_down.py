"""A ticked row opens its tasks, if the table still has the row when the server hears of it."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st

from bwp_client.events import TaskKind
from bwp_client.metrics import Bucket, Filters
from bwp_client.ui import drill_down


@pytest.mark.parametrize(
    ("rows", "opened"),
    [
        ([1], "b"), ([], None), ([2], None), ([-1], None),
        (["1"], None), ([0.5], None), ([[1]], None), ({"0": 1}, None), (1, None),
    ],
)  # fmt: skip
def test_a_row_that_the_table_has_lost_or_never_had_opens_nothing(
    rows: object, opened: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    state: dict[str, Any] = {"table": {"selection": {"rows": rows}}}
    monkeypatch.setattr(st, "session_state", state)
    found: list[str] = []
    drill_down.open_ticked("table", drill_down.Opening(["a", "b"], found.append))
    assert found == ([] if opened is None else [opened])


def test_a_code_and_a_task_open_on_their_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", state)
    drill_down.open_code("b")
    assert state.pop(drill_down.GO_TO) == (drill_down.ERROR_CODES_PAGE, {"error_code": ["b"]})
    drill_down.open_task_page("b")
    assert state.pop(drill_down.GO_TO) == (drill_down.TASKS_PAGE, {"task": ["b"]})
    drill_down.open_product("b")
    assert state.pop(drill_down.GO_TO) == (drill_down.TASKS_PAGE, {"of_product": ["b"]})


TIMES: list[Any] = [
    None, "x", "NaT", [], {}, True, 0, 1e300, float("inf"), ["2026-11-02"], "9999-12-31", "0001-01-01",
    "2026-11-02T00:00+99:00",
]  # fmt: skip


@pytest.mark.parametrize("points", [None, "x", {}, [None], ["x"], [[]], [{}], *([{"x": time}] for time in TIMES)])
def test_a_mark_that_no_chart_has_opens_nothing(points: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, Any] = {"chart": {"selection": {"points": points}}}
    monkeypatch.setattr(st, "session_state", state)
    filters = Filters(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 8, tzinfo=UTC), TaskKind.DELETION)
    page: Any = SimpleNamespace(filters=filters)
    for filters_of in (
        drill_down.filters_of_period(page, Bucket.DAY), drill_down.filters_of_code, drill_down.filters_of_product,
    ):  # fmt: skip
        drill_down.open_mark("chart", filters_of)
    assert drill_down.GO_TO not in state


@pytest.mark.parametrize("label", [None, 0, True, {}, [], ["a", "b"], [["a"]], ""])
def test_a_bar_whose_label_is_no_text_opens_nothing(label: Any) -> None:
    assert (
        drill_down.filters_of_code({"customdata": label}) == drill_down.filters_of_product({"customdata": label}) == {}
    )
