"""The list of failed tasks to act on, nearest deadline first, with search, downloads and what waits."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import pandas as pd
import pyarrow as pa
import streamlit as st

from bwp_client.deadlines import DeadlineCalendar
from bwp_client.events import EARLIEST_EVENT
from bwp_client.metrics import Filters, MetricName, run_metric
from bwp_client.metrics.export import to_csv, to_parquet
from bwp_client.metrics.guidance import GuidanceTable
from bwp_client.metrics.queries import count_open_failures
from bwp_client.ui import components
from bwp_client.ui.data import Names, version_key
from bwp_client.ui.page import Page
from bwp_client.ui.sections.task_detail import open_chosen
from bwp_client.warehouse.snapshot import Snapshot

SOON_DAYS = 7
ROW_HEIGHT = 66
"""From 64 on a table breaks long texts: room for a whole action of three lines beside a whole task ID."""
_ROWS_AT_ONCE = 10
_HEIGHT = _ROWS_AT_ONCE * ROW_HEIGHT + 40
MAX_ROWS = 1000
"""More rows than this nobody scrolls through; the downloads hold all."""
SHOWN = ("open", "overdue", "next 7 days", "later", "waiting", "recovered", "closed")
_OF_FAILURES = (
    "days_left", "deadline", "product", "code", "action", "task_id", "extended_deadline", "bound", "failed_at", "age_days",
    "hold", "lookup_state",
)  # fmt: skip
_OF_WAITING = (
    "days_left",
    "deadline",
    "product",
    "task_id",
    "received_at",
    "age_days",
    "lookup_state",
    "status",
    "bound",
    "hold",
)
_OVERDUE = (
    "The least overdue first. An extension holds only if the shopper was told of it before the deadline: where that was not "
    "done, tell the shopper now, and note why."
)
_SEARCHED = ("task_id", "product", "code", "action")


def this_hour() -> datetime:
    """Give the moment that days left are counted from: the same for an hour, so that nothing is counted anew each time."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def dated(page: Page, name: MetricName, filters: Filters | None = None) -> pd.DataFrame:
    """Give `open_failures` or `waiting` as of this hour; the frame is shared and must not be changed."""
    calendar = page.settings.deadlines
    wanted = filters or page.choice.filters
    return _dated(
        page.snapshot, version_key(page.settings), name.value, repr(wanted), wanted, repr(calendar), calendar, this_hour(),
        page.names, json.dumps(page.settings.product_names), page.guidance, id(page.guidance),
    )  # fmt: skip


@st.cache_resource(max_entries=40, show_spinner=False)
def _dated(
    _snapshot: Snapshot,
    key: str,  # noqa: ARG001 - part of the cache key
    name: str,
    filters_key: str,  # noqa: ARG001 - part of the cache key
    _filters: Filters,
    calendar_key: str,  # noqa: ARG001 - part of the cache key
    _calendar: DeadlineCalendar,
    now: datetime,
    _names: Names,
    names_key: str,  # noqa: ARG001 - part of the cache key
    _guidance: GuidanceTable,
    guidance_key: int,  # noqa: ARG001 - part of the cache key
) -> pd.DataFrame:
    frame = run_metric(_snapshot, name, _filters, calendar=_calendar, guidance=_guidance, now=now)
    return frame.assign(product=[_names(product) for product in frame["business_product_id"].fillna("")])


def due_counts(frame: pd.DataFrame) -> dict[str, int]:
    """Count open failures by how near their deadline is: `overdue`, `next 7 days`, `later`."""
    days = frame.loc[frame["state"] == "open", "days_left"]
    return {
        "overdue": int((days < 0).sum()),
        "next 7 days": int(((days >= 0) & (days <= SOON_DAYS)).sum()),
        "later": int((days > SOON_DAYS).sum()),
    }


def show(page: Page) -> None:
    """Draw the worklist."""
    filters = page.choice.filters
    earlier = components.kept(
        page, "open earlier", lambda: count_open_failures(page.snapshot, filters, before=filters.from_time)
    )
    ever = bool(earlier) and st.toggle(
        f"Also open failures before {filters.from_time:%d %b %Y} ({earlier:,})", key="ever", bind="query-params"
    )
    as_of = (ever, this_hour(), repr(page.settings.deadlines))

    def failures() -> pd.DataFrame:
        return dated(page, MetricName.OPEN_FAILURES, filters.with_(from_time=EARLIEST_EVENT) if ever else None)

    _show_counts(components.kept(page, ("counts", as_of), lambda: _counts(failures(), dated(page, MetricName.WAITING))))
    chosen = st.radio("Show", SHOWN, horizontal=True, key="due", bind="query-params") or "open"
    sought = (
        st.text_input(
            "Search", key="q", bind="query-params", placeholder="Task ID, business product, error code, action"
        )
        or ""
    ).strip()

    def rows() -> pd.DataFrame:
        return _matching(dated(page, MetricName.WAITING) if chosen == "waiting" else _of(failures(), chosen), sought)

    columns = _OF_WAITING if chosen == "waiting" else _OF_FAILURES
    # What was sought is not kept: nobody seeks it twice.
    view = _view(rows(), columns) if sought else components.kept(page, (chosen, as_of), lambda: _view(rows(), columns))
    if not view.count:
        st.info(
            "No request waits: every task that the shop lists has an event, or is closed."
            if chosen == "waiting" and not sought
            else "No task of this kind is in the list. Choose another period or fewer filters in the sidebar."
        )
        return
    st.dataframe(
        view.shown, hide_index=True, column_config=COLUMNS, placeholder="–", row_height=ROW_HEIGHT,
        height=_HEIGHT if view.count > _ROWS_AT_ONCE else "content",
        on_select=partial(open_chosen, "worklist", view.task_ids), selection_mode="single-row", key="worklist",
        alt="Waiting requests with days left, deadline and what the API said" if chosen == "waiting"
        else "Failed tasks with days left, deadline, error code and next action",
    )  # fmt: skip
    shown = f"The first {MAX_ROWS:,} of {view.count:,} tasks; the downloads hold all" if view.count > MAX_ROWS else (
        f"n {view.count:,} tasks"
    )  # fmt: skip
    st.caption(
        f"{shown}. {_OVERDUE if chosen == 'overdue' else 'Nearest deadline first; those already overdue come last.'} "
        f"Tick a row to see its timeline. {page.settings.timezone} days, {components.as_of(page)}."
    )
    _downloads(rows, view.count, is_waiting=chosen == "waiting")


