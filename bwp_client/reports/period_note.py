"""Sentences that name the UTC days of a period, and say where a team far from UTC expects other days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bwp_client.metrics.wording import duration
from bwp_client.reports.period import Period

_MOST_AHEAD = timedelta(hours=14)
"""The time by which the first time zone is ahead of UTC."""


def describe_period(text: str, as_of: datetime, timezone: str) -> str | None:
    """Return the UTC days of `last-week`, `last-month` or `last-year`; None for a period named by its dates.

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
    in_time = duration(left.total_seconds()).replace(".0 ", " ")
    ends = f"; the {unit} up to now ends in {in_time}" if left <= _MOST_AHEAD else ""
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
