"""A report whose period the data don't cover from end to end is refused, or published as partial on page one."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.events import envelope, write
from support.reports import (
    MONDAY,
    WEEK,
    day_after,
    look_up,
    make_warehouse,
    report,
    report_json,
    run,
    run_json,
    steady,
    week_of_events,
)


def refusal(folder: Path, *options: str, period: str, **env: str) -> str:
    done = report(folder, *options, period=period, **env)
    assert done.exit_code == 1, done.output
    return done.stderr


def forced(folder: Path, *options: str, period: str) -> tuple[dict[str, Any], str]:
    """Return the manifest and the page, up to its first heading, of a report published by force."""
    made = report_json(folder, "--force", *options, period=period)
    assert made["state"] == "published by force"
    published = folder / "reports" / made["key"]
    page = (published / "report.html").read_text(encoding="utf-8")
    return json.loads((published / "manifest.json").read_text(encoding="utf-8")), page


@pytest.fixture
def purged(tmp_path: Path) -> Path:
    """Return a folder with four weeks of data, the first week and a half of which were purged."""
    make_warehouse(tmp_path, *steady())
    run(tmp_path, "purge", "--before", "2026-02-19")
    return tmp_path


def test_a_period_cut_by_a_purge_is_refused_and_partial_when_forced(purged: Path) -> None:
    assert "cut: the data of this period begin on 19 Feb 2026, as older data were purged." in refusal(
        purged, period="2026-W08"
    )
    manifest, page = forced(purged, period="2026-W08")
    assert manifest["partial"] == ["the data of this period begin on 19 Feb 2026, as older data were purged"]
    first = page.partition("<h2>")[0]
    assert "begin on 19 Feb 2026, as older data were purged" in first
    assert "not compared with the 7 days before: the data begin on 19 Feb 2026" in first
    assert manifest["key"].endswith("_forced")
    assert manifest["facts"]["purged_before"] == "2026-02-19T00:00:00+00:00"


def test_a_period_before_that_was_purged_is_not_compared(purged: Path) -> None:
    made = report_json(purged, period="2026-W09")
    reason = "the data begin on 19 Feb 2026, as older data were purged"
    assert made["state"] == "published"
    assert made["says"] == [f"Failure rate 5.0 % (2.7–9.0 %, n 200), not compared with the 7 days before: {reason}."]
    assert made["figures"]["difference"] is None
    page = (purged / "reports" / made["key"] / "report.html").read_text(encoding="utf-8")
    shown = page.partition('<dl class="headline">')[2].partition("</dl>")[0]
    assert f"not compared<small>{reason}</small>" in shown
    assert "in the period before" not in shown
    comparison = page.partition('id="table-period_comparison"')[2].partition("</table>")[0]
    assert comparison.count("not compared") == 2
    by_product = page.partition('id="table-by_product"')[2].partition("</table>")[0]
    assert by_product.count("not compared") == 2
    assert run_json(purged, "report", "rebuild", purged / "reports" / made["key"], "--json")["is_equal"]
    later = report_json(purged, period=WEEK)
    assert "no clear change from the 7 days before" in later["says"][0]


def test_a_disclosure_is_never_silently_of_part_of_a_year(purged: Path) -> None:
    assert "cut: the data of this period begin on 19 Feb 2026" in refusal(purged, period="2026")
    _, page = forced(purged, period="2026")
    section = page.partition('<section id="yearly">')[2].partition("</section>")[0]
    assert "These figures are of a part of the year only." in section
    assert "begin on 19 Feb 2026, as older data were purged" in section


def test_a_period_that_begins_before_the_data_is_refused(tmp_path: Path) -> None:
    make_warehouse(tmp_path, *steady())
    text = refusal(tmp_path, period="2026-02")
    assert "cut: the data of this period begin on 9 Feb 2026, as no older event was loaded." in text
    assert report_json(tmp_path, period="2026-02-09..2026-02-28")["state"] == "published"
    assert "cut: this period has no data: they begin on 9 Feb 2026" in refusal(tmp_path, period="2025-12")


def test_a_period_that_is_still_running_is_refused(tmp_path: Path) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    events = [
        event
        for week in (1, 0)
        for event in week_of_events(today - timedelta(weeks=week, days=6), failed=0, completed=70, prefix=f"w{week}")
        if datetime.fromisoformat(event["time"]) < datetime.now(UTC)
    ]
    make_warehouse(tmp_path, events, {})
    first, last = today - timedelta(days=6), today + timedelta(days=1)
    text = refusal(tmp_path, period=f"{first:%Y-%m-%d}..{last:%Y-%m-%d}")
    assert "cut: the data of this period end on " in text
    assert " UTC, as the period was still running." in text


def test_a_period_whose_last_hours_were_not_loaded_is_refused(tmp_path: Path) -> None:
    """Of 100 tasks a week, 13 would come in the 22 hours after the newest event."""
    events, answers = steady()
    end = MONDAY + timedelta(days=6, hours=2)
    make_warehouse(tmp_path, [item for item in events if datetime.fromisoformat(item["time"]) < end], answers)
    assert "cut: the data of this period end on 8 Mar 2026 01:50 UTC, as no later event was loaded." in refusal(
        tmp_path, period=WEEK
    )
    assert report_json(tmp_path, period="2026-03-02..2026-03-07")["state"] == "published"


def test_a_product_that_began_later_is_named_on_page_one_and_its_own_report_refused(tmp_path: Path) -> None:
    events, answers = steady()
    events += week_of_events(MONDAY + timedelta(days=2), failed=2, completed=60, prefix="n", product="bp-new")[:40]
    warehouse = make_warehouse(tmp_path, events, answers)
    look_up(warehouse, {f"n-{number}": [None] for number in range(2)}, product="bp-new")
    made = report_json(tmp_path)
    assert made["state"] == "published"
    page = (tmp_path / "reports" / made["key"] / "report.html").read_text(encoding="utf-8")
    assert "whose first event came within the period: bp-new on 4 Mar 2026." in page.partition("<h2>")[0]
    assert "cut: the data of the selected tasks begin on 4 Mar 2026" in refusal(
        tmp_path, "--business-product", "bp-new", period=WEEK
    )


def test_a_report_of_one_product_knows_the_limits_of_all_data(tmp_path: Path) -> None:
    """The product is so rare that its own events don't tell how far the data reach."""
    events, answers = steady()
    events += [envelope(f"r-{day}", time=MONDAY - timedelta(days=day), product="bp-rare") for day in (16, 3, 1)]
    make_warehouse(tmp_path, events, answers)
    rare = ("--business-product", "bp-rare")
    made = report_json(tmp_path, *rare, period="2026-W09")
    assert made["state"] == "published"
    assert made["figures"]["n"] == 2
    assert run_json(tmp_path, "report", "rebuild", tmp_path / "reports" / made["key"], "--json")["is_equal"]
    assert "cut: the data of this period begin on 9 Feb 2026" in refusal(tmp_path, *rare, period="2026-02")


