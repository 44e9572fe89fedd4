"""Twins, gaps, silence, and the way out of quarantine."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from support.events import envelope, many, write
from support.tables import command, command_json, fingerprints, outcomes, reasons
from support.wire import lambda_sqs

from bwp_client.load import load
from bwp_client.load.quarantine_retry import retry
from bwp_client.metrics.completeness import gaps, last_heard, twins
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.snapshot import Snapshot

MONDAY = datetime(2026, 3, 2, 8, tzinfo=UTC)


def loaded(tmp_path: Path, events: list) -> Snapshot:
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    load(warehouse, open_source(str(write(tmp_path / "in" / "a.json", events))))
    return Snapshot.newest(warehouse)


def test_a_new_id_on_the_same_content_is_a_twin_and_changes_no_rate(tmp_path: Path) -> None:
    once, other = envelope("t-1", outcome="FAILED"), envelope("t-2", outcome="FAILED")
    replayed = once | {"id": "another", "replay-name": "r-1"}
    snapshot = loaded(
        tmp_path, [once, replayed, other, other, envelope("t-3"), envelope("t-3", time="2026-05-02T00:00:00Z")]
    )
    found = twins(snapshot)
    assert found[["task_id", "events", "sources"]].to_dict("records") == [{"task_id": "t-1", "events": 2, "sources": 1}]
    assert snapshot.rows("select count(*) from outcomes") == [(3,)]


@pytest.mark.parametrize(("left_out", "wanted"), [(set(), []), ({10, 11, 20}, [(20, 20), (10, 11)]), ({5}, [])])
def test_gaps_are_days_without_events_where_their_weekday_has_five(
    tmp_path: Path, left_out: set[int], wanted: list[tuple[int, int]]
) -> None:
    """Saturdays (day 5 and every seventh after) have two events, which is too few to miss."""
    events = [
        envelope(f"t-{day}-{number}", time=MONDAY + timedelta(days=day, minutes=number))
        for day in range(28)
        if day not in left_out
        for number in range(2 if day % 7 == 5 else 6)
    ]
    found = [(gap.first_day, gap.last_day) for gap in gaps(loaded(tmp_path, events))]
    assert found == [tuple(date(2026, 3, 2) + timedelta(days=day) for day in pair) for pair in wanted]


def test_silence_is_told_apart_from_zero(tmp_path: Path) -> None:
    snapshot = loaded(tmp_path, [envelope("t-1"), envelope("t-2", outcome="FAILED", product="bp-only-failed")])
    frame = last_heard(snapshot).set_index("business_product_id")
    assert frame["last_completed_at"].isna().to_dict() == {
        product: product == "bp-only-failed" for product in frame.index
    }


def test_a_retry_stores_what_can_be_read_now_and_keeps_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = many(50)
    early = envelope("early", time="2019-06-01T00:00:00Z")  # refused until the earliest time accepted is moved
    folder = tmp_path / "in dir"
    write(folder / "a b%20.json", [*events[:25], early, "broken"])
    write(folder / "b.json", [*events[25:], '{"no": "envelope"}'])
    write(folder / "c.json", ["gone"])
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    load(warehouse, open_source(str(folder)))
    assert len(reasons(warehouse)) == 4
    (folder / "c.json").unlink()
    monkeypatch.setattr("bwp_client.events.EARLIEST_US", 0)
    monkeypatch.setattr("bwp_client.decoding.columnar.EARLIEST_US", 0)
    done = retry(warehouse)
    assert (done.records, done.resolved, done.still_refused, done.out_of_reach, done.stored) == (4, 1, 2, 1, 1)
    assert sorted(reasons(warehouse)) == sorted(["not_an_envelope", "not_an_envelope", "not_an_envelope"])
    assert "early" in {row[0] for row in outcomes(warehouse)}
    assert len(fingerprints(warehouse)) == 51
    again = retry(warehouse)
    assert (again.records, again.resolved, again.still_refused, again.stored) == (3, 0, 2, 0)


def test_records_kept_of_one_wrapper_are_all_tried_again_one_a_retry(tmp_path: Path) -> None:
    events = [envelope(f"t-{number}", time="2026-05-09T00:00:00Z") for number in range(3)]
    bodies = [*map(json.dumps, events), '{"no": "envelope"}']
    write(tmp_path / "in.json", [lambda_sqs(bodies)])
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    early = datetime(2026, 5, 1, tzinfo=UTC)  # eight days before: refused as too far ahead
    load(warehouse, open_source(str(tmp_path / "in.json")), keep_raw=True, clock=lambda: early)
    (tmp_path / "in.json").unlink()
    assert len(reasons(warehouse)) == 4
    for _ in range(5):
        retry(warehouse)
    assert sorted(row[0] for row in outcomes(warehouse)) == ["t-0", "t-1", "t-2"]
    assert reasons(warehouse) == ["not_an_envelope"]


def test_the_quarantine_can_be_listed_and_retried_from_the_command_line(tmp_path: Path) -> None:
    source = write(tmp_path / "a.json", [envelope("t-1"), "broken", {"secret": "someone@example.com"}])
    command_json("load", source, "--json", cwd=tmp_path, allowed=(1,))
    listed = command_json("quarantine", "list", "--json", cwd=tmp_path)
    assert [row["offset"] > 0 for row in listed] == [True, True]
    assert "example.com" not in json.dumps(listed)
    retried = command("quarantine", "retry", cwd=tmp_path)
    assert retried.returncode == 1
    assert "2 were refused again" in retried.stderr
    status = command_json("status", "--json", cwd=tmp_path, allowed=(0, 1))
    assert (status["quarantined"], status["twins"], status["gaps"]) == (2, 0, [])
