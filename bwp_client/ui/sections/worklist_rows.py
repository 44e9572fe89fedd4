"""The rows behind the worklist: failed tasks and waiting requests with their deadlines, counted, filtered and searched."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import streamlit as st
from cachetools import LRUCache, cached

from bwp_client.deadlines import DeadlineCalendar
from bwp_client.events import EARLIEST_EVENT
from bwp_client.metrics import Filters, MetricName, run_metric
from bwp_client.metrics.guidance import GuidanceTable
from bwp_client.metrics.queries import count_failures_by_state
from bwp_client.monitoring.thresholds import SOON_DAYS
from bwp_client.ui.components import DAY_FORMAT
from bwp_client.ui.data import CACHE_KEYS, ProductNames, to_arrow
from bwp_client.ui.page import PageContext
from bwp_client.warehouse.snapshot import Snapshot

MAX_ROWS: Final = 1000
"""The most rows that the page shows; the downloads hold all rows."""
MAX_FRAMES: Final = 40
"""The number of lists of tasks that are cached for all visitors."""
STATES: Final = ("open", "overdue", "next 7 days", "later", "waiting", "recovered", "closed")
"""The states of tasks to choose from, as links name them."""
COLUMNS: Final = {
    "days_left": st.column_config.NumberColumn("Days left", width=60),
    "deadline": st.column_config.DateColumn("Deadline", format=DAY_FORMAT, width=88),
    "extended_deadline": st.column_config.DateColumn("If extended", format=DAY_FORMAT, width=95),
    "bound": st.column_config.TextColumn("Deadline is", width=85),
    "task_id": st.column_config.TextColumn("Task ID", width=262),
    "product": st.column_config.TextColumn("Business product", width=110),
    "code": st.column_config.TextColumn("Error code", width=190),
    "action": st.column_config.TextColumn("Next action", width=205),
    "age_days": st.column_config.NumberColumn("Age in days", width=80),
    "hold": st.column_config.TextColumn("Holding period", width=170),
    "lookup_state": st.column_config.TextColumn("Lookup", width=80),
    "status": st.column_config.TextColumn("Status", width=100),
}
# On a phone, the first three columns fit.
_FAILURE_COLUMNS: Final = (
    "days_left", "code", "product", "deadline", "action", "task_id", "extended_deadline", "bound", "failed_at", "age_days",
    "hold", "lookup_state",
)  # fmt: skip
_WAITING_COLUMNS: Final = (
    "days_left", "product", "deadline", "task_id", "received_at", "age_days", "lookup_state", "status", "bound", "hold",
)  # fmt: skip
_SEARCHED_COLUMNS: Final = ("task_id", "product", "code", "action")


def label_of(state: str) -> str:
    """Return the words for one of `STATES` on the pages."""
    return f"Within {SOON_DAYS} days" if state == "next 7 days" else state.capitalize()


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


def _key(**arguments: Any) -> Hashable:
    return tuple(CACHE_KEYS.get(type(value), lambda item: item)(value) for value in arguments.values())


# Not one of Streamlit's caches, because a download asks for the tasks in a thread of the server, outside a run of the page.
@cached(LRUCache(MAX_FRAMES), key=_key, lock=Lock())
def _dated_tasks(
    *,
    snapshot: Snapshot,
    name: str,
    filters: Filters,
    calendar: DeadlineCalendar,
    guidance: GuidanceTable,
    as_of: datetime,
    names: ProductNames,
) -> pd.DataFrame:
    frame = run_metric(snapshot, name, filters, calendar=calendar, guidance=guidance, now=as_of)
    products = frame["business_product_id"].fillna("")
    return frame.assign(product=products.map({product: names(product) for product in products.unique()}).astype("str"))


@dataclass(frozen=True, slots=True)
class Failures:
    """The failed tasks that filters select; those that are overdue under any law are counted and not listed.

    Attributes:
        recent: The tasks whose deadline may still be ahead, with the columns of `dated_tasks`.
        older: The number of the other tasks by state, from `count_failures_by_state`.
    """

    recent: pd.DataFrame
    older: dict[str, int]

    def count(self, state: str) -> int:
        """Return the number of failures in one of `STATES`, except `waiting`."""
        older = self.older.get("open" if state in ("open", "overdue") else state, 0)
        return len(in_state(self.recent, state)) + older

    def first_rows(self, state: str) -> pd.DataFrame | None:
        """Return the failures in a state, of which the first `MAX_ROWS` are right; None if that needs the older ones."""
        rows = in_state(self.recent, state)
        in_time = (
            rows["days_left"].iloc[:MAX_ROWS] >= 0
        )  # those overdue come after them, and the older ones among those
        return rows if len(rows) == self.count(state) or (len(in_time) == MAX_ROWS and in_time.all()) else None


def read_failures(page: PageContext, filters: Filters) -> Failures:
    """Return the failed tasks that filters select, of which only those are read whose deadline may still be ahead."""
    since = max(this_quarter_hour() - timedelta(days=page.settings.deadlines.longest_days), EARLIEST_EVENT)
    if filters.from_time >= since or filters.to_time <= since:
        return Failures(dated_tasks(page, MetricName.OPEN_FAILURES, filters), {})
    older, recent = filters.with_(to_time=since), filters.with_(from_time=since)
    return Failures(
        dated_tasks(page, MetricName.OPEN_FAILURES, recent),
        page.cached(("older failures", repr(older)), lambda: count_failures_by_state(page.snapshot, older)),
    )


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
    """Return the tasks of which each word of a text is in ID, business product, error code or action, ignoring case."""
    matches = pd.Series(data=True, index=tasks.index)
    columns = [tasks[name].astype(str) for name in _SEARCHED_COLUMNS if name in tasks.columns]
    for word in text.split():
        has_word = pd.Series(data=False, index=tasks.index)
        for column in columns:
            has_word |= column.str.contains(word, case=False, regex=False)
        matches &= has_word
    return tasks[matches]


def with_last_act(tasks: pd.DataFrame) -> pd.DataFrame:
    """Return tasks; the action of those open and due today begins with the act that is in time today for the last day."""
    is_last = (tasks["state"] == "open") & (tasks["days_left"] == 0)
    action = tasks["action"].astype(object)
    return tasks.assign(action=action.mask(is_last, "Tell the shopper today. " + action))


@dataclass(frozen=True, slots=True)
class ShownTasks:
    """The rows that the worklist shows.

    Attributes:
        count: The number of all tasks, also of those that are not among the rows.
        rows: The first `MAX_ROWS` tasks.
        task_ids: The task IDs of the rows, in their order.
    """

    count: int
    rows: pa.Table
    task_ids: list[str]


def shown_tasks(tasks: pd.DataFrame, *, is_waiting: bool, count: int | None = None) -> ShownTasks:
    """Return the first tasks with the columns of failures or of waiting requests.

    Args:
        tasks: The tasks in their order.
        is_waiting: Whether they are waiting requests.
        count: The number of all tasks, if the older ones are not among them.
    """
    first = tasks.head(MAX_ROWS)
    if not is_waiting:
        first = with_last_act(first)
    bound = ["" if pd.isna(exact) else "exact" if exact else "estimated" for exact in first["exact"]]
    columns = _WAITING_COLUMNS if is_waiting else _FAILURE_COLUMNS
    rows = to_arrow(first.assign(bound=bound)[list(columns)])
    return ShownTasks(len(tasks) if count is None else count, rows, first["task_id"].tolist())
