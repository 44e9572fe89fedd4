"""The filters that every metric takes, the same on the command line, in a page's URL and in a report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from bwp_client.errors import UsageError
from bwp_client.events import TaskKind
from bwp_client.time_ranges import period_end, period_start, whole_days

__all__ = ["DEFAULT_DAYS", "Bucket", "Filters", "filters_between", "whole_days"]

DEFAULT_DAYS = 28


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
        return (
            start
            + {Bucket.HOUR: timedelta(hours=1), Bucket.DAY: timedelta(days=1), Bucket.WEEK: timedelta(weeks=1)}[self]
        )


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


def filters_between(from_: str | None, to: str | None, *, data_end: datetime, **others: Any) -> Filters:
    """Give filters for a period as written; an end left out is the data's last day, a start 28 days before the end.

    Args:
        from_: A date or timestamp, or None.
        to: A date or timestamp, or None.
        data_end: The newest event time counted.
        others: The other filters.

    Raises:
        UsageError: Neither a date nor a timestamp, or the end is not after the start.
    """
    end = period_end(to) if to else Filters.last_days(data_end).to_time
    start = period_start(from_) if from_ else end - timedelta(days=DEFAULT_DAYS)
    return Filters(start, end, **others)
