"""Does something need a person now? Four rules over the newest data; each that fires says why."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from bwp_client.metrics import Filters, MetricName, run_metric
from bwp_client.metrics.wording import percent
from bwp_client.monitoring.thresholds import Limits
from bwp_client.settings import Settings
from bwp_client.warehouse.snapshot import Snapshot

RATE, NEW_CODE, DEADLINE, SILENT = "failure_rate", "new_code", "deadline", "stale"
MAX_NAMED = 5


@dataclass(slots=True)
class Checked:
    """What was looked at and which rules fired."""

    fired: dict[str, str] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Give the command line's JSON object."""
        return asdict(self)


def check(snapshot: Snapshot, filters: Filters, limits: Limits, settings: Settings, now: datetime) -> Checked:
    """Apply every rule.

    Args:
        snapshot: The newest data.
        filters: Which tasks count; its period is what rates and codes are looked at over.
        limits: When the rules fire.
        settings: The minimum n, and how deadlines are counted.
        now: What age and days left are counted from.
    """
    checked = Checked()
    for rule, text in (
        (SILENT, _silent(snapshot, limits, now, checked)),
        (RATE, _rate(snapshot, filters, limits, settings, checked)),
        (NEW_CODE, _new_codes(snapshot, filters, checked)),
        (DEADLINE, _deadlines(snapshot, filters, limits, settings, now, checked)),
    ):
        if text:
            checked.fired[rule] = text
    return checked


def last_days(now: datetime, days: int) -> Filters:
    """Give the days up to now, the running one included."""
    return Filters.last_days(now, days)


def _silent(snapshot: Snapshot, limits: Limits, now: datetime, checked: Checked) -> str | None:
    span = snapshot.span()
    if span is None:
        return "no event was ever loaded: look at the source and the schedule of load."
    hours = (now - span[1]) / timedelta(hours=1)
    checked.figures["newest_event_hours_ago"] = round(hours, 1)
    if hours <= limits.stale_hours:
        return None
    return f"the newest event is {hours:,.0f} h old, more than {limits.stale_hours:,.0f} h: look at the source and at load."


def _rate(snapshot: Snapshot, filters: Filters, limits: Limits, settings: Settings, checked: Checked) -> str | None:
    (row,) = run_metric(snapshot, MetricName.PERIOD_COMPARISON, filters, min_n=settings.min_n).to_dict("records")
    checked.figures |= {
        name: None if pd.isna(row[name]) else row[name]
        for name in ("failed", "n", "rate", "low", "high", "previous_rate")
    }
    if pd.isna(row["rate"]) or row["failed"] < limits.min_failures or row["low"] < limits.min_rate:
        return None
    before = (
        "" if pd.isna(row["previous_rate"]) else f"; {percent(row['previous_rate'])} in the {limits.days} days before"
    )
    return (
        f"{row['failed']:,} of {row['n']:,} tasks failed in {limits.days} days: {percent(row['rate'])}, at least "
        f"{percent(row['low'])} beyond doubt{before}."
    )


def _new_codes(snapshot: Snapshot, filters: Filters, checked: Checked) -> str | None:
    codes = run_metric(snapshot, MetricName.ERROR_CODES, filters)
    new = codes[codes["state"] == "new"]
    checked.figures["new_codes"] = list(new["code"])
    if new.empty:
        return None
    named = [f"{row['code']} ({row['tasks']:,} tasks)" for row in new.head(MAX_NAMED).to_dict("records")]
    more = f" and {len(new) - MAX_NAMED} more" if len(new) > MAX_NAMED else ""
    return f"never seen before: {', '.join(named)}{more}."


def _deadlines(
    snapshot: Snapshot, filters: Filters, limits: Limits, settings: Settings, now: datetime, checked: Checked
) -> str | None:
    span = snapshot.span()
    if span is None:
        return None
    all_time = filters.with_(from_time=min(span[0], filters.from_time))
    rows = run_metric(snapshot, MetricName.OPEN_FAILURES, all_time, calendar=settings.deadlines, now=now)
    days = rows[rows["state"] == "open"]["days_left"].dropna()
    near, over = int(days.between(0, limits.deadline_days).sum()), int((days < 0).sum())
    checked.figures |= {"deadlines_near": near, "deadlines_over": over}
    if not near:
        return None
    return (
        f"{near:,} open failures must be done within {limits.deadline_days} days, the first in {int(days[days >= 0].min())}"
        + (f"; {over:,} more are over." if over else ".")
    )
