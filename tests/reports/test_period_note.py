"""The command names the UTC days of "last week", and says where a team far from UTC expects another week."""

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from support.reports import make_warehouse, report, steady

from bwp_client.reports.period import Period
from bwp_client.reports.period_note import describe_ended, describe_period

WEEK_BEFORE = "last-week is 9 Nov 2026 to 15 Nov 2026 (UTC)"
LAST_WEEK = "last-week is 16 Nov 2026 to 22 Nov 2026 (UTC)"
SHANGHAI = (
    "In Asia/Shanghai the week of 16 Nov 2026 to 22 Nov 2026 is over already. Run the command again from 08:00 on Monday "
    "there, which is 00:00 UTC."
)
LOS_ANGELES = (
    "In America/Los_Angeles the week of 16 Nov 2026 to 22 Nov 2026 is not over yet: its last hours are in the next week of "
    "UTC days."
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("as_of", "zone", "sentence"),
    [
        ("2026-11-25T21:00", "Asia/Shanghai", f"{LAST_WEEK}."),
        ("2026-11-22T09:59", "UTC", f"{WEEK_BEFORE}."),
        ("2026-11-22T21:00", "UTC", f"{WEEK_BEFORE}; the week up to now ends in 3 h."),
        ("2026-11-22T22:30", "UTC", f"{WEEK_BEFORE}; the week up to now ends in 90 min."),
        (
            "2026-11-22T21:00",
            "Asia/Shanghai",
            f"{WEEK_BEFORE}; the week up to now ends in 3 h. {SHANGHAI}",
        ),
        ("2026-11-23T00:00", "Asia/Shanghai", f"{LAST_WEEK}."),
        (
            "2026-11-23T01:00",
            "America/Los_Angeles",
            f"{LAST_WEEK}. {LOS_ANGELES}",
        ),
    ],
)
def test_last_week_is_named_by_its_utc_days(as_of: str, zone: str, sentence: str) -> None:
    assert describe_period("last-week", at(as_of), zone) == sentence


def test_months_and_years_are_named_too() -> None:
    month = describe_period("last-month", at("2026-11-30T20:00"), "Pacific/Auckland")
    assert month is not None
    assert month.startswith(
        "last-month is 1 Oct 2026 to 31 Oct 2026 (UTC); the month up to now ends in 4 h. In Pacific/"
    )
    year = describe_period(" last-year ", at("2027-01-01T01:00"), "America/Los_Angeles")
    assert year is not None
    assert year.startswith(
        "last-year is 1 Jan 2026 to 31 Dec 2026 (UTC). In America/Los_Angeles the year of 1 Jan 2026"
    )


@pytest.mark.parametrize(
    ("zone", "as_of", "text", "name", "ending"),
    [
        ("Asia/Shanghai", "2026-11-22T16:00", "last-week", "2026-W47", "; its last hours in UTC end in 8 h, and a report "),
        ("Asia/Shanghai", "2026-11-22T15:59", "last-week", "2026-W46", "."),
        ("Europe/Berlin", "2026-10-25T23:00", "last-week", "2026-W43", "; its last hours in UTC end in 60 min, and a"),
        ("Europe/Berlin", "2026-10-25T22:59", "last-week", "2026-W42", "."),
        ("Pacific/Kiritimati", "2026-09-30T10:00", "last-quarter", "2026-Q3", "; its last hours in UTC end in 14 h, and a "),
        ("Pacific/Pago_Pago", "2026-12-01T10:00", "last-month", "2026-10", "; the month after it is over in UTC, and ends"),
        ("Asia/Kathmandu", "2026-12-31T18:15", "last-year", "2026", "; its last hours in UTC end in 5.8 h, and a report"),
        ("Asia/Kathmandu", "2026-12-31T18:14", "last-year", "2025", "."),
    ],
)  # fmt: skip
def test_the_period_that_ended_last_in_a_zone_is_named_by_its_utc_days(
    zone: str, as_of: str, text: str, name: str, ending: str
) -> None:
    ended = describe_ended(text, at(as_of), ZoneInfo(zone))
    assert ended is not None
    period, sentence = ended
    assert period == Period.parse(name, at(as_of))
    assert sentence.startswith(f"{text} in {zone} is {period}, in UTC days{ending}")


def test_a_period_named_by_its_dates_has_no_zone() -> None:
    assert describe_ended("2026-W47", at("2026-11-22T21:00"), ZoneInfo("Asia/Shanghai")) is None


def test_a_period_named_by_its_dates_needs_no_sentence() -> None:
    assert describe_period("2026-W47", at("2026-11-22T21:00"), "Asia/Shanghai") is None


def test_report_prints_the_days_of_the_period(tmp_path: Path) -> None:
    make_warehouse(tmp_path, *steady())
    monday_in_shanghai = ("--as-of", "2026-11-22T21:00:00Z")
    early = report(tmp_path, *monday_in_shanghai, period="last-week", BWP_TIMEZONE="Asia/Shanghai")
    assert f"{WEEK_BEFORE}; the week up to now ends in 3 h. In Asia/Shanghai" in early.stderr
    lines = report(tmp_path, *monday_in_shanghai, "--json", period="last-week").stderr.splitlines()
    assert json.loads(lines[0])["message"].startswith(WEEK_BEFORE)
    assert "(2 Mar 2026 to 8 Mar 2026, UTC): published." in report(tmp_path).stderr
    refused = report(tmp_path, period="2026-W08", BWP_REPORT__MAX_STALE_HOURS="1")
    assert "(16 Feb 2026 to 22 Feb 2026, UTC) was not published" in refused.stderr
