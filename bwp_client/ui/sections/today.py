"""The section "What to do today": open failures by days left, and the first tasks to act on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import pyarrow as pa
import streamlit as st

from bwp_client.events import EARLIEST_EVENT
from bwp_client.metrics import MetricName
from bwp_client.metrics.queries import count_open_failures
from bwp_client.ui.components import draw_heading
from bwp_client.ui.data import to_arrow
from bwp_client.ui.drill_down import ticked
from bwp_client.ui.page import GO_TO, TASKS_PAGE, PageContext, parameters_with
from bwp_client.ui.sections.worklist import ROW_HEIGHT
from bwp_client.ui.sections.worklist_rows import COLUMNS, dated_tasks, due_counts, this_quarter_hour

FIRST_TASKS = 5


@dataclass(frozen=True, slots=True)
class _OpenFailures:
    """The open failures of all data.

    Attributes:
        due: The number of open failures by due state, from `due_counts`.
        due_today: The number of open failures whose last day is today.
        rows: The first tasks to act on.
        task_ids: The task IDs of the rows, in their order.
    """

    due: dict[str, int]
    due_today: int
    rows: pa.Table
    task_ids: list[str]

    @property
    def count(self) -> int:
        return sum(self.due.values())


def draw_today(page: PageContext) -> None:
    """Draw the number of open failures by due state, each with a link to its tasks, and the first tasks."""
    draw_heading("What to do today", MetricName.OPEN_FAILURES)
    failures = _open_failures(page)
    if not failures.count:
        st.text("No failed task is open.")
        return
    with st.container(horizontal=True):
        for label, tasks in failures.due.items():
            with st.container(border=True, width=190):
                st.metric(f"Open, {label}", f"{tasks:,}")
                st.page_link(
                    TASKS_PAGE,
                    label=f"See {label}",
                    query_params=parameters_with({"due": [label]}),
                    icon=":material/arrow_forward:",
                )
    overdue = failures.due["overdue"]
    if 0 < overdue < failures.count:
        st.text(f"The next to come due; {overdue:,} are overdue already (“See overdue” above).")
    _draw_first_tasks(page, failures)


def _draw_first_tasks(page: PageContext, failures: _OpenFailures) -> None:
    st.dataframe(
        failures.rows,
        hide_index=True,
        row_height=ROW_HEIGHT,
        column_config=COLUMNS,
        placeholder="–",
        on_select=partial(_open_ticked_task, "first_tasks", failures.task_ids),
        selection_mode="single-row",
        key="first_tasks",
        alt="The first open failures to act on, with days left, error code and next action",
    )
    count = failures.count
    if count > FIRST_TASKS:
        which = f"The first {FIRST_TASKS} of {count:,} open failures"
    else:
        which = f"All {count} open failures" if count > 1 else "The only open failure"
    st.caption(
        f"{which}, whenever they failed, the nearest future deadline first. Deadlines are upper bounds unless the day the "
        "request was received is known. What cannot be done in time may be extended, if the shopper is told before the "
        f"deadline. Tick a row to see the task's timeline. {page.as_of[0].upper()}{page.as_of[1:]}."
    )


def open_failures_sentence(page: PageContext) -> str:
    """Return a sentence with the numbers of open failures that are overdue, due today, due soon and due later."""
    failures = _open_failures(page)
    if not failures.count:
        return "No failed task is open."
    due, due_today = failures.due, failures.due_today
    return (
        f"Open failures, whenever they failed: {due['overdue']:,} overdue, {due_today:,} due today, "
        f"{due['next 7 days'] - due_today:,} in the 7 days after, {due['later']:,} later."
    )


def _open_failures(page: PageContext) -> _OpenFailures:
    return page.cached(
        ("open failures", this_quarter_hour(), repr(page.settings.deadlines)), lambda: _find_open_failures(page)
    )


def _find_open_failures(page: PageContext) -> _OpenFailures:
    """Read the open failures of all data; failures overdue under any law are only counted, unless all are overdue."""
    ever = page.filters_of_all_data
    since = max(this_quarter_hour() - timedelta(days=page.settings.deadlines.longest_days), EARLIEST_EVENT)
    failures = dated_tasks(
        page, MetricName.OPEN_FAILURES, ever.with_(from_time=since, to_time=max(ever.to_time, this_quarter_hour()))
    )
    earlier = count_open_failures(page.snapshot, ever, before=since)
    due = due_counts(failures)
    due["overdue"] += earlier
    is_open = failures[failures["state"] == "open"]
    if is_open.empty and earlier:
        failures = dated_tasks(page, MetricName.OPEN_FAILURES, ever)
        is_open = failures[failures["state"] == "open"]
    first = is_open.head(FIRST_TASKS)
    rows = to_arrow(first[["days_left", "deadline", "product", "code", "action", "task_id"]])
    return _OpenFailures(due, int((is_open["days_left"] == 0).sum()), rows, first["task_id"].tolist())


def _open_ticked_task(table: str, task_ids: list[str]) -> None:
    """Open the tasks page with the task whose row was ticked; a callback."""
    task_id = ticked(table, task_ids)
    if task_id is not None:
        st.session_state[GO_TO] = (TASKS_PAGE, {"task": [task_id]})
