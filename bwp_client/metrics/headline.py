"""The headline of the overview: how many tasks fail, what is behind it, and whether it goes on.

What the data do not support is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from bwp_client.events import TaskKind
from bwp_client.metrics.attribution import Cause
from bwp_client.metrics.comparison import verdict
from bwp_client.metrics.wording import counted, percent, short_day

_NOUNS = {TaskKind.DELETION: "deletion", TaskKind.RETRIEVAL: "retrieval"}
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class StoodOut:
    """A product that failed far more often than usual for some days.

    Attributes:
        business_product_id: The product.
        from_time: The first day.
        to_time: The day after the last; None while it goes on.
        code: The error code of at least half of the failed tasks; None if there is no such code.
    """

    business_product_id: str
    from_time: datetime
    to_time: datetime | None
    code: str | None


@dataclass(frozen=True, slots=True)
class NewCode:
    """An error code that was never seen before the period.

    Attributes:
        first_seen: The first failure with it.
        last_seen: The last failure with it.
        tasks: The number of failed tasks with it.
    """

    first_seen: datetime
    last_seen: datetime
    tasks: int


def headline(
    row: Mapping[Any, Any],
    kind: TaskKind,
    stood_out: StoodOut | None,
    cause: Cause | None,
    new_codes: Mapping[str, NewCode],
    name_of: Callable[[str], str],
    *,
    unrated: int = 0,
    not_compared: str | None = None,
    codes: Sequence[str] = (),
) -> str:
    """Return the headline.

    Args:
        row: The only row of the period's `period_comparison` frame.
        kind: The kind of the tasks.
        stood_out: The product that stood out in the period, if one did.
        cause: The cause of the change from the period before, from `attribution.find_cause`.
        new_codes: The codes that were never seen before the period, most tasks first.
        name_of: Returns a product's name.
        unrated: The number of failed tasks of products that have no rate.
        not_compared: The reason why nothing is compared with the period before.
        codes: The chosen error codes: only failures with one of them are counted.
    """
    parts = [rate_sentence(row, kind, unrated=unrated, not_compared=not_compared, codes=codes)]
    if stood_out is not None:
        parts.append(_worst(stood_out, name_of))
    elif cause is not None:
        parts.append(_cause(cause, verdict(row), name_of))
    known = set() if stood_out is None else {stood_out.code}
    known |= set() if cause is None else {cause.code_set}
    fresh = [code for code in new_codes if code not in known]
    if len(fresh) == 1:
        parts.append(_fresh(fresh[0], new_codes[fresh[0]]))
    elif fresh:
        dated = (f"{code} (since {short_day(new_codes[code].first_seen)})" for code in fresh)
        parts.append(f"{' and '.join(dated)} are new.")
    return " ".join(part for part in parts if part)


def rate_sentence(
    row: Mapping[Any, Any],
    kind: TaskKind,
    *,
    unrated: int = 0,
    not_compared: str | None = None,
    codes: Sequence[str] = (),
) -> str:
    """Return the failure rate and its comparison with the period before; arguments as for `headline`."""
    noun = _NOUNS[kind]
    failed = f"failed with {' or '.join(codes)}" if codes else "failed"
    if not row["n"]:
        return f"{counted(unrated, noun)} {failed}, without a rate." if unrated else f"No {noun}s finished."
    if pd.isna(row["rate"]):
        return f"{row['failed']:,} of {counted(row['n'], noun)} {failed}."
    text = f"{percent(row['rate'])} of {noun}s {failed}"
    if not_compared:
        return f"{text}. Not compared with the period before: {not_compared}."
    change = verdict(row)
    if change in {"higher", "lower"}:
        return f"{text}, {'up' if change == 'higher' else 'down'} from {percent(row['previous_rate'])}."
    return f"{text}, about as before ({percent(row['previous_rate'])})." if change == "no clear change" else f"{text}."


def _fresh(code: str, new: NewCode) -> str:
    first, last = short_day(new.first_seen), short_day(new.last_seen)
    until = "" if first == last else f", the last on {last}"
    return f"{code} is new since {first}: {counted(new.tasks, 'task')}{until}."


def _worst(stood_out: StoodOut, name_of: Callable[[str], str]) -> str:
    name, first = name_of(stood_out.business_product_id), stood_out.from_time
    mostly = f", mostly {stood_out.code}" if stood_out.code else ""
    if stood_out.to_time is None:
        return f"Worst: {name} since {short_day(first)}{mostly}. It is still going on."
    last = stood_out.to_time - _DAY
    days = _days(first, last)
    return f"Worst: {name}, {days}{mostly}. Over since {short_day(stood_out.to_time)}."


def _cause(cause: Cause, change: str, name_of: Callable[[str], str]) -> str:
    direction = "rise" if change == "higher" else "fall"
    if cause.is_spread:
        return f"Several products and codes share the {direction}."
    where = f"at {name_of(cause.business_product_id)}" if cause.business_product_id else ""
    parts = [part for part in (cause.code_set, where) if part]
    since = f" since {short_day(cause.since)}" if cause.since else ""
    return f"Most of the {direction}: {' '.join(parts)}{since}." if parts else ""


def _days(first: datetime, last: datetime) -> str:
    if last.date() <= first.date():
        return short_day(first)
    is_one_month = (first.year, first.month) == (last.year, last.month)
    return f"{first.day}–{short_day(last)}" if is_one_month else f"{short_day(first)}–{short_day(last)}"
