"""One SQL file per metric, run over a snapshot with the same filters everywhere."""

from bwp_client.metrics.catalog import METRICS, MetricName
from bwp_client.metrics.filters import Bucket, Filters
from bwp_client.metrics.run import no_denominator, run_metric

__all__ = ["METRICS", "Bucket", "Filters", "MetricName", "no_denominator", "run_metric"]
