"""`check` evaluates steady, worsening, few and stale data correctly, and sends its notice over a real socket."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.events import envelope, write
from support.lookups import looked_up, store_lookups
from support.notices import receiver
from support.tables import command, command_json

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse

NOW = datetime.now(UTC)
CALM = ("--deadline-days", "0")
"""Without the deadline rule: a task that failed yesterday has a month."""


def days_of(count: int, *, failed: int, completed: int, until: datetime, prefix: str) -> list[Any]:
    """Return events of a number of days up to a moment, with the same counts each day."""
    return [
        envelope(
            f"{prefix}-{day}-{number}",
            outcome="FAILED" if number < failed else "COMPLETED",
            time=until - timedelta(days=day, milliseconds=number),  # on the same day, even just after midnight
        )
        for day in range(count)
        for number in range(failed + completed)
    ]


def loaded(folder: Path, events: list[Any]) -> Warehouse:
    warehouse = Warehouse(str(folder / "warehouse"))
    load(warehouse, open_source(str(write(folder / "events.json", events))))
    return warehouse


def answer(warehouse: Warehouse, *tasks: str, code: str) -> None:
    rows = [looked_up(task, errors=[code], asked_at=NOW, submitted_at=NOW - timedelta(days=28)) for task in tasks]
    store_lookups(warehouse, rows, finished_at=NOW)


STEADY = {"failed": 5, "completed": 95}


def test_steady_data_fire_no_rule(tmp_path: Path) -> None:
    loaded(tmp_path, days_of(28, **STEADY, until=NOW, prefix="s"))
    with receiver() as (url, notices):
        found = command_json("check", *CALM, "--notify", url, "--json", cwd=tmp_path)
    assert found["fired"] == {}
    assert found["figures"]["rate"] == pytest.approx(0.05)
    assert notices == []


def test_worsening_data_fire_a_rule_and_send_a_notice(tmp_path: Path) -> None:
    before = days_of(21, **STEADY, until=NOW - timedelta(days=7), prefix="b")
    loaded(tmp_path, before + days_of(7, failed=30, completed=70, until=NOW, prefix="w"))
    with receiver() as (url, notices):
        done = command("check", *CALM, "--notify", url, cwd=tmp_path)
    assert done.returncode == 1
    (sent,) = notices
    assert sent["title"] == "Check of deletion tasks: 1 of 4 rules fired"
    assert (
        "210 of 700 tasks failed in 7 days: 30.0 %, at least 26.7 % beyond doubt; 5.0 % in the 7 days before."
        in (sent["message"])
    )
    assert sent["message"] in done.stderr.replace("Needs attention (failure_rate)", "failure_rate")


def test_few_data_fire_no_rule(tmp_path: Path) -> None:
    """3 of 4 failed: too few to rate."""
    loaded(tmp_path, days_of(1, failed=3, completed=1, until=NOW, prefix="t"))
    assert command_json("check", *CALM, "--min-failures", "1", "--json", cwd=tmp_path)["fired"] == {}


def test_a_rate_that_chance_explains_fires_no_rule(tmp_path: Path) -> None:
    """6 of 30 is 20 %, but the interval begins at 9.5 %."""
    loaded(tmp_path, days_of(1, failed=6, completed=24, until=NOW, prefix="l"))
    assert command_json("check", *CALM, "--json", cwd=tmp_path)["fired"] == {}
    assert command("check", *CALM, "--min-rate", "0.09", cwd=tmp_path).returncode == 1


def test_stale_data_fire_the_rule_of_stale_data_alone(tmp_path: Path) -> None:
    # No more than 20 days: the deadline of an older failure may be today.
    loaded(tmp_path, days_of(20, **STEADY, until=NOW - timedelta(days=3), prefix="q"))
    found = command_json("check", *CALM, "--json", cwd=tmp_path, allowed=(1,))
    assert list(found["fired"]) == ["stale"]
    assert "72 h old, more than 48 h" in found["fired"]["stale"]
    assert command("check", *CALM, "--stale-hours", "100", cwd=tmp_path).returncode == 0


def test_a_code_never_seen_before_fires_and_a_known_one_does_not(tmp_path: Path) -> None:
    warehouse = loaded(tmp_path, days_of(28, **STEADY, until=NOW, prefix="c"))
    answer(warehouse, "c-1-0", "c-20-0", code="KNOWN")
    answer(warehouse, "c-1-1", code="BRAND_NEW")
    # The tasks that failed in the week before are not looked up, so one of them may have had that code.
    assert command("check", *CALM, cwd=tmp_path).returncode == 0
    answer(warehouse, *(f"c-{day}-{number}" for day in range(6, 17) for number in range(5)), code="KNOWN")
    found = command_json("check", *CALM, "--json", cwd=tmp_path, allowed=(1,))
    assert found["fired"] == {"new_code": "never seen before: BRAND_NEW (1 tasks)."}


def test_a_near_deadline_fires(tmp_path: Path) -> None:
    """Submitted 28 days ago: by the GDPR's month, two or three days are left."""
    warehouse = loaded(tmp_path, days_of(28, **STEADY, until=NOW, prefix="d"))
    assert command("check", *CALM, cwd=tmp_path).returncode == 0
    answer(warehouse, "d-10-0", code="ORDERS_NOT_CLOSED")
    found = command_json("check", "--deadline-days", "5", "--json", cwd=tmp_path, allowed=(1,))
    assert "open failures must be done within 5 days" in found["fired"]["deadline"]


def test_a_notice_is_sent_of_a_check_that_can_not_be_made(tmp_path: Path) -> None:
    with receiver() as (url, notices):
        done = command("check", "--notify", url, cwd=tmp_path)
    assert done.returncode == 2
    assert notices[0]["title"] == "Check: could not be made"


def test_a_notice_that_can_not_be_delivered_is_reported(tmp_path: Path) -> None:
    loaded(tmp_path, days_of(1, **STEADY, until=NOW - timedelta(days=9), prefix="n"))
    with receiver(status=500) as (url, _):
        done = command("check", "--notify", url, cwd=tmp_path)
    assert done.returncode == 1
    assert "notice could not be delivered" in done.stderr


def test_an_unknown_address_is_wrong_usage_and_never_quoted(tmp_path: Path) -> None:
    loaded(tmp_path, days_of(1, **STEADY, until=NOW - timedelta(days=9), prefix="n"))
    done = command("check", "--notify", "nonsense://user:hunter2@host", cwd=tmp_path)
    assert done.returncode == 2
    assert "hunter2" not in done.stderr
    assert "none that Apprise knows" in done.stderr
