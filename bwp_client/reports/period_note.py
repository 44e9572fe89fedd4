"""Sentences that name the UTC days of a period, and say where a team far from UTC expects other days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bwp_client.metrics.wording import duration
from bwp_client.reports.period import Period
from bwp_client.time_ranges import whole_days

_LARGEST_UTC_OFFSET = timedelta(hours=14)
"""The offset of the time zone in which a day begins first (Pacific/Kiritimati)."""


def describe_period(text: str, as_of: datetime, timezone: str) -> str | None:
    """Return the UTC days of `last-week` and the like as text; None for a period named by its dates.

    While the next period ends soon in UTC, or has begun or ended in the shop's time zone only, the text says so.

    Args:
        text: The name of a period, which `Period.parse` accepts.
        as_of: The moment from which the period is counted.
        timezone: The shop's time zone. It changes the words, never the period.
    """
    name = text.strip()
    running = Period.running(name, as_of.astimezone(UTC).date())
    if running is None:
        return None
    unit = name.removeprefix("last-")
    left = running.to_time - as_of
    ends = f"; the {unit} up to now ends in {_length(left)}" if left <= _LARGEST_UTC_OFFSET else ""
    sentences = [f"{name} is {running.previous()} (UTC){ends}."]
    local_day = as_of.astimezone(ZoneInfo(timezone)).date()
    local = Period.running(name, local_day)
    if local is not None and local.from_time > running.from_time:
        start = running.to_time.astimezone(ZoneInfo(timezone))
        sentences.append(
            f"In {timezone} the {unit} of {running} is over already. Run the command again from {start:%H:%M} on "
            f"{start:%A} there, which is 00:00 UTC."
        )
    elif local is not None and local.from_time < running.from_time:
        sentences.append(
            f"In {timezone} the {unit} of {local} is not over yet: its last hours are in the next {unit} of UTC days."
        )
    return " ".join(sentences)


def describe_ended(text: str, as_of: datetime, zone: ZoneInfo) -> tuple[Period, str] | None:
    """Return the week, month, quarter or year that ended last in a zone, and a sentence about it; None for another text.

    A report of that period holds its UTC days, which end later than the days of a zone ahead of UTC.

    Args:
        text: `last-week` or the like.
        as_of: The moment from which the period is counted.
        zone: The viewer's zone.
    """
    name = text.strip()
    running = Period.running(name, as_of.astimezone(zone).date())
    if running is None:
        return None
    period, unit = running.previous(), name.removeprefix("last-")
    sentence = f"{name} in {zone} is {period}, in UTC days"
    if period.to_time > as_of:
        end = f"its last hours in UTC end in {_length(period.to_time - as_of)}, and a report made before lacks them"
        return period, f"{sentence}; {end}."
    if period != Period.parse(name, as_of):
        end = f"the {unit} after it is over in UTC, and ends in {zone} in {_length(_end_in(zone, running) - as_of)}"
        return period, f"{sentence}; {end}."
    return period, f"{sentence}."


def _end_in(zone: ZoneInfo, period: Period) -> datetime:
    return whole_days(period.from_time.date(), (period.to_time - timedelta(days=1)).date(), zone)[1]


def _length(time: timedelta) -> str:
    return duration(time.total_seconds()).replace(".0 ", " ")
