"""Adds deadline columns to open failures and waiting requests, and merges the error codes of a task into one row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from bwp_client.deadlines import DeadlineCalendar, judge_hold
from bwp_client.metrics.context import MetricContext
from bwp_client.metrics.guidance import GuidanceTable

_SEPARATOR = " + "
_MOMENTS = ("received_at", "first_submitted_at", "submitted_at", "failed_at")
_FROM_DAYS = ["deadline", "days_left", "rule", "basis", "exact", "extended_deadline", "hold"]
_DEADLINE_COLUMNS = [*_FROM_DAYS[:-1], "hold_ends_at", "hold"]
OPEN_COLUMNS = [
    "task_id", "state", *_DEADLINE_COLUMNS, "code", "class", "action", "failed_at", "age_days", "business_product_id",
    "region", "received_at", "submitted_at", "holding_period_days", "lookup_state", "replaced_by", "closed_at",
]  # fmt: skip
WAITING_COLUMNS = [
    "task_id", *_DEADLINE_COLUMNS, "age_days", "business_product_id", "received_at", "submitted_at", "holding_period_days",
    "lookup_state", "status", "replaced_by",
]  # fmt: skip


def open_failures(frame: pd.DataFrame, context: MetricContext) -> pd.DataFrame:
    """Return one row per failed task with its deadline.

    Deadlines that can still be met come first, the nearest first; then the missed ones, the most recent first. All deadlines
    of a day end at the same moment, with the day in the shop's zone, so the tasks of a day are in the order of their business
    product and, within it, of the failure.

    Args:
        frame: The rows of `open_failures.sql`, one per task and error code.
        context: Its calendar, guidance and present moment are used.

    Returns:
        The columns `OPEN_COLUMNS`. Texts are str; `deadline` and `extended_deadline` date; `days_left`, `age_days` (since
        the failure) and `holding_period_days` Int64; `exact` boolean; the others datetime64[us, UTC]. Codes and classes of
        a task are joined by ` + `.
    """
    begins = ~frame["task_id"].duplicated().to_numpy()  # the rows of a task follow each other
    codes = frame["code"].tolist()
    starts = np.flatnonzero(begins).tolist()
    code_sets = [tuple(codes[start:end]) for start, end in pairwise([*starts, len(codes)])]
    merged = {code_set: _merge_codes(code_set, context.guidance) for code_set in set(code_sets)}
    of_task = pd.DataFrame(
        [merged[code_set] for code_set in code_sets], columns=["code", "class", "action"], dtype="str"
    )
    tasks = frame[begins].reset_index(drop=True).assign(**of_task)
    return _with_deadlines(tasks, context, age_from="failed_at")[OPEN_COLUMNS]


def waiting(frame: pd.DataFrame, context: MetricContext) -> pd.DataFrame:
    """Return one row per waiting request with its deadline, in the order of `open_failures` with the receipt as last.

    Args:
        frame: The rows of `waiting.sql`.
        context: Its calendar and present moment are used.

    Returns:
        The columns `WAITING_COLUMNS`, with the dtypes of `open_failures`; `age_days` counts from the receipt.
    """
    return _with_deadlines(frame.reset_index(drop=True), context, age_from="received_at")[WAITING_COLUMNS]


def _merge_codes(codes: tuple[str, ...], guidance: GuidanceTable) -> tuple[str, str, str]:
    known = [guidance.for_code(code) for code in codes]
    classes, actions = (dict.fromkeys(texts) for texts in zip(*((g.code_class, g.action) for g in known), strict=True))
    return _SEPARATOR.join(codes), _SEPARATOR.join(classes), " ".join(actions)


def _with_deadlines(frame: pd.DataFrame, context: MetricContext, *, age_from: str) -> pd.DataFrame:
    """Add the deadline columns, and sort by deadline, business product and the moment from which the age counts.

    All columns but `hold_ends_at` depend only on the days of the moments, so they are computed once for rows of equal days.
    """
    calendar = context.calendar
    tasks = frame.assign(hold_ends_at=_hold_ends_at(frame))
    moments = [name for name in _MOMENTS if name in tasks.columns]
    days = tasks[["business_product_id", "holding_period_days"]].assign(
        **{name: _days(tasks[name], calendar) for name in (*moments, "hold_ends_at")}
    )
    group_of_row = days.groupby([*days.columns], dropna=False, sort=False).ngroup().to_numpy()
    _, first_row_of_group = np.unique(group_of_row, return_index=True)
    rows = [
        _deadline_row(item, calendar, context.now, age_from)
        for item in _records(tasks.iloc[first_row_of_group], moments)
    ]
    deadlines = pd.DataFrame(rows, columns=[*_FROM_DAYS, "age_days"]).take(group_of_row).set_axis(frame.index)
    for name in ("days_left", "age_days"):
        deadlines[name] = deadlines[name].astype("Int64")
    deadlines["exact"] = deadlines["exact"].astype("boolean")
    tasks = pd.concat([tasks, deadlines], axis=1)
    tasks["holding_period_days"] = tasks["holding_period_days"].astype("Int64")
    return by_deadline(tasks, "business_product_id", age_from, "task_id")


def by_deadline(tasks: pd.DataFrame, *then: str) -> pd.DataFrame:
    """Return tasks by the nearest deadline, those that can still be met first, and by further columns within a day."""
    days_left = tasks["days_left"]
    order = tasks[list(then)].assign(over=days_left < 0, distance=days_left.abs())
    return tasks.loc[order.sort_values(["over", "distance", *then]).index].reset_index(drop=True)


def _hold_ends_at(frame: pd.DataFrame) -> pd.Series:
    held = pd.to_timedelta(frame["holding_period_days"].astype("Float64").to_numpy(float, na_value=np.nan), unit="D")
    return (pd.to_datetime(frame["submitted_at"], utc=True) + held).astype("datetime64[us, UTC]")


def _days(moments: pd.Series, calendar: DeadlineCalendar) -> pd.Series:
    """Return the days of moments in the shop's zone, as naive midnights."""
    days: pd.Series = pd.to_datetime(moments, utc=True).dt.tz_convert(calendar.zone).dt.tz_localize(None).dt.floor("D")
    return days


def _records(frame: pd.DataFrame, moments: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows as dicts of plain Python values: faster than `to_dict` and without NaT."""
    names = ["business_product_id", "holding_period_days", *moments]
    columns = []
    for name in names:
        values = frame[name].astype(object).where(frame[name].notna(), None).tolist()
        columns.append([value.to_pydatetime() if isinstance(value, pd.Timestamp) else value for value in values])
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def _deadline_row(item: dict[str, Any], calendar: DeadlineCalendar, now: datetime, age_from: str) -> tuple[Any, ...]:
    """Return the values of `_FROM_DAYS` and `age_days`."""
    product, submitted = item["business_product_id"], item["submitted_at"]
    held = None if item["holding_period_days"] is None else int(item["holding_period_days"])
    began = item[age_from]
    age = None if began is None else (calendar.day_of(now) - calendar.day_of(began)).days
    deadline = calendar.deadline(
        product,
        received_at=item["received_at"],
        submitted_at=item["first_submitted_at"],
        failed_at=item.get("failed_at"),
    )
    if deadline is None:
        return None, None, calendar.rule_for(product).value, None, None, None, "", age
    hold = judge_hold(deadline, submitted_at=submitted, holding_period_days=held, now=now)
    return (
        deadline.last_day, calendar.days_left(deadline, now), deadline.rule.value, deadline.basis.value,
        deadline.is_exact, deadline.extended_last_day, hold.value, age,
    )  # fmt: skip
