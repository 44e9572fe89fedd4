"""The tiles of the overview with the open failures by due state, and its list of the first tasks to act on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import streamlit as st

from bwp_client.events import EARLIEST_EVENT
from bwp_client.monitoring.thresholds import SOON_DAYS
from bwp_client.ui.components import ROW_HEIGHT, draw_heading, draw_table, how_to_open
from bwp_client.ui.data import to_arrow
from bwp_client.ui.drill_down import Opening, open_task_page
from bwp_client.ui.page import TASKS_PAGE, PageContext, parameters_with
from bwp_client.ui.sections.worklist_rows import COLUMNS, label_of, read_failures, this_quarter_hour, with_last_act

FIRST_TASKS = 5
_NOTES: Final = (
    "Nearest deadline first, on one day by business product; without the overdue tasks. "
    "If you can't make it, tell the shopper before the deadline: then you get more time."
)
_TILES = {"overdue": "red", "next 7 days": "orange", "later": "green"}
"""The colour of each due state."""


@dataclass(frozen=True, slots=True)
class _OpenFailures:
    """The open failures of all data.

    Attributes:
        due: The number of open failures by due state, of `_TILES`.
        due_today: The number of open failures whose last day is today.
        rows: The first tasks that can still be in time.
        task_ids: The task IDs of the rows, in their order.
    """

    due: dict[str, int]
    due_today: int
    rows: pa.Table
    task_ids: list[str]

    @property
    def count(self) -> int:
        return sum(self.due.values())


def draw_tiles(page: PageContext) -> None:
    """Draw the numbers of open failures that are overdue, due this week and on time, each a link to its tasks."""
    due = _open_failures(page).due
    with st.container(horizontal=True, wrap=False, key="tiles"):  # browser/tiles.css makes tiles of the links
        for state, color in _TILES.items():
            st.page_link(
                TASKS_PAGE,
                label=f"{label_of(state)} :{color}[**{due[state]:,}**]",
                query_params=parameters_with({"due": [state]}),
                width="stretch",
            )


def draw_first_tasks(page: PageContext) -> None:
    """Draw the first open failures whose deadline can still be met."""
    failures = _open_failures(page)
    in_time = failures.count - failures.due["overdue"]
    draw_heading(
        _title(failures.rows.num_rows, failures.due_today, in_time), notes=f"{_NOTES} {how_to_open('the task')}"
    )
    if not failures.count:
        st.text("No failed task is open.")
    elif failures.rows.num_rows:
        _draw_first_tasks(failures)
    else:
        overdue = failures.due["overdue"]
        whose = "shopper of the overdue one" if overdue == 1 else f"shoppers of the {overdue:,} overdue ones"
        st.text(f"No open task can still be in time. Tell the {whose}.")


def _title(shown: int, due_today: int, in_time: int) -> str:
    """Return the heading of the first tasks.

    Args:
        shown: The number of tasks below the heading.
        due_today: The number of open tasks whose deadline is today.
        in_time: The number of open tasks whose deadline can still be met.
    """
    if not in_time:
        return "Do today"
    if shown < due_today:
        return f"Do today: the first {shown} of {due_today:,} due today"
    if shown < in_time:
        return f"Do today: the first {shown} of {in_time:,} still in time"
    return "Do today: 1 task is still in time" if in_time == 1 else f"Do today: {in_time:,} tasks are still in time"


def _draw_first_tasks(failures: _OpenFailures) -> None:
    draw_table(
        failures.rows,
        hide_index=True,
        row_height=ROW_HEIGHT,
        column_config=COLUMNS,
        placeholder="–",
        opening=Opening(failures.task_ids, open_task_page),
        key="first_tasks",
        alt="The first open failures to act on, with days left, error code and next action",
    )


def open_failures_sentence(page: PageContext) -> str:
    """Return a sentence with the numbers of open failures that are overdue, due today, due soon and due later."""
    failures = _open_failures(page)
    if not failures.count:
        return "No failed task is open."
    due, due_today = failures.due, failures.due_today
    return (
        f"Still to do: {due_today:,} due today, {due['next 7 days'] - due_today:,} in the {SOON_DAYS} days after, "
        f"{due['later']:,} later. {due['overdue']:,} {'is' if due['overdue'] == 1 else 'are'} already overdue."
    )


def _open_failures(page: PageContext) -> _OpenFailures:
    return page.cached(
        ("open failures", this_quarter_hour(), repr(page.settings.deadlines)), lambda: _find_open_failures(page)
    )


def _find_open_failures(page: PageContext) -> _OpenFailures:
    ever = page.filters_of_all_data
    failures = read_failures(page, ever.with_(from_time=EARLIEST_EVENT, to_time=max(ever.to_time, this_quarter_hour())))
    is_open = failures.recent[failures.recent["state"] == "open"]
    first = with_last_act(is_open[is_open["days_left"] >= 0].head(FIRST_TASKS))
    rows = to_arrow(first[["days_left", "code", "product", "deadline", "action", "task_id"]])
    due = {state: failures.count(state) for state in _TILES}
    return _OpenFailures(due, int((is_open["days_left"] == 0).sum()), rows, first["task_id"].tolist())
