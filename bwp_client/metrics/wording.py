"""Words for numbers: rates, intervals, measured durations, days, the legend of a rate chart, and the state as a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

import pandas as pd

from bwp_client.metrics.attribution import Cause
from bwp_client.metrics.baseline import Baseline
from bwp_client.metrics.comparison import verdict

TOO_FEW_TO_RATE = "too few to rate"
_INTERVALS = {
    "rate": ("low", "high"),
    "previous_rate": ("previous_low", "previous_high"),
    "difference": ("difference_low", "difference_high"),
}
_MINUTE_SECONDS, _HOUR_SECONDS, _DAY_SECONDS = 60, 3_600, 86_400


def percent(value: float, decimals: int = 1) -> str:
    """Return a share as `4.1 %`, or `4 %` without decimals."""
    return f"{value * 100:.{decimals}f} %"


def points(value: float) -> str:
    """Return a difference of rates in percentage points with its sign, `+0.3 points`."""
    return f"{_signed(value)} points"


def interval(low: float, high: float) -> str:
    """Return the interval of a rate, `3.1–5.2 %`."""
    return f"{low * 100:.1f}–{high * 100:.1f} %"


def rate_with_interval(row: Mapping[Any, Any], column: str = "rate") -> str:
    """Return a rate with its interval, `4.1 % (3.1–5.2 %)`, or that there are too few outcomes to rate.

    Args:
        row: Holds the rate and its bounds.
        column: `rate`, `previous_rate` or `difference`; the difference is in points.
    """
    value = row[column]
    if pd.isna(value):
        return TOO_FEW_TO_RATE
    low, high = (row.get(bound) for bound in _INTERVALS[column])
    is_difference = column == "difference"
    text = points(value) if is_difference else percent(value)
    if low is None or high is None or pd.isna(low):
        return text
    return f"{text} ({f'{_signed(low)} to {_signed(high)}' if is_difference else interval(low, high)})"


def _signed(value: float) -> str:
    text = f"{value * 100:+.1f}"
    return "0.0" if text in {"-0.0", "+0.0"} else text


def duration(seconds: float) -> str:
    """Return a measured duration in the largest unit of which there are two: `12 s`, `3.5 h`, `9.2 days`."""
    for size, unit in ((_DAY_SECONDS, "days"), (_HOUR_SECONDS, "h"), (_MINUTE_SECONDS, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:.0f} s"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, `1 failed task`, `1,204 failed tasks`; the noun is given in the singular."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def period_length(period: timedelta) -> str:
    """Return the length of a chosen period in whole units, `4 weeks`, `10 days`, `6 hours`; `day` for one day."""
    hours = round(period.total_seconds() / _HOUR_SECONDS)
    for size, unit in ((24 * 7, "weeks"), (24, "days")):
        if hours % size == 0 and hours >= 2 * size:
            return f"{hours // size} {unit}"
    return "day" if hours == 24 else f"{hours} hours"


def day(time: date) -> str:
    """Return a day as `3 Nov 2026`."""
    return f"{time.day} {time:%b %Y}"


def days(first: date, last: date) -> str:
    """Return the days of a period as `3 to 30 Nov 2026`, with month and year only where they change; one day as the day."""
    if (first.year, first.month, first.day) == (last.year, last.month, last.day):
        return day(last)
    if first.year != last.year:
        return f"{day(first)} to {day(last)}"
    return f"{first.day}{'' if first.month == last.month else f' {first:%b}'} to {day(last)}"


def moment(time: datetime) -> str:
    """Return a time as `3 Nov 2026 14:05`; a midnight as the day only."""
    is_midnight = not (time.hour or time.minute or time.second or time.microsecond)
    return day(time) if is_midnight else f"{day(time)} {time:%H:%M}"


def minute(time: datetime, zone: tzinfo = UTC) -> str:
    """Return a time to the minute in a zone, `3 Nov 2026 14:05 UTC`."""
    local = time.astimezone(zone)
    return f"{day(local)} {local:%H:%M} {zone}"


def short_day(time: date) -> str:
    """Return a day of a year that the reader knows, `3 Nov`."""
    return f"{time.day} {time:%b}"


def baseline_name(baseline: Baseline, *, is_explained: bool = True, is_before_cut: bool = False) -> str:
    """Return the name of a rate chart's baseline, with the reason if it is not the period before.

    Args:
        baseline: From `baseline_of`.
        is_explained: False leaves the reason out.
        is_before_cut: The reason is that data of the period before are missing.
    """
    if baseline.is_before:
        return "the period before"
    lack = "lacks data" if is_before_cut else "has too few finished tasks"
    return "this period as a whole" + (f", because the period before {lack}" if is_explained else "")


def rate_legend(
    rates: pd.DataFrame,
    bucket: str,
    min_n: int,
    *,
    baseline: str | None = None,
    marks: pd.Series[str] | None = None,
    is_explained: bool = True,
) -> str:
    """Return a sentence for each kind of mark that a rate chart shows.

    Args:
        rates: `rate` (float64) and `partial` (bool) of the periods shown.
        bucket: The word for a period, such as `day` or `week`.
        min_n: Fewer outcomes than this are not rated.
        baseline: The name of the dotted line, if one is drawn.
        marks: The periods outside the baseline, from `metrics.baseline.outside`.
        is_explained: False leaves out that no period is unusual.
    """
    sentences = ["Shaded: the likely range."]
    if (rates["partial"] & rates["rate"].notna()).any():
        sentences.append(f"Hollow: partial {bucket}.")
    if baseline is not None:
        sentences.append(f"Dotted: {baseline}.")
    if baseline is not None and marks is not None:
        if marks.ne("").any():
            sentences.append("Diamond: unusually high or low.")
        elif is_explained:
            sentences.append(f"No {bucket} is unusual.")
    if rates["rate"].isna().any():
        sentences.append(f"Grey: fewer than {min_n} finished tasks, too few for a rate.")
    return " ".join(sentences)


def statement(
    row: Mapping[Any, Any],
    period: timedelta,
    cause: Cause | None,
    name_of: Callable[[str], str],
    not_compared: str | None = None,
) -> str:
    """Return the failure rate, its comparison with the period before and the cause of the change, in one sentence.

    Statements that the data do not support are left out.

    Args:
        row: The only row of a `period_comparison` frame.
        period: The period's length.
        cause: From `find_cause`.
        name_of: Returns a product's name.
        not_compared: The reason why nothing is compared with the period before, from `extent_wording.why_not_compared`.
    """
    if not row["n"]:
        return "No task of this kind ended in this period."
    if pd.isna(row["rate"]):
        return f"{row['failed']:,} of {row['n']:,} tasks failed: too few to rate."
    text = f"Failure rate {percent(row['rate'])} ({interval(row['low'], row['high'])}, n {row['n']:,})"
    compared, before = verdict(row), f"the {period_length(period)} before"
    if not_compared:
        return f"{text}, not compared with {before}: {not_compared}."
    if compared == "too few to compare":
        return f"{text}; {before} had too few outcomes to compare."
    previous = f"({percent(row['previous_rate'])})"
    if compared == "no clear change":
        return f"{text}, no clear change from {before} {previous}."
    text = f"{text}, {compared} than {before} {previous}{_because(compared, cause, name_of)}."
    if cause is None or not cause.may_be_requests:
        return text
    requests = "More" if row["failed"] > row["previous_failed"] else "Fewer"
    return f"{text} {requests} requests alone could look like this for a while: failures come sooner than completions."


def _because(compared: str, cause: Cause | None, name_of: Callable[[str], str]) -> str:
    change = "rise" if compared == "higher" else "fall"
    if cause is None:
        return ""
    if cause.is_spread:
        return f"; no single product and no single code makes up most of the {change}"
    if cause.is_mix:
        more = "more" if compared == "higher" else "fewer"
        return f"; most of the {change} is that {more} outcomes came from products that fail more often"
    parts = [
        cause.code_set or "",
        "" if cause.business_product_id is None else f"at {name_of(cause.business_product_id)}",
    ]
    if not any(parts):
        return ""
    since = "" if cause.since is None else f" since {day(cause.since)}"
    return f"; most of the {change} is {' '.join(part for part in parts if part)}{since}"
