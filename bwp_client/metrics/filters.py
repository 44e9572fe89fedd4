"""The filters of every metric, the same on the command line, in a page's URL and in a report, and the time buckets."""

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
    """The length of a period in a time series. Periods are in UTC, and weeks begin on Monday."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    def end_of(self, start: datetime) -> datetime:
        """Return the end of the bucket that begins at `start`."""
        if self is Bucket.MONTH:
            return (start.replace(day=1) + timedelta(days=32)).replace(day=1)
        return (
            start
            + {Bucket.HOUR: timedelta(hours=1), Bucket.DAY: timedelta(days=1), Bucket.WEEK: timedelta(weeks=1)}[self]
        )


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters that select the tasks of a metric.

    Attributes:
        from_time: The outcome is at this time or later; aware.
        to_time: The outcome is before this time; aware.
        task_kind: The kind of the task.
        business_products: IDs of business products; None for all.
        codes: Error codes; None for all. In rates, they narrow the numerator only.
        regions: AWS regions; None for all.

    Raises:
        UsageError: The period's end is not after its start.
    """

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
        """The beginning of the period before, which ends where this one begins, and is as long if the calendar allows it."""
        try:
            return self.from_time - (self.to_time - self.from_time)
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)

    def period_before(self) -> Filters:
        """Return the same filters over the period before."""
        return replace(self, from_time=self.before_time, to_time=self.from_time)

    @classmethod
    def last_days(cls, until: datetime, days: int = DEFAULT_DAYS) -> Self:
        """Return filters over whole UTC days; the last is the day of `until`."""
        end = datetime(until.year, until.month, until.day, tzinfo=UTC) + timedelta(days=1)
        return cls(end - timedelta(days=days), end)

    def with_(self, **changes: object) -> Filters:
        """Return the same filters with some of them changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


def filters_between(from_: str | None, to: str | None, *, data_end: datetime, **others: Any) -> Filters:
    """Return filters over a period given as text.

    Args:
        from_: A date or timestamp; None for 28 days before the end.
        to: A date or timestamp; None for the last day of the data.
        data_end: The newest event time counted.
        others: The other filters.

    Raises:
        UsageError: A text is neither a date nor a timestamp, or the end is not after the start.
    """
    end = period_end(to) if to else Filters.last_days(data_end).to_time
    start = period_start(from_) if from_ else end - timedelta(days=DEFAULT_DAYS)
    return Filters(start, end, **others)
