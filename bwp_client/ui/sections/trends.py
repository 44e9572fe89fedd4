"""The parts of the trends page: what changed, since when, at which hours, how long it takes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from bwp_client.charts import codes_over_time, contributions, rate_with_changes, time_to_outcome, weekday_hour
from bwp_client.charts.rates import describe_rates
from bwp_client.charts.trends import describe_changes, describe_contributions, describe_hours
from bwp_client.metrics import Bucket, Filters, MetricName
from bwp_client.metrics.wording import duration, rate_legend, rate_with_interval
from bwp_client.ui import components
from bwp_client.ui.page import Page
from bwp_client.ui.sections import job_buttons

MOST_ROWS = 12


def show_what_changed(page: Page) -> None:
    """Split the change of the rate by product and by code."""
    frame = components.ask(page, MetricName.CONTRIBUTORS)
    if frame["contribution"].isna().all():
        components.heading("What changed", MetricName.CONTRIBUTORS)
        st.caption(f"This period or the one before has fewer than {page.settings.min_n} outcomes: too few to compare.")
        return
    of_products, of_codes = frame[frame["part"] == "product"], frame[frame["part"] == "code_set"]
    change, mix = of_products["contribution"].sum() * 100, of_products["mix_effect"].sum() * 100
    n, before = int(of_products["n"].sum()), int(of_products["previous_n"].sum())
    components.show_chart(
        page,
        "What changed, by business product",
        lambda: contributions(frame, page.names, components.theme()),
        caption=f"The change of {change:+z.2f} points is {change - mix:+z.2f} from products that failed more or less often "
        f"(rate) and {mix:+z.2f} from outcomes moving between them (mix). n {n:,} outcomes against {before:,}, "
        f"{components.as_of(page)}.",
        alt=lambda: describe_contributions(frame, page.names),
        key="contributions",
        about=(MetricName.CONTRIBUTORS,),
        opens=_of_product,
    )

    def largest() -> pd.DataFrame:
        rows = of_codes.reindex(of_codes["contribution"].abs().sort_values(ascending=False).index).head(MOST_ROWS)
        rows = rows[["code_set", "failed", "previous_failed", "contribution"]]
        return rows.assign(contribution=rows["contribution"] * 100)

    st.caption(f"The same change of {change:+.2f} points by the codes of a task, the largest parts first.")
    st.dataframe(
        components.table(page, "code contributions", largest),
        height="content",
        hide_index=True,
        column_config={
            "code_set": st.column_config.TextColumn("Error codes of one task", width="large"),
            "failed": components.count_column("Failed tasks"),
            "previous_failed": components.count_column("Period before"),
            "contribution": st.column_config.NumberColumn("Points of the rate", format="%+.2f"),
        },
        key="code_contributions",
        alt="How much each set of error codes moved the failure rate",
    )


def show_since_when(page: Page, whole: Filters) -> pd.DataFrame:
    """Draw the rate over all data with the days on which it changed; give the weekly rates."""
    weekly = components.ask(page, MetricName.FAILURE_RATE, whole, Bucket.WEEK)
    if weekly.empty:
        return weekly
    changes = components.ask(page, MetricName.CHANGE_POINTS, whole)
    legend = components.kept(page, "weekly legend", lambda: rate_legend(weekly, "week", page.settings.min_n))
    found = "1 change" if len(changes) == 1 else f"{len(changes)} changes"
    components.show_chart(
        page,
        "Failure rate by week, all data, with its changes",
        lambda: rate_with_changes(weekly, changes, components.theme()),
        caption=f"{legend} Plain line and dashes: the level between changes; {found} found, "
        "weekly rhythm taken out, 1 false alarm in 100 searches. The sidebar's other filters apply, its period does not. "
        f"n {int(weekly['n'].sum()):,} outcomes, {components.as_of(page)}.",
        alt=lambda: f"{describe_rates(weekly, 'week')} {describe_changes(changes)}",
        key="trend_rate",
        about=(MetricName.CHANGE_POINTS, MetricName.FAILURE_RATE),
    )
    if not changes.empty:
        _show_changes(page, changes)
    return weekly


def _changes_shown(changes: pd.DataFrame) -> pd.DataFrame:
    rows = changes.iloc[::-1]

    def sides(name: str) -> list[str]:
        return [
            rate_with_interval({key: row[f"{name}_{key}"] for key in ("rate", "low", "high")})
            for row in rows.to_dict("records")
        ]

    return pd.DataFrame(
        {
            "Changed on": rows["changed_at"].dt.date,
            "Not before": rows["earliest"].dt.date,
            "Not after": rows["latest"].dt.date,
            "Direction": ["higher" if up == "up" else "lower" for up in rows["direction"]],
            "Before": sides("before"),
            "n before": rows["before_n"],
            "After": sides("after"),
            "n after": rows["after_n"],
        }
    )


def _show_changes(page: Page, changes: pd.DataFrame) -> None:
    day = st.column_config.DateColumn(format="DD MMM YYYY")
    st.dataframe(
        components.table(page, "changes", lambda: _changes_shown(changes)),
        hide_index=True,
        column_config={
            **dict.fromkeys(("Changed on", "Not before", "Not after"), day),
            **{name: components.count_column(name) for name in ("n before", "n after")},
        },
        key="changes",
        alt="Days on which the failure rate changed, with the rates before and after",
    )


def show_more(page: Page, whole: Filters) -> None:
    """Draw what is looked at next, one of it at a time: the part that is open is in the address."""
    shown: dict[str, Callable[[], None]] = {
        "Error codes by week": lambda: show_codes(page, whole),
        "Weekday and hour": lambda: show_hours(page),
        "Time to outcome": lambda: show_time_to_outcome(page),
    }
    tabs = st.tabs(list(shown), key="more", on_change="rerun", bind="query-params")
    for tab, show in zip(tabs, shown.values(), strict=True):
        if tab.open:
            with tab:
                show()


def show_codes(page: Page, whole: Filters) -> None:
    """Draw the failed tasks by error code and week over all data."""
    codes = components.ask(page, MetricName.ERROR_CODES_OVER_TIME, whole, Bucket.WEEK)
    if codes.empty:
        st.text("No task of this kind failed.")
        return
    failed = int(codes.drop_duplicates("period_start")["failed"].sum())
    components.show_chart(
        page,
        "Failed tasks by error code and week, all data",
        lambda: codes_over_time(codes, components.theme(), components.colors(page)),
        caption=f"A task with two codes counts under each. n {failed:,} failed tasks, products that are not rated included, "
        f"{components.as_of(page)}.",
        alt=lambda: "Failed tasks by error code and week over all data.",
        key="trend_codes",
        about=(MetricName.ERROR_CODES_OVER_TIME,),
    )


def show_hours(page: Page) -> None:
    """Draw the failure rate by weekday and hour."""
    frame = components.ask(page, MetricName.WEEKDAY_HOUR)
    n = int(frame["n"].sum())
    if frame["rate"].notna().any():
        components.show_chart(
            page,
            "Failure rate by weekday and hour",
            lambda: weekday_hour(frame, components.theme()),
            caption=f"Empty: fewer than {page.settings.min_n} outcomes. n {n:,} outcomes, {components.as_of(page)}.",
            alt=lambda: describe_hours(frame),
            key="weekday_hour",
            about=(MetricName.WEEKDAY_HOUR,),
        )
        return
    components.heading("Failure rate by weekday and hour", MetricName.WEEKDAY_HOUR)
    st.caption(
        f"No weekday and hour has {page.settings.min_n} outcomes in this period (n {n:,}): choose a longer one, or read the "
        f"days of the week: {_weekdays(frame)}."
    )


def _weekdays(frame: pd.DataFrame) -> str:
    from bwp_client.charts.trends import WEEKDAYS

    sums = frame.groupby("weekday")[["failed", "n"]].sum()
    return ", ".join(f"{WEEKDAYS[int(day) - 1]} {row['failed']:,} of {row['n']:,}" for day, row in sums.iterrows())  # type: ignore[call-overload]


def show_time_to_outcome(page: Page) -> None:
    """Say how long tasks took until they failed or completed, and draw it over time."""
    bucket = Bucket.WEEK if page.choice.bucket in (Bucket.DAY, Bucket.HOUR) else page.choice.bucket
    frame = components.ask(page, MetricName.TIME_TO_OUTCOME, bucket=bucket)
    whole = frame[frame["period_start"].isna()]
    for outcome, title in (("FAILED", "Time until a task failed"), ("COMPLETED", "Time until a task completed")):
        rows = whole[whole["outcome"] == outcome].to_dict("records")
        if not rows or pd.isna(rows[0]["median_seconds"]):
            components.heading(title, MetricName.TIME_TO_OUTCOME)
            n = rows[0]["tasks"] if rows else 0
            st.caption(f"Too few tasks were looked up to say (n {n:,}).")
            if outcome == "COMPLETED":
                job_buttons.offer_completed(page)
            continue
        (row,) = rows
        said = [f"Half took no longer than {duration(row['median_seconds'])}"]
        said += [f"9 of 10 no longer than {duration(row['p90_seconds'])}"]
        if pd.notna(row["p99_seconds"]):
            said.append(f"99 of 100 no longer than {duration(row['p99_seconds'])}")
        components.show_chart(
            page,
            f"{title}, by {bucket}",
            partial(time_to_outcome, frame, components.theme(), outcome=outcome),
            caption=f"{', '.join(said)}. From submission; n {row['tasks']:,} looked-up tasks, {components.as_of(page)}.",
            alt=partial("{}.".format, ", ".join(said)),
            key=f"time_to_{outcome.lower()}",
            about=(MetricName.TIME_TO_OUTCOME,),
        )


def _of_product(point: object) -> dict[str, object]:
    product = point.get("customdata") if isinstance(point, dict) else None
    product = product[0] if isinstance(product, list) else product
    return {"product": str(product)} if product else {}
