"""The state in one sentence, computed, and silent where the data don't support it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable

    from bwp_client.metrics.attribution import Cause


def verdict(row: Any) -> str:
    """Say how a period compares: higher or lower only when Newcombe's interval leaves out zero."""
    if pd.isna(row["difference"]):
        return "too few to compare"
    if row["difference_low"] > 0:
        return "higher"
    if row["difference_high"] < 0:
        return "lower"
    return "no clear change"


def percent(value: float) -> str:
    """Give a share with one decimal, `4.1 %`."""
    return f"{value * 100:.1f} %"


def statement(row: Any, period: timedelta, cause: Cause | None, name_of: Callable[[str], str]) -> str:
    """Say the failure rate, how it compares with the period before, and what the change is made of.

    Args:
        row: The one row of a `period_comparison` frame.
        period: The period's length.
        cause: From `find_cause`.
        name_of: Gives a product's name.
    """
    if not row["n"]:
        return "No task of this kind ended in this period."
    if pd.isna(row["rate"]):
        return f"{row['failed']:,} of {row['n']:,} tasks failed: too few to rate."
    text = f"Failure rate {percent(row['rate'])} ({row['low'] * 100:.1f}–{row['high'] * 100:.1f} %, n {row['n']:,})"
    said, before = verdict(row), f"the {duration(period)} before"
    if said == "too few to compare":
        return f"{text}; {before} had too few outcomes to compare."
    was = f"({percent(row['previous_rate'])})"
    if said == "no clear change":
        return f"{text}, no clear change from {before} {was}."
    text = f"{text}, {said} than {before} {was}{_because(said, cause, name_of)}."
    if cause is None or not cause.may_be_requests:
        return text
    requests = "More" if row["failed"] > row["previous_failed"] else "Fewer"
    return f"{text} {requests} requests alone could look like this for a while: what fails comes sooner than what completes."


def duration(period: timedelta) -> str:
    """Give a length of time in words: `4 weeks`, `10 days`, `6 hours`; nothing before one of it."""
    hours = round(period.total_seconds() / 3600)
    for size, unit in ((24 * 7, "weeks"), (24, "days")):
        if hours % size == 0 and hours >= 2 * size:
            return f"{hours // size} {unit}"
    return "day" if hours == 24 else f"{hours} hours"


def day(time: datetime) -> str:
    """Give a day as `3 Nov 2026`."""
    return f"{time.day} {time:%b %Y}"


def _because(said: str, cause: Cause | None, name_of: Callable[[str], str]) -> str:
    change = "rise" if said == "higher" else "fall"
    if cause is None:
        return ""
    if cause.is_spread:
        return f"; no one product and no one code makes up most of the {change}"
    if cause.is_mix:
        more = "more" if said == "higher" else "fewer"
        return f"; most of the {change} is that {more} outcomes came from products that fail more often"
    parts = [
        cause.code_set or "",
        "" if cause.business_product_id is None else f"at {name_of(cause.business_product_id)}",
    ]
    if not any(parts):
        return ""
    since = "" if cause.since is None else f" since {day(cause.since)}"
    return f"; most of the {change} is {' '.join(part for part in parts if part)}{since}"
