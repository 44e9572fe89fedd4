"""Buy with Prime data deletions made visible: how often they fail, why, and which are about to be late.

For notebooks and scripts::

    from bwp_client import Filters, MetricName, open_snapshot, run_metric

    snapshot = open_snapshot("./warehouse")
    run_metric(snapshot, MetricName.FAILURE_RATE, Filters.last_days(snapshot.span()[1]))

The public names; everything else may change without notice:

- `open_snapshot`: opens the newest state of a warehouse.
- `Snapshot`: a warehouse at one version of each table.
- `run_metric`: computes a metric over a snapshot, as a DataFrame.
- `MetricName`: the name of each metric.
- `METRICS`: the title and the meaning of each metric.
- `Filters`: period, task kind, business products, error codes and regions of a question.
- `Bucket`: the length of a period in a time series: hour, day, week or month.
- `no_denominator`: the business products whose failure rate can't be known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from bwp_client.deadlines import DeadlineCalendar
    from bwp_client.metrics import METRICS, Bucket, Filters, MetricName, no_denominator
    from bwp_client.metrics.guidance import GuidanceTable
    from bwp_client.warehouse.snapshot import Snapshot, open_snapshot

__version__ = "0.1.0"
__all__ = [
    "METRICS",
    "Bucket",
    "Filters",
    "MetricName",
    "Snapshot",
    "no_denominator",
    "open_snapshot",
    "run_metric",
]

_FROM_SNAPSHOT = {"Snapshot", "open_snapshot"}


def run_metric(
    snapshot: Snapshot,
    name: MetricName | str,
    filters: Filters,
    *,
    bucket: Bucket | None = None,
    min_n: int = 20,
    calendar: DeadlineCalendar | None = None,
    guidance: GuidanceTable | None = None,
    now: datetime | None = None,
) -> pd.DataFrame:
    """Compute one metric with the deadlines and the error codes file of the settings; see `bwp_client.metrics.run_metric`.

    Args:
        snapshot: The data.
        name: The name of the metric.
        filters: The filters that select the tasks.
        bucket: The length of a period, for metrics over time; by day when not given.
        min_n: Fewer outcomes than this are not rated.
        calendar: The laws and the time zone of deadlines; as the settings say when not given.
        guidance: Class and next action of each error code; as the settings say when not given.
        now: The moment from which days left and ages are counted; the present when not given.

    Returns:
        The metric's columns, listed in `docs/metrics.md`; one row per period, code, task or comparison.

    Raises:
        UsageError: There is no such metric.
        SettingsError: A setting is wrong, or the error codes file can't be read.
    """
    from bwp_client import metrics
    from bwp_client.metrics.guidance import read_guidance
    from bwp_client.settings import Settings

    settings = Settings.load()
    return metrics.run_metric(
        snapshot,
        name,
        filters,
        bucket=bucket or metrics.Bucket.DAY,
        min_n=min_n,
        calendar=calendar or settings.deadlines,
        guidance=guidance or read_guidance(settings.error_codes_file),
        now=now,
    )


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that the command line and the workers of a load start without pandas."""
    if name not in __all__:
        raise AttributeError(f"module 'bwp_client' has no attribute {name!r}")
    if name in _FROM_SNAPSHOT:
        from bwp_client.warehouse import snapshot

        return getattr(snapshot, name)
    from bwp_client import metrics

    return getattr(metrics, name)
