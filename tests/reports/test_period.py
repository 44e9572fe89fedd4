"""Periods as people and schedulers name them: whole UTC days, and the preceding period."""

from datetime import UTC, datetime

import pytest

from bwp_client.errors import UsageError
from bwp_client.reports.period import Period

AS_OF = datetime(2026, 11, 24, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "name", "first", "end"),
    [
        ("last-week", "2026-W47", "2026-11-16", "2026-11-23"),
        ("last-month", "2026-10", "2026-10-01", "2026-11-01"),
        ("last-quarter", "2026-Q3", "2026-07-01", "2026-10-01"),
        ("2026-Q4", "2026-Q4", "2026-10-01", "2027-01-01"),
        ("last-year", "2025", "2025-01-01", "2026-01-01"),
        ("2026-W01", "2026-W01", "2025-12-29", "2026-01-05"),
        ("2020-W53", "2020-W53", "2020-12-28", "2021-01-04"),
        ("2024-02", "2024-02", "2024-02-01", "2024-03-01"),
        ("2024", "2024", "2024-01-01", "2025-01-01"),
        (" 2026-10-05..2026-10-18 ", "2026-10-05..2026-10-18", "2026-10-05", "2026-10-19"),
    ],
)
def test_a_period_is_whole_utc_days(text: str, name: str, first: str, end: str) -> None:
    period = Period.parse(text, AS_OF)
    assert period.name == name
    assert (period.from_time.date().isoformat(), period.to_time.date().isoformat()) == (first, end)
    assert period.from_time.tzinfo is period.to_time.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "previous"),
    [
        ("2026-W01", "2025-W52"),
        ("2021-W01", "2020-W53"),
        ("2026-01", "2025-12"),
        ("2026-Q3", "2026-Q2"),
        ("2026-Q1", "2025-Q4"),
        ("2026", "2025"),
        ("2026-03-01..2026-03-02", "2026-02-27..2026-02-28"),
    ],
)
def test_the_previous_period_ends_where_the_period_begins(text: str, previous: str) -> None:
    period = Period.parse(text, AS_OF)
    assert period.previous().name == previous
    assert period.previous().to_time == period.from_time
    assert Period.parse(previous, AS_OF) == period.previous()


@pytest.mark.parametrize(
    "text",
    ["2026-W54", "2026-Q0", "2026-Q5", "2025-W53", "2026-00", "0026", "2026-1", "2026-10-05", "..", "x..y", "٢٠٢٦"],
)
def test_a_text_that_names_no_period_is_refused_with_the_names_to_write(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no period\. Nothing was made: write last-week"):
        Period.parse(text, AS_OF)


def test_only_a_whole_year_is_a_year() -> None:
    assert Period.parse("2025-07-01..2026-06-30", AS_OF).is_year
    assert not Period.parse("2026-10", AS_OF).is_year
