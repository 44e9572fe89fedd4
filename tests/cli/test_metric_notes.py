"""`metric` says on stderr which part of the period its figures lack; stdout stays as it is for scripts."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.events import envelope
from support.reports import MONDAY, make_warehouse, run, steady, week_of_events


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with four weeks of data up to 8 March 2026, the first of which was purged."""
    folder = tmp_path_factory.mktemp("home")
    events, answers = steady()
    make_warehouse(folder, events, answers)
    run(folder, "purge", "--before", "2026-02-16")
    return folder


def notes(home: Path, *arguments: str) -> list[str]:
    """Return the notes of a metric as JSON, after checking that they are those of the table."""
    done = run(home, "metric", *arguments, "--json")
    assert isinstance(json.loads(done.stdout), list)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert all(line["event"] == "note" for line in lines)
    table = run(home, "metric", *arguments)
    assert table.stderr.splitlines() == [line["message"] for line in lines]
    return [line["message"] for line in lines]


def test_a_period_that_the_data_cover_needs_no_note(home: Path) -> None:
    assert notes(home, "failure_rate", "--from", "2026-02-16", "--to", "2026-03-08") == []
    assert notes(home, "period_comparison", "--from", "2026-02-28", "--to", "2026-03-08") == []


@pytest.mark.parametrize("metric", ["failure_rate", "error_codes_over_time", "time_to_outcome", "coverage", "gaps"])
def test_a_period_cut_by_a_purge_is_said_to_be_cut(home: Path, metric: str) -> None:
    (note,) = notes(home, metric, "--from", "2026-02-10", "--to", "2026-03-08")
    assert note == "The data of this period begin on 16 Feb 2026, as older data were purged."


def test_the_disclosure_of_a_year_with_a_part_of_its_data_says_so(home: Path) -> None:
    begin, end = notes(home, "disclosure", "--from", "2026-01-01", "--to", "2026-12-31")
    assert begin == "The data of this period begin on 16 Feb 2026, as older data were purged."
    assert end.startswith("The data of this period end on 8 Mar 2026 22:40 UTC, as ")
    days = notes(home, "disclosure", "--from", "2026-02-16", "--to", "2026-03-08")
    assert days == ["The disclosure is of 21 days, not of a year."]


def test_what_is_not_compared_and_why(home: Path) -> None:
    (note,) = notes(home, "period_comparison", "--from", "2026-02-24", "--to", "2026-03-08")
    assert note == (
        "Nothing is compared with the period before: the data begin on 16 Feb 2026, as older data were purged."
    )


def test_a_period_without_data_is_said_to_have_none(home: Path) -> None:
    (before,) = notes(home, "coverage", "--from", "2026-01-01", "--to", "2026-01-31")
    assert before == "This period has no data: they begin on 16 Feb 2026, as older data were purged."
    (after,) = notes(home, "coverage", "--from", "2026-05-01", "--to", "2026-05-31")
    assert after == "This period has no data: they end on 8 Mar 2026 22:40 UTC, as no later event was loaded."


def test_a_running_period_and_data_that_begin_later_are_told_from_a_purge(tmp_path: Path) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    events = [event for week in (3, 2, 1) for event in
              week_of_events(today - timedelta(weeks=week), failed=10, completed=90, prefix=f"w{week}")]  # fmt: skip
    make_warehouse(tmp_path, events, {})
    first, last = (today - timedelta(days=days) for days in (40, -3))
    begin, end = notes(tmp_path, "failure_rate", "--from", f"{first:%Y-%m-%d}", "--to", f"{last:%Y-%m-%d}")
    assert begin.endswith(", as no older event was loaded.")
    assert end.endswith(" UTC, as the period was still running.")


def test_a_product_that_began_or_fell_silent_within_the_period_is_named(tmp_path: Path) -> None:
    events, answers = steady()
    events += week_of_events(MONDAY - timedelta(weeks=1), failed=4, completed=60, prefix="n", product="bp-new")
    make_warehouse(tmp_path, events, answers)
    began, silent = notes(tmp_path, "failure_rate", "--from", "2026-02-09", "--to", "2026-03-08")
    assert began == "Business products whose first event came within the period: bp-new on 23 Feb 2026."
    assert silent == "Business products whose newest event came before the period's end: bp-new on 1 Mar 2026."
    own = notes(tmp_path, "failure_rate", "--from", "2026-02-09", "--to", "2026-03-08", "--business-product", "bp-new")
    assert own == [
        "The data of the selected tasks begin on 23 Feb 2026, as no older event was loaded.",
        "The data of the selected tasks end on 1 Mar 2026 22:00 UTC, as no later event was loaded.",
    ]
    (compared,) = notes(tmp_path, "comparison_by_product", "--from", "2026-02-26", "--to", "2026-03-05")[1:]
    assert compared == "Not compared, because their data begin later than the period before: bp-new."


def test_completed_events_that_begin_later_than_failures_are_named(tmp_path: Path) -> None:
    failed = [event for week in range(4) for event in
              week_of_events(MONDAY - timedelta(weeks=3 - week), failed=20, completed=0, prefix=f"f{week}")]  # fmt: skip
    completed = week_of_events(MONDAY, failed=0, completed=200, prefix="c")
    make_warehouse(tmp_path, failed + completed, {})
    (late,) = notes(tmp_path, "failure_rate", "--from", "2026-02-09", "--to", "2026-03-08")
    assert "first COMPLETED event came later, so that their earlier failures have no denominator: " in late
    assert late.endswith(" on 2 Mar 2026.")


@pytest.mark.parametrize("minutes", [0, 20])
@pytest.mark.parametrize("period", [[], ["--from", "2026-03-01", "--to", "2026-03-31"], ["--from", "2026-03-02"]])
def test_data_of_a_single_hour_are_data(tmp_path: Path, period: list[str], minutes: int) -> None:
    noon = MONDAY + timedelta(hours=12)
    make_warehouse(
        tmp_path, [envelope(f"t-{n}", time=noon + timedelta(minutes=n % 3 * minutes)) for n in range(30)], {}
    )
    found = notes(tmp_path, "failure_rate", *period)
    assert not [note for note in found if "no data" in note], found
    for first, last in (("2026-02-01", "2026-03-01"), ("2026-03-03", "2026-03-04")):
        assert notes(tmp_path, "coverage", "--from", first, "--to", last)[0].startswith("This period has no data")


def test_without_any_event_no_day_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("broken\n")
    run(tmp_path, "load", tmp_path / "broken.json", allowed=(1,))
    assert notes(tmp_path, "failure_rate") == ["No event was loaded yet."]
