"""Single failed tasks by day, in place of a chart of rates where too few tasks finished for any rate."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from bwp_client.charts import failure_dots
from bwp_client.charts.failure_timeline import describe_timeline
from bwp_client.metrics import Bucket, Filters, MetricName, no_denominator
from bwp_client.metrics.failure_timeline import MAX_TASKS, OTHERS, FailureTimeline, failure_timeline, timeline_sentence
from bwp_client.metrics.queries import newest_failures
from bwp_client.ui.components import code_palette, draw_chart, theme
from bwp_client.ui.drill_down import filters_of_period
from bwp_client.ui.page import PageContext


def is_unrated(rates: pd.DataFrame) -> bool:
    """Return whether no period of a `failure_rate` frame has enough finished tasks for a rate."""
    return bool(rates["rate"].isna().all())


def draw_failures(page: PageContext, bucket: Bucket | None, *, key: str) -> None:
    """Draw the failed tasks of all data, or of the chosen period where these are too many, and their number in words.

    Args:
        page: The page.
        bucket: The bucket that has no rate; None where no rated task ended in the period.
        key: The chart's key.
    """
    timeline = page.cached("timeline", lambda: _timeline(page))
    filters = timeline.filters
    sentence = page.cached("timeline in words", lambda: _sentence(page, timeline))
    st.text(f"Failure rate by {bucket}: too few finished tasks. {sentence}" if bucket else sentence)
    if timeline.tasks.empty:
        return
    rows = {row: _row_name(page, timeline, row) for row in timeline.rows}
    is_of_all_data = filters != page.filters
    shown = "Shaded: the chosen period. " if is_of_all_data else ""
    draw_chart(
        page,
        f"Failed tasks by {'error code' if timeline.is_by_code else 'business product'}"
        + (", all data" if is_of_all_data else ""),
        lambda: failure_dots(
            timeline.tasks, rows, page.names, theme(),
            period=(filters.from_time, filters.to_time),
            shaded=(page.filters.from_time, page.filters.to_time) if is_of_all_data else None,
            colors=code_palette(page) if timeline.is_by_code else None,
        ),
        notes=f"Each dot is a task at the day on which it failed. {shown}Hover for the product and the reason.",
        alt=lambda: describe_timeline(timeline.tasks, rows, sentence),
        data=lambda: timeline.tasks.drop(columns="row").drop_duplicates("task_id"),
        key=key,
        on_click=filters_of_period(_over(page, filters), Bucket.DAY),
    )  # fmt: skip


def _timeline(page: PageContext) -> FailureTimeline:
    every = page.filters_of_all_data
    failures = newest_failures(page.snapshot, every)
    if failures["task_id"].nunique() > MAX_TASKS:
        return failure_timeline(newest_failures(page.snapshot, page.filters), page.filters)
    return failure_timeline(failures, every)


def _sentence(page: PageContext, timeline: FailureTimeline) -> str:
    counts = page.metric_row(MetricName.PERIOD_COMPARISON, timeline.filters)
    unrated = int(no_denominator(page.snapshot, timeline.filters)["failed"].sum())
    return timeline_sentence(timeline, counts, unrated)


def _row_name(page: PageContext, timeline: FailureTimeline, row: str) -> str:
    if row == OTHERS:
        return "(other codes)" if timeline.is_by_code else "(other products)"
    return row if timeline.is_by_code else page.names(row)


def _over(page: PageContext, filters: Filters) -> PageContext:
    """Return the page's context over another period, in which the marks of a chart lie."""
    return replace(page, choice=replace(page.choice, filters=filters))
