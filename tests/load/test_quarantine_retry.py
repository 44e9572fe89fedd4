"""A retry reads what can be read now, within the windows that its objects were loaded for, and nothing beyond them."""

import hashlib
import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support.events import envelope, many, time_of, write
from support.tables import reasons, rows

from bwp_client.load import load
from bwp_client.load.quarantine_retry import retry
from bwp_client.sources import open_source
from bwp_client.warehouse import TableName, Warehouse
from bwp_client.warehouse.engine import connect
from bwp_client.warehouse.objects import record_objects
from bwp_client.warehouse.quarantine import append_quarantine

START = datetime(2026, 4, 1, tzinfo=UTC)
EVENTS = many(20, start=START, step=timedelta(hours=1))
LOADED_AT = datetime(2026, 4, 10, tzinfo=UTC)


def at(hour: int) -> datetime:
    return START + timedelta(hours=hour)


def stored(warehouse: Warehouse) -> list[datetime]:
    return sorted(row[0] for row in rows(warehouse, TableName.EVENTS, "occurred_at"))


def inside(*windows: tuple[int, int]) -> list[datetime]:
    times = sorted(map(time_of, EVENTS))
    return [time for time in times if any(at(low) <= time < at(high) for low, high in windows)]


@pytest.mark.parametrize(
    "windows",
    [[(100, 102)], [(5, 10)], [(5, 10), (7, 8)], [(2, 5), (10, 12)], [(2, 8), (5, 12)], [(0, 1), (3, 3 + 100)]],
)
def test_a_retry_stays_within_the_windows_of_its_object(tmp_path: Path, windows: list[tuple[int, int]]) -> None:
    source = write(tmp_path / "in" / "a.json", [*EVENTS, "broken"])
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    for low, high in windows:
        load(warehouse, open_source(str(source)), window_from=at(low), window_to=at(high))
    before = rows(warehouse, TableName.OBJECTS, "window_from", "window_to")
    for _ in range(2):
        done = retry(warehouse)
        assert (done.records, done.still_refused, done.stored) == (1, 1, 0)
        assert stored(warehouse) == inside(*windows)
    assert set(rows(warehouse, TableName.OBJECTS, "window_from", "window_to")) == set(before)
    whole = load(warehouse, open_source(str(source)))
    assert (whole.objects, whole.stored + whole.duplicate, whole.quarantined) == (1, 20, 1)
    assert stored(warehouse) == sorted(map(time_of, EVENTS))


@pytest.mark.parametrize("ends", [(None, 10), (5, None), (None, None)])
def test_an_open_window_stays_open(tmp_path: Path, ends: tuple[int | None, int | None]) -> None:
    source = write(tmp_path / "in" / "a.json", [*EVENTS, "broken"])
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    low, high = (None if hour is None else at(hour) for hour in ends)
    load(warehouse, open_source(str(source)), window_from=low, window_to=high)
    assert retry(warehouse).stored == 0
    assert stored(warehouse) == inside((ends[0] or 0, 100 if ends[1] is None else ends[1]))


def test_objects_of_several_windows_are_each_read_for_their_own(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    for name, (low, high) in {"a": (0, 5), "b": (10, 15)}.items():
        source = write(tmp_path / "in" / f"{name}.json", [*EVENTS, f"broken {name}"])
        load(warehouse, open_source(str(source)), window_from=at(low), window_to=at(high))
    done = retry(warehouse)
    assert (done.records, done.still_refused, done.stored, done.duplicate) == (2, 2, 0, 10)
    assert stored(warehouse) == inside((0, 5), (10, 15))


FEW = {name: envelope("few", id="e-few")[name] for name in ("id", "detail-type", "time", "resources")}
LEFT_BY_OLDER_VERSIONS: dict[str, tuple[str, int]] = {
    "detail as text": (json.dumps(envelope("t", id="e-t", detail="{}")), 1),
    "a foreign event": (json.dumps(envelope("t", detail=[1], **{"detail-type": "subscription.updated"})), 0),
    "few fields": (json.dumps(FEW), 1),
    "one key deep": (json.dumps({"event": envelope("t", id="e-t")}), 1),
    "number as account": (json.dumps(envelope("t", id="e-t", account=123456789012)), 1),
}


def as_an_older_version_left_it(warehouse: Warehouse, source: Path, line: str, reason: str, raw: bytes = b"") -> None:
    """Record the only line of an object as refused and the object as read."""
    (item,) = open_source(str(source)).objects()
    row: dict[str, Any] = {
        "source_uri": item.uri,
        "etag": item.etag,
        "offset": 0,
        "digest": hashlib.sha256(line.encode()).hexdigest(),
        "reason": reason,
        "excerpt": line[:300],
        "raw": raw,
    }
    warehouse.create()
    staged = source.parent / "staged.arrow"
    table = pa.Table.from_pylist([row])
    with pa.OSFile(str(staged), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    with closing(connect()) as connection:
        append_quarantine(warehouse, connection, [staged], load_id="old", seen_at=LOADED_AT)
        record_objects(
            warehouse, connection, [(item.uri, item.etag, item.size_bytes)], window_from=None, window_to=None,
            load_id="old", read_at=LOADED_AT,
        )  # fmt: skip
    staged.unlink()


@pytest.mark.parametrize("name", LEFT_BY_OLDER_VERSIONS)
@pytest.mark.parametrize("keeps_bytes", [False, True])
def test_a_retry_takes_out_what_older_versions_could_not_read(tmp_path: Path, name: str, keeps_bytes: bool) -> None:
    line, events = LEFT_BY_OLDER_VERSIONS[name]
    source = write(tmp_path / "a.json", [json.loads(line)])
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    as_an_older_version_left_it(warehouse, source, line, "not_an_envelope", line.encode() if keeps_bytes else b"")
    if keeps_bytes:
        source.unlink()
    done = retry(warehouse)
    assert (done.records, done.resolved, done.stored) == (1, 1, events)
    assert reasons(warehouse) == []


def test_a_retry_takes_out_time_stamps_beside_records(tmp_path: Path) -> None:
    stamp = "2026-05-01T12:00:00.000Z"
    source = tmp_path / "a.json"
    source.write_text(f"{stamp} {json.dumps(envelope('t', id='e-t'))}\n")
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    as_an_older_version_left_it(warehouse, source, stamp, "not_json")
    done = retry(warehouse)
    assert (done.records, done.resolved, done.stored) == (1, 1, 1)
    assert reasons(warehouse) == []
