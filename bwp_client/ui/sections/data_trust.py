"""The section "Can I trust this?": a line each on freshness, gaps, known reasons and products without a denominator."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from bwp_client.metrics import MetricName
from bwp_client.metrics.extent_wording import missing_data, sentence
from bwp_client.metrics.wording import counted, day, minute, percent
from bwp_client.ui.page import PageContext, parameters_with, time_since
from bwp_client.ui.sections.data_extent import extent_of_page
from bwp_client.ui.sections.unrated import unrated_products

HEALTH_PAGE = "../../pages/data_health.py"


def draw_trust(page: PageContext) -> None:
    """Draw one line: the data are complete, or the first doubt; with a link to the data health page."""
    lines = [_freshness(page), *_cached_lines(page)]
    doubts = [text for is_good, text in lines if not is_good]
    newest = page.snapshot.limits.newest_event_at
    with st.container(horizontal=True, vertical_alignment="center"):
        if doubts:
            more = f" ({len(doubts) - 1} more)" if len(doubts) > 1 else ""
            st.text(f"⚠ {doubts[0]}{more}")
        else:
            st.text(f"✓ Data complete to {minute(newest)}." if newest else "✓ Data complete.")
        st.page_link(
            HEALTH_PAGE, label="Data health", query_params=parameters_with({}), icon=":material/arrow_forward:"
        )


def draw_trust_lines(page: PageContext) -> None:
    """Draw the lines; lines with a warning come first."""
    lines = sorted([_freshness(page), *_cached_lines(page)], key=lambda line: line[0])
    st.text("\n".join(f"{'✓' if is_good else '⚠'} {text}" for is_good, text in lines))


def _cached_lines(page: PageContext) -> list[tuple[bool, str]]:
    return page.cached("trust lines", lambda: [_gaps(page), _reasons(page), _denominators(page)])


def _freshness(page: PageContext) -> tuple[bool, str]:
    snapshot = page.snapshot
    newest, finished_at = snapshot.limits.newest_event_at, snapshot.run.finished_at
    if newest is None:
        return False, snapshot.limits.in_the_future or "There are no privacy events yet."
    text = f"The newest event is of {minute(newest)}. The newest load or lookup ended {time_since(finished_at)}."
    if snapshot.limits.in_the_future:
        return False, f"{text} {snapshot.limits.in_the_future}"
    if waiting := snapshot.events_not_yet_counted:
        return False, f"{text} {counted(waiting, 'event')} {'is' if waiting == 1 else 'are'} not counted yet."
    if (finished_at - newest) / pd.Timedelta(hours=1) > page.settings.report.max_stale_hours:
        return False, f"{text} That load brought no newer event: is the archive complete?"
    return True, text


def _gaps(page: PageContext) -> tuple[bool, str]:
    gaps, extent = page.metric(MetricName.GAPS), extent_of_page(page)
    if gaps.empty and extent.begins_at is not None:
        return False, " ".join(map(sentence, missing_data(extent)))
    if gaps.empty:
        return True, "No day of this period is missing."
    first_day = day(gaps.iloc[0]["first_day"])
    days = int(gaps["days"].sum())
    if days == 1:
        return False, f"{first_day} has no event, though events were expected."
    return False, f"{days:,} days of this period have no event, though events were expected; the first is {first_day}."


def _reasons(page: PageContext) -> tuple[bool, str]:
    row = page.metric_row(MetricName.COVERAGE)
    if not row["failed"]:
        return True, "No failed task, so no reason to look up."
    known = f"{row['found']:,} of {counted(row['failed'], 'failed task')} ({percent(row['coverage'], 0)})"
    text = f"The reason is known for {known}."
    return bool(row["coverage"] >= page.settings.report.min_lookup_coverage), text


def _denominators(page: PageContext) -> tuple[bool, str]:
    products = unrated_products(page)
    if not products:
        return True, "Every product with failures here has a failure rate."
    named = ", ".join(page.names(product) for product, _ in products)
    failed = sum(failed for _, failed in products)
    return False, f"No failure rate for {named} ({failed:,} failed): no completed task was ever reported."
