"""Buy with Prime data deletions made visible: how often they fail, why, and which are about to be late.

For notebooks and scripts::

    from bwp_client import Filters, MetricName, open_snapshot, run_metric

    snapshot = open_snapshot("./warehouse")
    run_metric(snapshot, MetricName.FAILURE_RATE, Filters.last_days(snapshot.span()[1]))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bwp_client.metrics import METRICS, Bucket, Filters, MetricName, no_denominator, run_metric
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


def __getattr__(name: str) -> Any:
    """Import on first use: the command line and the loader's workers start without pandas."""
    if name not in __all__:
        raise AttributeError(f"module 'bwp_client' has no attribute {name!r}")
    if name in _FROM_SNAPSHOT:
        from bwp_client.warehouse import snapshot

        return getattr(snapshot, name)
    from bwp_client import metrics

    return getattr(metrics, name)
