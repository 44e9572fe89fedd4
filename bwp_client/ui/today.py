"""What to do today: open failures by days left, and the first tasks to act on."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from bwp_client.metrics import MetricName
from bwp_client.ui import parts
from bwp_client.ui.shell import GO_TO, TASKS_PAGE, Page
from bwp_client.ui.worklist import dated, due_counts

FIRST = 5


def show(page: Page) -> None:
    """Draw the counts, each with a link to its tasks, and the first five."""
    failures = dated(page, MetricName.OPEN_FAILURES)
    due = due_counts(failures)
    parts.heading("What to do today", MetricName.OPEN_FAILURES)
    open_tasks = failures[failures["state"] == "open"]
    if open_tasks.empty:
        st.text("No failed task of this period is open.")
        return
    with st.container(horizontal=True):
        for label, count in due.items():
            with st.container(border=True, width=190):
                st.metric(f"Open, {label}", f"{count:,}")
                st.page_link(TASKS_PAGE, label=f"See {label}", query_params={"due": label})
    rows = open_tasks.head(FIRST)
    st.dataframe(
        pd.DataFrame(
            {
                "days_left": rows["days_left"], "deadline": rows["deadline"], "product": rows["product"],
                "code": rows["code"], "task_id": rows["task_id"], "action": rows["action"],
            }
        ),
        hide_index=True,
        column_config={
            "days_left": st.column_config.NumberColumn("Days left", width=60),
            "deadline": st.column_config.DateColumn("Deadline", format="DD MMM YYYY", width=90),
            "code": st.column_config.TextColumn("Error code", width=150),
            "action": st.column_config.TextColumn("Next action", width=330),
            "product": st.column_config.TextColumn("Business product", width=145),
            "task_id": st.column_config.TextColumn("Task ID", width=250),
        },
        placeholder="–",
        on_select=partial(_open, "first_tasks", rows["task_id"].tolist()),
        selection_mode="single-row",
        key="first_tasks",
        alt="The first open failures to act on, with days left, error code and next action",
    )  # fmt: skip
    st.caption(
        f"The first {len(rows)} of {len(open_tasks):,} open failures of this period, nearest deadline ahead first; deadlines "
        "are upper bounds unless the day the request was received is known. Tick a row to see the task's timeline. "
        f"{parts.as_of(page)[0].upper()}{parts.as_of(page)[1:]}."
    )


def _open(table: str, task_ids: list[str]) -> None:
    if rows := st.session_state[table]["selection"]["rows"]:
        st.session_state[GO_TO] = (TASKS_PAGE, {"task": task_ids[rows[0]]})
