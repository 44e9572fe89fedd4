"""Alert rules: conditions on the newest data. A rule that fires needs a person, and says why it fired."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import pandas as pd

from bwp_client.metrics import Filters, MetricName, run_metric
from bwp_client.metrics.wording import percent
from bwp_client.monitoring.notify import Notice
from bwp_client.monitoring.thresholds import Thresholds
from bwp_client.settings import Settings
from bwp_client.warehouse.snapshot import Snapshot

_MAX_CODES_NAMED = 5


class AlertRule(StrEnum):
    """The alert rules, in the order in which they are evaluated."""

    STALE = "stale"
    FAILURE_RATE = "failure_rate"
    NEW_CODE = "new_code"
    DEADLINE = "deadline"


@dataclass(slots=True)
class Evaluation:
    """The rules that fired, and the figures that were compared with the thresholds."""

    fired: dict[str, str] = field(default_factory=dict)
    """The message of each rule that fired."""
    figures: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that `check` prints."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Inputs:
    snapshot: Snapshot
    filters: Filters
    thresholds: Thresholds
    settings: Settings
    now: datetime


@dataclass(frozen=True, slots=True)
class _Result:
    message: str | None = None
    """The reason why the rule fired; None if the rule did not fire."""
    figures: dict[str, Any] = field(default_factory=dict)


def evaluate_rules(
    snapshot: Snapshot, filters: Filters, thresholds: Thresholds, settings: Settings, now: datetime
) -> Evaluation:
    """Evaluate every alert rule.

    Args:
        snapshot: The newest data.
        filters: The tasks to count, and the period over which failures and error codes are counted.
        thresholds: The limits at which the rules fire.
        settings: Hold the minimum n, and the rule by which deadlines are counted.
        now: The moment from which the age of the newest event and the days left are counted.
    """
    inputs = _Inputs(snapshot, filters, thresholds, settings, now)
    evaluation = Evaluation()
    for rule, evaluate in _RULES.items():
        result = evaluate(inputs)
        evaluation.figures |= result.figures
        if result.message:
            evaluation.fired[rule.value] = result.message
    return evaluation


def _stale(inputs: _Inputs) -> _Result:
    span = inputs.snapshot.span()
    if span is None:
        return _Result("no event was ever loaded: look at the source and the schedule of load.")
    hours, max_hours = (inputs.now - span[1]) / timedelta(hours=1), inputs.thresholds.stale_hours
    message = f"the newest event is {hours:,.0f} h old, more than {max_hours:,.0f} h: look at the source and at load."
    return _Result(message if hours > max_hours else None, {"newest_event_hours_ago": round(hours, 1)})


def _failure_rate(inputs: _Inputs) -> _Result:
    thresholds = inputs.thresholds
    comparison = run_metric(inputs.snapshot, MetricName.PERIOD_COMPARISON, inputs.filters, min_n=inputs.settings.min_n)
    (row,) = comparison.to_dict("records")
    columns = ("failed", "n", "rate", "low", "high", "previous_rate")
    figures = {name: None if pd.isna(row[name]) else row[name] for name in columns}
    if pd.isna(row["rate"]) or row["failed"] < thresholds.min_failures or row["low"] < thresholds.min_rate:
        return _Result(figures=figures)
    before = (
        ""
        if pd.isna(row["previous_rate"])
        else f"; {percent(row['previous_rate'])} in the {thresholds.days} days before"
    )
    message = (
        f"{row['failed']:,} of {row['n']:,} tasks failed in {thresholds.days} days: {percent(row['rate'])}, at least "
        f"{percent(row['low'])} beyond doubt{before}."
    )
    return _Result(message, figures)


def _new_code(inputs: _Inputs) -> _Result:
    codes = run_metric(inputs.snapshot, MetricName.ERROR_CODES, inputs.filters)
    new = codes[codes["state"] == "new"]
    figures = {"new_codes": list(new["code"])}
    if new.empty:
        return _Result(figures=figures)
    named = [f"{row['code']} ({row['tasks']:,} tasks)" for row in new.head(_MAX_CODES_NAMED).to_dict("records")]
    more = f" and {len(new) - _MAX_CODES_NAMED} more" if len(new) > _MAX_CODES_NAMED else ""
    return _Result(f"never seen before: {', '.join(named)}{more}.", figures)


def _deadline(inputs: _Inputs) -> _Result:
    span = inputs.snapshot.span()
    if span is None:
        return _Result()
    all_time = inputs.filters.with_(from_time=min(span[0], inputs.filters.from_time))
    rows = run_metric(
        inputs.snapshot, MetricName.OPEN_FAILURES, all_time, calendar=inputs.settings.deadlines, now=inputs.now
    )
    days = rows[rows["state"] == "open"]["days_left"].dropna()
    max_days = inputs.thresholds.deadline_days
    near, over = int(days.between(0, max_days).sum()), int((days < 0).sum())
    figures = {"deadlines_near": near, "deadlines_over": over}
    if not near:
        return _Result(figures=figures)
    more = f"; {over:,} more are over." if over else "."
    first = int(days[days >= 0].min())
    return _Result(f"{near:,} open failures must be done within {max_days} days, the first in {first}{more}", figures)


_RULES: dict[AlertRule, Callable[[_Inputs], _Result]] = {
    AlertRule.STALE: _stale,
    AlertRule.FAILURE_RATE: _failure_rate,
    AlertRule.NEW_CODE: _new_code,
    AlertRule.DEADLINE: _deadline,
}


def check_notice(filters: Filters, evaluation: Evaluation) -> Notice:
    """Return the notice that names the rules that fired."""
    return Notice(
        f"Check of {filters.task_kind.lower()} tasks: {len(evaluation.fired)} of {len(AlertRule)} rules fired",
        tuple(f"{rule}: {text}" for rule, text in evaluation.fired.items()),
        topics=tuple(f"{_question(filters)} {rule}" for rule in evaluation.fired),
    )


def failure_notice(filters: Filters, message: str) -> Notice:
    """Return the notice that the rules could not be evaluated."""
    return Notice("Check: could not be made", (message,), topics=(f"{_question(filters)} failed",))


def _question(filters: Filters) -> str:
    """Return a short name for the filters, the same for every period."""
    selected = [filters.task_kind, filters.business_products, filters.regions]
    return f"check {hashlib.sha256(json.dumps(selected).encode()).hexdigest()[:8]}"
