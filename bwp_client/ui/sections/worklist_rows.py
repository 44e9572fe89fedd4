"""The rows behind the worklist: failed tasks and waiting requests with their deadlines, counted, filtered and searched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import pandas as pd
import pyarrow as pa
import streamlit as st

from bwp_client.deadlines import DeadlineCalendar
from bwp_client.metrics import Filters, MetricName, run_metric
from bwp_client.metrics.guidance import GuidanceTable
from bwp_client.ui.components import DAY_FORMAT, time_column
from bwp_client.ui.data import CACHE_KEYS, ProductNames, to_arrow
from bwp_client.ui.page import PageContext
from bwp_client.warehouse.snapshot import Snapshot

SOON_DAYS: Final = 7
MAX_ROWS: Final = 1000
"""The most rows that the page shows; the downloads hold all rows."""
STATES: Final = ("open", "overdue", "next 7 days", "later", "waiting", "recovered", "closed")
COLUMNS: Final = {
    "days_left": st.column_config.NumberColumn("Days left", width=60),
    "deadline": st.column_config.DateColumn("Deadline", format=DAY_FORMAT, width=88),
    "extended_deadline": st.column_config.DateColumn("If extended", format=DAY_FORMAT, width=95),
    "bound": st.column_config.TextColumn("How sure", width=85),
    "task_id": st.column_config.TextColumn("Task ID", width=262),
    "product": st.column_config.TextColumn("Business product", width=110),
    "code": st.column_config.TextColumn("Error code", width=185),
    "action": st.column_config.TextColumn("Next action", width=165),
    "failed_at": time_column("Failed", time_format=DAY_FORMAT, width=95),
    "received_at": time_column("Received", time_format=DAY_FORMAT, width=95),
    "age_days": st.column_config.NumberColumn("Age in days", width=80),
    "hold": st.column_config.TextColumn("Holding period", width=170),
    "lookup_state": st.column_config.TextColumn("Lookup", width=80),
    "status": st.column_config.TextColumn("Status", width=100),
}
_FAILURE_COLUMNS: Final = (
    "days_left", "deadline", "product", "code", "action", "task_id", "extended_deadline", "bound", "failed_at", "age_days",
    "hold", "lookup_state",
)  # fmt: skip
_WAITING_COLUMNS: Final = (
    "days_left", "deadline", "product", "task_id", "received_at", "age_days", "lookup_state", "status", "bound", "hold",
)  # fmt: skip
_SEARCHED_COLUMNS: Final = ("task_id", "product", "code", "action")


def this_quarter_hour() -> datetime:
    """Return the start of this quarter of an hour, UTC; days left are counted from it, so that results can be cached.

    In every time zone, a day begins with a quarter of an hour.
    """
    now = datetime.now(UTC)
    return now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)


def dated_tasks(page: PageContext, name: MetricName, filters: Filters | None = None) -> pd.DataFrame:
    """Return tasks with their deadlines as of this quarter of an hour; the frame is cached and must not be changed.

    Args:
        page: The page.
        name: `open_failures` or `waiting`.
        filters: The filters; by default those of the page.

    Returns:
        The metric's columns and `product`, the business product's name.
    """
    return _dated_tasks(
        snapshot=page.snapshot, name=name.value, filters=filters or page.filters, calendar=page.settings.deadlines,
        guidance=page.guidance, as_of=this_quarter_hour(), names=page.names,
    )  # fmt: skip


@st.cache_resource(max_entries=40, show_spinner=False, hash_funcs=CACHE_KEYS)
def _dated_tasks(
    snapshot: Snapshot,
    name: str,
    filters: Filters,
    calendar: DeadlineCalendar,
    guidance: GuidanceTable,
    as_of: datetime,
    names: ProductNames,
) -> pd.DataFrame:
    frame = run_metric(snapshot, name, filters, calendar=calendar, guidance=guidance, now=as_of)
    return frame.assign(product=[names(product) for product in frame["business_product_id"].fillna("")])


def due_counts(failures: pd.DataFrame) -> dict[str, int]:
    """Return the number of open failures by due state: `overdue`, `next 7 days` and `later`."""
    days = failures.loc[failures["state"] == "open", "days_left"]
    return {
        "overdue": int((days < 0).sum()),
        "next 7 days": int(((days >= 0) & (days <= SOON_DAYS)).sum()),
        "later": int((days > SOON_DAYS).sum()),
    }


def in_state(failures: pd.DataFrame, state: str) -> pd.DataFrame:
    """Return the failures of one of `STATES`, except `waiting`."""
    if state in {"recovered", "closed"}:
        return failures[failures["state"] == state]
    is_open, days = failures["state"] == "open", failures["days_left"]
    if state == "overdue":
        return failures[is_open & (days < 0)]
    if state == "next 7 days":
        return failures[is_open & (days >= 0) & (days <= SOON_DAYS)]
    return failures[is_open & (days > SOON_DAYS)] if state == "later" else failures[is_open]


def matching(tasks: pd.DataFrame, text: str) -> pd.DataFrame:
    """Return the tasks whose ID, business product, error code or action contains a text, ignoring case."""
    if not text or tasks.empty:
        return tasks
    matches = pd.Series(data=False, index=tasks.index)
    for name in _SEARCHED_COLUMNS:
        if name in tasks.columns:
            matches |= tasks[name].astype(str).str.contains(text, case=False, regex=False)
    return tasks[matches]


@dataclass(frozen=True, slots=True)
class ShownTasks:
    """The rows that the worklist shows.

    Attributes:
        count: The number of tasks, shown or not.
        rows: The first `MAX_ROWS` tasks.
        task_ids: The task IDs of the rows, in their order.
    """

    count: int
    rows: pa.Table
    task_ids: list[str]


def shown_tasks(tasks: pd.DataFrame, *, is_waiting: bool) -> ShownTasks:
    """Return the first tasks with the columns of failures or of waiting requests."""
    first = tasks.head(MAX_ROWS)
    bound = ["" if pd.isna(exact) else "exact" if exact else "at the latest" for exact in first["exact"]]
    columns = _WAITING_COLUMNS if is_waiting else _FAILURE_COLUMNS
    return ShownTasks(len(tasks), to_arrow(first.assign(bound=bound)[list(columns)]), first["task_id"].tolist())
