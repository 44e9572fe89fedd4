"""Callbacks of a clicked chart mark or a ticked table row: they open the worklist with its tasks; the filters stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa
import streamlit as st

from bwp_client.metrics import Bucket
from bwp_client.ui.page import GO_TO, TASKS_PAGE, PageContext

T = TypeVar("T")
ON, WITH_CODE, OF_PRODUCT = "on", "with_code", "of_product"
"""Parameters of the worklist's address: the days of the failures, their error code, their business product."""
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
    points = st.session_state[key]["selection"]["points"]
    if points and (filters := filters_of(points[0])):
        open_tasks(**filters)


def open_code_row(key: str, codes: pa.Table) -> None:
    """Open the tasks of the error code whose row was ticked; a callback.

    Args:
        key: The table's key.
        codes: Its rows, with a column `code`.
    """
    code = ticked(key, codes["code"])
    if code is not None:
        open_tasks(code=code.as_py())


def ticked(table: str, items: Sequence[T]) -> T | None:
    """Return the item of the row that was ticked; None if no row is, or if the table has lost that row meanwhile.

    Args:
        table: The table's key.
        items: An item for each of its rows.
    """
    rows = st.session_state[table]["selection"]["rows"]
    return items[rows[0]] if rows and 0 <= rows[0] < len(items) else None


def filters_of_period(page: PageContext, bucket: Bucket) -> FiltersOfMark:
    """Return a function that maps a chart's point to the days of its bucket within the page's period."""
    filters = page.filters

    def filters_of(point: Mapping[str, Any]) -> dict[str, Any]:
        start = pd.Timestamp(point["x"])
        start = start.tz_localize("UTC") if start.tzinfo is None else start
        first = max(start.to_pydatetime(), filters.from_time)
        last = min(bucket.end_of(start.to_pydatetime()), filters.to_time) - timedelta(microseconds=1)
        return {"start": first.date(), "end": last.date()}

    return filters_of


def filters_of_period_and_code(page: PageContext, bucket: Bucket) -> FiltersOfMark:
    """Return a function that maps a bar of an error code to the code and the days of the bar's bucket."""
    of_period = filters_of_period(page, bucket)
    return lambda point: of_period(point) | filters_of_code(point)


def filters_of_code(point: Mapping[str, Any]) -> dict[str, Any]:
    """Return the error code of a bar."""
    code = _label(point)
    return {"code": str(code)} if code else {}


def filters_of_product(point: Mapping[str, Any]) -> dict[str, Any]:
    """Return the business product of a bar."""
    product = _label(point)
    return {"product": str(product)} if product else {}


def _label(point: Mapping[str, Any]) -> Any:
    """Return a point's `customdata`; Plotly sends a single value either alone or in a list."""
    label = point.get("customdata")
    return label[0] if isinstance(label, list) and len(label) == 1 else label
