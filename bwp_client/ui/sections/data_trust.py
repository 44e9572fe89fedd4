"""Can I trust this? Freshness, gaps, silence and unknown reasons, each in one line."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from bwp_client.metrics import MetricName
from bwp_client.ui import components, data
from bwp_client.ui.page import Page, ago

HEALTH_PAGE = "../../pages/data_health.py"


def show(page: Page) -> None:
    """Draw the lines with a link to what to do."""
    components.heading("Can I trust this?", MetricName.GAPS, MetricName.COVERAGE)
    show_lines(page)
    st.page_link(HEALTH_PAGE, label="Data health: what is missing and what to do", icon=":material/arrow_forward:")


def show_lines(page: Page) -> None:
    """Draw the lines, doubts first."""
    doubts = components.kept(page, "doubts", lambda: [_gaps(page), _reasons(page), _silent(page)])
    lines = [_fresh(page), *doubts]
    for is_fine, text in sorted(lines, key=lambda line: line[0]):
        st.text(f"{'✓' if is_fine else '⚠'} {text}")


def _fresh(page: Page) -> tuple[bool, str]:
    span, snapshot = page.snapshot.span(), page.snapshot
    if span is None:
        return False, "There are no privacy events yet."
    text = f"The newest event is of {span[1]:%d %b %Y %H:%M} UTC; loaded or looked up last {ago(snapshot.run.finished_at)}."
    late = snapshot.run.finished_at - span[1] > pd.Timedelta(hours=page.settings.report.max_stale_hours)
    if waiting := snapshot.events_not_yet_counted:
        return False, f"{text} {waiting:,} events are not counted yet."
    return not late, text + (" No newer event came with the last load: is the archive complete?" if late else "")


def _gaps(page: Page) -> tuple[bool, str]:
    gaps = components.ask(page, MetricName.GAPS)
    if gaps.empty:
        return True, "No day of this period is without events where its weekday usually has five or more."
    days = int(gaps["days"].sum())
    first = gaps.iloc[0]["first_day"]
    return (
        False,
        f"{days:,} days of this period are without any event though some were expected, the first {first:%d %b %Y}.",
    )


def _reasons(page: Page) -> tuple[bool, str]:
    row = components.ask_row(page, MetricName.COVERAGE)
    if not row["failed"]:
        return True, "No failed task, so no reason to look up."
    text = f"The reason is known for {row['found']:,} of {row['failed']:,} failed tasks ({row['coverage']:.0%})."
    return bool(row["coverage"] >= page.settings.report.min_lookup_coverage), text


def _silent(page: Page) -> tuple[bool, str]:
    unrated = data.unrated(page.snapshot, page.choice.filters)
    if unrated.empty:
        return True, "Every product with failures here has sent COMPLETED events too, so each has a denominator."
    named = ", ".join(page.names(product) for product in unrated["business_product_id"])
    return (
        False,
        f"Not rated, for not one COMPLETED event ever came: {named} ({int(unrated['failed'].sum()):,} failed).",
    )
