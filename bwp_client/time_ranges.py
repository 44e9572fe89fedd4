"""Parses the beginning and the end of a period, each written as a UTC day or as a timestamp, and writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo

from bwp_client.errors import UsageError

FIRST_YEAR, LAST_YEAR = 1900, 2999
"""The accepted years. They include every event, and a period can be shifted by its own length without an overflow."""


def period_start(text: str) -> datetime:
    """Return the time that `--from` names; a date means the start of that UTC day.

    Raises:
        UsageError: The text is neither a date nor a timestamp.
    """
    return _time(text)


def period_end(text: str) -> datetime:
    """Return the exclusive end that `--to` names; a date means the end of that UTC day.

    Raises:
        UsageError: The text is neither a date nor a timestamp.
    """
    time = _time(text)
    try:
        date.fromisoformat(text.strip())
    except ValueError:
        return time
    return time + timedelta(days=1)


def window_options(start: datetime, end: datetime) -> str:
    """Return the options `--from` and `--to` that name a half-open period of whole UTC minutes."""
    return f"--from {start:%Y-%m-%dT%H:%MZ} --to {end:%Y-%m-%dT%H:%MZ}"


def day_start(text: str) -> datetime:
    """Return the start of the UTC day that `--before` names.

    Raises:
        UsageError: The text is not a date, or its year is outside the accepted years.
    """
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"{text[:40]!r} is not a date. Nothing was done: write 2026-11-03 (a UTC day).") from None
    _refuse_other_years(text, day)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def whole_days(first: date, last: date, zone: tzinfo = UTC) -> tuple[datetime, datetime]:
    """Return the half-open range of the whole days of a zone from the first to the last, both included, as UTC times."""
    after = date(last.year, last.month, last.day) + timedelta(days=1)
    start, end = (datetime(day.year, day.month, day.day, tzinfo=zone) for day in (first, after))
    return start.astimezone(UTC), end.astimezone(UTC)


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{text[:40]!r} is not a date. Nothing was done: write 2026-11-03 or 2026-11-03T09:00Z (UTC)."
        ) from None
    _refuse_other_years(text, time)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _refuse_other_years(text: str, day: date) -> None:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise UsageError(f"{text[:40]!r} is outside {FIRST_YEAR} to {LAST_YEAR}. Nothing was done.")
