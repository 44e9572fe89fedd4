"""Alert rules: conditions on the newest data. A rule that fires needs a person, and says why it fired."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import pandas as pd

from bwp_client.metrics import Filters, MetricName, run_metric
from bwp_client.metrics.extent import SelectedData
from bwp_client.metrics.extent_wording import missing_data, product_limits, sentence, why_not_compared
from bwp_client.metrics.queries import list_known_products, no_denominator
from bwp_client.metrics.wording import percent
from bwp_client.monitoring.notify import Notice
from bwp_client.monitoring.silence import Silence
from bwp_client.monitoring.thresholds import Thresholds
from bwp_client.redaction import one_line
from bwp_client.settings import Settings
from bwp_client.warehouse.product_names import distinct_names, name_of, product_names
from bwp_client.warehouse.snapshot import Snapshot

_MAX_NAMED = 5


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
    """The message of each rule that fired, as one line."""
    figures: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """Sentences on what the figures lack, as one line each."""

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that `check` prints."""
        return {"fired": self.fired, "figures": self.figures}


@dataclass(frozen=True, slots=True)
class _Inputs:
    snapshot: Snapshot
    filters: Filters
    thresholds: Thresholds
    settings: Settings
    now: datetime
    name: Callable[[str], str]
    """Returns the name of a business product."""


@dataclass(frozen=True, slots=True)
class _Result:
    message: str | None = None
    """The reason why the rule fired; None if the rule did not fire."""
    figures: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def evaluate_rules(
    snapshot: Snapshot, filters: Filters, thresholds: Thresholds, settings: Settings, now: datetime
) -> Evaluation:
    """Evaluate every alert rule.

    Args:
        snapshot: The newest data.
        filters: The tasks to count, and the period over which failures and error codes are counted.
        thresholds: The limits at which the rules fire.
        settings: Hold the minimum n, the rule by which deadlines are counted, and the names of business products.
        now: The moment from which the age of the newest event and the days left are counted.
    """
    configured = product_names(snapshot.warehouse.uri, settings.product_names)
    names = distinct_names(configured, list_known_products(snapshot))
    inputs = _Inputs(snapshot, filters, thresholds, settings, now, lambda product: name_of(product, names))
    evaluation = Evaluation(notes=[one_line(text) for text in _notes_on_period(inputs)])
    for rule, evaluate in _RULES.items():
        result = evaluate(inputs)
        evaluation.figures |= result.figures
        evaluation.notes += map(one_line, result.notes)
        if result.message:
            evaluation.fired[rule.value] = one_line(result.message)
    return evaluation


def _notes_on_period(inputs: _Inputs) -> list[str]:
    """Return sentences on the part of the period, and of the period before, for which data are missing.

    The end of the data is left out: the period always runs, and `stale` says when events stop coming.
    """
    data, filters = SelectedData.of(inputs.snapshot, inputs.filters), inputs.filters
    extent = data.extent(filters.from_time, filters.to_time)
    if extent.has_none:
        return []
    products = tuple(replace(product, ends_at=None) for product in extent.products)
    begun = replace(extent, ends_at=None, products=products)
    notes = [*map(sentence, missing_data(begun)), *product_limits(begun, inputs.name)]
    if reason := why_not_compared(data.extent(filters.before_time, filters.from_time)):
        notes.append(f"Nothing is compared with the {inputs.thresholds.days} days before: {reason}.")
    return notes


def _stale(inputs: _Inputs) -> _Result:
    max_hours = inputs.thresholds.stale_hours
    silence = Silence.of(inputs.snapshot, inputs.filters, now=inputs.now, hours=max_hours)
    figures: dict[str, Any] = {
        "silent_products": [product for product, _ in silence.silent_products],
        "future_events": inputs.snapshot.limits.future_tasks,
    }
    notes = tuple(filter(None, [inputs.snapshot.limits.in_the_future]))
    if silence.newest_event_at is None:
        message = f"no event of {_tasks_named(inputs)} was ever loaded: look at the source and the schedule of load."
        return _Result(message, figures, notes)
    hours = (inputs.now - silence.newest_event_at) / timedelta(hours=1)
    figures = {"newest_event_hours_ago": round(hours, 1)} | figures
    if hours > max_hours:
        message = (
            f"the newest event is {hours:,.0f} h old, more than {max_hours:,.0f} h: look at the source and at load."
        )
        return _Result(message, figures, notes)
    if not silence.silent_products:
        return _Result(None, figures, notes)
    named = _listed(
        [
            f"{inputs.name(product)} for {(inputs.now - at) / timedelta(hours=1):,.0f} h"
            for product, at in silence.silent_products
        ]
    )
    return _Result(f"no event came from {named}, while other products sent events: look at the source.", figures, notes)


