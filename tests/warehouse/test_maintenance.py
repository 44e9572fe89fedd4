"""Compaction changes no row, even while others commit; deleting files removes none that a reader needs."""

import os
import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from support.events import NOW, envelope, many, outcomes_of, write
from support.lookups import looked_up, store_lookups
from support.overtaken import Overtaken
from support.tables import command, command_json, fingerprints, outcomes, rows

from bwp_client.errors import DamagedFileError, SourceNotFoundError
from bwp_client.load import load
from bwp_client.monitoring.status import status_of
from bwp_client.sources import open_source
from bwp_client.warehouse import TABLES, TableName, Warehouse, list_runs, newest_run
from bwp_client.warehouse.maintenance import MaintainResult, bring_up_to_date, compact
from bwp_client.warehouse.maintenance import maintain as run_maintain
from bwp_client.warehouse.outcomes import refresh_outcomes
from bwp_client.warehouse.purge import purge
from bwp_client.warehouse.requests import import_requests
from bwp_client.warehouse.snapshot import Snapshot
from bwp_client.warehouse.vacuum import remove_unreferenced

LOADS, EACH = 9, 20
EVENTS = many(LOADS * EACH, start=NOW - timedelta(days=4))  # all in few days, so that every load writes to one month
LATE = [envelope("late", outcome="FAILED"), envelope("late-2")]
TO_APPEND = 2


def in_soak(table: TableName) -> Any:
    """Return a table as a parameter of the long tests only: compaction is the same code for all of them."""
    return pytest.param(table, marks=pytest.mark.soak)


def maintain(warehouse: Warehouse, *, retain_hours: int = 24, **options) -> MaintainResult:
    return run_maintain(warehouse, retain_hours=retain_hours, **options)


