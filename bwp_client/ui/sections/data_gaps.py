"""What is missing from the picture: silent products, days without events; and what may be in it twice."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from bwp_client.metrics.completeness import Gap
from bwp_client.ui import components
from bwp_client.ui.data import completeness
from bwp_client.ui.markdown import plain
from bwp_client.ui.page import Page

MAX_GAPS, MAX_TWINS = 5, 50
_TWIN_COLUMNS = {"task_id": "Task ID", "event_type": "Event type", "events": "Events"}


def show(page: Page) -> None:
    """Show all of it."""
    heard, gaps, twins = completeness(page.snapshot)
    st.subheader("Is anything missing?", anchor=False)
    if silent := components.kept(page, "silent products", lambda: _silent(page, heard)):
        st.warning(
            plain(f"Silent, which is not zero: {'; '.join(silent)}. Check that these event types are subscribed to.")
        )
    if gaps:
        st.warning(plain(_gaps_text(gaps)))
    else:
        st.caption("No day without events where its weekday usually has five or more.")
    _show_heard(page, heard)
    if not twins.empty:
        _show_twins(page, twins)


def _silent(page: Page, heard: pd.DataFrame) -> list[str]:
    return [
        f"{page.names(row['business_product_id'])} ({row['task_kind'].lower()}): no {outcome} event ever"
        for row in heard.to_dict("records")
        for outcome in ("FAILED", "COMPLETED")
        if pd.isna(row[f"last_{outcome.lower()}_at"])
    ]


def _gaps_text(gaps: list[Gap]) -> str:
    shown = [
        f"{gap.first_day:%d %b %Y}" + (f" to {gap.last_day:%d %b %Y}" if gap.last_day > gap.first_day else "")
        for gap in gaps[:MAX_GAPS]
    ]
    more = f" and {len(gaps) - MAX_GAPS} more" if len(gaps) > MAX_GAPS else ""
    return (
        f"No event at all, where some were expected: {', '.join(shown)}{more}. Load these days again with --from and --to, "
        "or find out whether the archive holds them."
    )


def _heard(page: Page, heard: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Business product": [page.names(product) for product in heard["business_product_id"]],
            "Task kind": heard["task_kind"].str.capitalize(),
            "Failed": heard["failed"],
            "Completed": heard["completed"],
            "Last failed": heard["last_failed_at"],
            "Last completed": heard["last_completed_at"],
        }
    )


def _show_heard(page: Page, heard: pd.DataFrame) -> None:
    time = st.column_config.DatetimeColumn(format="DD MMM YYYY HH:mm", timezone="UTC")
    st.dataframe(
        components.table(page, "products heard of", lambda: _heard(page, heard)),
        hide_index=True,
        column_config={
            "Failed": components.count_column("Failed"),
            "Completed": components.count_column("Completed"),
            "Last failed": time,
            "Last completed": time,
        },
        placeholder="never",
        key="heard",
        alt="Business products with failed and completed tasks and when each was last heard of",
    )


def _show_twins(page: Page, twins: pd.DataFrame) -> None:
    st.caption(
        f"{len(twins):,} events say the same as another one that has a different ID. All are stored; rates count each "
        "task once, so they change nothing."
    )
    st.dataframe(
        components.table(page, "twins", lambda: twins.head(MAX_TWINS).rename(columns=_TWIN_COLUMNS)),
        hide_index=True,
        column_config={
            "occurred_at": st.column_config.DatetimeColumn("Event time", format="DD MMM YYYY HH:mm", timezone="UTC"),
            "sources": st.column_config.NumberColumn("From objects"),
        },
        key="twins",
        alt="Events that may be the same one twice",
    )
