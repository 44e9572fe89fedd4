"""A purge removes old data from every file, nothing brings it back, and it may be stopped at any step."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.events import envelope, many, outcomes_of, write
from support.failing import Failing, StoppedError
from support.overtaken import Overtaken
from support.tables import clean_env, command, command_json, fingerprints, outcomes, rows

from bwp_client.errors import SourceNotFoundError, UsageError, WarehouseError
from bwp_client.load import load
from bwp_client.load.pipeline import LoadResult
from bwp_client.monitoring.status import status_of
from bwp_client.sources import open_source
from bwp_client.warehouse import TABLES, TableName, Warehouse, list_runs, newest_run
from bwp_client.warehouse.file_cache import cache_folder
from bwp_client.warehouse.maintenance import maintain
from bwp_client.warehouse.purge import purge
from bwp_client.warehouse.purge_rules import PURGED_TEXT
from bwp_client.warehouse.schema import PUBLISHED
from bwp_client.warehouse.snapshot import Snapshot

FLOOR = datetime(2026, 4, 10, tzinfo=UTC)  # in the middle of a month
TO_APPEND = 2


def story() -> list[dict[str, Any]]:
    """Return events of tasks before and after the floor, right beside it, and on both sides of it."""
    return [
        *many(300, start=FLOOR - timedelta(days=70), step=timedelta(hours=8)),
        envelope("edge-before", time=FLOOR - timedelta(seconds=1)),
        envelope("edge-after", time=FLOOR),
        envelope("both", outcome="FAILED", time=FLOOR - timedelta(days=40)),
        envelope("both", outcome="COMPLETED", time=FLOOR + timedelta(days=2)),
    ]


EVENTS = story()
REDELIVERED = [*EVENTS[:6], *EVENTS[-6:]]
RECENT = [event for event in EVENTS if datetime.fromisoformat(event["time"]) >= FLOOR]
RECENT_TASKS = {event["resources"][0].split("/")[-1] for event in RECENT}
OLD_DELIVERIES = [event for event in EVENTS + REDELIVERED if datetime.fromisoformat(event["time"]) < FLOOR]
GONE = sorted({event["resources"][0].split("/")[-1] for event in EVENTS} - RECENT_TASKS)


def write_source(folder: Path) -> Path:
    """Write the events in every framing, so that every way of reading is used."""
    third = len(EVENTS) // 3
    write(folder / "a.json", EVENTS[:third])
    write(folder / "b.json", EVENTS[third : 2 * third], "pretty")
    write(folder / "c.json.gz", EVENTS[2 * third :])
    for index in range(0, len(REDELIVERED), 2):  # small objects that are read in one batch
        write(folder / f"small-{index}.json", REDELIVERED[index : index + 2])
    (folder / "broken.json").write_text(f'{{"resources": ["x/{GONE[0]}"]\n')
    return folder


def append(warehouse: Warehouse, table: TableName, *added: dict[str, Any]) -> None:
    rows_added = pa.Table.from_pylist(list(added), schema=TABLES[table].schema)
    warehouse.commit(table, lambda _: rows_added, app_id="test")


def fill(uri: str, folder: Path) -> Warehouse:
    """Load the events; add lookups and requests of some tasks, and quarantined records."""
    warehouse = Warehouse(uri)
    load(warehouse, open_source(str(write_source(folder))))
    asked = {"task_kind": "DELETION", "lookup_state": "found", "asked_at": FLOOR + timedelta(days=5), "attempt": 1}
    looked_up = [GONE[0], GONE[1], "edge-after", "both", "waiting"]
    append(warehouse, TableName.LOOKUPS, *({"task_id": task} | asked for task in looked_up))
    shop = {"received_at": FLOOR - timedelta(days=100), "task_kind": "DELETION"}
    append(
        warehouse,
        TableName.REQUESTS,
        {"task_id": GONE[0]} | shop,
        {"task_id": "waiting"} | shop,
        {"task_id": "both", "replaced_by": GONE[1]} | shop,
    )
    old = {"source_uri": "old", "etag": "", "offset": 0, "reason": "not_json", "excerpt": "x", "raw": b"bytes"}
    append(
        warehouse,
        TableName.QUARANTINE,
        old | {"digest": "before", "seen_at": FLOOR - timedelta(days=1)},
        old | {"digest": "after", "seen_at": FLOOR + timedelta(days=1)},
    )
    return warehouse


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    return Path(fill(str(folder / "warehouse"), folder / "in").uri)


@pytest.fixture
def warehouse(filled: Path, tmp_path: Path) -> Warehouse:
    return Warehouse(str(shutil.copytree(filled, tmp_path / "warehouse")))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_source(tmp_path / "in")


def reread(warehouse: Warehouse, source: Path) -> LoadResult:
    result = load(warehouse, open_source(str(source)), reread=True)
    assert result.read == result.stored + result.duplicate + result.ignored + result.quarantined
    return result


def state(warehouse: Warehouse) -> tuple[Any, ...]:
    return (
        fingerprints(warehouse),
        outcomes(warehouse),
        rows(warehouse, TableName.LOOKUPS, "task_id"),
        rows(warehouse, TableName.REQUESTS, "task_id", "replaced_by"),
        rows(warehouse, TableName.QUARANTINE, "digest", "excerpt", "raw"),
    )


def is_purged(warehouse: Warehouse) -> bool:
    found = {(row[0], row[1]): (*row[4:7], row[7]) for row in outcomes(warehouse)}
    return found == outcomes_of(RECENT) and len(fingerprints(warehouse)) == len(RECENT)


def texts(folder: Path) -> Iterator[tuple[Path, str]]:
    """Return every file below a folder as text, Parquet files decompressed."""
    for path in folder.rglob("*"):
        if path.suffix == ".parquet":
            yield (
                path,
                path.name
                + repr(pq.ParquetFile(path).metadata.to_dict())
                + repr(pq.read_table(path, partitioning=None).to_pylist()),
            )
        elif path.is_file():
            yield path, path.name + path.read_bytes().decode("utf-8", "replace")


def traces(folder: Path, tasks: list[str]) -> list[tuple[str, str]]:
    return [
        (str(path), task)
        for path, text in texts(folder)
        for task in tasks
        if f"'{task}'" in text or f'{task}"' in text or f"/{task}" in text
    ]


def on_disk(warehouse: Warehouse, folder: Path, client: Any = None) -> Path:
    """Return a folder with all files of a warehouse."""
    if not warehouse.is_remote:
        return Path(warehouse.uri)
    bucket, prefix = warehouse.uri.removeprefix("s3://").split("/")
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page["Contents"]:
            target = folder / item["Key"]
            target.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(bucket, item["Key"], str(target))
    return folder


def test_no_file_holds_a_purged_task_and_no_load_stores_it_again(
    address: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    warehouse = fill(address, tmp_path / "in")
    client = request.getfixturevalue("bucket").client if warehouse.is_remote else None
    before = on_disk(warehouse, tmp_path / "before", client)
    assert {task for _, task in traces(before, GONE)} == set(GONE)
    held = newest_run(warehouse)
    assert held is not None
    result = command_json("purge", "--before", FLOOR.date().isoformat(), "--warehouse", address, "--json", cwd=tmp_path)
    assert is_purged(warehouse)
    assert (result["before"], result["events"], result["outcomes"]) == (
        "2026-04-10",
        len(EVENTS) - len(RECENT),
        len(GONE),
    )
    assert (result["lookups"], result["requests"], result["quarantine"], result["blanked"]) == (2, 1, 1, 2)
    assert result["unfinished_files"] == 0
    after = on_disk(warehouse, tmp_path / "after", client)
    assert traces(after, GONE) == []
    with pytest.raises(SourceNotFoundError, match="Take a newer run"):
        Snapshot(warehouse, held)
    if warehouse.is_remote:
        assert list(cache_folder().rglob("*.parquet"))
        assert traces(cache_folder(), GONE) == []
    assert {task for _, task in traces(after, sorted(RECENT_TASKS))} == RECENT_TASKS
    (tmp_path / "in" / "broken.json").unlink()
    again = reread(warehouse, tmp_path / "in")
    assert again.stored == 0
    assert again.ignored == len(OLD_DELIVERIES)
    assert list_runs(warehouse)[0].counts["ignored"] == {"older than the purge floor": again.ignored}
    assert is_purged(warehouse)
    assert traces(on_disk(warehouse, tmp_path / "again", client), GONE) == []


def test_lookups_requests_and_quarantine_keep_what_is_still_needed(warehouse: Warehouse) -> None:
    purge(warehouse, FLOOR)
    assert rows(warehouse, TableName.LOOKUPS, "task_id") == [("both",), ("edge-after",), ("waiting",)]
    assert rows(warehouse, TableName.REQUESTS, "task_id", "replaced_by") == [("both", None), ("waiting", None)]
    left = rows(warehouse, TableName.QUARANTINE, "reason", "excerpt", "raw")
    assert left == [("not_json", "x", None), ("not_json", PURGED_TEXT, None)] or left == [
        ("not_json", PURGED_TEXT, None), ("not_json", "x", None),
    ]  # fmt: skip
    run = list_runs(warehouse)[0]
    assert (run.kind, run.counts["before"]) == ("purge", "2026-04-10")
    assert run.versions == {name.value: warehouse.handle(name).version() for name in PUBLISHED}


def test_counting_changes_nothing(warehouse: Warehouse) -> None:
    before = state(warehouse), len(list_runs(warehouse))
    counted = purge(warehouse, FLOOR, dry_run=True).as_json()
    assert (state(warehouse), len(list_runs(warehouse))) == before
    done = purge(warehouse, FLOOR).as_json()
    assert {**done, "deleted_files": 0} == counted


def test_only_the_month_that_the_day_cuts_is_rewritten(warehouse: Warehouse) -> None:
    def names(*, after: str) -> set[str]:
        return {
            item.path
            for item in warehouse.data_files(warehouse.handle(TableName.EVENTS))
            if item.partition["occurred_month"] > after
        }

    before = names(after="2026-04")
    assert before
    purge(warehouse, FLOOR)
    assert names(after="2026-04") == before
    assert len(names(after="")) == len(before) + 1


@pytest.mark.parametrize("day", [datetime(2026, 4, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)])
def test_a_first_of_the_month_and_a_day_after_everything(warehouse: Warehouse, source: Path, day: datetime) -> None:
    recent = [event for event in EVENTS if datetime.fromisoformat(event["time"]) >= day]
    purge(warehouse, day, clock=lambda: datetime(2027, 1, 2, tzinfo=UTC))
    for _ in range(2):
        assert len(fingerprints(warehouse)) == len(recent)
        assert {row[0] for row in outcomes(warehouse)} == {key[0] for key in outcomes_of(recent)}
        run = newest_run(warehouse)
        assert run is not None
        assert len(Snapshot(warehouse, run).rows("select * from outcomes")) == len(outcomes(warehouse))
        assert reread(warehouse, source).stored == 0


def test_a_later_purge_can_only_raise_the_floor(warehouse: Warehouse, source: Path) -> None:
    purge(warehouse, FLOOR)
    assert purge(warehouse, FLOOR - timedelta(days=20)).before == "2026-04-10"
    assert reread(warehouse, source).stored == 0
    assert purge(warehouse, FLOOR + timedelta(days=5)).events > 0


def test_the_floor_outlives_maintenance_and_a_window_is_counted_separately(warehouse: Warehouse, source: Path) -> None:
    purge(warehouse, FLOOR)
    maintain(warehouse, retain_hours=0)
    start = FLOOR - timedelta(days=3)
    result = load(warehouse, open_source(str(source)), reread=True, window_from=start)
    times = [datetime.fromisoformat(event["time"]) for event in EVENTS + REDELIVERED]
    assert result.outside_window == sum(time < start for time in times)
    assert result.ignored == sum(start <= time < FLOOR for time in times) > 0
    assert result.stored == 0


def test_a_day_in_the_future_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    before = state(warehouse)
    with pytest.raises(UsageError, match="Nothing was removed"):
        purge(warehouse, datetime.now(UTC) + timedelta(minutes=1))
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    for day, message in (
        (tomorrow, "in the future"),
        ("soon", "is not a date"),
        ("2026-04-10T12:00Z", "is not a date"),
    ):
        done = command("purge", "--before", day, cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert message in done.stderr
    assert state(warehouse) == before


def test_a_load_under_way_stores_nothing_older(address: str, tmp_path: Path) -> None:
    write(tmp_path / "first.json", EVENTS[100:130])
    source = write_source(tmp_path / "in")
    (source / "broken.json").unlink()
    load(Warehouse(address), open_source(str(tmp_path / "first.json")))

    def second_process() -> None:
        command_json("purge", "--before", "2026-04-10", "--warehouse", address, "--json", cwd=tmp_path)

    overtaken = Overtaken(address, TableName.EVENTS, second_process, at=TO_APPEND)
    result = load(overtaken, open_source(str(source)))
    assert result.ignored == len(OLD_DELIVERIES)
    assert result.read == result.stored + result.duplicate + result.ignored == len(EVENTS + REDELIVERED)
    assert is_purged(Warehouse(address))


def test_a_reader_of_an_older_run_gets_an_error_that_asks_for_a_newer_run(warehouse: Warehouse) -> None:
    run = newest_run(warehouse)
    assert run is not None
    held = Snapshot(warehouse, run)
    purge(warehouse, FLOOR)
    with pytest.raises(SourceNotFoundError, match="Take a newer run"):
        held.rows("select task_id from outcomes")
    with pytest.raises(SourceNotFoundError, match="Take a newer run"):
        held.frame("select * from outcomes")
    with pytest.raises(SourceNotFoundError, match="Take a newer run"):
        Snapshot(warehouse, run)


def test_files_of_a_killed_load_are_reported_and_go_when_they_are_old(warehouse: Warehouse, tmp_path: Path) -> None:
    month = Path(warehouse.uri, "events", "occurred_month=2026-03")
    pq.write_table(pa.table({"task_id": [GONE[5]]}), month / "killed.parquet")
    done = command("purge", "--before", "2026-04-10", "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert json.loads(done.stdout)["unfinished_files"] == 1
    assert "Run purge again in an hour" in done.stderr
    long_ago = time.time() - 2 * 3600
    os.utime(month / "killed.parquet", (long_ago, long_ago))
    done = command("purge", "--before", "2026-04-10", "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert traces(Path(warehouse.uri), GONE) == []


@pytest.fixture(scope="module")
def undisturbed(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, ...]:
    warehouse = Warehouse(str(shutil.copytree(filled, tmp_path_factory.mktemp("undisturbed") / "warehouse")))
    purge(warehouse, FLOOR)
    return state(warehouse)


STEPS = (TableName.REQUESTS, TableName.LOOKUPS, TableName.QUARANTINE, TableName.EVENTS, TableName.RUNS)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_stopped_at_any_commit_and_run_again(
    warehouse: Warehouse, source: Path, undisturbed: tuple[Any, ...], step: TableName, after: bool
) -> None:
    whole = state(warehouse)
    with pytest.raises(StoppedError):
        purge(Failing(warehouse.uri, step, after=after), FLOOR)
    run = newest_run(warehouse)
    assert run is not None
    Snapshot(warehouse, run)  # readers read on
    # Whoever comes first: the outcomes are what the events say, and nothing comes back once it is gone.
    status_of(warehouse)
    assert (outcomes(warehouse) == whole[1]) is (fingerprints(warehouse) == whole[0])
    (source / "broken.json").unlink()
    assert reread(warehouse, source).stored == 0
    purge(warehouse, FLOOR)
    assert state(warehouse) == undisturbed
    assert traces(Path(warehouse.uri), GONE) == []
    assert list_runs(warehouse)[0].kind == "purge"


# Kills its own process, as the kernel would, before the n-th commit or deletion.
KILLED_PURGE = """
import os, signal, sys
from datetime import datetime
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse import purge, vacuum
step = int(sys.argv[1])
steps = 0
def deadly(function):
    def wrapped(*args, **kwargs):
        global steps
        steps += 1
        if steps == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)
    return wrapped
