"""All calendar law: by which day a data request must be done, and how sure that day is.

Sources. GDPR, Art. 12(3): one month from receipt, extendable by two further months. Months are counted by Regulation (EEC,
Euratom) No 1182/71, Art. 3: to the same date of a later month, else to that month's last day, and to the end of its last
hour. CCPA, 11 CCR § 7021(b): 45 calendar days after receipt, at most 90 with an extension; the day of receipt is not counted
(Cal. Civ. Code § 10). Days are those of the shop's own zone.

Where a last day is no working day, both laws let the period end on the next one. Public holidays differ from place to place,
so that is never counted on: a deadline here is never later than the law's.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

PROCESSING_DAYS = 30
"""How long Buy with Prime says that processing takes at most, once the holding period is over; no promise."""

_GDPR_MONTHS, _GDPR_EXTENDED_MONTHS = 1, 3
_CCPA_DAYS, _CCPA_EXTENDED_DAYS = 45, 90


class Rule(StrEnum):
    """Which law sets the time."""

    GDPR = "GDPR"
    CCPA = "CCPA"


class Basis(StrEnum):
    """From which moment a deadline is counted, the surest first."""

    RECEIVED = "received"
    """When the shop received the request: exact."""
    SUBMITTED = "submitted"
    """When the task was submitted to Buy with Prime; the request came before that: an upper bound."""
    FAILED = "failed"
    """When the task failed, for want of anything better: an upper bound, and a loose one."""


class Hold(StrEnum):
    """What a task's holding period means for its deadline."""

    FITS = ""
    MISSES = "ends after the deadline"
    """The holding period alone ends after the deadline: the task could never be in time."""
    TOO_LONG_NOW = "too long to submit again"
    """Submitted again today with the same holding period, it would still be held when the deadline has passed."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """By when a request must be done.

    Attributes:
        rule: The law.
        basis: From which moment it is counted.
        counted_from: That moment.
        last_day: The last day in time, in the shop's zone.
        ends_at: The moment when that day is over, in UTC; the first one that is late.
        extended_last_day: The last day if the law's extension is used.
    """

    rule: Rule
    basis: Basis
    counted_from: datetime
    last_day: date
    ends_at: datetime
    extended_last_day: date

    @property
    def is_exact(self) -> bool:
        """False where the clock started earlier than we know, so the true deadline is this day or an earlier one."""
        return self.basis is Basis.RECEIVED


@lru_cache(maxsize=20_000)
def last_day(rule: Rule, received_on: date, *, extended: bool = False) -> date:
    """Give the last day in time for a request received on a day, both in the shop's zone."""
    if rule is Rule.GDPR:
        return add_months(received_on, _GDPR_EXTENDED_MONTHS if extended else _GDPR_MONTHS)
    return received_on + timedelta(days=_CCPA_EXTENDED_DAYS if extended else _CCPA_DAYS)


def add_months(day: date, months: int) -> date:
    """Give the same date some months later; the month's last day where it has no such date."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


@dataclass(frozen=True, slots=True)
class DeadlineCalendar:
    """How deadlines are counted: which law for which business product, in which zone.

    Attributes:
        rule: The law for business products that are not named.
        zone: The shop's zone: whose midnight ends a day.
        rules: The law by business product ID.
    """

    rule: Rule = Rule.GDPR
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    rules: Mapping[str, Rule] = field(default_factory=dict)

    @classmethod
    def of(cls, rule: str | Mapping[str, str], timezone: str) -> DeadlineCalendar:
        """Take the settings `DEADLINE_RULE` (in a map, `*` serves the products not named) and `TIMEZONE`."""
        if isinstance(rule, str):
            return cls(Rule(rule), ZoneInfo(timezone))
        named = {product: Rule(law) for product, law in rule.items() if product != "*"}
        return cls(Rule(rule.get("*", Rule.GDPR)), ZoneInfo(timezone), named)

    def rule_for(self, business_product_id: str | None) -> Rule:
        """Give the law that a business product's requests are under."""
        return self.rules.get(business_product_id or "", self.rule)

    @property
    def longest_days(self) -> int:
        """What failed longer ago than so many days is overdue under each law that applies here, extensions apart."""
        longest = {Rule.GDPR: 31, Rule.CCPA: _CCPA_DAYS}
        # One more for the day of receipt, which is not counted, and one for the hours between two zones' midnights.
        return max(longest[rule] for rule in {self.rule, *self.rules.values()}) + 2

    def day_of(self, moment: datetime) -> date:
        """Give the shop's day of a moment."""
        return moment.astimezone(self.zone).date()

    def deadline(
        self,
        business_product_id: str | None,
        *,
        received_at: datetime | None = None,
        submitted_at: datetime | None = None,
        failed_at: datetime | None = None,
    ) -> Deadline | None:
        """Count from the surest moment known; none when no moment is.

        A request can't have come after its task was submitted, nor a task be submitted after it failed: where they
        contradict, the earlier moment counts.
        """
        known = [
            (moment, basis)
            for moment, basis in zip((received_at, submitted_at, failed_at), Basis, strict=True)
            if moment is not None
        ]
        if not known:
            return None
        moment, basis = known[0]
        for other, other_basis in known[1:]:
            # The same day is no contradiction: what a shop notes down is often the day alone.
            if other < moment and self.day_of(other) < self.day_of(moment):
                moment, basis = other, other_basis
        rule, day = self.rule_for(business_product_id), self.day_of(moment)
        last = last_day(rule, day)
        return Deadline(rule, basis, moment, last, end_of_day(last, self.zone), last_day(rule, day, extended=True))

    def days_left(self, deadline: Deadline, now: datetime) -> int:
        """Give whole days until the last day: 0 on that day itself, negative once it is over."""
        return (deadline.last_day - self.day_of(now)).days


@lru_cache(maxsize=20_000)
def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Give the moment in UTC when a day is over in a zone: the next day's first, also where clocks change at midnight."""
    return datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)


def hold_ends_at(submitted_at: datetime | None, holding_period_days: int | None) -> datetime | None:
    """Give when a task's holding period ends; none when either is not known."""
    if submitted_at is None or holding_period_days is None:
        return None
    return submitted_at + timedelta(days=holding_period_days)


def judge_hold(
    deadline: Deadline, *, submitted_at: datetime | None, holding_period_days: int | None, now: datetime
) -> Hold:
    """Tell whether the holding period alone makes the deadline unreachable, for the task or for another try today."""
    ends_at = hold_ends_at(submitted_at, holding_period_days)
    if ends_at is None or holding_period_days is None:
        return Hold.FITS
    if ends_at >= deadline.ends_at:
        return Hold.MISSES
    if now < deadline.ends_at <= now + timedelta(days=holding_period_days):
        return Hold.TOO_LONG_NOW
    return Hold.FITS
