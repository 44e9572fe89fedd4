"""Runs a metric: binds the filters to its SQL and gives a typed frame."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd

from bwp_client.deadlines import DeadlineCalendar
from bwp_client.errors import UsageError
from bwp_client.metrics.filters import Bucket, Filters
from bwp_client.warehouse.snapshot import NOT_LOOKED_UP, UNCODED, Snapshot

__all__ = [
    "METRICS",
    "MIN_N",
    "NOT_LOOKED_UP",
    "UNCODED",
    "Metric",
    "MetricName",
    "no_denominator",
    "rated_products",
    "run_metric",
    "sql_of",
]

MIN_N = 20


class MetricName(StrEnum):
    """Every metric; each has a SQL file of the same name."""

    FAILURE_RATE = "failure_rate"
    ERROR_CODES = "error_codes"
    ERROR_CODES_OVER_TIME = "error_codes_over_time"
    CODE_SETS = "code_sets"
    TIME_TO_OUTCOME = "time_to_outcome"
    PERIOD_COMPARISON = "period_comparison"
    CONTRIBUTORS = "contributors"
    CHANGE_POINTS = "change_points"
    WEEKDAY_HOUR = "weekday_hour"
    COVERAGE = "coverage"
    GAPS = "gaps"
    OPEN_FAILURES = "open_failures"
    WAITING = "waiting"
    DISCLOSURE = "disclosure"
    LOOKUP_STATES = "lookup_states"


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric is called on screen and what its number means."""

    title: str
    meaning: str


METRICS: dict[MetricName, Metric] = {
    MetricName.FAILURE_RATE: Metric(
        "Failure rate",
        "Failed tasks ÷ (failed + completed tasks), by the date of the outcome. The range is the 95 % Wilson interval: "
        "with so few or so many outcomes, the true rate lies in it 19 times of 20. Failures can come within seconds and "
        "completions after 40 days, so a surge of requests alone can move the rate. Under the minimum n only counts are "
        "shown.",
    ),
    MetricName.ERROR_CODES: Metric(
        "Error codes",
        "Failed tasks by the error code that Buy with Prime gives. A task with two codes counts under each; shares are of "
        "all failed tasks. New: first seen in this period. Returned: seen earlier, but not in the period before. Rising: "
        "at least 5 more tasks than in the period before, a share of all outcomes at least half as high again, and more "
        "than luck explains 19 times of 20; more requests alone make nothing rise. Quiet: seen earlier, not in this "
        "period. Ongoing: everything else. Where the data begin too late to tell, a code is ongoing.",
    ),
    MetricName.ERROR_CODES_OVER_TIME: Metric(
        "Error codes over time",
        "Failed tasks by error code and date of the outcome. A task with two codes counts under each.",
    ),
    MetricName.CODE_SETS: Metric(
        "Codes that come together",
        "Failed tasks by all the codes that each one has. Each task counts once, so the shares add up to the whole.",
    ),
    MetricName.TIME_TO_OUTCOME: Metric(
        "Time to outcome",
        "From submission, as Buy with Prime tells it, to the event that says how the task ended. Half of the tasks took "
        "no longer than the median, 9 of 10 no longer than the 90th percentile, 99 of 100 no longer than the 99th, which "
        "needs 100 tasks. Only looked-up tasks count: completed ones are looked up by enrich --completed alone.",
    ),
    MetricName.PERIOD_COMPARISON: Metric(
        "Against the period before",
        "The failure rate of this period minus that of the period of the same length just before it, with Newcombe's "
        "95 % interval. It is called higher or lower only when that interval leaves out zero.",
    ),
    MetricName.CONTRIBUTORS: Metric(
        "What changed",
        "The change of the failure rate against the period before, split exactly. Rate: the product itself failed more or "
        "less often. Mix: more or fewer of all outcomes came from a product that fails more or less than the others. Both, "
        "over all products, add up to the change (Kitagawa, 1955). For codes: failed tasks with exactly these codes ÷ all "
        "outcomes, now minus before; these add up to the change too.",
    ),
    MetricName.CHANGE_POINTS: Metric(
        "Changes",
        "Days from which on the failure rate was another for a week or more. Expected failures follow the weekday, so a "
        "weekly rhythm is no change. Each search is tested by simulation (circular binary segmentation): a steady series "
        "shows a change in 1 of 100 searches. Before and after reach to the neighbouring changes, with 95 % Wilson "
        "intervals; the change very likely lies between earliest and latest.",
    ),
    MetricName.WEEKDAY_HOUR: Metric(
        "Weekday and hour",
        "The failure rate of all outcomes that came on this weekday in this hour, both UTC. Cells under the minimum n are "
        "left empty.",
    ),
    MetricName.COVERAGE: Metric(
        "Lookup coverage",
        "The share of failed tasks whose errors Buy with Prime has told us. The reasons shown speak for these only.",
    ),
    MetricName.GAPS: Metric(
        "Gaps",
        "Days without a single event of any kind, where this weekday has 5 or more at the median over all data. Products "
        "and regions narrow it; task kind and codes do not.",
    ),
    MetricName.OPEN_FAILURES: Metric(
        "Open failures",
        "Tasks that failed in the period. Open: neither closed nor replaced by a completed task. Recovered: replaced by one "
        "that completed. Closed: settled in another way. Days left: to the last day that the law allows, 0 on that day, "
        "negative when it is over. It is exact when counted from the shop's receipt; counted from the submission or the "
        "failure it is an upper bound, since the clock started earlier. Weekends and holidays at the end never add a day "
        "here, and no extension is taken.",
    ),
    MetricName.WAITING: Metric(
        "Waiting requests",
        "Requests that the shop lists, not closed, whose task has no event yet, whenever they were received. Without a "
        "receipt or a lookup there is no deadline to tell.",
    ),
    MetricName.DISCLOSURE: Metric(
        "Yearly disclosure",
        "Received: requests that began in the period, by the shop's list, else by the submission where a task was looked "
        "up; one submitted again counts once. Completed and failed: tasks by the date of the outcome. Days: from the "
        "beginning to completion, over the completed tasks whose beginning is known (timed).",
    ),
    MetricName.LOOKUP_STATES: Metric(
        "Where lookups stand",
        "Failed tasks by what asking Buy with Prime about them came to, and why; shares are of all failed tasks. Found: its "
        "errors are known. Pending, and failed with a time to ask again: asked about again by a later run. Not found, "
        "denied, and failed without such a time: not asked about again unless told so.",
    ),
}