def test_catching_up_leaves_out_periods_that_the_data_cut(purged: Path) -> None:
    run(purged, "load", write(purged / "later" / "0.json", [day_after()]))
    done = report_json(purged, "--catch-up", "3")
    assert [item["key"].partition("_as")[0] for item in [*done["caught_up"], done]] == [
        "deletion_2026-W09", "deletion_2026-W10",
    ]  # fmt: skip


def test_an_event_from_the_future_is_not_the_newest(tmp_path: Path) -> None:
    events, answers = steady()
    ahead = datetime.now(UTC) + timedelta(hours=30)
    make_warehouse(tmp_path, [*events, envelope("ahead", time=ahead)], answers)
    made = report_json(tmp_path)
    page = (tmp_path / "reports" / made["key"] / "report.html").read_text(encoding="utf-8")
    assert "newest event 8 Mar 2026 22:40 UTC" in page
    assert "The newest event came -" not in page
    assert "stale: the newest event is" in refusal(tmp_path, period="2026-W09", BWP_REPORT__MAX_STALE_HOURS="48")


def test_the_open_failures_are_those_of_all_time_and_the_page_says_so(tmp_path: Path) -> None:
    make_warehouse(tmp_path, *steady())
    made = report_json(tmp_path)
    page = (tmp_path / "reports" / made["key"] / "report.html").read_text(encoding="utf-8")
    section = page[page.index("<h2>What is still open</h2>") :]
    note = (
        "Failures and requests of all time that are still open, not of this period only: 10 of the 40 open failures failed "
        "in this period."
    )
    assert note in section[: section.index("</section>")]
    assert run_json(tmp_path, "report", "rebuild", made["manifest"], "--json")["is_equal"]
    assert run_json(tmp_path, "report", "rebuild", made["manifest"], "--verify", "--json")["is_equal"]
