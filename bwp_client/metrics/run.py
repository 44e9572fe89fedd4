"""Runs a metric: binds the filters to its SQL and gives a typed frame."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd

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
    "run_metric",
    "sql_of",
]

MIN_N = 20


class MetricName(StrEnum):
    """Every metric; each has a SQL file of the same name."""

    FAILURE_RATE = "failure_rate"
    ERROR_CODES = "error_codes"
    ERROR_CODES_OVER_TIME = "error_codes_over_time"
    PERIOD_COMPARISON = "period_comparison"
    COVERAGE = "coverage"


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
        "all failed tasks. New: first seen in this period. Returned: seen earlier, not in the period before. Rising: at "
        "least 5 more tasks and at least half as many again as in the period before. Quiet: seen earlier, not in this "
        "period. Ongoing: everything else.",
    ),
    MetricName.ERROR_CODES_OVER_TIME: Metric(
        "Error codes over time",
        "Failed tasks by error code and date of the outcome. A task with two codes counts under each.",
    ),
    MetricName.PERIOD_COMPARISON: Metric(
        "Against the period before",
        "The failure rate of this period minus that of the period of the same length just before it, with Newcombe's "
        "95 % interval. It is called higher or lower only when that interval leaves out zero.",
    ),
    MetricName.COVERAGE: Metric(
        "Lookup coverage",
        "The share of failed tasks whose errors Buy with Prime has told us. The reasons shown speak for these only.",
    ),
}


def sql_of(name: MetricName) -> str:
    """Give a metric's SQL as it stands in its file."""
    return _text(name)


@cache
def _text(name: MetricName) -> str:
    return files("bwp_client.metrics").joinpath(f"{name.value}.sql").read_text(encoding="utf-8")


def run_metric(
    snapshot: Snapshot, name: MetricName | str, filters: Filters, *, bucket: Bucket = Bucket.DAY, min_n: int = MIN_N
) -> pd.DataFrame:
    """Compute one metric.

    Args:
        snapshot: The data.
        name: Which metric.
        filters: Which tasks count.
        bucket: How time is grouped, for metrics over time.
        min_n: Fewer outcomes than this are not rated.

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
    sql = (
        sql_of(metric)
        .replace("'bucket'", f"'{bucket.value}'")
        .replace("from counts", f"from {_counts(filters, bucket)}")
    )
    frame = snapshot.frame(sql, {key: value for key, value in parameters(filters, min_n).items() if f"${key}" in sql})
    if "period_start" in frame.columns:
        frame["period_start"] = pd.to_datetime(frame["period_start"], utc=True).astype("datetime64[us, UTC]")
        as_of = snapshot.run.finished_at
        frame["partial"] = [
            is_partial(start.to_pydatetime(), bucket, filters, as_of) for start in frame["period_start"]
        ]
    if metric is MetricName.ERROR_CODES:
        from bwp_client.metrics.codes import with_guidance

        frame = with_guidance(frame)
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


def _counts(filters: Filters, bucket: Bucket) -> str:
    """Choose the smallest summary that can answer."""
    whole_days = all(time.hour == time.minute == time.second == 0 for time in (filters.from_time, filters.to_time))
    if bucket is not Bucket.HOUR and whole_days:
        return "daily_counts"
    return "hourly_counts" if filters.business_products is None else "product_hourly_counts"
