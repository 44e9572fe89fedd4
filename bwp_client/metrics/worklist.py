"""Adds to tasks by when they must be done, and folds a task's error codes into one row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from bwp_client.deadlines import DeadlineCalendar, judge_hold
from bwp_client.metrics.context import MetricContext
from bwp_client.metrics.guidance import GuidanceTable

JOIN = " + "
_OF_DAYS = ["deadline", "days_left", "rule", "basis", "exact", "extended_deadline", "hold"]
_LATE = [*_OF_DAYS[:-1], "hold_ends_at", "hold"]
OPEN_COLUMNS = [
    "task_id", "state", *_LATE, "code", "class", "action", "failed_at", "age_days", "business_product_id", "region",
    "received_at", "submitted_at", "holding_period_days", "lookup_state", "replaced_by", "closed_at",
]  # fmt: skip
WAITING_COLUMNS = [
    "task_id", *_LATE, "age_days", "business_product_id", "received_at", "submitted_at", "holding_period_days",
    "lookup_state", "status", "replaced_by",
]  # fmt: skip


def open_failures(frame: pd.DataFrame, context: MetricContext) -> pd.DataFrame:
    """Give one row per failed task, nearest deadline first; `age_days` counts from the failure.

    Nearest first means: the days still ahead, the soonest first, then those over, the latest first.
    """
    codes: dict[str, list[str]] = {}  # pandas' own grouping takes a third of the whole time
    for task_id, code in zip(frame["task_id"].tolist(), frame["code"].tolist(), strict=True):
        codes.setdefault(task_id, []).append(code)
    tasks = frame.drop_duplicates("task_id").reset_index(drop=True)
    sets = [tuple(codes[task_id]) for task_id in tasks["task_id"].tolist()]
    folded = {codes_of: _fold(codes_of, context.guidance) for codes_of in set(sets)}
    of_task = [folded[codes_of] for codes_of in sets]
    tasks = tasks.assign(
        code=[item[0] for item in of_task],
        **{"class": [item[1] for item in of_task], "action": [item[2] for item in of_task]},
    )
    return _late(tasks, context.calendar, context.now, "failed_at")[OPEN_COLUMNS]


def waiting(frame: pd.DataFrame, context: MetricContext) -> pd.DataFrame:
    """Give one row per request, nearest deadline first; `age_days` counts from the receipt."""
    return _late(frame.reset_index(drop=True), context.calendar, context.now, "received_at")[WAITING_COLUMNS]


def _fold(codes: tuple[str, ...], guidance: GuidanceTable) -> tuple[str, str, str]:
    known = [guidance.for_code(code) for code in codes]
    classes, actions = (dict.fromkeys(texts) for texts in zip(*((g.code_class, g.action) for g in known), strict=True))
    return JOIN.join(codes), JOIN.join(classes), " ".join(actions)


def _late(frame: pd.DataFrame, calendar: DeadlineCalendar, now: datetime, age_from: str) -> pd.DataFrame:
    """Add when each row must be done: all but `hold_ends_at` depends on days alone, so rows of equal days are dated once."""
    found = frame.assign(hold_ends_at=_hold_ends_at(frame))
    moments = [
        "received_at",
        "first_submitted_at",
        "submitted_at",
        *(["failed_at"] if "failed_at" in frame.columns else []),
    ]
    alike = found[["business_product_id", "holding_period_days"]].assign(
        **{name: _days(found[name], calendar) for name in (*moments, "hold_ends_at")}
    )
    set_of = alike.groupby([*alike.columns], dropna=False, sort=False).ngroup().to_numpy()
    _, first_of = np.unique(set_of, return_index=True)
    rows = [_row(item, calendar, now, age_from) for item in _moments(found.iloc[first_of], moments)]
    late = pd.DataFrame(rows, columns=[*_OF_DAYS, "age_days"]).take(set_of).set_axis(frame.index)
    for name in ("days_left", "age_days"):
        late[name] = late[name].astype("Int64")
    late["exact"] = late["exact"].astype("boolean")
    found = pd.concat([found, late], axis=1)
    found["holding_period_days"] = found["holding_period_days"].astype("Int64")
    days = found["days_left"]
    order = pd.DataFrame({"over": days < 0, "distance": days.abs(), "task": found["task_id"]})
    return found.loc[order.sort_values(["over", "distance", "task"]).index].reset_index(drop=True)


def _hold_ends_at(frame: pd.DataFrame) -> pd.Series:
    held = pd.to_timedelta(frame["holding_period_days"].astype("Float64").to_numpy(float, na_value=np.nan), unit="D")
    return (pd.to_datetime(frame["submitted_at"], utc=True) + held).astype("datetime64[us, UTC]")


def _days(moments: pd.Series, calendar: DeadlineCalendar) -> pd.Series:
    days: pd.Series = pd.to_datetime(moments, utc=True).dt.tz_convert(calendar.zone).dt.tz_localize(None).dt.floor("D")
    return days


def _moments(frame: pd.DataFrame, moments: list[str]) -> Iterator[dict[str, Any]]:
    names = ["business_product_id", "holding_period_days", *moments]
    columns = []
    for name in names:
        values = frame[name].astype(object).where(frame[name].notna(), None).tolist()
        columns.append([value.to_pydatetime() if isinstance(value, pd.Timestamp) else value for value in values])
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def _row(item: dict[str, Any], calendar: DeadlineCalendar, now: datetime, age_from: str) -> tuple[Any, ...]:
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
