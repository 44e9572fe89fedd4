"""The section "Can I trust this?": a line each on freshness, gaps, known reasons and products without a denominator."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from bwp_client.metrics import MetricName
from bwp_client.metrics.extent_wording import missing_data, sentence
from bwp_client.ui.components import draw_heading
from bwp_client.ui.page import PageContext, time_since
from bwp_client.ui.sections.data_extent import extent_of
from bwp_client.ui.sections.unrated import unrated_products

HEALTH_PAGE = "../../pages/data_health.py"


def draw_trust(page: PageContext) -> None:
    """Draw a heading, the lines on trust, and a link to the data health page."""
    draw_heading("Can I trust this?", MetricName.GAPS, MetricName.COVERAGE)
    draw_trust_lines(page)
    st.page_link(HEALTH_PAGE, label="Data health: what is missing and what to do", icon=":material/arrow_forward:")


def draw_trust_lines(page: PageContext) -> None:
    """Draw the lines; lines with a warning come first."""
    lines = page.cached("trust lines", lambda: [_gaps(page), _reasons(page), _denominators(page)])
    for is_good, text in sorted([_freshness(page), *lines], key=lambda line: line[0]):
        st.text(f"{'✓' if is_good else '⚠'} {text}")


def _freshness(page: PageContext) -> tuple[bool, str]:
    snapshot = page.snapshot
    newest, finished_at = snapshot.limits.newest_event_at, snapshot.run.finished_at
    if newest is None:
        return False, snapshot.limits.in_the_future or "There are no privacy events yet."
    text = f"The newest event is of {newest:%d %b %Y %H:%M} UTC. The newest load or lookup ended {time_since(finished_at)}."
    if snapshot.limits.in_the_future:
        return False, f"{text} {snapshot.limits.in_the_future}"
    if waiting := snapshot.events_not_yet_counted:
        return False, f"{text} {waiting:,} events are not counted yet."
    if (finished_at - newest) / pd.Timedelta(hours=1) > page.settings.report.max_stale_hours:
        return False, f"{text} That load brought no newer event: is the archive complete?"
    return True, text


def _gaps(page: PageContext) -> tuple[bool, str]:
    gaps, extent = page.metric(MetricName.GAPS), extent_of(page)
    if gaps.empty and extent.begins_at is not None:
        return False, " ".join(map(sentence, missing_data(extent)))
    if gaps.empty:
        return True, "No day of this period is without events where its weekday usually has five or more."
    first_day = f"{gaps.iloc[0]['first_day']:%d %b %Y}"
    days = int(gaps["days"].sum())
    return False, f"{days:,} days of this period have no event, though events were expected; the first is {first_day}."


def _reasons(page: PageContext) -> tuple[bool, str]:
    row = page.metric_row(MetricName.COVERAGE)
    if not row["failed"]:
        return True, "No failed task, so no reason to look up."
    text = f"The reason is known for {row['found']:,} of {row['failed']:,} failed tasks ({row['coverage']:.0%})."
    return bool(row["coverage"] >= page.settings.report.min_lookup_coverage), text


def _denominators(page: PageContext) -> tuple[bool, str]:
    products = unrated_products(page)
    if not products:
        return True, "Every product with failures here has sent COMPLETED events too, so each has a denominator."
    named = ", ".join(page.names(product) for product, _ in products)
    failed = sum(failed for _, failed in products)
    return False, f"Not rated, because not one COMPLETED event was ever loaded: {named} ({failed:,} failed)."
