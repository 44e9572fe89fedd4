"""Completeness of the data: days without events, products that went silent, and suspected twins of events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from bwp_client.metrics import Filters, MetricName, run_metric
from bwp_client.metrics.filters import whole_days
from bwp_client.metrics.sql_templates import render_sql
from bwp_client.warehouse.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Gap:
    """Consecutive days without a single event, where events were expected.

    Attributes:
        first_day: The first of these days, UTC.
        last_day: The last of these days, UTC.
        expected: The sum of the weekdays' medians over these days.
    """

    first_day: date
    last_day: date
    expected: float


def gaps(snapshot: Snapshot) -> list[Gap]:
    """Return the gaps between the first and the last event, the newest first; a gap needs a weekday's median of 5 or more."""
    span = snapshot.span()
    if span is None:
        return []
    frame = run_metric(snapshot, MetricName.GAPS, Filters(*whole_days(span[0].date(), span[1].date())))
    return [
        Gap(row["first_day"].date(), row["last_day"].date(), row["expected"]) for row in frame.to_dict("records")[::-1]
    ]


def last_heard(snapshot: Snapshot) -> pd.DataFrame:
    """Return the counts and the newest time of each outcome, per business product and task kind.

    A product that never sent events of a type is silent, which differs from zero failures: its time is null.

    Returns:
        `business_product_id`, `task_kind` (str), `failed`, `completed` (int64), `last_failed_at`, `last_completed_at`
        (datetime64[us, UTC]); the product with most tasks first, empty when nothing was loaded.
    """
    return snapshot.frame(render_sql("queries/last_heard.sql"))


def twins(snapshot: Snapshot) -> pd.DataFrame:
    """Return the events that differ in nothing but their event ID.

    All of them are stored. Rates count them as a single outcome, since rates count tasks.

    Returns:
        `task_id`, `event_type` (str), `occurred_at` (datetime64[us, UTC]), `events`, `sources` (int64): the number of equal
        events, and of the files or messages that hold them; the newest first, empty without twins.
    """
    return snapshot.frame(render_sql("queries/twins.sql"))