def _failure_rate(inputs: _Inputs) -> _Result:
    thresholds = inputs.thresholds
    comparison = run_metric(inputs.snapshot, MetricName.PERIOD_COMPARISON, inputs.filters, min_n=inputs.settings.min_n)
    (row,) = comparison.to_dict("records")
    columns = ("failed", "n", "rate", "low", "high", "previous_rate")
    figures = {name: None if pd.isna(row[name]) else row[name] for name in columns}
    unrated = no_denominator(inputs.snapshot, inputs.filters)
    unrated_failed = int(unrated["failed"].sum())
    figures["unrated_failed"] = unrated_failed
    messages = []
    if not (pd.isna(row["rate"]) or row["failed"] < thresholds.min_failures or row["low"] < thresholds.min_rate):
        before = (
            ""
            if pd.isna(row["previous_rate"])
            else f"; {percent(row['previous_rate'])} in the {thresholds.days} days before"
        )
        messages.append(
            f"{row['failed']:,} of {row['n']:,} tasks failed in {thresholds.days} days: {percent(row['rate'])}, at least "
            f"{percent(row['low'])} beyond doubt{before}."
        )
    if unrated_failed >= thresholds.min_failures:
        named = _listed([inputs.name(product) for product in unrated["business_product_id"]])
        messages.append(
            f"{unrated_failed:,} tasks failed in {thresholds.days} days at business products without a single COMPLETED "
            f"event, so that no rate can be given: {named}."
        )
    return _Result(" ".join(messages) or None, figures)


def _new_code(inputs: _Inputs) -> _Result:
    codes = run_metric(inputs.snapshot, MetricName.ERROR_CODES, inputs.filters)
    new = codes[codes["state"] == "new"]
    figures = {"new_codes": list(new["code"])}
    if new.empty:
        return _Result(figures=figures)
    named = _listed([f"{row['code']} ({row['tasks']:,} tasks)" for row in new.to_dict("records")])
    return _Result(f"never seen before: {named}.", figures)


def _deadline(inputs: _Inputs) -> _Result:
    span = inputs.snapshot.span()
    from_time = inputs.filters.from_time if span is None else min(span[0], inputs.filters.from_time)
    all_time = inputs.filters.with_(from_time=from_time)
    calendar, max_days = inputs.settings.deadlines, inputs.thresholds.deadline_days
    failures = run_metric(inputs.snapshot, MetricName.OPEN_FAILURES, all_time, calendar=calendar, now=inputs.now)
    requests = run_metric(inputs.snapshot, MetricName.WAITING, all_time, calendar=calendar, now=inputs.now)
    of_failures = failures[failures["state"] == "open"]["days_left"].dropna()
    of_requests = requests[requests["status"].fillna("") != "COMPLETED"]["days_left"].dropna()
    figures = {
        "deadlines_near": int(of_failures.between(0, max_days).sum()),
        "deadlines_over": int((of_failures < 0).sum()),
        "waiting_near": int(of_requests.between(0, max_days).sum()),
        "waiting_over": int((of_requests < 0).sum()),
    }
    groups = (("open failure", of_failures), ("waiting request", of_requests))
    clauses = [
        *(_near(days[days.between(0, max_days)], noun, max_days) for noun, days in groups),
        *(_over(days[days < 0], noun) for noun, days in groups),
    ]
    named = "; ".join(filter(None, clauses))
    return _Result(f"{named}." if named else None, figures)


def _near(days_left: pd.Series[Any], noun: str, max_days: int) -> str:
    if days_left.empty:
        return ""
    nouns = noun if len(days_left) == 1 else f"{noun}s"
    return f"{len(days_left):,} {nouns} must be done within {max_days} days, the first in {int(days_left.min())}"


def _over(days_left: pd.Series[Any], noun: str) -> str:
    if days_left.empty:
        return ""
    longest = f"{-int(days_left.min()):,} day{'' if days_left.min() == -1 else 's'}"
    if len(days_left) == 1:
        return f"1 {noun} is over its deadline, by {longest}"
    return f"{len(days_left):,} {noun}s are over their deadlines, by up to {longest}"


def _listed(texts: Sequence[str]) -> str:
    """Return the first texts, and the number of the others."""
    more = f" and {len(texts) - _MAX_NAMED} more" if len(texts) > _MAX_NAMED else ""
    return f"{', '.join(texts[:_MAX_NAMED])}{more}"


def _tasks_named(inputs: _Inputs) -> str:
    products, regions = inputs.filters.business_products or (), inputs.filters.regions or ()
    narrowed = [*map(inputs.name, products), *regions]
    return f"{inputs.filters.task_kind.lower()} tasks{f' of {_listed(narrowed)}' if narrowed else ''}"


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
        (*(f"{rule}: {text}" for rule, text in evaluation.fired.items()), *evaluation.notes),
        topics=tuple(f"{_question(filters)} {rule}" for rule in evaluation.fired),
    )


def check_failure_notice(filters: Filters, message: str) -> Notice:
    """Return the notice that the rules could not be evaluated."""
    return Notice("Check: could not be made", (message,), topics=(f"{_question(filters)} failed",))


def _question(filters: Filters) -> str:
    """Return a short name for the filters, the same for every period."""
    selected = [filters.task_kind, filters.business_products, filters.regions]
    return f"check {hashlib.sha256(json.dumps(selected).encode()).hexdigest()[:8]}"