def load_all(uri: str, folder: Path) -> Warehouse:
    warehouse = Warehouse(uri)
    for at in range(0, len(EVENTS), EACH):
        load(warehouse, open_source(str(write(folder / f"{at:05d}.json", EVENTS[at : at + EACH]))))
    return warehouse


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a warehouse that tests only copy."""
    folder = tmp_path_factory.mktemp("loaded")
    return Path(load_all(str(folder / "warehouse"), folder / "in").uri)


@pytest.fixture
def warehouse(loaded: Path, tmp_path: Path) -> Warehouse:
    return Warehouse(str(shutil.copytree(loaded, tmp_path / "warehouse")))


@pytest.fixture
def address(address: str, loaded: Path, request: pytest.FixtureRequest) -> str:
    if not address.startswith("s3://"):
        return str(shutil.copytree(loaded, address))
    client = request.getfixturevalue("bucket").client
    bucket, prefix = address.removeprefix("s3://").split("/")
    for path in loaded.rglob("*"):
        if path.is_file():
            client.upload_file(str(path), bucket, f"{prefix}/{path.relative_to(loaded)}")
    return address


def is_exact(warehouse: Warehouse, events: list) -> bool:
    stored = fingerprints(warehouse)
    found = {(row[0], row[1]): (*row[4:7], row[7]) for row in outcomes(warehouse)}
    return len(stored) == len(set(stored)) == len(events) and found == outcomes_of(events)


def files(warehouse: Warehouse, table: TableName) -> int:
    return len(warehouse.data_files(warehouse.handle(table)))


def published(warehouse: Warehouse) -> Snapshot:
    run = newest_run(warehouse)
    assert run is not None
    return Snapshot(warehouse, run)


def test_many_small_files_become_few_and_no_row_changes(address: str) -> None:
    warehouse = Warehouse(address)
    before = fingerprints(warehouse), outcomes(warehouse)
    assert files(warehouse, TableName.EVENTS) >= LOADS
    result = maintain(warehouse)
    assert set(result.compacted) >= {"events", "objects", "runs"}
    assert files(warehouse, TableName.EVENTS) < LOADS
    assert (fingerprints(warehouse), outcomes(warehouse)) == before
    # Appending needs the ranges of each file.
    for item in warehouse.data_files(warehouse.handle(TableName.EVENTS)):
        assert item.lows["occurred_at"] <= item.highs["occurred_at"]
    assert [run.kind for run in list_runs(warehouse)] == ["maintain"] + ["load"] * LOADS
    assert newest_run(warehouse).versions == result.versions  # type: ignore[union-attr]
    assert published(warehouse).events_not_yet_counted == 0


def test_nothing_more_to_do_writes_nothing(warehouse: Warehouse) -> None:
    maintain(warehouse)
    before = {name: warehouse.handle(name).version() for name in TableName}
    again = maintain(warehouse)
    bring_up_to_date(warehouse)
    assert not again.compacted
    assert {name: warehouse.handle(name).version() for name in TableName} == before


def test_a_compaction_alone_reads_no_event_for_the_outcomes(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = outcomes(warehouse)
    compact(warehouse, TableName.EVENTS)
    with monkeypatch.context() as patched:
        patched.setattr(Warehouse, "_local_paths", lambda *_: pytest.fail("event files were read"))
        version = refresh_outcomes(warehouse)
    assert refresh_outcomes(warehouse) == version
    assert outcomes(warehouse) == before


@pytest.mark.parametrize("compacted_first", [True, False])
def test_a_load_and_a_compaction_since_the_outcomes_were_refreshed(
    warehouse: Warehouse, tmp_path: Path, compacted_first: bool
) -> None:
    source = open_source(str(write(tmp_path / "late.json", LATE)))
    steps = [lambda: compact(warehouse, TableName.EVENTS), lambda: load(_Unrefreshed(warehouse.uri), source)]
    for step in steps if compacted_first else reversed(steps):
        try:
            step()
        except KeyboardInterrupt:
            continue
    assert not is_exact(warehouse, EVENTS + LATE)
    assert status_of(warehouse).tasks == len(EVENTS + LATE)
    assert is_exact(warehouse, EVENTS + LATE)
    assert published(warehouse).events_not_yet_counted == 0


class _Unrefreshed(Warehouse):
    """Stops before the outcomes are refreshed."""

    def commit(self, table, *args, **options) -> int:
        if table is TableName.OUTCOMES:
            raise KeyboardInterrupt
        return super().commit(table, *args, **options)


def test_events_not_yet_counted_are_those_of_loads_only(warehouse: Warehouse, tmp_path: Path) -> None:
    run = newest_run(warehouse)
    assert run is not None
    with pytest.raises(KeyboardInterrupt):
        load(_Unrefreshed(warehouse.uri), open_source(str(write(tmp_path / "late.json", LATE))))
    compact(warehouse, TableName.EVENTS)
    run.versions["events"] = warehouse.handle(TableName.EVENTS).version()
    assert Snapshot(warehouse, run).events_not_yet_counted == len(LATE)


def test_maintain_from_a_second_process_between_anti_join_and_append(address: str, tmp_path: Path) -> None:
    maintained: dict = {}

    def second_process() -> None:
        maintained.update(command_json("maintain", "--warehouse", address, "--json", cwd=tmp_path))

    again = write(tmp_path / "again.json", EVENTS[-50:] + LATE)
    overtaken = Overtaken(address, TableName.EVENTS, second_process, at=TO_APPEND)
    result = load(overtaken, open_source(str(again)))
    assert "events" in maintained["compacted"]
    assert (result.stored, result.duplicate) == (len(LATE), 50)
    assert is_exact(Warehouse(address), EVENTS + LATE)
    assert published(Warehouse(address)).rows("select sum(tasks) from daily_counts") == [(len(EVENTS + LATE),)]


@pytest.mark.parametrize("table", [TableName.EVENTS, TableName.RUNS, in_soak(TableName.OUTCOMES)])
def test_a_load_while_a_table_is_compacted(address: str, table: TableName, tmp_path: Path) -> None:
    source = open_source(str(write(tmp_path / "late.json", LATE)))
    runs = len(list_runs(Warehouse(address)))
    compact(Overtaken(address, table, lambda: load(Warehouse(address), source)), table)
    warehouse = Warehouse(address)
    assert is_exact(warehouse, EVENTS + LATE)
    assert len(list_runs(warehouse)) == runs + 1
    assert len(rows(warehouse, TableName.OBJECTS, "source_uri")) == LOADS + 1
    maintain(warehouse)
    assert is_exact(warehouse, EVENTS + LATE)
    assert published(warehouse).rows("select sum(tasks) from daily_counts") == [(len(EVENTS + LATE),)]


@pytest.mark.parametrize(
    "table", [TableName.EVENTS, in_soak(TableName.OUTCOMES), in_soak(TableName.OBJECTS), in_soak(TableName.RUNS)]
)
def test_two_compactions_at_once_double_no_row(address: str, table: TableName) -> None:
    warehouse = Warehouse(address)
    column = "run_no" if table is TableName.RUNS else TABLES[table].schema.names[0]
    before = rows(warehouse, table, column)
    compact(Overtaken(address, table, lambda: compact(Warehouse(address), table)), table)
    assert rows(warehouse, table, column) == before
    maintain(warehouse)
    assert is_exact(warehouse, EVENTS)
    assert published(warehouse).events_not_yet_counted == 0


def test_an_import_while_the_requests_are_compacted_doubles_no_row(warehouse: Warehouse) -> None:
    def row(task: str) -> pa.Table:
        return pa.Table.from_pylist([{"task_id": task}], schema=TABLES[TableName.REQUESTS].schema)

    for number in range(LOADS):
        warehouse.commit(TableName.REQUESTS, lambda _, task=f"t-{number}": row(task), app_id="test")
    before = rows(warehouse, TableName.REQUESTS, "task_id")
    overtaken = Overtaken(
        warehouse.uri, TableName.REQUESTS, lambda: compact(Warehouse(warehouse.uri), TableName.REQUESTS)
    )
    import_requests(overtaken, row("new"), ("task_id",), source="new.csv")
    assert rows(warehouse, TableName.REQUESTS, "task_id") == sorted([*before, ("new",)])


def test_a_purge_while_the_requests_are_compacted_leaves_no_purged_row(warehouse: Warehouse) -> None:
    floor = NOW.replace(hour=0) - timedelta(days=1)
    old = [f"t-{number:06d}" for number in range(LOADS)]
    for task in old:
        row = pa.Table.from_pylist([{"task_id": task}], schema=TABLES[TableName.REQUESTS].schema)
        warehouse.commit(TableName.REQUESTS, lambda _, row=row: row, app_id="test")
    for at in range(1, 8):
        uri = str(shutil.copytree(warehouse.uri, f"{warehouse.uri}-{at}"))
        purge(
            Overtaken(uri, TableName.REQUESTS, lambda uri=uri: compact(Warehouse(uri), TableName.REQUESTS), at=at),
            floor,
        )
        assert rows(Warehouse(uri), TableName.REQUESTS, "task_id") == []


def test_a_purge_while_the_events_are_compacted(address: str) -> None:
    floor = NOW.replace(hour=0) - timedelta(days=1)
    recent = [event for event in EVENTS if event["time"] >= f"{floor:%Y-%m-%d}"]
    assert 0 < len(recent) < len(EVENTS)
    overtaken = Overtaken(address, TableName.EVENTS, lambda: purge(Warehouse(address), floor))
    compact(overtaken, TableName.EVENTS)
    assert len(overtaken.versions_opened) > 1, "the first attempt was not a conflict"
    assert is_exact(Warehouse(address), recent)


def test_the_newest_run_can_be_read_however_old_its_files_are(warehouse: Warehouse) -> None:
    newest = published(warehouse)
    compact(warehouse, TableName.EVENTS)
    for _ in range(2):  # the files of the first belong to no run, nor to the newest version
        refresh_outcomes(warehouse, rebuild=True)
    wanted = newest.rows("select count(*) from events")
    for table in (TableName.EVENTS, TableName.OUTCOMES):
        needed = {newest.versions[table.value]}
        assert remove_unreferenced(warehouse, table, retention_hours=0, keep=needed) > 0 or table is TableName.EVENTS
    assert Snapshot(warehouse, newest.run).rows("select count(*) from events") == wanted
    assert newest.rows("select count(*) from outcomes") == wanted
    # Without the rule those files would have gone, and readers get an error that says so.
    assert remove_unreferenced(warehouse, TableName.EVENTS, retention_hours=0, keep=set()) == LOADS
    for look in (lambda: Snapshot(warehouse, newest.run), lambda: newest.rows("select count(load_id) from events")):
        with pytest.raises(DamagedFileError, match=r"events/.* is missing"):
            look()


def test_every_run_younger_than_the_retention_can_be_read_and_older_ones_make_room(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    young = maintain(warehouse, retain_hours=1, rebuild=True)
    runs = list_runs(warehouse)
    assert young.deleted_files == 0
    counted = [Snapshot(warehouse, run).rows("select count(*) from events")[0][0] for run in reversed(runs)]
    assert counted == [EACH * min(number, LOADS) for number in range(1, LOADS + 2)]
    # Now no run is young any more; the newest run stays readable.
    later = maintain(warehouse, retain_hours=0)
    assert later.deleted_files > LOADS
    assert len(list(Path(warehouse.uri, "events").glob("occurred_month=*/*.parquet"))) == files(
        warehouse, TableName.EVENTS
    )
    assert len(list(Path(warehouse.uri, "events", "_delta_log").glob("*.json"))) == 1
    assert published(warehouse).rows("select count(*) from events") == [(len(EVENTS),)]
    with pytest.raises(SourceNotFoundError, match="Take a newer run"):
        Snapshot(warehouse, runs[-1])
    assert maintain(warehouse, retain_hours=0).deleted_files == 0
    assert load(warehouse, open_source(str(write(tmp_path / "late.json", LATE)))).stored == len(LATE)
    assert is_exact(warehouse, EVENTS + LATE)


def test_files_of_a_killed_writer_go_only_when_they_are_old(warehouse: Warehouse) -> None:
    month = next(Path(warehouse.uri, "events").glob("occurred_month=*"))
    (month / "killed.parquet").write_bytes(b"x")
    assert maintain(warehouse, retain_hours=1).deleted_files == 0
    long_ago = time.time() - 2 * 3600
    os.utime(month / "killed.parquet", (long_ago, long_ago))
    assert maintain(warehouse, retain_hours=1).deleted_files == 1
    assert not (month / "killed.parquet").exists()


def test_less_than_an_hour_of_retention_is_refused(tmp_path: Path) -> None:
    done = command("maintain", "--retain-hours", "0", cwd=tmp_path)
    assert done.returncode == 2
    assert "retain-hours" in done.stderr


def as_of_older_release(warehouse: Warehouse, table: TableName) -> None:
    """Take away what tells that a table was created by this release."""
    DeltaTable(warehouse.address(table)).alter.set_table_properties({"bwp.ids": "any"}, raise_if_not_exists=False)


def double(warehouse: Warehouse, table: TableName) -> int:
    """Compact a table twice at once, as earlier releases could; return the number of rows too many."""
    as_of_older_release(warehouse, table)
    name = TABLES[table].schema.names[0]
    before = len(rows(warehouse, table, name))
    first, second = (DeltaTable(warehouse.address(table)) for _ in range(2))
    first.optimize.compact()
    second.optimize.compact()
    return len(rows(warehouse, table, name)) - before


DOUBLED = (TableName.EVENTS, TableName.LOOKUPS, TableName.QUARANTINE, TableName.OBJECTS, TableName.RUNS)


@pytest.mark.parametrize("since", ["nothing", "a load", "a rebuild", "a compaction"])
def test_rows_that_two_compactions_doubled_are_found_and_removed(
    warehouse: Warehouse, tmp_path: Path, since: str
) -> None:
    for number in range(2):
        store_lookups(warehouse, [looked_up(f"t-{task:06d}") for task in range(number * 14, number * 14 + 14, 7)])
        write(tmp_path / "broken" / f"{number}.json", [f"broken {number}"])
        load(warehouse, open_source(str(tmp_path / "broken" / f"{number}.json")))
    before = {table: rows(warehouse, table, *TABLES[table].schema.names) for table in DOUBLED}
    counts = {table: double(warehouse, table) for table in DOUBLED}
    assert all(counts.values())
    events = list(EVENTS)
    if since == "a load":
        events += LATE
        load(warehouse, open_source(str(write(tmp_path / "late.json", LATE))))
    elif since == "a rebuild":
        refresh_outcomes(warehouse, rebuild=True)
    elif since == "a compaction":
        for table in DOUBLED:
            warehouse.handle(table).optimize.compact()
    result = maintain(warehouse)
    assert result.removed_doubles == {table.value: counts[table] for table in DOUBLED}
    assert is_exact(warehouse, events)
    for table in DOUBLED:
        left = rows(warehouse, table, *TABLES[table].schema.names)
        assert len(set(map(repr, left))) == len(left)
        assert set(map(repr, before[table])) <= set(map(repr, left))
    assert maintain(warehouse).removed_doubles == {}


def test_tables_that_this_release_created_are_not_searched_for_doubled_rows(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    scan = Warehouse.scan
    monkeypatch.setattr(Warehouse, "scan", lambda *a, **k: read.append(k.get("as_stored")) or scan(*a, **k))
    maintain(warehouse)
    assert True not in read
    as_of_older_release(warehouse, TableName.EVENTS)
    maintain(warehouse)
    assert True in read


def test_doubled_outcomes_are_found_and_computed_anew(warehouse: Warehouse) -> None:
    bring_up_to_date(warehouse)
    as_of_older_release(warehouse, TableName.OUTCOMES)
    table = DeltaTable(warehouse.address(TableName.OUTCOMES))
    write_deltalake(table, table.to_pyarrow_table(), mode="append")
    bring_up_to_date(warehouse)
    assert len(outcomes(warehouse)) == 2 * len(outcomes_of(EVENTS))
    maintain(warehouse)
    assert len(outcomes(warehouse)) == len(outcomes_of(EVENTS))
    assert is_exact(warehouse, EVENTS)