Warehouse.commit = deadly(Warehouse.commit)
vacuum._delete = deadly(vacuum._delete)
os.unlink = deadly(os.unlink)
purge.write_checkpoint = deadly(purge.write_checkpoint)
purge.purge(Warehouse(sys.argv[2]), datetime.fromisoformat(sys.argv[3]))
"""


@pytest.mark.parametrize("step", [5, 7, 8, 11, 14, 20])
def test_killed_at_a_commit_or_a_deletion_and_run_again(
    warehouse: Warehouse, undisturbed: tuple[Any, ...], step: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED_PURGE, str(step), warehouse.uri, FLOOR.isoformat()],
        env=clean_env(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -9, done.stderr
    run = newest_run(warehouse)
    assert run is not None
    Snapshot(warehouse, run)
    purge(warehouse, FLOOR)
    assert state(warehouse) == undisturbed
    assert traces(Path(warehouse.uri), GONE) == []


@pytest.mark.parametrize("failing", [TableName.REQUESTS, TableName.QUARANTINE, TableName.EVENTS])
def test_a_purge_that_fails_says_which_tables_it_has_purged(warehouse: Warehouse, failing: TableName) -> None:
    class FullDisk(Warehouse):
        def commit(self, table: TableName, *arguments: Any, **more: Any) -> int:
            if table is failing:
                raise WarehouseError(
                    f"The warehouse at {self.uri}/{table.value} can't be used: No space left on device."
                )
            return super().commit(table, *arguments, **more)

    order = [
        TableName.REQUESTS, TableName.LOOKUPS, TableName.CLAIMS, TableName.QUARANTINE, TableName.EVENTS, TableName.OUTCOMES,
    ]  # fmt: skip
    done, left = order[: order.index(failing)], order[order.index(failing) :]
    with pytest.raises(WarehouseError, match="No space left on device") as stopped:
        purge(FullDisk(warehouse.uri), FLOOR)
    message = str(stopped.value)
    assert f"Purged: {', '.join(table.value for table in done) or 'no table'};" in message
    assert f"not purged: {', '.join(table.value for table in left)}." in message
    assert "Run purge --before 2026-04-10 again: it completes the work." in message
    purge(warehouse, FLOOR)
    assert is_purged(warehouse)
