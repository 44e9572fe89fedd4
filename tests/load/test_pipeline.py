"""The loader: every record is stored, duplicate, ignored or quarantined, and the counts add up."""

import gzip
import json
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.events import (
    NOW,
    PRIVACY,
    envelope,
    is_proper,
    key_of,
    many,
    outcomes_of,
    raw_values,
    resource,
    task_of,
    text_of,
    time_of,
    write,
)
from support.tables import fingerprints, outcomes, reasons, rows

from bwp_client.errors import MixedDataError, SourceNotFoundError, UsageError
from bwp_client.events import SAMPLE_TASK_ID_PREFIX
from bwp_client.load import load
from bwp_client.load.pipeline import LoadResult
from bwp_client.sources import open_source
from bwp_client.warehouse import TableName, Warehouse, list_runs


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(str(tmp_path / "warehouse"))


def read(warehouse: Warehouse, folder: Path, **options) -> LoadResult:
    return load(warehouse, open_source(str(folder)), **options)


def adds_up(result: LoadResult) -> bool:
    return result.read == result.stored + result.duplicate + result.ignored + result.quarantined


def test_a_sample_is_conserved(warehouse: Warehouse, sample_folder: Path) -> None:
    values = [value for path in sorted(sample_folder.glob("events-*")) for value in raw_values(path)]
    proper = [value for value in values if is_proper(value)]
    privacy = [event for event in proper if event["detail-type"] in PRIVACY]
    distinct = {key_of(event) for event in privacy}
    result = read(warehouse, sample_folder)
    assert adds_up(result)
    assert result.read == len(values) == 5000
    assert result.objects == len(list(sample_folder.glob("events-*")))
    assert result.stored == len(distinct)
    assert result.duplicate == len(privacy) - len(distinct) > 0
    assert result.ignored == len(proper) - len(privacy) > 0
    assert result.quarantined == len(values) - len(proper) > 0
    assert len(reasons(warehouse)) == result.quarantined
    assert set(rows(warehouse, TableName.EVENTS, "event_id", "event_type", "task_id")) == distinct
    expected = {key: value[:3] for key, value in outcomes_of(privacy).items()}
    assert {(row[0], row[1]): (row[4], row[5], row[6]) for row in outcomes(warehouse)} == expected


def test_the_run_counts_what_the_load_says(warehouse: Warehouse, sample_folder: Path) -> None:
    result = read(warehouse, sample_folder)
    (run,) = list_runs(warehouse)
    types = Counter(
        value["detail-type"]
        for path in sample_folder.glob("events-*")
        for value in raw_values(path)
        if is_proper(value) and value["detail-type"] not in PRIVACY
    )
    assert (run.kind, run.state, run.counts["read"]) == ("load", "finished", result.read)
    assert run.counts["ignored"] == dict(types)
    assert sum(run.counts["quarantined"].values()) == result.quarantined
    assert run.counts["duplicate"]["replay"] > 0
    assert sum(run.counts["duplicate"].values()) == result.duplicate


def test_a_second_load_reads_and_stores_nothing(warehouse: Warehouse, sample_folder: Path) -> None:
    read(warehouse, sample_folder)
    before = fingerprints(warehouse), outcomes(warehouse), len(list_runs(warehouse))
    again = read(warehouse, sample_folder)
    assert (again.objects, again.read, again.stored) == (0, 0, 0)
    assert (fingerprints(warehouse), outcomes(warehouse), len(list_runs(warehouse))) == before


def test_reread_reads_all_and_stores_nothing(warehouse: Warehouse, sample_folder: Path) -> None:
    first = read(warehouse, sample_folder)
    before = fingerprints(warehouse), outcomes(warehouse), reasons(warehouse)
    again = read(warehouse, sample_folder, reread=True)
    assert adds_up(again)
    assert (again.read, again.stored) == (first.read, 0)
    assert (fingerprints(warehouse), outcomes(warehouse), reasons(warehouse)) == before


