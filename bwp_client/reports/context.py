"""Asks the metrics, for a report, over the rows that it carries."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from bwp_client.deadlines import DeadlineCalendar
from bwp_client.metrics import Bucket, Filters, MetricName, run_metric
from bwp_client.metrics.guidance import GuidanceTable
from bwp_client.reports.spec import Facts, Question
from bwp_client.warehouse.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Asking:
    """The question, the rows and the facts: all that an answer depends on."""

    snapshot: Snapshot
    question: Question
    facts: Facts
    _answers: dict[tuple[MetricName, Filters, Bucket], pd.DataFrame] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def filters(self) -> Filters:
        """The question's filters."""
        return self.question.filters

    def metric(self, name: MetricName, filters: Filters | None = None, bucket: Bucket | None = None) -> pd.DataFrame:
        """Compute a metric with the question's filters and bucket unless told otherwise; each but once."""
        question = self.question
        asked = (name, filters or self.filters, bucket or question.bucket)
        if asked not in self._answers:
            self._answers[asked] = run_metric(
                self.snapshot,
                name,
                asked[1],
                bucket=asked[2],
                min_n=question.min_n,
                calendar=DeadlineCalendar.of(question.deadline_rule, question.timezone),
                guidance=GuidanceTable.of(self.facts.guidance),
                now=question.as_of,
            )
        return self._answers[asked].copy(deep=False)

    @property
    def up_to_the_end(self) -> Filters:
        """The question's filters, from the first event on: what failed long ago may still be open."""
        span = self.snapshot.span()
        return self.filters if span is None else self.filters.with_(from_time=min(span[0], self.filters.from_time))
