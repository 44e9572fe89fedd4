"""Periods of reports: the names that people and schedulers write, and the UTC days that each period covers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Self

from dateutil.relativedelta import relativedelta

from bwp_client.errors import UsageError
from bwp_client.time_ranges import FIRST_YEAR, LAST_YEAR, whole_days

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """Whole UTC days, [`from_time`, `to_time`), and their name, such as `2026-W47`."""

    name: str
    from_time: datetime
    to_time: datetime

    @classmethod
    def parse(cls, text: str, as_of: datetime) -> Self:
        """Read `last-week`, `2026-W47`, the same of a month, quarter and year, or `2026-10-05..2026-10-18`.

        Args:
            text: The name of a period.
            as_of: The moment from whose UTC day `last-week` and the like are counted.

        Raises:
            UsageError: The text is not such a name, the period ends before it begins, or lies outside the accepted years.
        """
        text = text.strip()
        running = cls.running(text, as_of.astimezone(UTC).date())
        if running is not None:
            return running.previous()
        try:
            period = cls._named(text)
            is_accepted = period.from_time.year >= FIRST_YEAR and (period.to_time - _DAY).year <= LAST_YEAR
        except OverflowError:
            is_accepted = False
        except ValueError:
            raise UsageError(
                f"{text[:40]!r} is no period. Nothing was made: write last-week, last-month, last-quarter, last-year, "
                "2026-W47, 2026-10, 2026-Q3, 2026 or 2026-10-05..2026-10-18 (both days included)."
            ) from None
        if not is_accepted:
            raise UsageError(f"{text[:40]!r} is outside {FIRST_YEAR} to {LAST_YEAR}. Nothing was made.")
        return period

    @classmethod
    def running(cls, text: str, day: date) -> Self | None:
        """Return the week, month, quarter or year after `last-week` and the like; None for another text.

        Args:
            text: The name of a period.
            day: The day from which the period is counted; it lies in the returned period.
        """
        if text == "last-week":
            return cls._week(day)
        if text == "last-month":
            return cls._month(day)
        if text == "last-quarter":
            return cls._quarter(day)
        return cls._year(day.year) if text == "last-year" else None

    @classmethod
    def _named(cls, text: str) -> Self:
        if re.fullmatch(r"\d{4}-W\d{2}", text):
            return cls._week(date.fromisoformat(f"{text}-1"))
        if re.fullmatch(r"\d{4}-\d{2}", text):
            return cls._month(date.fromisoformat(f"{text}-01"))
        if re.fullmatch(r"[1-9][0-9]{3}-Q[1-4]", text):
            return cls._quarter(date(int(text[:4]), 3 * int(text[-1]), 1))
        if re.fullmatch(r"[1-9][0-9]{3}", text):
            return cls._year(int(text))
        first_text, dots, last_text = text.partition("..")
        first, last = date.fromisoformat(first_text), date.fromisoformat(last_text)
        if not dots or last < first:
            raise ValueError(text)
        return cls(f"{first}..{last}", *whole_days(first, last))

    @classmethod
    def _week(cls, day: date) -> Self:
        year, week, weekday = day.isocalendar()
        monday = day - timedelta(days=weekday - 1)
        return cls(f"{year}-W{week:02d}", *whole_days(monday, monday + timedelta(days=6)))

    @classmethod
    def _month(cls, day: date) -> Self:
        first = day.replace(day=1)
        return cls(f"{first:%Y-%m}", *whole_days(first, (first + timedelta(days=32)).replace(day=1) - _DAY))

    @classmethod
    def _quarter(cls, day: date) -> Self:
        quarter = (day.month + 2) // 3
        first = date(day.year, 3 * quarter - 2, 1)
        return cls(f"{first:%Y}-Q{quarter}", *whole_days(first, first + relativedelta(months=3) - _DAY))

    @classmethod
    def _year(cls, year: int) -> Self:
        return cls(str(year), *whole_days(date(year, 1, 1), date(year, 12, 31)))

    @property
    def days(self) -> int:
        """The number of days."""
        return (self.to_time - self.from_time).days

    @property
    def is_year(self) -> bool:
        """True for a period of 365 or 366 days, whether or not it is a calendar year."""
        return self.days in {365, 366}

    def previous(self) -> Self:
        """Return the preceding week, month, quarter or year; for a range of days, as many days before it."""
        day = (self.from_time - _DAY).date()
        if "W" in self.name:
            return self._week(day)
        if "Q" in self.name:
            return self._quarter(day)
        if ".." in self.name:
            first = day - timedelta(days=self.days - 1)
            return type(self)(f"{first}..{day}", *whole_days(first, day))
        return self._year(day.year) if len(self.name) == 4 else self._month(day)

    def __str__(self) -> str:
        last = self.to_time - _DAY
        first_text = f"{self.from_time.day} {self.from_time:%b %Y}"
        return f"{first_text} to {last.day} {last:%b %Y}"
