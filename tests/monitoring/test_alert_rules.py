"""`check` sees what is overdue, silent, unrated, from the future or cut, and says each thing in one line."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.events import envelope, write
from support.lookups import looked_up, store_lookups
from support.reports import run, run_json

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse

NOW = datetime.now(UTC)
STEADY, UNRATED, QUIET = "bp-steady", "bp-unrated", "bp-quiet"
ONLY_STALE = ("--deadline-days", "0", "--min-failures", "1000")


def spoken(product: str, *, from_days: float, to_days: float, failed_every: int = 0, **changes: Any) -> list[Any]:
    """Return 12 events a day of a product, from so many days ago to so many days ago."""
    hours = range(int(to_days * 24), int(from_days * 24), 2)
    return [
        envelope(
            f"{product}-{hour}",
            outcome="FAILED" if failed_every and hour % failed_every == 0 else "COMPLETED",
            product=product,
            time=NOW - timedelta(hours=hour, minutes=1),
            **changes,
        )
        for hour in hours
    ]


def loaded(folder: Path, *events: Any) -> Warehouse:
    warehouse = Warehouse(str(folder / "warehouse"))
    load(warehouse, open_source(str(write(folder / "in" / "events.json", events))))
    return warehouse


def check(folder: Path, *options: str, allowed: int = 0, **env: str) -> Any:
    return run_json(folder, "check", *options, "--json", allowed=(allowed,), **env)


def imported(folder: Path, *lines: str) -> None:
    path = folder / "requests.csv"
    path.write_text("\n".join(["task_id,received_at", *lines]) + "\n")
    run(folder, "import", path)


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def test_an_open_failure_over_its_deadline_fires_until_it_is_closed(tmp_path: Path) -> None:
    loaded(tmp_path, *spoken(STEADY, from_days=2, to_days=0), envelope("late", outcome="FAILED", time=days_ago(70)))
    imported(tmp_path, f"late,{days_ago(75):%Y-%m-%d}")
    found = check(tmp_path, allowed=1)
    assert list(found["fired"]) == ["deadline"]
    assert found["fired"]["deadline"].startswith("1 open failure is over its deadline, by 4")
    assert (found["figures"]["deadlines_near"], found["figures"]["deadlines_over"]) == (0, 1)
    (tmp_path / "requests.csv").write_text(f"task_id,closed_at\nlate,{NOW:%Y-%m-%d}\n")
    run(tmp_path, "import", tmp_path / "requests.csv")
    assert check(tmp_path)["fired"] == {}


def test_a_listed_request_over_its_deadline_fires_without_a_failed_task(tmp_path: Path) -> None:
    loaded(tmp_path, *spoken(STEADY, from_days=2, to_days=0))
    imported(tmp_path, f"no-event-yet,{days_ago(75):%Y-%m-%d}", f"nor-this,{days_ago(60):%Y-%m-%d}")
    found = check(tmp_path, allowed=1)
    assert found["fired"]["deadline"].startswith("2 waiting requests are over their deadlines, by up to 4")
    assert (found["figures"]["waiting_over"], found["figures"]["deadlines_over"]) == (2, 0)


def test_an_event_from_the_future_does_not_silence_stale_and_is_named(tmp_path: Path) -> None:
    loaded(tmp_path, *spoken(STEADY, from_days=9, to_days=4), envelope("early", time=NOW + timedelta(hours=40)))
    done = run(tmp_path, "check", *ONLY_STALE, "--json", allowed=(1,))
    found = json.loads(done.stdout)
    assert "the newest event is 96 h old" in found["fired"]["stale"]
    assert found["figures"]["future_events"] == 1
    assert "1 event is dated later than the newest run" in done.stderr


@pytest.mark.parametrize(
    ("options", "named"),
    [(("--task-kind", "RETRIEVAL"), "no event of retrieval tasks"), (("--business-product", QUIET), "720 h old")],
)
def test_stale_goes_by_the_filters(tmp_path: Path, options: tuple[str, ...], named: str) -> None:
    loaded(tmp_path, *spoken(STEADY, from_days=9, to_days=0), *spoken(QUIET, from_days=31, to_days=30))
    assert named in check(tmp_path, *ONLY_STALE, *options, allowed=1)["fired"]["stale"]
    assert check(tmp_path, *ONLY_STALE, "--business-product", STEADY)["fired"] == {}


def test_a_product_that_is_silent_while_others_send_events_fires_stale(tmp_path: Path) -> None:
    rare = [envelope(f"rare-{day}", product="bp-rare", time=days_ago(day)) for day in (5, 20, 35)]
    retired = spoken("bp-retired", from_days=120, to_days=118)
    quiet = spoken(QUIET, from_days=40, to_days=10)
    loaded(tmp_path, *spoken(STEADY, from_days=9, to_days=0), *rare, *retired, *quiet)
    found = check(tmp_path, *ONLY_STALE, allowed=1)
    assert found["fired"] == {
        "stale": f"no event came from {QUIET} for 240 h, while other products sent events: look at the source."
    }
    assert found["figures"]["silent_products"] == [QUIET]
    for hours in ("300", "1e12", "inf"):
        assert check(tmp_path, *ONLY_STALE, "--stale-hours", hours)["fired"] == {}


def test_failures_of_an_unrated_product_count(tmp_path: Path) -> None:
    loaded(tmp_path, *spoken(STEADY, from_days=9, to_days=0), *spoken(UNRATED, from_days=1, to_days=0, failed_every=1))
    found = check(tmp_path, "--deadline-days", "0", allowed=1)
    assert found["fired"] == {
        "failure_rate": f"12 tasks failed in 7 days at business products without a single COMPLETED event, so that no rate "
        f"can be given: {UNRATED}."
    }
    assert check(tmp_path, "--deadline-days", "0", "--min-failures", "13")["fired"] == {}


def test_check_says_where_the_data_of_its_period_begin(tmp_path: Path) -> None:
    events = spoken(STEADY, from_days=10, to_days=0)
    loaded(tmp_path, *events)
    begins = min(datetime.fromisoformat(event["time"]) for event in events)
    done = run(tmp_path, "check", "--days", "28", "--json")
    assert f"begin on {begins:%-d %b %Y}" in done.stderr.replace("\\u2009", " ")
    assert "Nothing is compared with the 28 days before" in done.stderr
    assert set(json.loads(done.stdout)) == {"fired", "figures"}
    assert run(tmp_path, "check", "--days", "2").stderr.splitlines() == ["Nothing needs attention."]


def test_everything_that_check_says_stays_in_its_line(tmp_path: Path) -> None:
    failed = spoken(STEADY, from_days=1, to_days=0, failed_every=1)
    warehouse = loaded(tmp_path, *spoken("bp-other", from_days=20, to_days=0), *failed)
    code = "BAD\nNothing needs attention.\u2028\x1b[31m"
    rows = [looked_up(f"{STEADY}-{hour}", errors=[code], submitted_at=days_ago(9)) for hour in range(0, 24, 2)]
    store_lookups(warehouse, rows, finished_at=datetime.now(UTC))
    names = json.dumps({STEADY: "The\nshop", "bp-other": "other"})
    done = run(tmp_path, "check", "--deadline-days", "0", allowed=(1,), BWP_PRODUCT_NAMES=names)
    lines = done.stderr.splitlines()
    begins = ("Business products whose first event", "Needs attention (failure_rate)", "Needs attention (new_code)")
    assert len(lines) == len(begins), lines
    assert all(line.startswith(begin) for line, begin in zip(lines, begins, strict=True)), lines
    assert "BAD Nothing needs attention. [31m" in done.stderr
    assert "\x1b" not in done.stderr


def test_two_products_of_one_name_can_be_distinguished(tmp_path: Path) -> None:
    events = [
        *spoken("bp-1", from_days=1, to_days=0, failed_every=1),
        *spoken("bp-2", from_days=1, to_days=0, failed_every=1),
    ]
    loaded(tmp_path, *events, *spoken(STEADY, from_days=9, to_days=0))
    names = json.dumps({"bp-1": "Same", "bp-2": "same ", STEADY: "Steady"})
    found = check(tmp_path, "--deadline-days", "0", allowed=1, BWP_PRODUCT_NAMES=names)
    assert found["fired"]["failure_rate"].endswith(": Same (bp-1), same (bp-2).")
