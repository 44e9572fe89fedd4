"""Deadlines: the published examples of the counting rules, and what holds for every day, zone and leap year."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bwp_client.deadlines import (
    Basis,
    Deadline,
    DeadlineCalendar,
    DeadlineRule,
    Hold,
    end_of_day,
    hold_ends_at,
    judge_hold,
    last_day,
    longest_hold,
)

ZONES = (
    "UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Pago_Pago",
    # Clocks change at midnight here, so some days have no first hour.
    "America/Santiago", "Africa/Cairo", "America/Havana", "Asia/Beirut", "Atlantic/Azores",
)  # fmt: skip
DAYS = st.dates(date(2018, 5, 25), date(2099, 12, 31))
MOMENTS = st.integers(0, 81 * 366 * 86_400).map(
    lambda seconds: datetime(2018, 5, 25, tzinfo=UTC) + timedelta(seconds=seconds)
)
PRODUCT = "bp-1"


def day(text: str) -> date:
    return date.fromisoformat(text)


def noon(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}T12:00:00+00:00")


# Received, last day. From the EDPB's Guidelines 01/2022 (section 5.3), the ICO's page on time limits, and the example dates
# that national authorities give for months without such a date.
PUBLISHED_GDPR = [
    ("2022-03-05", "2022-04-05"),
    ("2022-08-31", "2022-09-30"),
    ("2019-09-03", "2019-10-03"),
    ("2019-01-31", "2019-02-28"),
    ("2020-01-31", "2020-02-29"),
    ("2019-01-30", "2019-02-28"),
    ("2022-03-31", "2022-04-30"),
    ("2022-02-28", "2022-03-28"),
    ("2019-08-01", "2019-09-01"),
    ("2022-12-31", "2023-01-31"),
]


@pytest.mark.parametrize(("received", "last"), PUBLISHED_GDPR)
def test_the_published_examples_of_one_month(received: str, last: str) -> None:
    assert last_day(DeadlineRule.GDPR, day(received)) == day(last)


# 1 January + 45 days: 30 left in January, then 15 of February.
@pytest.mark.parametrize(
    ("received", "last", "extended"),
    [
        ("2026-01-01", "2026-02-15", "2026-04-01"),
        ("2024-01-16", "2024-03-01", "2024-04-15"),
        ("2026-01-16", "2026-03-02", "2026-04-16"),
        ("2026-12-01", "2027-01-15", "2027-03-01"),
    ],
)
def test_the_45_and_90_days_counted_by_hand(received: str, last: str, extended: str) -> None:
    assert last_day(DeadlineRule.CCPA, day(received)) == day(last)
    assert last_day(DeadlineRule.CCPA, day(received), extended=True) == day(extended)


def test_two_further_months_are_counted_from_receipt() -> None:
    assert last_day(DeadlineRule.GDPR, day("2026-01-31"), extended=True) == day("2026-04-30")
    assert last_day(DeadlineRule.GDPR, day("2025-11-30"), extended=True) == day("2026-02-28")


@given(DAYS)
def test_months_are_counted_as_pandas_counts_them(received: date) -> None:
    for months, extended in ((1, False), (3, True)):
        counted = (pd.Timestamp(received) + pd.DateOffset(months=months)).date()
        assert last_day(DeadlineRule.GDPR, received, extended=extended) == counted


@given(DAYS)
def test_a_month_ends_on_the_same_date_or_on_the_last_of_a_shorter_month(received: date) -> None:
    last = last_day(DeadlineRule.GDPR, received)
    assert (last.year * 12 + last.month) - (received.year * 12 + received.month) == 1
    assert last.day == received.day or (last.day < received.day and (last + timedelta(days=1)).day == 1)
    assert 28 <= (last - received).days <= 31


@given(DAYS, st.sampled_from(DeadlineRule))
def test_a_later_request_never_has_an_earlier_deadline(received: date, rule: DeadlineRule) -> None:
    for extended in (False, True):
        assert last_day(rule, received, extended=extended) <= last_day(
            rule, received + timedelta(days=1), extended=extended
        )
    assert last_day(rule, received) < last_day(rule, received, extended=True)


@given(DAYS, st.sampled_from(ZONES))
def test_a_day_ends_where_the_next_one_begins_in_every_zone(ended: date, name: str) -> None:
    zone = ZoneInfo(name)
    moment = end_of_day(ended, zone)
    assert moment.tzinfo is UTC
    assert (moment - timedelta(microseconds=1)).astimezone(zone).date() == ended
    assert moment.astimezone(zone).date() == ended + timedelta(days=1)


@given(MOMENTS, st.sampled_from(ZONES), st.sampled_from(DeadlineRule))
def test_the_deadline_depends_on_the_shops_day_alone(received: datetime, name: str, rule: DeadlineRule) -> None:
    shop = DeadlineCalendar(rule, ZoneInfo(name))
    deadline = shop.deadline(PRODUCT, received_at=received)
    assert deadline is not None
    assert deadline.last_day == last_day(rule, received.astimezone(ZoneInfo(name)).date())
    assert shop.days_left(deadline, deadline.ends_at - timedelta(microseconds=1)) == 0
    assert shop.days_left(deadline, deadline.ends_at) == -1
    assert shop.days_left(deadline, received) in range(28, 46)


def test_the_same_moment_is_another_day_in_another_zone() -> None:
    late_evening = datetime(2026, 3, 31, 23, 30, tzinfo=UTC)
    in_london = DeadlineCalendar.of("GDPR", "UTC").deadline(PRODUCT, received_at=late_evening)
    in_berlin = DeadlineCalendar.of("GDPR", "Europe/Berlin").deadline(PRODUCT, received_at=late_evening)
    assert in_london is not None
    assert in_berlin is not None
    assert (in_london.last_day, in_berlin.last_day) == (day("2026-04-30"), day("2026-05-01"))


def test_a_leap_day_is_counted_like_any_other_day() -> None:
    assert last_day(DeadlineRule.GDPR, day("2028-02-29")) == day("2028-03-29")
    assert last_day(DeadlineRule.GDPR, day("2028-01-29")) == day("2028-02-29")
    assert last_day(DeadlineRule.GDPR, day("2027-01-29")) == day("2027-02-28")


# The basis


def known(**moments: str) -> Deadline:
    found = DeadlineCalendar().deadline(PRODUCT, **{name: noon(text) for name, text in moments.items()})  # type: ignore[arg-type]
    assert found is not None
    return found


def test_from_receipt_it_is_exact_and_from_submission_an_upper_bound() -> None:
    exact = known(received_at="2026-03-01", submitted_at="2026-03-05", failed_at="2026-03-20")
    assert (exact.basis, exact.is_exact, exact.last_day) == (Basis.RECEIVED, True, day("2026-04-01"))
    bound = known(submitted_at="2026-03-05", failed_at="2026-03-20")
    assert (bound.basis, bound.is_exact, bound.last_day) == (Basis.SUBMITTED, False, day("2026-04-05"))
    loose = known(failed_at="2026-03-20")
    assert (loose.basis, loose.is_exact, loose.last_day) == (Basis.FAILED, False, day("2026-04-20"))
    assert DeadlineCalendar().deadline(PRODUCT) is None


def test_a_receipt_after_the_submission_is_not_believed() -> None:
    found = known(received_at="2026-03-09", submitted_at="2026-03-05")
    assert (found.basis, found.last_day) == (Basis.SUBMITTED, day("2026-04-05"))


@given(MOMENTS, st.timedeltas(timedelta(), timedelta(days=200)), st.timedeltas(timedelta(), timedelta(days=60)))
def test_knowing_more_never_gives_a_later_deadline(
    received: datetime, to_submit: timedelta, to_fail: timedelta
) -> None:
    shop = DeadlineCalendar()
    moments = {
        "received_at": received,
        "submitted_at": received + to_submit,
        "failed_at": received + to_submit + to_fail,
    }
    last_days = []
    for names in (["failed_at"], ["submitted_at", "failed_at"], list(moments)):
        found = shop.deadline(PRODUCT, **{name: moments[name] for name in names})
        assert found is not None
        last_days.append(found.last_day)
    assert last_days == sorted(last_days, reverse=True)


def test_each_product_can_have_its_own_rule() -> None:
    shop = DeadlineCalendar.of({PRODUCT: "CCPA", "*": "GDPR"}, "UTC")
    assert (shop.rule_for(PRODUCT), shop.rule_for("bp-2"), shop.rule_for(None)) == (
        DeadlineRule.CCPA,
        DeadlineRule.GDPR,
        DeadlineRule.GDPR,
    )
    assert DeadlineCalendar.of({PRODUCT: "CCPA"}, "UTC").rule_for("bp-2") is DeadlineRule.GDPR
    assert DeadlineCalendar.of("CCPA", "UTC").rule_for(PRODUCT) is DeadlineRule.CCPA


# The holding period


@pytest.mark.parametrize(
    ("days_held", "now", "hold"),
    [
        (30, "2026-03-02", Hold.FITS),  # ends on 31 March, the deadline is 1 April
        (32, "2026-03-02", Hold.MISSES),
        (180, "2026-03-02", Hold.MISSES),
        (10, "2026-03-20", Hold.FITS),
        (10, "2026-03-25", Hold.TOO_LONG_NOW),
        (10, "2026-04-05", Hold.FITS),  # late already; the holding period is not the reason
        (None, "2026-03-25", Hold.FITS),
    ],
)
def test_a_holding_period_that_cannot_meet_the_deadline_is_flagged(days_held: int | None, now: str, hold: Hold) -> None:
    submitted = noon("2026-03-01")
    deadline = known(received_at="2026-03-01", submitted_at="2026-03-01")
    assert judge_hold(deadline, submitted_at=submitted, holding_period_days=days_held, now=noon(now)) is hold


@given(hours=st.integers(1, 60 * 24))
def test_the_longest_holding_period_is_the_last_that_fits(hours: int) -> None:
    deadline = known(received_at="2026-03-01", submitted_at="2026-03-01")
    now = deadline.ends_at - timedelta(hours=hours)
    longest = longest_hold(deadline, now)
    fits, misses = (
        judge_hold(deadline, submitted_at=now, holding_period_days=days, now=now) for days in (longest, longest + 1)
    )
    assert (longest >= 0, fits, misses is Hold.FITS) == (True, Hold.FITS, False)


@given(MOMENTS, st.integers(0, 180), st.sampled_from(DeadlineRule), st.sampled_from(ZONES))
def test_a_hold_is_flagged_exactly_when_it_is_over_after_the_last_day(
    submitted: datetime, days_held: int, rule: DeadlineRule, name: str
) -> None:
    deadline = DeadlineCalendar(rule, ZoneInfo(name)).deadline(PRODUCT, submitted_at=submitted)
    assert deadline is not None
    ends = hold_ends_at(submitted, days_held)
    assert ends is not None
    found = judge_hold(deadline, submitted_at=submitted, holding_period_days=days_held, now=submitted)
    assert (found is Hold.MISSES) == (ends.astimezone(ZoneInfo(name)).date() > deadline.last_day)


@settings(max_examples=200, deadline=None)
@given(
    moment=st.datetimes(
        noon("2020-01-01").replace(tzinfo=None),
        timezones=st.just(UTC),
        max_value=noon("2040-01-01").replace(tzinfo=None),
    ),
    rule=st.sampled_from(DeadlineRule),
    zone=st.sampled_from(["UTC", "Pacific/Kiritimati", "Etc/GMT+12", "Europe/Berlin"]),
    now_zone_hours=st.integers(0, 23),
)
def test_a_failure_older_than_the_longest_period_is_overdue(
    moment: datetime, rule: DeadlineRule, zone: str, now_zone_hours: int
) -> None:
    counted = DeadlineCalendar(rule, ZoneInfo(zone))
    deadline = counted.deadline(None, failed_at=moment)
    assert deadline is not None
    now = moment + timedelta(days=counted.longest_days, hours=now_zone_hours, microseconds=1)
    assert counted.days_left(deadline, now) < 0
