"""Asks the metrics, for a report, over the rows that it carries."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from bwp_client.deadlines import DeadlineCalendar
from bwp_client.metrics import Bucket, Filters, MetricName, run_metric
from bwp_client.metrics.guidance import GuidanceTable
from bwp_client.reports.spec import ReportSpec, WarehouseFacts
from bwp_client.warehouse.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class ReportContext:
    """The spec, the rows and the facts: all that an answer depends on."""

    snapshot: Snapshot
    spec: ReportSpec
    facts: WarehouseFacts
    _answers: dict[tuple[MetricName, Filters, Bucket], pd.DataFrame] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def filters(self) -> Filters:
        """The question's filters."""
        return self.spec.filters

    def metric(self, name: MetricName, filters: Filters | None = None, bucket: Bucket | None = None) -> pd.DataFrame:
        """Compute a metric with the question's filters and bucket unless told otherwise; each but once."""
        spec = self.spec
        asked = (name, filters or self.filters, bucket or spec.bucket)
        if asked not in self._answers:
            self._answers[asked] = run_metric(
                self.snapshot,
                name,
                asked[1],
                bucket=asked[2],
                min_n=spec.min_n,
                calendar=DeadlineCalendar.of(spec.deadline_rule, spec.timezone),
                guidance=GuidanceTable.of(self.facts.guidance),
                now=spec.as_of,
            )
        return self._answers[asked].copy(deep=False)

    @property
    def filters_from_first_event(self) -> Filters:
        """The question's filters, from the first event on: what failed long ago may still be open."""
        span = self.snapshot.span()
        return self.filters if span is None else self.filters.with_(from_time=min(span[0], self.filters.from_time))
