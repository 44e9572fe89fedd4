"""The sidebar's filters: the same on every page, kept in the URL under the command line's names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import streamlit as st

from bwp_client.events import TaskKind
from bwp_client.metrics import MetricName
from bwp_client.metrics.filters import DEFAULT_DAYS, Bucket, Filters, whole_days
from bwp_client.metrics.queries import list_error_codes, list_products, list_regions
from bwp_client.ui.data import Names, kept, metric_row
from bwp_client.warehouse.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Choice:
    """What the sidebar says: the filters, and how time is grouped."""

    filters: Filters
    bucket: Bucket
    """Unless one was chosen, the finest that reads well over the period and mostly holds enough outcomes to be rated."""


NARROWING = ("product", "code", "region")
"""The keys of the filters that leave tasks out, period and task kind apart."""
_LENGTHS = {Bucket.DAY: 1, Bucket.WEEK: 7, Bucket.MONTH: 30}
"""Days, finest first."""


def sidebar(snapshot: Snapshot, names: Names, *, min_n: int) -> Choice | None:
    """Draw the filters and give what they say; none while the period is half chosen or the wrong way round.

    Args:
        snapshot: The data.
        names: Names the business products.
        min_n: How many outcomes it takes to give a rate.
    """
    span = snapshot.span()
    last = span[1].date() if span else datetime.now(UTC).date()
    first = span[0].date() if span else last
    with st.sidebar:
        # No nicer labels: the URL carries what is shown, and it says the same as the command line.
        # Radio buttons: a segmented control's chosen word has too little contrast in the dark theme.
        kind = st.radio(
            "Task kind", [item.value for item in TaskKind], horizontal=True, key="kind", bind="query-params",
        )  # fmt: skip
        default_from = max(first, last - timedelta(days=DEFAULT_DAYS - 1))
        start = st.date_input("From (UTC)", value=default_from, key="from", bind="query-params")
        end = st.date_input("To, that day included (UTC)", value=last, key="to", bind="query-params")
        products = st.multiselect(
            "Business products", kept(snapshot, "products", lambda: list_products(snapshot)), format_func=names,
            key="product", bind="query-params", placeholder="All",
        )  # fmt: skip
        codes = st.multiselect(
            "Error codes", kept(snapshot, "error codes", lambda: list_error_codes(snapshot)), key="code",
            bind="query-params", placeholder="All",
            help="Narrows the failed tasks only: failed with these codes ÷ all outcomes.",
        )  # fmt: skip
        regions = regions_of(snapshot)
        chosen_regions = (
            st.multiselect("Regions", regions, key="region", bind="query-params", placeholder="All")
            if len(regions) > 1
            else []
        )
        bucket = st.selectbox(
            "Time by", ["auto", *(item.value for item in Bucket)], key="by", bind="query-params",
        )  # fmt: skip
    if not isinstance(start, date) or not isinstance(end, date) or end < start:
        st.warning("The last day lies before the first. Choose a later “To” in the sidebar.")
        return None
    from_time, to_time = whole_days(start, end)
    filters = Filters(
        from_time,
        to_time,
        TaskKind(kind or TaskKind.DELETION.value),
        tuple(products) or None,
        tuple(codes) or None,
        tuple(chosen_regions) or None,
    )
    row = metric_row(snapshot, MetricName.PERIOD_COMPARISON, filters.with_(codes=None), min_n=min_n)
    return Choice(filters, _bucket(bucket or "auto", (to_time - from_time).days, row["n"], min_n))


def _bucket(chosen: str, days: int, outcomes: int, min_n: int) -> Bucket:
    if chosen == "auto":
        readable = Bucket.DAY if days <= 92 else Bucket.WEEK if days <= 750 else Bucket.MONTH
        wide_enough = [
            bucket
            for bucket, length in _LENGTHS.items()
            if length >= _LENGTHS[readable] and 2 * length <= days and outcomes / days * length >= min_n
        ]
        return wide_enough[0] if wide_enough else readable
    # Over two months of hours would be more points than a screen has columns.
    return Bucket.DAY if chosen == Bucket.HOUR and days > 62 else Bucket(chosen)


def regions_of(snapshot: Snapshot) -> list[str]:
    """Return every region there is."""
    return kept(snapshot, "regions", lambda: list_regions(snapshot))
