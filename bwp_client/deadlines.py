"""Deadlines by law: the last day on which a data request must be done, and how certain that day is.

Sources. GDPR, Art. 12(3): one month from receipt, extendable by two further months. Months are counted by Regulation (EEC,
Euratom) No 1182/71, Art. 3: to the same date of a later month, else to that month's last day, and to the end of its last
hour. CCPA, 11 CCR § 7021(b): 45 calendar days after receipt, at most 90 with an extension; the day of receipt is not counted
(Cal. Civ. Code § 10). Days are those of the shop's own zone.

Where the last day is not a working day, both laws let the period end on the next working day. Public holidays differ between
regions, so this rule is never applied: a computed deadline is never later than the deadline of the law.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

_GDPR_MONTHS, _GDPR_EXTENDED_MONTHS = 1, 3
_CCPA_DAYS, _CCPA_EXTENDED_DAYS = 45, 90


class DeadlineRule(StrEnum):
    """The law that sets the period."""

    GDPR = "GDPR"
    CCPA = "CCPA"


class Basis(StrEnum):
    """The moment from which a deadline is counted, the most certain first."""

    RECEIVED = "received"
    """The receipt of the request by the shop: the deadline is exact."""
    SUBMITTED = "submitted"
    """The submission of the task to Buy with Prime, which follows the request: the deadline is an upper bound."""
    FAILED = "failed"
    """The failure of the task, if nothing else is known: the deadline is a loose upper bound."""


class Hold(StrEnum):
    """Whether a task's holding period leaves time before the deadline."""

    FITS = ""
    MISSES = "ends after the deadline"
    """The holding period ends after the deadline: the task could never be done in time."""
    TOO_LONG_NOW = "too long to submit again"
    """A task submitted again now with the same holding period would still be held when the deadline passes."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The deadline of a request.

    Attributes:
        rule: The law.
        basis: The kind of moment from which the deadline is counted.
        counted_from: That moment.
        last_day: The last day that is in time, in the shop's zone.
        ends_at: The moment when the last day is over, in UTC; from this moment on the request is late.
        extended_last_day: The last day if the law's extension is used.
    """

    rule: DeadlineRule
    basis: Basis
    counted_from: datetime
    last_day: date
    ends_at: datetime
    extended_last_day: date

    @property
    def is_exact(self) -> bool:
        """False if the request came before the known moment, so that the true deadline is this day or an earlier day."""
        return self.basis is Basis.RECEIVED


@lru_cache(maxsize=20_000)
def last_day(rule: DeadlineRule, received_on: date, *, extended: bool = False) -> date:
    """Return the last day that is in time for a request received on a day, both in the shop's zone."""
    if rule is DeadlineRule.GDPR:
        # The same date of the later month, or the last day of a month that is too short for it.
        last: date = received_on + relativedelta(months=_GDPR_EXTENDED_MONTHS if extended else _GDPR_MONTHS)
        return last
    assert rule is DeadlineRule.CCPA, rule
    return received_on + timedelta(days=_CCPA_EXTENDED_DAYS if extended else _CCPA_DAYS)


@dataclass(frozen=True, slots=True)
class DeadlineCalendar:
    """How deadlines are counted: the law of each business product, and the shop's zone.

    Attributes:
        rule: The law of business products without an entry in `rules`.
        zone: The shop's zone, whose midnight ends a day.
        rules: The law by business product ID.
    """

    rule: DeadlineRule = DeadlineRule.GDPR
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    rules: Mapping[str, DeadlineRule] = field(default_factory=dict)

    @classmethod
    def of(cls, rule: str | Mapping[str, str], timezone: str) -> DeadlineCalendar:
        """Return the calendar of the settings `DEADLINE_RULE` (a map may name `*`, all other products) and `TIMEZONE`."""
        if isinstance(rule, str):
            return cls(DeadlineRule(rule), ZoneInfo(timezone))
        named = {product: DeadlineRule(law) for product, law in rule.items() if product != "*"}
        return cls(DeadlineRule(rule.get("*", DeadlineRule.GDPR)), ZoneInfo(timezone), named)

    def rule_for(self, business_product_id: str | None) -> DeadlineRule:
        """Return the law that applies to the requests of a business product."""
        return self.rules.get(business_product_id or "", self.rule)

    @property
    def longest_days(self) -> int:
        """The age in days from which a failed task is overdue under every law of this calendar, without extensions."""
        longest = {DeadlineRule.GDPR: 31, DeadlineRule.CCPA: _CCPA_DAYS}
        # One day is added because the day of receipt is not counted, and one for the hours between midnights of two zones.
        return max(longest[rule] for rule in {self.rule, *self.rules.values()}) + 2

    def day_of(self, moment: datetime) -> date:
        """Return the day of a moment in the shop's zone."""
        return moment.astimezone(self.zone).date()

    def deadline(
        self,
        business_product_id: str | None,
        *,
        received_at: datetime | None = None,
        submitted_at: datetime | None = None,
        failed_at: datetime | None = None,
    ) -> Deadline | None:
        """Return the deadline counted from the most certain moment that is known; None when no moment is known.

        A request comes before the submission of its task, and the submission before the failure. Where the moments
        contradict this order, the earlier moment counts.
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
            # Two moments of one day do not contradict each other: a shop often notes the day alone.
            if other < moment and self.day_of(other) < self.day_of(moment):
                moment, basis = other, other_basis
        rule, day = self.rule_for(business_product_id), self.day_of(moment)
        last = last_day(rule, day)
        return Deadline(rule, basis, moment, last, end_of_day(last, self.zone), last_day(rule, day, extended=True))

    def days_left(self, deadline: Deadline, now: datetime) -> int:
        """Return the whole days until the last day: 0 on that day, negative once it is over."""
        return (deadline.last_day - self.day_of(now)).days


@lru_cache(maxsize=20_000)
def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the UTC time at which a day ends in a zone: the start of the next day, even if clocks change at midnight."""
    return datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)


def hold_ends_at(submitted_at: datetime | None, holding_period_days: int | None) -> datetime | None:
    """Return the end of a task's holding period; None when either argument is unknown."""
    if submitted_at is None or holding_period_days is None:
        return None
    return submitted_at + timedelta(days=holding_period_days)


def longest_hold(deadline: Deadline, now: datetime) -> int:
    """Return the longest holding period in days that fits before the deadline for a task submitted now; negative if none."""
    return math.ceil((deadline.ends_at - now) / timedelta(days=1)) - 1


def judge_hold(
    deadline: Deadline, *, submitted_at: datetime | None, holding_period_days: int | None, now: datetime
) -> Hold:
    """Return whether the holding period alone makes the deadline unreachable, for this task or for a task submitted now."""
    ends_at = hold_ends_at(submitted_at, holding_period_days)
    if ends_at is None or holding_period_days is None:
        return Hold.FITS
    if ends_at >= deadline.ends_at:
        return Hold.MISSES
    if now < deadline.ends_at <= now + timedelta(days=holding_period_days):
        return Hold.TOO_LONG_NOW
    return Hold.FITS