def sql_of(name: MetricName) -> str:
    """Give a metric's SQL as it stands in its file."""
    return _text(name)


@cache
def _text(name: MetricName) -> str:
    return files("bwp_client.metrics").joinpath(f"{name.value}.sql").read_text(encoding="utf-8")


def run_metric(
    snapshot: Snapshot,
    name: MetricName | str,
    filters: Filters,
    *,
    bucket: Bucket = Bucket.DAY,
    min_n: int = MIN_N,
    calendar: DeadlineCalendar | None = None,
    now: datetime | None = None,
) -> pd.DataFrame:
    """Compute one metric.

    Args:
        snapshot: The data.
        name: Which metric.
        filters: Which tasks count.
        bucket: How time is grouped, for metrics over time.
        min_n: Fewer outcomes than this are not rated.
        calendar: How deadlines are counted; as the settings say when not given.
        now: The moment that days left are counted from; the real one when not given.

    Returns:
        The metric's columns in the order of its SQL, one row per period, code or comparison; empty when nothing counts.
        Metrics over time also say which periods are `partial`: cut by the filter or still running as of the snapshot.

    Raises:
        UsageError: There is no such metric.
    """
    try:
        metric = MetricName(name)
    except ValueError:
        raise UsageError(f"There is no metric {name!r}. Metrics: {', '.join(MetricName)}.") from None
    sql = sql_of(metric).replace("'bucket'", f"'{bucket.value}'")
    for name, summary in _summaries(filters, bucket).items():
        sql = sql.replace(f"from {name}\n", f"from {summary}\n")
    frame = snapshot.frame(sql, {key: value for key, value in parameters(filters, min_n).items() if f"${key}" in sql})
    if "period_start" in frame.columns:
        frame["period_start"] = pd.to_datetime(frame["period_start"], utc=True).astype("datetime64[us, UTC]")
        as_of = snapshot.run.finished_at
        frame["partial"] = [
            pd.notna(start) and is_partial(start.to_pydatetime(), bucket, filters, as_of)
            for start in frame["period_start"]
        ]
    if metric is MetricName.ERROR_CODES:
        from bwp_client.metrics.codes import with_guidance

        frame = with_guidance(frame)
    if metric is MetricName.CHANGE_POINTS:
        from bwp_client.metrics.changes import change_points

        frame["day"] = pd.to_datetime(frame["day"], utc=True).astype("datetime64[us, UTC]")
        frame = change_points(frame, min_n=min_n)
    if metric in (MetricName.OPEN_FAILURES, MetricName.WAITING):
        from bwp_client.metrics import worklist
        from bwp_client.settings import Settings

        add = worklist.open_failures if metric is MetricName.OPEN_FAILURES else worklist.waiting
        frame = add(frame, calendar or Settings.load().deadlines, now or datetime.now(UTC))
    return frame


