"""The filters that every metric takes, the same on the command line, in a page's URL and in a report."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Self

from bwp_client.errors import UsageError
from bwp_client.events import TaskKind

DEFAULT_DAYS = 28
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Bucket(StrEnum):
    """How time is grouped; weeks begin on Monday, all in UTC."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    def end_of(self, start: datetime) -> datetime:
        """Give where the bucket that begins at `start` ends."""
        if self is Bucket.MONTH:
            return (start.replace(day=1) + timedelta(days=32)).replace(day=1)
        return start + {Bucket.HOUR: timedelta(hours=1), Bucket.DAY: timedelta(days=1), Bucket.WEEK: timedelta(weeks=1)}[self]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which tasks count: outcome time in [`from_time`, `to_time`), aware UTC; None means every value."""

    from_time: datetime
    to_time: datetime
    task_kind: TaskKind = TaskKind.DELETION
    business_products: tuple[str, ...] | None = None
    codes: tuple[str, ...] | None = None
    regions: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.to_time <= self.from_time:
            raise UsageError("The period's end is not after its start. Nothing was computed: swap from and to.")

    @property
    def before_time(self) -> datetime:
        """Where the period of the same length just before this one begins."""
        return self.from_time - (self.to_time - self.from_time)

    @classmethod
    def last_days(cls, until: datetime, days: int = DEFAULT_DAYS) -> Self:
        """Give whole UTC days up to and with the day of `until`."""
        end = datetime(until.year, until.month, until.day, tzinfo=UTC) + timedelta(days=1)
        return cls(end - timedelta(days=days), end)

    def with_(self, **changes: object) -> Filters:
        """Give the same filters with some changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


def period_start(text: str) -> datetime:
    """Read `--from`: a date is the start of that UTC day.

    Raises:
        UsageError: Neither a date nor a timestamp.
    """
    return _time(text)


def period_end(text: str) -> datetime:
    """Read `--to`: a date includes that whole UTC day; a timestamp is where the period stops.

    Raises:
        UsageError: Neither a date nor a timestamp.
    """
    time = _time(text)
    return time + timedelta(days=1) if _DATE.fullmatch(text.strip()) else time


def whole_days(first: date, last: date) -> tuple[datetime, datetime]:
    """Give the half-open range of whole UTC days from the first to the last, both included."""
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    return start, datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{text[:40]!r} is no date. Nothing was computed: write 2026-11-03 or 2026-11-03T09:00Z (UTC)."
        ) from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
