"""The metrics: each is a SQL template over a snapshot, with the same filters everywhere."""

from bwp_client.metrics.catalog import METRICS, MetricName
from bwp_client.metrics.filters import Bucket, Filters
from bwp_client.metrics.queries import no_denominator
from bwp_client.metrics.run import run_metric

__all__ = ["METRICS", "Bucket", "Filters", "MetricName", "no_denominator", "run_metric"]