def parameters(filters: Filters, min_n: int = MIN_N) -> dict[str, Any]:
    """Give the values that the SQL files name with a dollar sign."""
    return {
        "task_kind": filters.task_kind.value,
        "from_time": filters.from_time,
        "to_time": filters.to_time,
        "before_time": filters.before_time,
        "all_products": filters.business_products is None,
        "business_products": list(filters.business_products or ("",)),
        "all_codes": filters.codes is None,
        "codes": list(filters.codes or ("",)),
        "all_regions": filters.regions is None,
        "regions": list(filters.regions or ("",)),
        "min_n": min_n,
    }


def is_partial(start: datetime, bucket: Bucket, filters: Filters, as_of: datetime) -> bool:
    """Tell whether a bucket is cut by the filter or was still running as of the snapshot."""
    return start < filters.from_time or bucket.end_of(start) > min(filters.to_time, as_of)


def rated_products(snapshot: Snapshot, filters: Filters) -> list[str]:
    """Give the business products that rates are given for, those with most tasks first."""
    listed = snapshot.rows(
        """
        select business_product_id from product_kinds
        where task_kind = $task_kind and has_denominator
          and ($all_products or array_contains($business_products, business_product_id))
        order by tasks desc, business_product_id
        """,
        {
            key: value
            for key, value in parameters(filters).items()
            if key in {"task_kind", "all_products", "business_products"}
        },
    )
    return [product for (product,) in listed]


def no_denominator(snapshot: Snapshot, filters: Filters) -> pd.DataFrame:
    """Name the products left out of rates because not one COMPLETED event of theirs was ever loaded.

    Returns:
        Columns business_product_id and failed (tasks in the filters' period).
    """
    return snapshot.frame(
        """
        select business_product_id, cast(sum(tasks) as bigint) as failed
        from daily_counts
        where task_kind = $task_kind and not has_denominator
          and bucket_start >= $from_time and bucket_start < $to_time
          and ($all_products or array_contains($business_products, business_product_id))
          and ($all_regions or array_contains($regions, region))
        group by business_product_id order by failed desc, business_product_id
        """,
        {
            key: value
            for key, value in parameters(filters).items()
            if key not in {"before_time", "all_codes", "codes", "min_n"}
        },
    )


def _summaries(filters: Filters, bucket: Bucket) -> dict[str, str]:
    """Choose, for each name that SQL files give to counts, the smallest summary that can answer."""
    whole_days = all(time.hour == time.minute == time.second == 0 for time in (filters.from_time, filters.to_time))
    hours = "hourly_counts" if filters.business_products is None else "product_hourly_counts"
    return {
        "counts": "daily_counts" if bucket is not Bucket.HOUR and whole_days else hours,
        "product_counts": "daily_counts" if whole_days else "product_hourly_counts",
        "hour_counts": hours,
    }
