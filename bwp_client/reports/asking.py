"""Asks the metrics, for a report, over the rows that it carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from bwp_client.metrics import Bucket, Filters, MetricName, run_metric
from bwp_client.reports.question import Facts, Question
from bwp_client.warehouse.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Asking:
    """The question, the rows and the facts: all that an answer depends on."""

    snapshot: Snapshot
    question: Question
    facts: Facts

    @property
    def filters(self) -> Filters:
        """The question's filters."""
        return self.question.filters

    def metric(self, name: MetricName, filters: Filters | None = None, bucket: Bucket | None = None) -> pd.DataFrame:
        """Compute a metric with the question's filters and bucket unless told otherwise."""
        return run_metric(
            self.snapshot,
            name,
            filters or self.filters,
            bucket=bucket or self.question.bucket,
            min_n=self.question.min_n,
        )

    def row(self, name: MetricName) -> Any:
        """Compute a metric that has one row."""
        (row,) = self.metric(name).to_dict("records")
        return row
