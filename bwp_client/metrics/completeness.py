"""Is the picture complete? Days without events, products that went silent, and events that may be the same one twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from bwp_client.metrics import Filters, MetricName, run_metric
from bwp_client.metrics.filters import whole_days
from bwp_client.metrics.sql_templates import render
from bwp_client.warehouse.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Gap:
    """Days in a row without a single event, where events were expected."""

    first_day: date
    last_day: date
    expected: float
    """What the weekdays' medians add up to."""


def gaps(snapshot: Snapshot) -> list[Gap]:
    """Find days without any event between the first and the last, where the weekday's median is 5 or more; newest first."""
    span = snapshot.span()
    if span is None:
        return []
    frame = run_metric(snapshot, MetricName.GAPS, Filters(*whole_days(span[0].date(), span[1].date())))
    return [
        Gap(row["first_day"].date(), row["last_day"].date(), row["expected"]) for row in frame.to_dict("records")[::-1]
    ]


def last_heard(snapshot: Snapshot) -> pd.DataFrame:
    """Give, per business product and task kind, how many tasks failed and completed, and when each was last heard of.

    A product that never sent one of the two types has no time there: it is silent, which is not zero failures.
    Columns: business_product_id, task_kind, failed, completed, last_failed_at, last_completed_at.
    """
    return snapshot.frame(render("queries/last_heard.sql"))


def twins(snapshot: Snapshot) -> pd.DataFrame:
    """Give events that say the same but for their ID: stored once for each ID, and counted once, for rates are by task.

    Columns: task_id, event_type, occurred_at, events, sources.
    """
    return snapshot.frame(render("queries/twins.sql"))
