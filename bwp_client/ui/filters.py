"""The filters in the sidebar: the same on every page, bound to the URL under the names of the command line's options."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import streamlit as st

from bwp_client.events import TaskKind
from bwp_client.metrics import MetricName
from bwp_client.metrics.filters import DEFAULT_DAYS, Bucket, Filters, whole_days
from bwp_client.metrics.queries import list_error_codes, list_products, list_regions
from bwp_client.ui.data import ProductNames, cached, metric_row
from bwp_client.warehouse.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Choice:
    """The filters and the time bucket chosen in the sidebar."""

    filters: Filters
    bucket: Bucket
    """The chosen bucket. With `auto`, the finest bucket with a readable number of points and, on average, enough outcomes to
    rate."""


NARROWING: Final = ("product", "code", "region")
"""Keys of the filters that can be removed; period and task kind always apply."""
_BUCKET_DAYS: Final = {Bucket.DAY: 1, Bucket.WEEK: 7, Bucket.MONTH: 30}
"""Length of a bucket in days, finest first."""
_MAX_DAYS_BY_DAY: Final = 92
_MAX_DAYS_BY_WEEK: Final = 750
_MAX_DAYS_BY_HOUR: Final = 62
"""The longest period grouped by hour; a longer period would have more points than a screen has pixel columns."""


def draw_sidebar(snapshot: Snapshot, names: ProductNames, *, min_n: int) -> Choice | None:
    """Draw the filters and return the choice; None while a day of the period is missing, or the last day precedes the first.

    Args:
        snapshot: The data.
        names: The business products' names.
        min_n: Fewer outcomes than this are not rated.
    """
    with st.sidebar:
        # The options are shown as on the command line, because Streamlit writes the shown text into the URL.
        # Radio buttons, because a segmented control's chosen option has too little contrast in the dark theme.
        kind = st.radio(
            "Task kind", [item.value for item in TaskKind], horizontal=True, key="kind", bind="query-params",
        )  # fmt: skip
        start, end = _draw_period(snapshot)
        narrowing = _draw_narrowing(snapshot, names)
        bucket = st.selectbox(
            "Time by", ["auto", *(item.value for item in Bucket)], key="by", bind="query-params",
        )  # fmt: skip
    if not isinstance(start, date) or not isinstance(end, date) or end < start:
        st.warning("The last day lies before the first. Choose a later “To” in the sidebar.")
        return None
    from_time, to_time = whole_days(start, end)
    filters = Filters(from_time, to_time, TaskKind(kind or TaskKind.DELETION.value), **narrowing)
    row = metric_row(snapshot, MetricName.PERIOD_COMPARISON, filters.with_(codes=None), min_n=min_n)
    return Choice(filters, _bucket(bucket or "auto", (to_time - from_time).days, row["n"], min_n))


def _draw_period(snapshot: Snapshot) -> tuple[Any, Any]:
    """Draw the fields of the first and the last day, and return both days; by default the last 28 days of the data."""
    span = snapshot.span()
    last = (snapshot.limits.newest_event_at or datetime.now(UTC)).date()
    first = min(span[0].date(), last) if span else last
    default = max(first, last - timedelta(days=DEFAULT_DAYS - 1))
    start = st.date_input("From (UTC)", value=default, key="from", bind="query-params")
    end = st.date_input("To, that day included (UTC)", value=last, key="to", bind="query-params")
    return start, end


def _draw_narrowing(snapshot: Snapshot, names: ProductNames) -> dict[str, tuple[str, ...] | None]:
    """Draw the choice of products, error codes and, if there are several, regions; return the fields of `Filters`."""
    products = st.multiselect(
        "Business products", all_products(snapshot), format_func=names, key="product", bind="query-params",
        placeholder="All",
    )  # fmt: skip
    codes = st.multiselect(
        "Error codes", all_codes(snapshot), key="code", bind="query-params", placeholder="All",
        help="Narrows the failed tasks only: failed with these codes ÷ all outcomes.",
    )  # fmt: skip
    regions = all_regions(snapshot)
    chosen_regions = (
        st.multiselect("Regions", regions, key="region", bind="query-params", placeholder="All")
        if len(regions) > 1
        else []
    )
    return {
        "business_products": tuple(products) or None,
        "codes": tuple(codes) or None,
        "regions": tuple(chosen_regions) or None,
    }


def _bucket(chosen: str, days: int, outcomes: int, min_n: int) -> Bucket:
    """Return the bucket to group time by.

    Args:
        chosen: A bucket's name, or `auto`.
        days: The period's length.
        outcomes: Failed and completed tasks in the period.
        min_n: Fewer outcomes than this are not rated.
    """
    if chosen != "auto":
        return Bucket.DAY if chosen == Bucket.HOUR and days > _MAX_DAYS_BY_HOUR else Bucket(chosen)
    readable = Bucket.DAY if days <= _MAX_DAYS_BY_DAY else Bucket.WEEK if days <= _MAX_DAYS_BY_WEEK else Bucket.MONTH
    rated = [
        bucket
        for bucket, length in _BUCKET_DAYS.items()
        if length >= _BUCKET_DAYS[readable] and 2 * length <= days and outcomes / days * length >= min_n
    ]
    return rated[0] if rated else readable


def all_products(snapshot: Snapshot) -> list[str]:
    """Return the IDs of all business products, the product with most tasks first."""
    return cached(snapshot, "products", lambda: list_products(snapshot))


def all_codes(snapshot: Snapshot) -> list[str]:
    """Return every error code, in the order in which they were first seen."""
    return cached(snapshot, "error codes", lambda: list_error_codes(snapshot))


def all_regions(snapshot: Snapshot) -> list[str]:
    """Return every region, in alphabetical order."""
    return cached(snapshot, "regions", lambda: list_regions(snapshot))
