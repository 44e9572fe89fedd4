"""Callbacks of a clicked chart mark or a ticked table row: they open its tasks or its error code; the filters stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from bwp_client.metrics import Bucket
from bwp_client.ui.page import ERROR_CODES_PAGE, GO_TO, TASKS_PAGE, PageContext

ON, WITH_CODE, OF_PRODUCT = "on", "with_code", "of_product"
"""Parameters of the worklist's address: the days of the failures, their error code, their business product."""
ERROR_CODE = "error_code"
"""The parameter of the error codes page that opens one code."""
DAYS_BETWEEN = ".."
"""Between the first and the last day in `on`; a single day has none."""

FiltersOfMark = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Returns, for a clicked point of a chart, the keyword arguments of `open_tasks`; empty when the point has no tasks."""


def open_tasks(
    *, start: date | None = None, end: date | None = None, code: str | None = None, product: str | None = None
) -> None:
    """Open the worklist with the tasks of a mark, which are parameters of that page alone; call it in a callback.

    Args:
        start: The first day on which they failed.
        end: The last day.
        code: Their error code.
        product: Their business product's ID.
    """
    days = sorted({day.isoformat() for day in (start, end) if day is not None})
    own = {ON: [DAYS_BETWEEN.join(days)] if days else [], WITH_CODE: [code or ""], OF_PRODUCT: [product or ""]}
    st.session_state[GO_TO] = (TASKS_PAGE, {key: texts for key, texts in own.items() if any(texts)})


def open_mark(key: str, filters_of: FiltersOfMark) -> None:
    """Open the tasks of the mark that was clicked; a callback.

    Args:
        key: The chart's key.
        filters_of: Returns the mark's filters.
    """
    point = _first_selected(key, "points")
    if isinstance(point, dict) and (filters := filters_of(point)):
        open_tasks(**filters)


def open_code(code: str) -> None:
    """Open the page of an error code, or that of all codes when the code is empty; call it in a callback."""
    st.session_state[GO_TO] = (ERROR_CODES_PAGE, {ERROR_CODE: [code]} if code else {})


def open_product(product: str) -> None:
    """Open the worklist with the tasks of a business product; call it in a callback."""
    open_tasks(product=product)


def open_task_page(task_id: str) -> None:
    """Open the tasks page with a task; call it in a callback."""
    st.session_state[GO_TO] = (TASKS_PAGE, {"task": [task_id]})


@dataclass(frozen=True, slots=True)
class Opening:
    """What the rows of a table open."""

    items: Sequence[str]
    """A task ID or an error code for each row."""
    open_item: Callable[[str], None]
    """Opens one of them; called in a callback."""


def open_ticked(table: str, opening: Opening) -> None:
    """Open what the ticked row stands for; a callback. A row that the table has lost meanwhile opens nothing.

    Args:
        table: The table's key.
        opening: What its rows open.
    """
    row = _first_selected(table, "rows")
    if isinstance(row, int) and 0 <= row < len(opening.items):
        opening.open_item(opening.items[row])


def _first_selected(key: str, kind: str) -> Any:
    """Return the first of the points or rows that are selected in an element; None if none is.

    The browser sends the selection as JSON, so a visitor can send any value in place of a point, a row or their list.
    """
    found = st.session_state[key]["selection"].get(kind)
    return found[0] if isinstance(found, list) and found else None


def filters_of_period(page: PageContext, bucket: Bucket) -> FiltersOfMark:
    """Return a function that maps a chart's point to the days of its bucket within the page's period."""
    filters = page.filters

    def filters_of(point: Mapping[str, Any]) -> dict[str, Any]:
        start = _time_of(point)
        if start is None or start >= filters.to_time or bucket.end_of(start) <= filters.from_time:
            return {}
        last = min(bucket.end_of(start), filters.to_time) - timedelta(microseconds=1)
        return {"start": max(start, filters.from_time).date(), "end": last.date()}

    return filters_of


def filters_of_period_and_code(page: PageContext, bucket: Bucket) -> FiltersOfMark:
    """Return a function that maps a bar of an error code to the code and the days of the bar's bucket."""
    of_period = filters_of_period(page, bucket)
    return lambda point: of_period(point) | filters_of_code(point)


def filters_of_code(point: Mapping[str, Any]) -> dict[str, Any]:
    """Return the error code of a bar."""
    code = _label(point)
    return {"code": code} if code else {}


def filters_of_product(point: Mapping[str, Any]) -> dict[str, Any]:
    """Return the business product of a bar."""
    product = _label(point)
    return {"product": product} if product else {}


def _time_of(point: Mapping[str, Any]) -> datetime | None:
    """Return the time of a point, UTC; None if it has none."""
    try:
        time = pd.Timestamp(point["x"])
        return None if pd.isna(time) else pd.to_datetime(time, utc=True).to_pydatetime()
    except (LookupError, TypeError, ValueError, OverflowError):
        return None


def _label(point: Mapping[str, Any]) -> str | None:
    """Return a point's `customdata` if it is a text; Plotly sends a single value either alone or in a list."""
    label = point.get("customdata")
    label = label[0] if isinstance(label, list) and len(label) == 1 else label
    return label if isinstance(label, str) else None
