"""Computes a metric: binds the filters to its SQL and finishes the frame."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd

from bwp_client.deadlines import DeadlineCalendar
from bwp_client.errors import UsageError
from bwp_client.events import EARLIEST_EVENT
from bwp_client.metrics.catalog import KNOWN_SHARE, METRICS, MetricName
from bwp_client.metrics.context import MetricContext
from bwp_client.metrics.extent import SelectedData
from bwp_client.metrics.filters import Bucket, Filters
from bwp_client.metrics.guidance import GuidanceTable, built_in_guidance
from bwp_client.metrics.sql_templates import SummaryTables, bound, filter_parameters, render_sql
from bwp_client.warehouse.snapshot import Snapshot

MIN_N = 20


def run_metric(
    snapshot: Snapshot,
    name: MetricName | str,
    filters: Filters,
    *,
    bucket: Bucket = Bucket.DAY,
    min_n: int = MIN_N,
    calendar: DeadlineCalendar | None = None,
    guidance: GuidanceTable | None = None,
    now: datetime | None = None,
) -> pd.DataFrame:
    """Compute one metric. No setting is read; the caller passes the shop's calendar and guidance.

    Args:
        snapshot: The data.
        name: The name of the metric.
        filters: The filters that select the tasks.
        bucket: The length of a period, for metrics over time.
        min_n: Fewer outcomes than this are not rated.
        calendar: The laws and the time zone of deadlines; GDPR and UTC by default.
        guidance: Class and next action of each error code; the product's own table by default.
        now: The moment from which days left and ages are counted; the present by default.

    Returns:
        The columns that `docs/metrics.md` lists, one row per period, code, task or comparison. Counts are int64, rates
        and shares float64 (null where there are too few outcomes to rate), times `datetime64[us, UTC]`, texts str. Without
        any matching task the frame is empty, save for metrics of one row: their counts are 0 and their rates null.

    Raises:
        UsageError: There is no such metric.
    """
    try:
        spec = METRICS[MetricName(name)]
    except ValueError:
        raise UsageError(f"There is no metric {name!r}. Metrics: {', '.join(MetricName)}.") from None
    sql = render_sql(spec.sql, bucket, SummaryTables.smallest(filters, bucket))
    data = SelectedData.of(snapshot, filters)
    values = filter_parameters(filters) | {
        "min_n": min_n,
        "known_share": KNOWN_SHARE,
        "first_event_at": snapshot.limits.first_event_at or filters.from_time,
        "newest_event_at": snapshot.limits.newest_event_at or filters.from_time,
        "purged_before": snapshot.limits.purged_before or EARLIEST_EVENT,
        "as_of": snapshot.run.finished_at,
    }
    frame = snapshot.frame(sql, bound(sql, values))
    if spec.finish is None:
        return frame
    context = MetricContext(
        filters,
        bucket,
        min_n,
        calendar or DeadlineCalendar(),
        guidance or built_in_guidance(),
        as_of=snapshot.run.finished_at,
        now=now or datetime.now(UTC),
        data=data,
    )
    return spec.finish(frame, context)