def _counts(failures: pd.DataFrame, waiting: pd.DataFrame) -> dict[str, int]:
    due = due_counts(failures)
    states = failures["state"].value_counts()
    return {
        "Overdue": due["overdue"], "Next 7 days": due["next 7 days"], "Later": due["later"], "Waiting": len(waiting),
        "Recovered": int(states.get("recovered", 0)), "Closed": int(states.get("closed", 0)),
    }  # fmt: skip


def _show_counts(counts: dict[str, int]) -> None:
    with st.container(horizontal=True):
        for label, count in counts.items():
            st.metric(label, f"{count:,}", border=True, width=132)


def _of(failures: pd.DataFrame, chosen: str) -> pd.DataFrame:
    if chosen in {"recovered", "closed"}:
        return failures[failures["state"] == chosen]
    is_open, days = failures["state"] == "open", failures["days_left"]
    if chosen == "overdue":
        return failures[is_open & (days < 0)]
    if chosen == "next 7 days":
        return failures[is_open & (days >= 0) & (days <= SOON_DAYS)]
    return failures[is_open & (days > SOON_DAYS)] if chosen == "later" else failures[is_open]


def _matching(rows: pd.DataFrame, sought: str) -> pd.DataFrame:
    if not sought or rows.empty:
        return rows
    hit = pd.Series(data=False, index=rows.index)
    for name in _SEARCHED:
        if name in rows.columns:
            hit |= rows[name].astype(str).str.contains(sought, case=False, regex=False)
    return rows[hit]


@dataclass(frozen=True, slots=True)
class _View:
    """What the list shows: how many tasks there are, and the first of them."""

    count: int
    shown: pa.Table
    task_ids: list[str]


def _view(rows: pd.DataFrame, columns: tuple[str, ...]) -> _View:
    first = rows.head(MAX_ROWS)
    bound = ["" if pd.isna(exact) else "exact" if exact else "at the latest" for exact in first["exact"]]
    shown = first.assign(bound=bound)[list(columns)]
    return _View(len(rows), components.as_arrow(shown), first["task_id"].tolist())


COLUMNS = {
    "days_left": st.column_config.NumberColumn("Days left", width=60),
    "deadline": st.column_config.DateColumn("Deadline", format="DD MMM YYYY", width=88),
    "extended_deadline": st.column_config.DateColumn("If extended", format="DD MMM YYYY", width=95),
    "bound": st.column_config.TextColumn("How sure", width=85),
    "task_id": st.column_config.TextColumn("Task ID", width=262),
    "product": st.column_config.TextColumn("Business product", width=110),
    "code": st.column_config.TextColumn("Error code", width=185),
    "action": st.column_config.TextColumn("Next action", width=165),
    "failed_at": st.column_config.DatetimeColumn("Failed", format="DD MMM YYYY", timezone="UTC", width=95),
    "received_at": st.column_config.DatetimeColumn("Received", format="DD MMM YYYY", timezone="UTC", width=95),
    "age_days": st.column_config.NumberColumn("Age in days", width=80),
    "hold": st.column_config.TextColumn("Holding period", width=170),
    "lookup_state": st.column_config.TextColumn("Lookup", width=80),
    "status": st.column_config.TextColumn("Status told", width=100),
}


def _downloads(rows: Callable[[], pd.DataFrame], count: int, *, is_waiting: bool) -> None:
    name = "waiting-requests" if is_waiting else "failed-tasks"
    with st.container(horizontal=True):
        st.download_button("CSV", lambda: to_csv(rows()), f"{name}.csv", "text/csv", on_click="ignore", key="as_csv")
        st.download_button(
            "Parquet", lambda: to_parquet(rows()), f"{name}.parquet", "application/vnd.apache.parquet",
            on_click="ignore", key="as_parquet",
        )  # fmt: skip
        st.download_button(
            f"Task IDs ({count:,})", lambda: "".join(f"{task}\n" for task in rows()["task_id"]), f"{name}-ids.txt",
            "text/plain", on_click="ignore", key="as_ids", help="One task ID a line: the requests to submit again.",
        )  # fmt: skip
