"""The sections of the trends page: the change of the rate, its days, and the weekdays and hours."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from bwp_client.charts import (
    codes_over_time,
    contributions,
    outcomes_over_time,
    rate_with_changes,
    weekday_hour,
)
from bwp_client.charts.rate_descriptions import describe_outcomes, describe_rates
from bwp_client.charts.trends import WEEKDAYS, describe_changes, describe_contributions, describe_hours
from bwp_client.metrics import Bucket, MetricName
from bwp_client.metrics.comparison import NOT_COMPARED, verdict
from bwp_client.metrics.wording import counted, days, interval, percent, points, rate_legend, rate_with_interval
from bwp_client.ui.components import (
    DAY_FORMAT,
    code_palette,
    count_column,
    draw_chart,
    draw_heading,
    draw_open_tab,
    draw_table,
    theme,
)
from bwp_client.ui.drill_down import filters_of_product
from bwp_client.ui.page import PageContext
from bwp_client.ui.sections.compare import draw_compare
from bwp_client.ui.sections.data_extent import not_compared
from bwp_client.ui.sections.failure_timeline import draw_failures, is_unrated
from bwp_client.ui.sections.time_to_outcome import draw_time_to_outcome

MAX_CODE_SETS = 12
_LEAST_POINTS = 0.005
"""Smaller changes are shown as zero, which would else have a minus."""


def draw_comparison(page: PageContext) -> None:
    """Draw the rate of this period, the rate of the period before, and their difference."""
    filters, row = page.filters, page.metric_row(MetricName.PERIOD_COMPARISON)
    draw_heading("This period against the one before", MetricName.PERIOD_COMPARISON)
    reason = not_compared(page)
    is_compared = pd.notna(row["difference"])
    interval = f" ({row['difference_low'] * 100:+.1f} to {row['difference_high'] * 100:+.1f})" if is_compared else ""
    figures = {
        "This period": _rate_and_detail(row, ""),
        "Period before": (NOT_COMPARED, "–") if reason else _rate_and_detail(row, "previous_"),
        "Difference": (
            points(row["difference"]) if is_compared else "–",
            verdict(row, is_cut=bool(reason)) + interval,
        ),
    }
    with st.container(horizontal=True):
        for label, (value, detail) in figures.items():
            st.metric(label, value, detail, delta_color="off", delta_arrow="off", border=True)
    st.caption(
        f"{days(filters.from_time, page.last_day)}, against "
        f"{days(filters.before_time, filters.from_time - pd.Timedelta(days=1))}."
        + (f" Nothing is compared with the period before: {reason}." if reason else "")
    )


def _rate_and_detail(row: Mapping[Hashable, Any], prefix: str) -> tuple[str, str]:
    """Return a period's rate, and its counts with the interval, as text."""
    rate, low, high = (row[f"{prefix}{name}"] for name in ("rate", "low", "high"))
    failed, n = row[f"{prefix}failed"], row[f"{prefix}n"]
    if pd.notna(rate):
        return percent(rate), f"{failed:,} of {n:,} ({interval(low, high)})"
    return "too few" if n else "not rated", f"{failed:,} of {n:,}"


