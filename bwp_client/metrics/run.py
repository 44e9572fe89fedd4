"""Runs a metric: binds the filters to its SQL and gives a typed frame."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd

from bwp_client.deadlines import DeadlineCalendar
from bwp_client.errors import UsageError
from bwp_client.metrics.catalog import KNOWN_SHARE, MetricName
from bwp_client.metrics.filters import Bucket, Filters
from bwp_client.warehouse.snapshot import NOT_LOOKED_UP, UNCODED, Snapshot

__all__ = [
    "MIN_N",
    "NOT_LOOKED_UP",
    "UNCODED",
    "no_denominator",
    "rated_products",
    "run_metric",
    "sql_of",
]

MIN_N = 20


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
    values = parameters(filters, min_n) | {"known_share": KNOWN_SHARE}
    frame = snapshot.frame(sql, {key: value for key, value in values.items() if f"${key}" in sql})
    if "period_start" in frame.columns:
        frame["period_start"] = pd.to_datetime(frame["period_start"], utc=True).astype("datetime64[us, UTC]")
        as_of = snapshot.run.finished_at
        frame["partial"] = [
            pd.notna(start) and is_partial(start.to_pydatetime(), bucket, filters, as_of)
            for start in frame["period_start"]
        ]
    if metric is MetricName.SUBMISSION_RATE and len(frame):
        settles = timedelta(seconds=frame["settles_seconds"].fillna(0).iloc[0])
        ends = [bucket.end_of(start.to_pydatetime()) for start in frame["period_start"]]
        frame["partial"] |= pd.Series([end + settles > snapshot.run.finished_at for end in ends])
    if metric is MetricName.ERROR_CODES:
        from bwp_client.metrics.guidance import with_guidance

        frame = with_guidance(frame)
    if metric is MetricName.CHANGE_POINTS:
        from bwp_client.metrics.change_points import change_points

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
        Columns business_product_id and failed (tasks that the filters name).
    """
    return snapshot.frame(
        """
        select f.business_product_id, count(*) as failed
        from failed_tasks f
        join product_kinds p on p.business_product_id = f.business_product_id and p.task_kind = f.task_kind
        where f.task_kind = $task_kind and not p.has_denominator
          and f.occurred_at >= $from_time and f.occurred_at < $to_time
          and ($all_products or array_contains($business_products, f.business_product_id))
          and ($all_regions or array_contains($regions, f.region))
          and ($all_codes or f.task_id in (
              select task_id from failed_codes where task_kind = $task_kind and array_contains($codes, code)
          ))
        group by f.business_product_id order by failed desc, f.business_product_id
        """,
        {key: value for key, value in parameters(filters).items() if key not in {"before_time", "min_n"}},
    )


def _summaries(filters: Filters, bucket: Bucket) -> dict[str, str]:
    """Choose, for each name that SQL files give to counts, the smallest summary that can answer."""
    cuts = [time.astimezone(UTC) for time in (filters.from_time, filters.to_time)]
    if any(time.minute or time.second or time.microsecond for time in cuts):
        return dict.fromkeys(("counts", "product_counts", "hour_counts"), "exact_counts")
    whole_days = not any(time.hour for time in cuts)
    hours = "hourly_counts" if filters.business_products is None else "product_hourly_counts"
    return {
        "counts": "daily_counts" if bucket is not Bucket.HOUR and whole_days else hours,
        "product_counts": "daily_counts" if whole_days else "product_hourly_counts",
        "hour_counts": hours,
    }
