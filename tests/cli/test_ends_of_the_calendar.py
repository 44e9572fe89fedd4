"""Dates and numbers of days at the ends of the calendar are wrong usage, in every command that takes them."""

from datetime import timedelta
from pathlib import Path

import pytest
from support.reports import MONDAY, make_warehouse, run, week_of_events


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ends")
    make_warehouse(folder, week_of_events(MONDAY - timedelta(days=7), failed=0, completed=10, prefix="t"), {})
    return folder


@pytest.mark.parametrize(
    "options",
    [
        ("check", "--days", "1000000"),
        ("maintain", "--retain-hours", "1000000000000"),
        *(("report", "--as-of", day) for day in ("0001-01-01", "9999-12-31", "3000-01-01")),
        *(("purge", "--before", day) for day in ("0001-01-01", "9999-12-31")),
        *(("metric", "failure_rate", "--from", day) for day in ("0001-01-01", "9999-12-31")),
        *(("metric", "failure_rate", "--to", day) for day in ("0001-01-01", "9999-12-31")),
        *(("load", "events", "--from", day) for day in ("0001-01-01", "9999-12-31")),
        *(("sample", "--events", "10", "--out", "made", "--until", day) for day in ("0001-01-01", "9999-12-31")),
        ("report", "--period", "9999-12", "--catch-up", "1000000"),
    ],
    ids=" ".join,
)
def test_a_date_beyond_the_calendar_is_wrong_usage(folder: Path, options: tuple[str, ...]) -> None:
    done = run(folder, *options, allowed=(0, 1, 2, 3, 4))
    assert done.exit_code == 2, done.output


@pytest.mark.parametrize(
    "options",
    [
        ("check", "--days", "36500"),
        ("metric", "failure_rate", "--from", "1900-01-01", "--to", "2999-12-31"),
        ("report", "--period", "1900-W01"),
        ("report", "--period", "1900"),
        ("report", "--period", "2999"),
        ("report", "--period", "2020-01-01..2999-12-31"),
        ("report", "--period", "last-year", "--as-of", "1900-01-01", "--catch-up", "5000"),
    ],
    ids=" ".join,
)
def test_a_date_at_the_end_of_the_calendar_is_no_fault(folder: Path, options: tuple[str, ...]) -> None:
    done = run(folder, *options, allowed=(0, 1, 2))
    assert "fault of ours" not in done.stderr
