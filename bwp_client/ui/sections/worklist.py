"""The worklist: failed tasks and waiting requests, nearest deadline first, with counts, search and downloads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from bwp_client.metrics import MetricName
from bwp_client.metrics.wording import counted
from bwp_client.ui.address_fields import draw_option, draw_text, unknown_options
from bwp_client.ui.components import DAY_FORMAT, ROW_HEIGHT, draw_rows, how_to_open, time_column
from bwp_client.ui.drill_down import Opening
from bwp_client.ui.markdown import plain
from bwp_client.ui.page import PageContext
from bwp_client.ui.sections.task_detail import open_task
from bwp_client.ui.sections.worklist_narrowing import draw_period_switch, read_narrowing
from bwp_client.ui.sections.worklist_rows import (
    COLUMNS,
    MAX_ROWS,
    STATES,
    Failures,
    ShownTasks,
    dated_tasks,
    in_state,
    label_of,
    matching,
    read_failures,
    shown_tasks,
    this_quarter_hour,
)
from bwp_client.ui.sharing import draw_download_menu
from bwp_client.ui.viewer_zone import chosen_zone

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

_VISIBLE_ROWS = 10
_TIME_WIDTH = 165
_HEIGHT = _VISIBLE_ROWS * ROW_HEIGHT + 40
_OVERDUE_CAPTION = (
    "The least overdue first. An extension counts only if you told the shopper before the deadline. If not, tell the shopper "
    "now, and note the reason."
)


def draw_worklist(page: PageContext) -> None:
    """Draw the choice of state with the number of tasks in each, the search, the list of tasks and its downloads."""
    narrowing = read_narrowing(page)
    for text in narrowing.unknown:
        st.warning(text)
    if narrowing.unknown:
        return
    filters = narrowing.filters

    def waiting() -> pd.DataFrame:
        return dated_tasks(page, MetricName.WAITING, filters)

    as_of = (repr(filters), this_quarter_hour(), repr(page.settings.deadlines))
    for text in unknown_options("due", STATES):
        st.warning(f"{plain(text)} is no state of a task: there are {', '.join(STATES)}. The link asks for it.")
        return
    counts = page.cached(("counts", as_of), lambda: _counts(read_failures(page, filters), waiting()))
    state = draw_option(
        st.radio,
        "Show",
        STATES,
        key="due",
        horizontal=True,
        format_func=label_of,
        captions=list(map(counts.get, STATES)),
    )
    draw_period_switch(page)
    text = draw_text("Search", key="q", placeholder="Task ID, business product, error code, action (press /)")
    is_waiting = state == "waiting"

    def tasks() -> pd.DataFrame:
        all_tasks = waiting() if is_waiting else in_state(dated_tasks(page, MetricName.OPEN_FAILURES, filters), state)
        return matching(all_tasks, text)

    def shown() -> ShownTasks:
        failures = None if text or is_waiting else read_failures(page, filters)
        if failures and (first := failures.first_rows(state)) is not None:
            return shown_tasks(first, is_waiting=False, count=failures.count(state))
        return shown_tasks(tasks(), is_waiting=is_waiting)

    # The result of a search is not cached, as hardly anyone searches twice for the same text.
    listed = shown() if text else page.cached((state, as_of), shown)
    if listed.count:
        _draw_list(listed, state)
        _draw_caption(page, listed.count, state, tasks, is_waiting=is_waiting)
    elif is_waiting and not text:
        st.info("No request waits: every task that the shop lists has an event, or is closed.")
    elif text:
        st.info(f"No task of this state has “{plain(text)}”. Change the search, or choose another state.")
    else:
        st.info("No task of this kind is in the list. Choose another state, or “Show all”.")


def _counts(failures: Failures, waiting: pd.DataFrame) -> dict[str, str]:
    """Return the number of tasks in each state, as text."""
    counts = {state: len(waiting) if state == "waiting" else failures.count(state) for state in STATES}
    return {state: f"**{count:,}**" for state, count in counts.items()}


def _draw_list(listed: ShownTasks, state: str) -> None:
    draw_rows(
        listed.rows, hide_index=True, column_config=COLUMNS | _time_columns(), placeholder="–", row_height=ROW_HEIGHT,
        height=_HEIGHT if listed.count > _VISIBLE_ROWS else "content",
        opening=Opening(listed.task_ids, open_task), key="worklist",
        alt="Waiting requests with days left, deadline and what the API said" if state == "waiting"
        else "Failed tasks with days left, deadline, error code and next action",
    )  # fmt: skip


def _time_columns() -> dict[str, ColumnConfig]:
    """Return the columns of times, which name the chosen zone."""
    zone = chosen_zone()
    return {
        name: time_column(label, time_format=DAY_FORMAT, width=_TIME_WIDTH, zone=zone)
        for name, label in (("failed_at", "Failed"), ("received_at", "Received"))
    }


def _draw_caption(
    page: PageContext, count: int, state: str, tasks: Callable[[], pd.DataFrame], *, is_waiting: bool
) -> None:
    """Draw the caption of the list, and beside it the files of all tasks; a file is made when its button is clicked."""
    if count > MAX_ROWS:
        number = f"The first {MAX_ROWS:,} of {count:,} tasks; the downloads hold all"
    else:
        number = counted(count, "task")
    of_day = f"on one day by business product, then by time of {'receipt' if is_waiting else 'failure'}"
    order = _OVERDUE_CAPTION if state == "overdue" else f"Nearest deadline first, {of_day}; those overdue come last."
    name = "waiting-requests" if is_waiting else "failed-tasks"
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.caption(
            f"{number}. {order} {how_to_open('its timeline', 'see')} "
            f"Deadlines are days of {page.settings.timezone}; {page.as_of}."
        )
        draw_download_menu(tasks, "worklist", name=name, count=count)
        st.download_button(
            f"Task IDs ({count:,})", lambda: "".join(f"{task}\n" for task in tasks()["task_id"]), f"{name}-ids.txt",
            "text/plain", on_click="ignore", key="as_ids", type="tertiary", icon=":material/download:",
            help="One task ID a line.",
        )  # fmt: skip
