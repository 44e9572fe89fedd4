"""A quiet period is published as such; a period whose events may be missing stays refused."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.events import PRODUCT, envelope, write
from support.notices import receiver
from support.reports import MONDAY, QUIET, make_warehouse, report, report_json, run_json, steady, week_of_events
from support.tables import command_json


def small_shop(*weeks: int, product: str = PRODUCT) -> list[Any]:
    """Return three completed tasks in each of the named weeks, counted from the week of `MONDAY`."""
    return [
        envelope(f"{product}-{week}-{number}", outcome="COMPLETED", time=MONDAY + timedelta(weeks=week, days=number),
                 product=product)
        for week in weeks
        for number in range(3)
    ]  # fmt: skip


def test_a_week_without_a_task_is_published_once_with_one_notice(tmp_path: Path) -> None:
    make_warehouse(tmp_path, small_shop(-3, -2, 0), {})
    with receiver() as (url, notices):
        options = ("report", "--period", "2026-W09", "--notify", url, "--json")
        made, again = (command_json(*options, cwd=tmp_path, **QUIET) for _ in range(2))
    assert (made["state"], again["state"]) == ("published", "already published")
    assert made["says"] == [
        "No task of this kind ended in this period.",
        "The period was quiet: events were loaded up to 4 Mar 2026 UTC, and no day lacks events that were to be expected.",
    ]
    (notice,) = notices
    assert notice["title"] == "Report deletion 2026-W09: published"
    assert notice["message"].splitlines() == [*made["says"], made["link"]]
    page = (tmp_path / "reports" / made["key"] / "report.html").read_text()
    assert "The period was quiet" in page
    assert run_json(tmp_path, "report", "rebuild", made["manifest"], "--json")["is_equal"]


def test_a_kind_that_is_never_asked_for_is_quiet_while_the_other_kind_arrives(tmp_path: Path) -> None:
    make_warehouse(tmp_path, *steady())
    assert report_json(tmp_path, "--task-kind", "RETRIEVAL")["state"] == "published"
    assert report_json(tmp_path, "--task-kind", "RETRIEVAL", period="2026-03-03..2026-03-05")["state"] == "published"


def test_the_other_checks_still_hold_for_a_quiet_period(tmp_path: Path) -> None:
    make_warehouse(tmp_path, small_shop(-3, -2, 0), {})
    done = report(tmp_path, period="2026-W09", BWP_REPORT__MAX_STALE_HOURS="48")
    assert done.exit_code == 1
    assert "stale: the newest event is" in done.stderr


def refusal(folder: Path, *options: str, period: str) -> str:
    done = report(folder, *options, period=period)
    assert done.exit_code == 1, done.output
    return done.stderr


def test_a_period_whose_events_were_not_loaded_stays_refused(tmp_path: Path) -> None:
    make_warehouse(tmp_path, small_shop(-3, -2, 0), {})
    before = refusal(tmp_path, period="2026-W06")
    assert "empty: not one task of this kind ended in the period, and the first event is of 9 Feb 2026 UTC" in before
    after = refusal(tmp_path, period="2026-W11")
    assert "the newest event is of 4 Mar 2026 UTC, before the period began" in after
    running = refusal(tmp_path, "--task-kind", "RETRIEVAL", period="2026-02-16..2035-12-31")
    assert "before its end. Load later events." in running


def test_a_week_of_silence_in_a_busy_shop_is_no_quiet_week(tmp_path: Path) -> None:
    events = [week_of_events(MONDAY + timedelta(weeks=week), failed=0, completed=140, prefix=f"b{week}")
              for week in (-4, -3, -2, 0)]  # fmt: skip
    make_warehouse(tmp_path, [event for week in events for event in week], {})
    silent = refusal(tmp_path, period="2026-W09")
    assert "no event of any kind came on 7 days from 23 Feb 2026 on, where about 140 were to be expected" in silent


def test_a_filter_that_no_event_names_is_no_quiet_period(tmp_path: Path) -> None:
    make_warehouse(tmp_path, small_shop(-3, -2, 0), {})
    for option, value in (("--business-product", "nope"), ("--region", "eu-x")):
        assert report(tmp_path, option, value, period="2026-W09").exit_code == 2
    assert report_json(tmp_path, "--business-product", PRODUCT, period="2026-W09")["state"] == "published"


def test_a_product_is_quiet_only_while_its_own_events_arrive(tmp_path: Path) -> None:
    make_warehouse(tmp_path, [*small_shop(-3, -2), *small_shop(-3, -2, -1, 0, product="bp-other")], {})
    assert "the newest event is of 18 Feb 2026" in refusal(tmp_path, "--business-product", PRODUCT, period="2026-W09")
    run_json(tmp_path, "load", write(tmp_path / "more" / "0.json", small_shop(0)), "--json")
    assert report_json(tmp_path, "--business-product", PRODUCT, period="2026-W09")["state"] == "published"


@pytest.mark.browser
def test_a_quiet_report_has_pictures_and_none_is_blank(tmp_path: Path) -> None:
    make_warehouse(tmp_path, small_shop(-3, -2, 0), {})
    made = report_json(tmp_path, period="2026-W09", BWP_REPORT__BROWSER="")
    assert made["state"] == "published"
    assert made["pictures"].startswith("PDF and PNG were made by")
