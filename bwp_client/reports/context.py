"""Computes metrics for a report from its input rows, each metric once."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from bwp_client.deadlines import DeadlineCalendar
from bwp_client.metrics import Bucket, Filters, MetricName, run_metric
from bwp_client.metrics.extent import SelectedData
from bwp_client.metrics.guidance import GuidanceTable
from bwp_client.reports.spec import ReportSpec, WarehouseFacts
from bwp_client.warehouse.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class ReportContext:
    """The specification, the input rows and the facts: everything that a report is computed from."""

    snapshot: Snapshot
    spec: ReportSpec
    facts: WarehouseFacts
    _frames: dict[tuple[MetricName, Filters, Bucket], pd.DataFrame] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def filters(self) -> Filters:
        """The filters of the report."""
        return self.spec.filters

    def metric(self, name: MetricName, filters: Filters | None = None, bucket: Bucket | None = None) -> pd.DataFrame:
        """Return a metric's frame, with the metric's own columns and dtypes; a shallow copy, computed once.

        Args:
            name: The metric.
            filters: None for the filters of the report.
            bucket: None for the bucket of the report.
        """
        spec = self.spec
        key = (name, filters or self.filters, bucket or spec.bucket)
        if key not in self._frames:
            self._frames[key] = run_metric(
                self.snapshot,
                name,
                key[1],
                bucket=key[2],
                min_n=spec.min_n,
                calendar=DeadlineCalendar.of(spec.deadline_rule, spec.timezone),
                guidance=GuidanceTable.of(self.facts.guidance),
                now=spec.as_of,
            )
        return self._frames[key].copy(deep=False)

    @property
    def data(self) -> SelectedData:
        """How far the data of the selected tasks reach."""
        return SelectedData.of(self.snapshot, self.filters)

    @property
    def filters_from_first_event(self) -> Filters:
        """The filters of the report from the first event on: a task that failed before the period may still be open."""
        span = self.snapshot.span()
        return self.filters if span is None else self.filters.with_(from_time=min(span[0], self.filters.from_time))
