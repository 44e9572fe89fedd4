"""A ticked row opens its tasks, if the table still has the row when the server hears of it."""

from typing import Any

import pyarrow as pa
import pytest
import streamlit as st

from bwp_client.ui import drill_down
from bwp_client.ui.sections import task_detail, today


@pytest.mark.parametrize(("rows", "opened"), [([1], "b"), ([], None), ([2], None), ([-1], None)])
def test_a_row_that_the_table_has_lost_opens_nothing(
    rows: list[int], opened: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    state: dict[str, Any] = {"table": {"selection": {"rows": rows}}}
    monkeypatch.setattr(st, "session_state", state)
    drill_down.open_code_row("table", pa.table({"code": ["a", "b"]}))
    assert state.pop(drill_down.GO_TO, None) == (
        None if opened is None else (drill_down.TASKS_PAGE, {"with_code": [opened]})
    )
    task_detail.open_ticked_task("table", ["a", "b"])
    assert state.get("task") == opened
    today._open_ticked_task("table", ["a", "b"])
    assert state.get(drill_down.GO_TO) == (None if opened is None else (drill_down.TASKS_PAGE, {"task": [opened]}))
