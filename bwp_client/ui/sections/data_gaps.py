"""Days and event types that are missing from the data, and events that may be duplicates."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from bwp_client.metrics.completeness import Gap, gaps, last_heard, twins
from bwp_client.metrics.wording import counted, days
from bwp_client.ui.components import count_column, draw_table, time_column
from bwp_client.ui.data import cached
from bwp_client.ui.markdown import plain
from bwp_client.ui.page import PageContext

MAX_GAPS, MAX_TWINS = 5, 50
_TWIN_COLUMNS = {"task_id": "Task ID", "event_type": "Event type", "events": "Events"}


def draw_data_gaps(page: PageContext) -> None:
    """Draw silent products, gaps, when each product's events were last seen, and possible duplicates."""
    # These don't depend on the filters, so they are cached for all pages of the snapshot.
    products, missing, duplicates = cached(
        page.snapshot, "completeness", lambda: (last_heard(page.snapshot), gaps(page.snapshot), twins(page.snapshot))
    )
    if silent := page.cached("silent products", lambda: _silent(page, products)):
        st.warning(
            plain(f"{'; '.join(silent)}. That is missing data, not a zero: check that these events are subscribed to.")
        )
    if missing:
        st.warning(plain(_gaps_text(missing)))
    else:
        st.caption("No day is missing.")
    _draw_products(page, products)
    if not duplicates.empty:
        _draw_twins(page, duplicates)


def _silent(page: PageContext, products: pd.DataFrame) -> list[str]:
    return [
        f"No {outcome.lower()} {row['task_kind'].lower()} was ever reported for {page.names(row['business_product_id'])}"
        for row in products.to_dict("records")
        for outcome in ("FAILED", "COMPLETED")
        if pd.isna(row[f"last_{outcome.lower()}_at"])
    ]


def _gaps_text(missing: list[Gap]) -> str:
    days = [days(gap.first_day, gap.last_day) for gap in missing[:MAX_GAPS]]
    more = f" and {len(missing) - MAX_GAPS} more" if len(missing) > MAX_GAPS else ""
    return (
        f"No event at all, where some were expected: {', '.join(days)}{more}. Load these days again with --from and --to, "
        "or find out whether the archive holds them."
    )


def _draw_products(page: PageContext, products: pd.DataFrame) -> None:
    draw_table(
        page.cached_table("products last seen", lambda: _product_rows(page, products)),
        hide_index=True,
        column_config={
            "Failed": count_column("Failed"),
            "Completed": count_column("Completed"),
            "Last failed": time_column(),
            "Last completed": time_column(),
        },
        placeholder="never",
        key="heard",
        alt="Business products with failed and completed tasks and the newest event of each",
    )


def _product_rows(page: PageContext, products: pd.DataFrame) -> pd.DataFrame:
    """Return one row per product and task kind: counts (int), last events (UTC time), names as text."""
    return pd.DataFrame(
        {
            "Business product": [page.names(product) for product in products["business_product_id"]],
            "Task kind": products["task_kind"].str.capitalize(),
            "Failed": products["failed"],
            "Completed": products["completed"],
            "Last failed": products["last_failed_at"],
            "Last completed": products["last_completed_at"],
        }
    )


def _draw_twins(page: PageContext, duplicates: pd.DataFrame) -> None:
    events = f"{counted(len(duplicates), 'event')} {'has' if len(duplicates) == 1 else 'have'}"
    st.caption(
        f"{events} the content of another event under a different ID. All are stored. Rates count "
        "each task once, so they don't change."
    )
    draw_table(
        page.cached_table("twins", lambda: duplicates.head(MAX_TWINS).rename(columns=_TWIN_COLUMNS)),
        hide_index=True,
        column_config={
            "occurred_at": time_column("Event time"),
            "sources": st.column_config.NumberColumn("From objects"),
        },
        key="twins",
        alt="Events that may be duplicates",
    )
