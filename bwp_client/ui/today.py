"""What to do today: open failures by days left, and the first tasks to act on."""

from __future__ import annotations

from functools import partial

import pyarrow as pa
import streamlit as st

from bwp_client.metrics import MetricName
from bwp_client.ui import parts
from bwp_client.ui.shell import GO_TO, TASKS_PAGE, Page
from bwp_client.ui.worklist import dated, due_counts, this_hour

FIRST = 5
ROW_HEIGHT = 66
"""From 64 on a table breaks long texts: room for a whole action of three lines beside a whole task ID."""


def show(page: Page) -> None:
    """Draw the counts, each with a link to its tasks, and the first five."""
    parts.heading("What to do today", MetricName.OPEN_FAILURES)
    due, rows, task_ids = parts.kept(page, f"today {this_hour()} {page.settings.deadlines!r}", lambda: _today(page))
    count = sum(due.values())
    if not task_ids:
        st.text("No failed task of this period is open.")
        return
    with st.container(horizontal=True):
        for label, tasks in due.items():
            with st.container(border=True, width=190):
                st.metric(f"Open, {label}", f"{tasks:,}")
                st.page_link(
                    TASKS_PAGE, label=f"See {label}", query_params={"due": label}, icon=":material/arrow_forward:"
                )
    if due["overdue"] and rows.num_rows and due["overdue"] < count:
        st.text(f"The next to come due; {due['overdue']:,} are overdue already (“See overdue” above).")
    st.dataframe(
        rows,
        hide_index=True,
        row_height=ROW_HEIGHT,
        column_config={
            "days_left": st.column_config.NumberColumn("Days left", width=60),
            "deadline": st.column_config.DateColumn("Deadline", format="DD MMM YYYY", width=88),
            "product": st.column_config.TextColumn("Business product", width=125),
            "code": st.column_config.TextColumn("Error code", width=160),
            "action": st.column_config.TextColumn("Next action", width=172),
            "task_id": st.column_config.TextColumn("Task ID", width=262),
        },
        placeholder="–",
        on_select=partial(_open, "first_tasks", task_ids),
        selection_mode="single-row",
        key="first_tasks",
        alt="The first open failures to act on, with days left, error code and next action",
    )  # fmt: skip
    which = f"The first {FIRST} of {count:,}" if count > FIRST else f"All {count}" if count > 1 else "The only one"
    st.caption(
        f"{which} of the open failures of this period, nearest deadline ahead first; deadlines are upper bounds unless the "
        "day the request was received is known. What cannot be done in time may be extended, if the shopper is told before "
        "the deadline. Tick a row to see the task's timeline. "
        f"{parts.as_of(page)[0].upper()}{parts.as_of(page)[1:]}."
    )


def _today(page: Page) -> tuple[dict[str, int], pa.Table, list[str]]:
    failures = dated(page, MetricName.OPEN_FAILURES)
    rows = failures[failures["state"] == "open"].head(FIRST)
    shown = parts.as_arrow(rows[["days_left", "deadline", "product", "code", "action", "task_id"]])
    return due_counts(failures), shown, rows["task_id"].tolist()


def _open(table: str, task_ids: list[str]) -> None:
    if rows := st.session_state[table]["selection"]["rows"]:
        st.session_state[GO_TO] = (TASKS_PAGE, {"task": task_ids[rows[0]]})