def draw_contributions(page: PageContext) -> None:
    """Draw how much each product and each set of error codes contributed to the change of the rate."""
    frame = page.metric(MetricName.CONTRIBUTORS)
    if frame["contribution"].isna().all():
        draw_heading("What changed", MetricName.CONTRIBUTORS)
        too_few = (
            f"This period or the one before has fewer than {page.settings.min_n} finished tasks: too few to compare."
        )
        reason = not_compared(page)
        st.caption(f"Nothing is compared with the period before: {reason}." if reason else too_few)
        return
    of_products = frame[frame["part"] == "product"]
    change, mix = of_products["contribution"].sum() * 100, of_products["mix_effect"].sum() * 100
    n, before = int(of_products["n"].sum()), int(of_products["previous_n"].sum())
    draw_chart(
        page,
        "What changed, by business product",
        lambda: contributions(frame, page.names, theme()),
        notes=f"The rate {'rose' if change > 0 else 'fell'} by {abs(change):.2f} points: {change - mix:+z.2f} because "
        f"products fail more or less often, {mix:+z.2f} because the volume of products shifted. "
        f"n {counted(n, 'finished task')}, {before:,} before.",
        alt=lambda: describe_contributions(frame, page.names),
        data=lambda: frame,
        key="contributions",
        on_click=filters_of_product,
    )
    st.caption(f"The same {change:+.2f} points, split by the codes of a task.")
    draw_table(
        page.cached_table("code contributions", lambda: _largest_contributions(frame)),
        height="content",
        hide_index=True,
        column_config={
            "code_set": st.column_config.TextColumn("Error codes of one task", width=540),
            "failed": count_column("Failed tasks"),
            "previous_failed": count_column("Period before"),
            "contribution": st.column_config.NumberColumn("Change in points", format="%+.2f"),
        },
        key="code_contributions",
        alt="How much each set of error codes moved the failure rate",
    )


def _largest_contributions(contributors: pd.DataFrame) -> pd.DataFrame:
    """Return code_set (text), failed and previous_failed (int), and contribution (float, points), largest first."""
    rows = contributors[contributors["part"] == "code_set"]
    order = rows["contribution"].abs().sort_values(ascending=False).index
    rows = rows.reindex(order).head(MAX_CODE_SETS)[["code_set", "failed", "previous_failed", "contribution"]]
    points = rows["contribution"] * 100
    return rows.assign(contribution=points.mask(points.abs() < _LEAST_POINTS, 0.0))


def rates_over_all_data(page: PageContext) -> tuple[Bucket, pd.DataFrame]:
    """Return the failure rate over all data by week, or by month where no week has enough finished tasks for a rate."""
    weekly = page.metric(MetricName.FAILURE_RATE, page.filters_of_all_data, Bucket.WEEK)
    if is_unrated(weekly):
        monthly = page.metric(MetricName.FAILURE_RATE, page.filters_of_all_data, Bucket.MONTH)
        if not is_unrated(monthly):
            return Bucket.MONTH, monthly
    return Bucket.WEEK, weekly


def draw_change_points(
    page: PageContext, rates: pd.DataFrame, *, bucket: Bucket = Bucket.WEEK, title: str = "Failure rate"
) -> None:
    """Draw the failure rate over all data with the days on which it changed, or the failed tasks where none is rated.

    Args:
        page: The page.
        rates: The `failure_rate` frame over all data.
        bucket: Its time bucket.
        title: The measure of the chart.
    """
    if is_unrated(rates):
        draw_failures(page, bucket, key="trend_rate")
        return
    changes = page.metric(MetricName.CHANGE_POINTS, page.filters_of_all_data)
    legend = page.cached("legend over all data", lambda: rate_legend(rates, bucket, page.settings.min_n))
    found = len(changes) or "none"
    draw_chart(
        page,
        f"{title} by {bucket}, all data, with its changes",
        lambda: rate_with_changes(rates, changes, theme()),
        notes=f"{legend} Dark line: the usual level. Dashed: days on which the level changed ({found}). "
        f"n {counted(int(rates['n'].sum()), 'finished task')}.",
        alt=lambda: f"{describe_rates(rates, bucket)} {describe_changes(changes)}",
        data=lambda: rates,
        key="trend_rate",
    )
    if changes.empty:
        return
    day = st.column_config.DateColumn(format=DAY_FORMAT)
    draw_table(
        page.cached_table("changes", lambda: _change_rows(changes)),
        hide_index=True,
        column_config={
            **dict.fromkeys(("Changed on", "Earliest", "Latest"), day),
            **{name: count_column(name) for name in ("n before", "n after")},
        },
        key="changes",
        name_column="Changed on",
        alt="Days on which the failure rate changed, with the rates before and after",
    )


