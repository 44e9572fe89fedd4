"""The sidebar's filters: the same on every page, kept in the URL under the command line's names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import streamlit as st

from bwp_client.events import TaskKind
from bwp_client.metrics.filters import DEFAULT_DAYS, Bucket, Filters, whole_days
from bwp_client.ui.data import Names
from bwp_client.warehouse.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Choice:
    """What the sidebar says: the filters, and how time is grouped."""

    filters: Filters
    bucket: Bucket
    """The finest bucket that reads well over the period, unless one was chosen."""


def sidebar(snapshot: Snapshot, names: Names) -> Choice | None:
    """Draw the filters and give what they say; none while the period is half chosen or the wrong way round."""
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
            "Business products", _products(snapshot), format_func=names, key="product", bind="query-params",
            placeholder="All",
        )  # fmt: skip
        codes = st.multiselect(
            "Error codes", all_codes(snapshot), key="code", bind="query-params", placeholder="All",
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
    return Choice(filters, _bucket(bucket or "auto", (to_time - from_time).days))


def _bucket(chosen: str, days: int) -> Bucket:
    readable = Bucket.DAY if days <= 92 else Bucket.WEEK if days <= 750 else Bucket.MONTH
    if chosen == "auto":
        return readable
    # Over two months of hours would be more points than a screen has columns.
    return Bucket.DAY if chosen == Bucket.HOUR and days > 62 else Bucket(chosen)


def all_codes(snapshot: Snapshot) -> list[str]:
    """Give every error code there is, first seen first."""
    return [
        row[0] for row in snapshot.rows("select code from failed_codes group by code order by min(occurred_at), code")
    ]


def _products(snapshot: Snapshot) -> list[str]:
    rows = snapshot.rows(
        "select business_product_id from product_kinds group by business_product_id order by sum(tasks) desc"
    )
    return [row[0] for row in rows]


def regions_of(snapshot: Snapshot) -> list[str]:
    """Give every region there is."""
    return [row[0] for row in snapshot.rows("select distinct region from daily_counts where region <> '' order by 1")]
