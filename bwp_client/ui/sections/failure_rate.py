"""The failure rate over time: the chart with its baseline, the outcomes below it, and the rates as rows."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from bwp_client.charts import outcomes_over_time, rate_over_time
from bwp_client.charts.rate_descriptions import describe_outcomes, describe_rates
from bwp_client.metrics import Bucket, MetricName
from bwp_client.metrics.attribution import change_search_period
from bwp_client.metrics.baseline import baseline_of, outside
from bwp_client.metrics.wording import baseline_name, counted, rate_legend, rate_with_interval, short_day
from bwp_client.ui.components import (
    DAY_FORMAT,
    MINUTE_FORMAT,
    brief_of,
    count_column,
    draw_chart,
    draw_table,
    theme,
    time_column,
)
from bwp_client.ui.drill_down import filters_of_period
from bwp_client.ui.page import PageContext
from bwp_client.ui.sections.data_extent import not_compared
from bwp_client.ui.sections.failure_timeline import draw_failures, is_unrated
from bwp_client.ui.sections.stood_out import stood_out


def draw_rate_over_time(
    page: PageContext, rates: pd.DataFrame, comparison: Mapping[Hashable, Any], *, key: str
) -> None:
    """Draw the failure rate over time against its baseline, or the failed tasks where nothing can be rated.

    Args:
        page: The page.
        rates: The page's `failure_rate` frame.
        comparison: The page's `period_comparison` row.
        key: The chart's key.
    """
    if is_unrated(rates):
        draw_failures(page, page.bucket, key=key)
        return
    baseline = baseline_of(comparison)
    name = None if baseline is None else baseline_name(baseline, is_before_cut=bool(not_compared(page)))
    marks = _marks(page, rates, comparison)
    legend = page.cached(
        "legend", lambda: rate_legend(rates, page.bucket, page.settings.min_n, baseline=name, marks=marks)
    )
    draw_chart(
        page,
        f"Failure rate by {page.bucket}",
        lambda: rate_over_time(
            rates, theme(), baseline=baseline.rate if baseline else None, outside=marks, baseline_name=name or ""
        ),
        notes=f"{legend} n {counted(int(rates['n'].sum()), 'finished task')}.",
        alt=lambda: describe_rates(rates, page.bucket),
        data=lambda: rates,
        key=key,
        on_click=filters_of_period(page, page.bucket),
    )


def draw_rate_with_period_before(page: PageContext, rates: pd.DataFrame, *, key: str) -> None:
    """Draw the failure rate over time with the period before as a pale line, the days of change and the highest rate.

    Where nothing can be rated, the failed tasks are drawn.

    Args:
        page: The page.
        rates: The page's `failure_rate` frame.
        key: The chart's key.
    """
    if is_unrated(rates):
        draw_failures(page, page.bucket, key=key)
        return
    is_whole = not_compared(page) is None
    before = page.metric(MetricName.FAILURE_RATE, page.filters.period_before()) if is_whole else None
    changes = page.cached("labels of changes", lambda: _labels_of_changes(page))
    pale = " Pale: the period before." if before is not None and before["rate"].notna().any() else ""
    dashed = " Dashed: the level changed." if changes else ""
    draw_chart(
        page,
        f"Failure rate by {page.bucket}",
        lambda: rate_over_time(rates, theme(), before=before, changes=changes),
        notes=f"{brief_of(MetricName.FAILURE_RATE)} Shaded: the likely range.{pale}{dashed}",
        alt=lambda: describe_rates(rates, page.bucket),
        data=lambda: rates,
        key=key,
        on_click=filters_of_period(page, page.bucket),
    )


def _labels_of_changes(page: PageContext) -> dict[datetime, str]:
    """Return the days of the period on which the level of the rate changed, with the label of each.

    Where the headline names a product, they are the days that it names.
    """
    if (found := stood_out(page)) is not None:
        days = {found.from_time: f"{short_day(found.from_time)}: up, {page.names(found.business_product_id)}"}
        if found.to_time is not None:
            days[found.to_time] = f"{short_day(found.to_time)}: over"
        return {day: text for day, text in days.items() if page.filters.from_time <= day < page.filters.to_time}
    changes = page.metric(MetricName.CHANGE_POINTS, change_search_period(page.filters))
    return {
        row["changed_at"].to_pydatetime(): f"{short_day(row['changed_at'])}: "
        + ("up" if row["direction"] == "up" else "down")
        for row in changes.to_dict("records")
        if page.filters.from_time <= row["changed_at"] < page.filters.to_time
    }


def draw_outcomes_over_time(page: PageContext, rates: pd.DataFrame) -> None:
    """Draw the failed and completed tasks over time, from the page's `failure_rate` frame."""
    draw_chart(
        page,
        f"Failed and completed tasks by {page.bucket}",
        lambda: outcomes_over_time(rates, theme(), page.bucket),
        notes=f"Lighter: partial {page.bucket}. n {counted(int(rates['n'].sum()), 'finished task')}.",
        alt=lambda: describe_outcomes(rates, page.bucket),
        data=lambda: rates,
        key="outcomes",
        on_click=filters_of_period(page, page.bucket),
    )


def draw_rate_table(page: PageContext, rates: pd.DataFrame, comparison: Mapping[Hashable, Any]) -> None:
    """Draw the rates as rows, the newest first; arguments as for `draw_rate_over_time`."""
    bucket = page.bucket
    starts = f"{bucket.capitalize()} from (UTC)"
    st.subheader(f"By {bucket}", anchor=False)
    draw_table(
        page.cached_table("rates by time", lambda: _rate_rows(rates, _marks(page, rates, comparison), starts)),
        hide_index=True,
        column_config={
            starts: time_column(time_format=MINUTE_FORMAT if bucket is Bucket.HOUR else DAY_FORMAT),
            **{name: count_column(name) for name in ("Failed", "Completed", "Finished")},
        },
        key="rates_table",
        alt=f"Failed, completed and failure rate for each {bucket}",
    )


def _marks(page: PageContext, rates: pd.DataFrame, comparison: Mapping[Hashable, Any]) -> pd.Series[str]:
    return page.cached("marks", lambda: outside(rates, baseline_of(comparison)))


def _rate_rows(rates: pd.DataFrame, marks: pd.Series[str], starts: str) -> pd.DataFrame:
    """Return the rows of the rate table, newest first: `starts` (UTC time), counts (int), the rest as text.

    A column that would be empty is left out.
    """
    rows = pd.DataFrame(
        {
            starts: rates["period_start"],
            "Failed": rates["failed"],
            "Completed": rates["completed"],
            "Finished": rates["n"],
            "Failure rate": [rate_with_interval(row) for row in rates.to_dict("records")],
            "Baseline": marks,
            "Partial": ["partial" if partial else "" for partial in rates["partial"]],
        }
    ).iloc[::-1]
    return rows.drop(columns=[name for name in ("Baseline", "Partial") if rows[name].eq("").all()])