def _change_rows(changes: pd.DataFrame) -> pd.DataFrame:
    """Return one row per change, newest first: days (date), n before and after (int), the rest as text."""
    rows = changes.iloc[::-1]

    def rates(side: str) -> list[str]:
        return [
            rate_with_interval({name: row[f"{side}_{name}"] for name in ("rate", "low", "high")})
            for row in rows.to_dict("records")
        ]

    return pd.DataFrame(
        {
            "Changed on": rows["changed_at"].dt.date,
            "Earliest": rows["earliest"].dt.date,
            "Latest": rows["latest"].dt.date,
            "Direction": ["higher" if direction == "up" else "lower" for direction in rows["direction"]],
            "Before": rates("before"),
            "n before": rows["before_n"],
            "After": rates("after"),
            "n after": rows["after_n"],
        }
    )


def draw_more(page: PageContext) -> None:
    """Draw tabs with further charts."""
    draw_open_tab(
        page,
        "more",
        {
            "codes": ("Error codes by week", draw_codes_by_week),
            "compare": ("Compare", draw_compare),
            "volume": ("Finished tasks", draw_volume),
            "hours": ("Weekday and hour", draw_hours),
            "time": ("Time to outcome", draw_time_to_outcome),
        },
    )


def draw_volume(page: PageContext) -> None:
    """Draw the failed and completed tasks over all data."""
    bucket, rates = rates_over_all_data(page)
    draw_chart(
        page,
        f"Failed and completed tasks by {bucket}, all data",
        lambda: outcomes_over_time(rates, theme(), bucket),
        notes=f"Lighter: partial {bucket}. More failures with an unchanged rate mean more requests. "
        f"n {counted(int(rates['n'].sum()), 'finished task')}.",
        alt=lambda: describe_outcomes(rates, bucket),
        data=lambda: rates,
        key="trend_outcomes",
    )


def draw_codes_by_week(page: PageContext) -> None:
    """Draw the failed tasks by error code and week over all data."""
    codes = page.metric(MetricName.ERROR_CODES_OVER_TIME, page.filters_of_all_data, Bucket.WEEK)
    if codes.empty:
        st.text("No task of this kind failed.")
        return
    failed = int(codes.drop_duplicates("period_start")["failed"].sum())
    draw_chart(
        page,
        "Failed tasks by error code and week, all data",
        lambda: codes_over_time(codes, theme(), code_palette(page), Bucket.WEEK),
        notes=f"A task with two codes counts under each. n {counted(failed, 'failed task')}, "
        "products that are not rated included.",
        alt=lambda: "Failed tasks by error code and week over all data.",
        data=lambda: codes,
        key="trend_codes",
    )


def draw_hours(page: PageContext) -> None:
    """Draw the failure rate by weekday and hour."""
    frame = page.metric(MetricName.WEEKDAY_HOUR)
    n = int(frame["n"].sum())
    if frame["rate"].notna().any():
        draw_chart(
            page,
            "Failure rate by weekday and hour",
            lambda: weekday_hour(frame, theme()),
            notes=f"Hours in UTC. Empty: fewer than {page.settings.min_n} finished tasks. n {counted(n, 'finished task')}.",
            alt=lambda: describe_hours(frame),
            data=lambda: frame,
            key="weekday_hour",
        )
        return
    draw_heading("Failure rate by weekday and hour", MetricName.WEEKDAY_HOUR)
    st.caption(
        f"No weekday and hour has {page.settings.min_n} finished tasks in this period (n {n:,}). Choose a longer period, or "
        f"read the days of the week: {_weekdays(frame)}."
    )


def _weekdays(hours: pd.DataFrame) -> str:
    sums = hours.groupby("weekday", as_index=False)[["failed", "n"]].sum().to_dict("records")
    return ", ".join(f"{WEEKDAYS[int(row['weekday']) - 1]} {row['failed']:,} of {row['n']:,}" for row in sums)
