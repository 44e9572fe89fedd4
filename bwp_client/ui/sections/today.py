"""What to do today: open failures by days left, and the first tasks to act on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import pyarrow as pa
import streamlit as st

from bwp_client.events import EARLIEST_EVENT
from bwp_client.metrics import MetricName
from bwp_client.metrics.queries import count_open_failures
from bwp_client.ui import components
from bwp_client.ui.page import GO_TO, TASKS_PAGE, Page
from bwp_client.ui.sections.worklist import COLUMNS, ROW_HEIGHT, dated, due_counts, this_hour

FIRST = 5


def show(page: Page) -> None:
    """Draw the counts, each with a link to its tasks, and the first five."""
    components.heading("What to do today", MetricName.OPEN_FAILURES)
    today = _kept(page)
    due, task_ids = today.due, today.task_ids
    count = sum(due.values())
    if not count:
        st.text("No failed task is open.")
        return
    with st.container(horizontal=True):
        for label, tasks in due.items():
            with st.container(border=True, width=190):
                st.metric(f"Open, {label}", f"{tasks:,}")
                st.page_link(
                    TASKS_PAGE,
                    label=f"See {label}",
                    query_params={"due": label, "ever": "true"},
                    icon=":material/arrow_forward:",
                )
    if due["overdue"] and due["overdue"] < count:
        st.text(f"The next to come due; {due['overdue']:,} are overdue already (“See overdue” above).")
    st.dataframe(
        today.rows,
        hide_index=True,
        row_height=ROW_HEIGHT,
        column_config=COLUMNS,
        placeholder="–",
        on_select=partial(_open, "first_tasks", task_ids),
        selection_mode="single-row",
        key="first_tasks",
        alt="The first open failures to act on, with days left, error code and next action",
    )  # fmt: skip
    which = f"The first {FIRST} of {count:,}" if count > FIRST else f"All {count}" if count > 1 else "The only one"
    st.caption(
        f"{which} open failures, whenever they failed, nearest deadline ahead first; deadlines are upper bounds unless the "
        "day the request was received is known. What cannot be done in time may be extended, if the shopper is told before "
        "the deadline. Tick a row to see the task's timeline. "
        f"{components.as_of(page)[0].upper()}{components.as_of(page)[1:]}."
    )


def sentence(page: Page) -> str:
    """Say how many open failures are overdue, due today and due soon, whenever they failed."""
    today = _kept(page)
    if not sum(today.due.values()):
        return "No failed task is open."
    return (
        f"Open failures, whenever they failed: {today.due['overdue']:,} overdue, {today.due_today:,} due today, "
        f"{today.due['next 7 days'] - today.due_today:,} in the 7 days after, {today.due['later']:,} later."
    )


@dataclass(frozen=True, slots=True)
class _Today:
    due: dict[str, int]
    due_today: int
    rows: pa.Table
    task_ids: list[str]


def _kept(page: Page) -> _Today:
    return components.kept(page, f"today {this_hour()} {page.settings.deadlines!r}", lambda: _today(page))


def _today(page: Page) -> _Today:
    """Look at all data, not at the period; what failed so long ago that it is overdue under any law is only counted."""
    ever = components.all_data(page)
    since = max(this_hour() - timedelta(days=page.settings.deadlines.longest_days), EARLIEST_EVENT)
    failures = dated(
        page, MetricName.OPEN_FAILURES, ever.with_(from_time=since, to_time=max(ever.to_time, this_hour()))
    )
    earlier = count_open_failures(page.snapshot, ever, before=since)
    due = due_counts(failures)
    due["overdue"] += earlier
    is_open = failures[failures["state"] == "open"]
    if is_open.empty and earlier:
        failures = dated(page, MetricName.OPEN_FAILURES, ever)
        is_open = failures[failures["state"] == "open"]
    rows = is_open.head(FIRST)
    shown = components.as_arrow(rows[["days_left", "deadline", "product", "code", "action", "task_id"]])
    return _Today(due, int((is_open["days_left"] == 0).sum()), shown, rows["task_id"].tolist())


def _open(table: str, task_ids: list[str]) -> None:
    if rows := st.session_state[table]["selection"]["rows"]:
        st.session_state[GO_TO] = (TASKS_PAGE, {"task": task_ids[rows[0]]})