def test_a_cut_gzip_keeps_all_records_before_the_cut(warehouse: Warehouse, tmp_path: Path) -> None:
    events = many(3000)
    packed = gzip.compress(text_of(events))
    source = tmp_path / "in"
    source.mkdir()
    (source / "cut.json.gz").write_bytes(packed[: len(packed) // 2])
    write(source / "whole.json.gz", [envelope("t-whole")])
    result = read(warehouse, source)
    assert adds_up(result)
    assert result.quarantined == 1
    assert reasons(warehouse) == ["object_cut_short"]
    stored = {row[0] for row in rows(warehouse, TableName.EVENTS, "task_id")} - {"t-whole"}
    assert result.stored == len(stored) + 1
    assert 1000 < len(stored) < 3000
    assert stored == {task_of(event) for event in events[: len(stored)]}


def test_a_damaged_gzip_is_quarantined_and_the_others_are_kept(warehouse: Warehouse, tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(text_of(many(3000))))
    packed[len(packed) // 2 : len(packed) // 2 + 40] = b"\xff" * 40
    source = tmp_path / "in"
    source.mkdir()
    (source / "bad.json.gz").write_bytes(packed)
    write(source / "good.json.gz", [envelope("t-good")])
    result = read(warehouse, source)
    assert adds_up(result)
    assert "object_cut_short" in reasons(warehouse)
    assert "t-good" in {row[0] for row in rows(warehouse, TableName.EVENTS, "task_id")}


def test_several_gzip_members_are_one_text(warehouse: Warehouse, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    events = many(40)
    (source / "a.log").write_bytes(b"".join(gzip.compress(text_of(events[at : at + 10])) for at in range(0, 40, 10)))
    assert read(warehouse, source).stored == 40


@pytest.mark.parametrize("framing", ["lines", "joined", "pretty", "array"])
@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_every_framing_gives_the_same_rows(warehouse: Warehouse, tmp_path: Path, framing: str, name: str) -> None:
    events = many(300)
    result = read(warehouse, write(tmp_path / "in" / name, events, framing))
    assert (result.read, result.stored, result.quarantined) == (300, 300, 0)
    found = {(row[0], row[1]): row[4:7] for row in outcomes(warehouse)}
    assert found == {key: value[:3] for key, value in outcomes_of(events).items()}


def test_a_window_keeps_its_half_open_range(warehouse: Warehouse, tmp_path: Path) -> None:
    start = datetime(2026, 4, 1, tzinfo=UTC)
    events = many(100, start=start, step=timedelta(hours=1))
    source = write(tmp_path / "in" / "a.json", events)
    low, high = start + timedelta(hours=10), start + timedelta(hours=30)
    result = read(warehouse, source, window_from=low, window_to=high)
    inside = [event for event in events if low <= time_of(event) < high]
    assert (result.read, result.stored, result.outside_window) == (20, len(inside), 80)
    assert {row[0] for row in rows(warehouse, TableName.EVENTS, "task_id")} == {task_of(event) for event in inside}
    narrower = read(warehouse, source, window_from=low + timedelta(hours=1), window_to=high)
    assert narrower.objects == 0
    wider = read(warehouse, source)
    assert (wider.read, wider.stored, wider.duplicate, wider.outside_window) == (100, 80, 20, 0)


def test_a_window_the_wrong_way_round_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    source = write(tmp_path / "in" / "a.json", many(1))
    with pytest.raises(UsageError, match="Nothing was loaded"):
        read(warehouse, source, window_from=NOW, window_to=NOW)
    assert not warehouse.exists()


def test_only_a_touched_file_is_read_again(warehouse: Warehouse, tmp_path: Path) -> None:
    source = tmp_path / "in"
    write(source / "a.json", many(10))
    grown = write(source / "b.json", [envelope("u-1")])
    assert read(warehouse, source).stored == 11
    write(grown, [envelope("u-1"), envelope("u-2")])
    os.utime(grown, ns=(1, grown.stat().st_mtime_ns + 1_000_000))
    again = read(warehouse, source)
    assert (again.objects, again.read, again.stored, again.duplicate) == (1, 2, 1, 1)


@pytest.mark.parametrize("sample_first", [True, False])
def test_sample_and_real_never_meet(warehouse: Warehouse, tmp_path: Path, sample_first: bool) -> None:
    sample = write(tmp_path / "sample.json", [envelope(f"{SAMPLE_TASK_ID_PREFIX}0000-4000-8000-000000000000")])
    real = write(tmp_path / "real.json", [envelope("t-1")])
    first, second = (sample, real) if sample_first else (real, sample)
    read(warehouse, first)
    before = fingerprints(warehouse), outcomes(warehouse)
    with pytest.raises(MixedDataError):
        read(warehouse, second)
    assert (fingerprints(warehouse), outcomes(warehouse)) == before


def test_sample_and_real_in_one_file_are_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    events = [envelope(f"{SAMPLE_TASK_ID_PREFIX}0000-4000-8000-000000000000"), envelope("t-1")]
    with pytest.raises(MixedDataError):
        read(warehouse, write(tmp_path / "in.json", events))
    assert fingerprints(warehouse) == []


def test_each_bad_record_has_its_reason_and_nothing_else_is_lost(warehouse: Warehouse, tmp_path: Path) -> None:
    good = many(20)
    bad = {
        "<html>": "not_json",
        '"a string"': "not_an_envelope",
        json.dumps(envelope("b-1", id=None)): "not_an_envelope",
        json.dumps(envelope("b-2", time="yesterday")): "bad_time",
        json.dumps(envelope("b-3", time="2026-05-01T00:00:00")): "bad_time",
        json.dumps(envelope("b-4", time="2019-12-31T23:59:59Z")): "time_out_of_range",
        json.dumps(envelope("b-5", time=datetime.now(UTC) + timedelta(days=3))): "time_out_of_range",
        json.dumps(envelope("b-6", resources=[])): "no_task_in_resources",
        json.dumps(envelope("b-7", resources=["businessProduct/x"])): "no_task_in_resources",
        json.dumps(envelope("b-8", resources=["businessProduct/x/personalDataDeletionTask"])): "odd_resource_path",
    }
    text = b""
    offsets = {}
    for event, (line, reason) in zip(good, [*bad.items(), *[("", "")] * 10], strict=True):
        text += text_of([event])
        if line:
            offsets[len(text)] = reason
            text += line.encode() + b"\n"
    source = tmp_path / "in.json"
    source.write_bytes(text)
    result = read(warehouse, source)
    assert adds_up(result)
    assert (result.stored, result.quarantined) == (20, len(bad))
    assert dict(rows(warehouse, TableName.QUARANTINE, "offset", "reason")) == offsets


def test_a_record_of_several_tasks_counts_once(warehouse: Warehouse, tmp_path: Path) -> None:
    event = envelope("t-1", resources=[resource("t-1"), resource("t-2"), resource("t-1")])
    result = read(warehouse, write(tmp_path / "in.json", [event, event, envelope("t-3")]))
    assert (result.read, result.stored, result.duplicate) == (3, 2, 1)
    assert [row[0] for row in rows(warehouse, TableName.EVENTS, "task_id")] == ["t-1", "t-2", "t-3"]


def test_a_redelivery_under_a_new_envelope_is_one_event(warehouse: Warehouse, tmp_path: Path) -> None:
    first = envelope("t-1", id="e-1", detail={"idempotencyKey": "k-1"})
    second = envelope("t-1", id="e-2", detail={"idempotencyKey": "k-1"}, **{"replay-name": "r"})
    assert read(warehouse, write(tmp_path / "in" / "a.json", [first])).stored == 1
    again = read(warehouse, write(tmp_path / "in" / "b.json", [second]))
    assert (again.stored, again.duplicate) == (0, 1)
    assert list_runs(warehouse)[0].counts["duplicate"] == {"redelivery": 0, "replay": 1, "same object again": 0}


def test_a_missing_path_changes_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="does not exist"):
        read(warehouse, tmp_path / "nowhere")
    assert not warehouse.exists()


def test_an_unreadable_file_is_told_and_the_others_are_stored(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in"
    closed = write(source / "a.json", [envelope("t-1")])
    write(source / "b.json", [envelope("t-2")])
    real_open = Path.open

    def refuse(self: Path, *args, **kwargs):
        if self == closed:
            raise PermissionError(13, "Permission denied")
        return real_open(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UsageError, match="Permission denied"):
        read(warehouse, source)
    assert [row[0] for row in rows(warehouse, TableName.EVENTS, "task_id")] == ["t-2"]
    monkeypatch.undo()
    assert read(warehouse, source).stored == 1


def test_duplicates_are_told_apart_by_their_cause(warehouse: Warehouse, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    events = many(10)
    first = write(folder / "a.json", events)
    load(warehouse, open_source(str(folder)))
    write(first, [*events, envelope("new"), events[0]])  # overwritten: ten stand where they stood, one is there twice
    write(folder / "b.json", [events[1], events[2] | {"replay-name": "r-1"}])
    done = load(warehouse, open_source(str(folder)))
    assert (done.stored, done.duplicate) == (1, 13)
    wanted = {"same object again": 10, "replay": 1, "redelivery": 2}
    assert list_runs(warehouse)[0].counts["duplicate"] == wanted


def test_many_refused_records_of_one_object_are_published_as_they_come(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("QUARANTINE_ROWS_PER_GROUP", 1000),
        ("ROWS_PER_PASS", 80_800),
        ("MAX_BATCH_ROWS", 80_000),
    ):
        monkeypatch.setattr(f"bwp_client.load.pipeline.{name}", value)
    monkeypatch.setattr("bwp_client.load.batch_writer.ROWS_PER_BATCH", 500)
    monkeypatch.setattr("bwp_client.load.object_reader.RECORDS_PER_RESULT", 100)
    lines = [f"broken {number}" for number in range(5000)] + [json.dumps(event) for event in many(50)]
    (tmp_path / "in.json").write_text("\n".join(lines))
    result = read(warehouse, tmp_path / "in.json")
    assert adds_up(result)
    assert (result.read, result.stored, result.quarantined) == (5050, 50, 5000)
    runs = list_runs(warehouse)
    assert len(runs) > 3
    assert sum(run.counts["quarantined"].get("not_json", 0) for run in runs) == 5000
    assert len(set(rows(warehouse, TableName.QUARANTINE, "offset"))) == 5000
    again = read(warehouse, tmp_path / "in.json", reread=True)
    assert (again.stored, again.duplicate, again.quarantined) == (0, 50, 5000)
    assert len(rows(warehouse, TableName.QUARANTINE, "offset")) == 5000


def test_a_path_that_is_no_utf8_is_read_and_named(warehouse: Warehouse, tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.json")
    Path(path).write_text(json.dumps(envelope("t")))
    assert read(warehouse, Path(path)).stored == 1
    assert list_runs(warehouse)[0].source.endswith("/\\xff.json")


def test_a_file_that_was_rewritten_in_place_with_its_old_time_and_size_is_read_by_reread_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "in" / "a.json", [envelope("t-1")])
    status = path.stat()
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    assert load(warehouse, open_source(str(path.parent))).stored == 1
    write(path, [envelope("t-2")])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    assert load(warehouse, open_source(str(path.parent))).objects == 0
    assert load(warehouse, open_source(str(path.parent)), reread=True).stored == 1
