"""Failure rates to lay over each other in one chart: of two periods, of business products, or of error codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from bwp_client.metrics.comparison import NOT_COMPARED, difference_of, verdict, wilson
from bwp_client.metrics.extent import SelectedData
from bwp_client.metrics.filters import Bucket, Filters
from bwp_client.metrics.wording import day, days, percent, rate_with_interval

_WEEK = timedelta(weeks=1)
_COMPARED_WITH = {
    "higher": "higher than",
    "lower": "lower than",
    "no clear change": "no clear change from",
    "too few to compare": "too few to compare with",
}


@dataclass(frozen=True, slots=True)
class ComparedRate:
    """A failure rate that is compared with others.

    Attributes:
        name: Its name in the chart and in the table.
        where: Its name in a sentence, after its rate: `in the 4 weeks before`, `at Northlight`.
        filters: The filters that select its tasks.
        whole: `failed`, `n` (int), `rate`, `low` and `high` of the whole period; null where too few tasks ended.
        over_time: A `failure_rate` frame; for periods with `position` (int64), the number of the bucket in its period.
        not_compared: The reason why it is not compared with the first; None if it is compared.
    """

    name: str
    where: str
    filters: Filters
    whole: Mapping[Any, Any]
    over_time: pd.DataFrame
    not_compared: str | None = None


def rate_by_position(
    rates_of: Callable[[Bucket], pd.DataFrame], filters: Filters, bucket: Bucket, data: SelectedData, min_n: int
) -> pd.DataFrame:
    """Return the failure rate by the number of the bucket in its period, so that periods can be laid over each other.

    Weeks are those of the period: the first is the period's first seven days, on whatever weekday it begins.

    Args:
        rates_of: Returns the `failure_rate` frame of the filters by a bucket.
        filters: The filters; their period begins and ends with a day.
        bucket: The length of a bucket.
        data: The data that the filters select.
        min_n: Fewer outcomes than this are not rated.

    Returns:
        The columns of `failure_rate`, and `position` (int64, 1 for the first bucket).
    """
    if bucket is Bucket.WEEK:
        return _weeks_of_period(rates_of(Bucket.DAY), filters, data, min_n)
    frame, first = rates_of(bucket), filters.from_time
    starts = frame["period_start"]
    if bucket is Bucket.MONTH:
        position = (starts.dt.year - first.year) * 12 + starts.dt.month - first.month
    else:
        position = (starts - first) // (bucket.end_of(first) - first)
    return frame.assign(position=(position + 1).astype("int64"))


def _weeks_of_period(daily: pd.DataFrame, filters: Filters, data: SelectedData, min_n: int) -> pd.DataFrame:
    """Return the rates by week of the period from those by day."""
    weeks = (daily["period_start"] - filters.from_time) // _WEEK
    rows = []
    for counts in daily[["failed", "completed", "n"]].groupby(weeks).sum().reset_index(names="week").to_dict("records"):
        week, failed, n = (int(counts[name]) for name in ("week", "failed", "n"))
        start = filters.from_time + week * _WEEK
        rate, low, high = wilson(failed, n) if n >= min_n else (float("nan"),) * 3
        is_partial = start + _WEEK > filters.to_time or not data.extent_of_all(start, start + _WEEK).is_whole
        rows.append(
            {"period_start": start, "failed": failed, "completed": int(counts["completed"]), "n": n, "rate": rate}
            | {"low": low, "high": high, "partial": is_partial, "position": week + 1}
        )
    frame = pd.DataFrame(rows, columns=[*daily.columns, "position"])
    return frame.astype({**daily.dtypes, "position": "int64"})


def other_period(filters: Filters, first_day: datetime) -> Filters:
    """Return the same filters over a period of the same length that begins on another day."""
    return filters.with_(from_time=first_day, to_time=first_day + (filters.to_time - filters.from_time))


def overlap(first: Filters, second: Filters) -> str | None:
    """Return a clause if two periods have days in common, as tasks in both say nothing about a difference; else None."""
    start, end = max(first.from_time, second.from_time), min(first.to_time, second.to_time)
    if start >= end:
        return None
    first_day, last_day = day(start), day(end - timedelta(days=1))
    shared = f"day {first_day}" if first_day == last_day else f"days from {first_day} to {last_day}"
    return f"the periods have the {shared} in common"


def compared(first: ComparedRate, other: ComparedRate) -> dict[str, Any]:
    """Return the difference of the first rate from another.

    Returns:
        `difference`, `difference_low`, `difference_high` (float, Newcombe's interval; NaN where nothing is compared), and
        `compared` (str, from `verdict`). The rates of two error codes are of the same tasks, so that they are not wholly
        independent; where both are below 5 %, the interval is wrong by less than a twentieth of its width.
    """
    if other.not_compared:
        nothing = dict.fromkeys(("difference", "difference_low", "difference_high"), float("nan"))
        return nothing | {"compared": NOT_COMPARED}
    difference = difference_of(other.whole, first.whole)
    return difference | {"compared": verdict(difference)}


def comparison_sentence(rates: Sequence[ComparedRate]) -> str:
    """Return how the first rate differs from the others, in one sentence.

    Args:
        rates: At least two.
    """
    first, *others = rates
    start = f"{_tasks_failed(first)} {first.where}"
    if len(others) == 1:
        (other,) = others
        if other.not_compared:
            return f"{start}, {_rate(other)} {other.where}: not compared, because {other.not_compared}."
        return f"{start}, against {_rate(other)} {other.where}: {compared(first, other)['compared']}."
    names: dict[str, list[str]] = {}
    for other in others:
        names.setdefault(compared(first, other)["compared"], []).append(other.name)
    clauses = [f"{words} {_listed(names[result])}" for result, words in _COMPARED_WITH.items() if result in names]
    return f"{start}: {', '.join(clauses)}."


def comparison_rows(rates: Sequence[ComparedRate]) -> pd.DataFrame:
    """Return a row for each compared rate, in their order.

    Returns:
        `name`, `days` (str); `failed`, `n` (int64); `rate` (str, with its interval); `first_is` (str, from `verdict`) and
        `difference` (str), both of the first rate against this row and empty in the first row.
    """
    first, rows = rates[0], []
    for item in rates:
        result = {"compared": "", "difference": ""} if item is first else compared(first, item)
        is_compared = result["compared"] not in {"", NOT_COMPARED, "too few to compare"}
        rows.append(
            {
                "name": item.name,
                "days": days(item.filters.from_time, item.filters.to_time - timedelta(days=1)),
                "failed": int(item.whole["failed"]),
                "n": int(item.whole["n"]),
                "rate": rate_with_interval(item.whole),
                "first_is": result["compared"],
                "difference": rate_with_interval(result, "difference") if is_compared else "",
            }
        )
    return pd.DataFrame(rows)


def _tasks_failed(item: ComparedRate) -> str:
    if not item.whole["n"]:
        return "No task ended"
    return f"{_rate(item)}{' of' if pd.notna(item.whole['rate']) else ''} tasks failed"


def _rate(item: ComparedRate) -> str:
    whole = item.whole
    if not whole["n"]:
        return "none"
    return f"{whole['failed']:,} of {whole['n']:,}" if pd.isna(whole["rate"]) else percent(whole["rate"])


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
