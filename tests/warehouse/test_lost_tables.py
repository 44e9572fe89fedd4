"""A table whose folder was deleted, or of which an older copy was restored, is found and named with the way out."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from support.events import NOW, envelope, many, outcomes_of, write
from support.lookups import looked_up, store_lookups
from support.tables import command, command_json, fingerprints, outcomes, rows

from bwp_client.errors import BwpError, DamagedTableError
from bwp_client.load import load
from bwp_client.monitoring.status import status_of
from bwp_client.sources import open_source
from bwp_client.warehouse import TABLES, TableName, Warehouse, list_runs, newest_run
from bwp_client.warehouse.maintenance import bring_up_to_date, maintain
from bwp_client.warehouse.purge import purge
from bwp_client.warehouse.quarantine import list_quarantined
from bwp_client.warehouse.requests import import_requests
from bwp_client.warehouse.snapshot import Snapshot

EVENTS = many(50, start=NOW - timedelta(days=20), step=timedelta(hours=6))
LATE = [envelope(f"late-{number}", outcome="FAILED") for number in range(5)]
PARTS = 3
LOSES_ROWS = (TableName.EVENTS, TableName.LOOKUPS, TableName.REQUESTS, TableName.QUARANTINE)
READ_BY_METRICS = (TableName.EVENTS, TableName.OUTCOMES, TableName.LOOKUPS, TableName.REQUESTS)
WAYS_OUT = {
    TableName.EVENTS: "--reread",
    TableName.LOOKUPS: "run enrich",
    TableName.REQUESTS: "import",
    TableName.QUARANTINE: "--reread",
    TableName.OBJECTS: "reads the objects again",
    TableName.OUTCOMES: "computed anew",
}


def part(folder: Path, number: int) -> Path:
    """Return a file with some of the events and a broken record."""
    return write(folder / f"{number}.json", [*EVENTS[number::PARTS], f"broken {number}"])


def fill(folder: Path, uri: str) -> Warehouse:
    """Fill every table in several commits; a copy of the warehouse before the last of them is beside it."""
    warehouse = Warehouse(uri)
    for number in range(PARTS):
        if number == PARTS - 1:
            shutil.copytree(uri, f"{uri}-older")
        load(warehouse, open_source(str(part(folder / "in", number))))
        tasks = [f"t-{place:06d}" for place in range(number, 14, PARTS)]
        store_lookups(warehouse, [looked_up(task) for task in tasks])
        request = pa.Table.from_pylist([{"task_id": f"t-{number:06d}"}], schema=TABLES[TableName.REQUESTS].schema)
        import_requests(warehouse, request, ("task_id",), source="requests.csv")
    return warehouse


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    fill(folder, str(folder / "warehouse"))
    return folder


@pytest.fixture
def warehouse(filled: Path, tmp_path: Path) -> Warehouse:
    return Warehouse(str(shutil.copytree(filled / "warehouse", tmp_path / "warehouse")))


def lose(warehouse: Warehouse, table: TableName, filled: Path, how: str) -> None:
    folder = Path(warehouse.uri, table.value)
    shutil.rmtree(folder)
    if how == "older copy":
        shutil.copytree(filled / "warehouse-older" / table.value, folder)


def is_readable(warehouse: Warehouse) -> bool:
    """Return whether the figures follow from the events that the table holds."""
    run = newest_run(warehouse)
    assert run is not None
    ((tasks,),) = Snapshot(warehouse, run).rows("select count(*) from outcomes")
    stored = rows(warehouse, TableName.EVENTS, "task_id")
    return tasks == len(set(stored)) == len(outcomes(warehouse))


@pytest.mark.parametrize("how", ["deleted", "older copy"])
@pytest.mark.parametrize("table", WAYS_OUT)
def test_status_names_the_table_and_the_way_out(warehouse: Warehouse, filled: Path, table: TableName, how: str) -> None:
    lose(warehouse, table, filled, how)
    (said,) = [item for item in status_of(warehouse).attention if f"The table {table.value} " in item]
    assert WAYS_OUT[table] in said
    assert warehouse.address(table) in said
    assert is_readable(warehouse)
    again = [item for item in status_of(warehouse).attention if f"The table {table.value} " in item]
    assert bool(again) == (table in LOSES_ROWS)  # until the rows are back


@pytest.mark.parametrize("how", ["deleted", "older copy"])
@pytest.mark.parametrize("table", READ_BY_METRICS)
def test_a_reader_names_the_table_and_the_way_out(
    warehouse: Warehouse, filled: Path, table: TableName, how: str
) -> None:
    lose(warehouse, table, filled, how)
    with pytest.raises(DamagedTableError) as raised:
        Snapshot.newest(warehouse)
    for words in (f"The table {table.value} ", WAYS_OUT[table], "bwp_client status"):
        assert words in str(raised.value)
    assert "purged" not in str(raised.value)
    status_of(warehouse)
    Snapshot.newest(warehouse)


def test_other_readers_name_a_table_that_is_gone(warehouse: Warehouse, filled: Path) -> None:
    lose(warehouse, TableName.QUARANTINE, filled, "deleted")
    with pytest.raises(DamagedTableError, match="The table quarantine is gone"):
        list_quarantined(warehouse)


def test_a_metric_that_can_not_be_computed_ends_with_code_4(warehouse: Warehouse, filled: Path, tmp_path: Path) -> None:
    lose(warehouse, TableName.EVENTS, filled, "deleted")
    done = command("metric", "failure_rate", "--warehouse", warehouse.uri, "--json", cwd=tmp_path)
    assert done.returncode == 4
    (said,) = map(json.loads, done.stderr.splitlines())
    assert said["event"] == "error"
    assert "The table events is gone" in said["message"]


@pytest.mark.parametrize(
    ("table", "how"),
    [
        (TableName.EVENTS, "deleted"),
        (TableName.EVENTS, "older copy"),
        (TableName.LOOKUPS, "deleted"),
        (TableName.OBJECTS, "deleted"),
    ],
)
def test_a_load_names_the_table_and_goes_on(
    warehouse: Warehouse, filled: Path, tmp_path: Path, table: TableName, how: str
) -> None:
    lose(warehouse, table, filled, how)
    source = write(tmp_path / "late.json", LATE)
    done = command("load", source, "--warehouse", warehouse.uri, "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert f"The table {table.value} " in done.stderr
    assert WAYS_OUT[table] in done.stderr
    assert is_readable(warehouse)
    assert {task for task, *_ in outcomes(warehouse)} >= {f"late-{number}" for number in range(5)}
    assert command("load", source, "--warehouse", warehouse.uri, cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("how", ["deleted", "older copy"])
def test_lost_events_come_back_by_reading_the_source_again(
    warehouse: Warehouse, filled: Path, tmp_path: Path, how: str
) -> None:
    lose(warehouse, TableName.EVENTS, filled, how)
    plain = command_json("load", filled / "in", "--warehouse", warehouse.uri, "--json", cwd=tmp_path, allowed=(0, 1))
    assert plain["stored"] < len(EVENTS)
    command_json(
        "load", filled / "in", "--reread", "--warehouse", warehouse.uri, "--json", cwd=tmp_path, allowed=(0, 1)
    )
    assert len(fingerprints(warehouse)) == len(EVENTS)
    found = {(row[0], row[1]): (*row[4:7], row[7]) for row in outcomes(warehouse)}
    assert found == outcomes_of(EVENTS)
    assert not [item for item in status_of(warehouse).attention if "lost rows" in item or "is gone" in item]


def test_a_notice_of_lost_events_ends_with_a_rebuild(warehouse: Warehouse, filled: Path) -> None:
    lose(warehouse, TableName.EVENTS, filled, "deleted")
    assert "The table events " in " ".join(status_of(warehouse).attention)
    maintain(warehouse, rebuild=True, retain_hours=24)
    assert "The table events " not in " ".join(status_of(warehouse).attention)


def test_a_quarantine_retry_does_not_end_the_notice(warehouse: Warehouse, filled: Path, tmp_path: Path) -> None:
    lose(warehouse, TableName.EVENTS, filled, "deleted")
    command("quarantine", "retry", "--warehouse", warehouse.uri, cwd=tmp_path)
    assert "The table events " in " ".join(status_of(warehouse).attention)


@pytest.mark.parametrize("loads", [1, 2, 5])
def test_the_outcomes_follow_new_events_whatever_their_version(
    warehouse: Warehouse, filled: Path, tmp_path: Path, loads: int
) -> None:
    """New commits get the numbers of the lost ones, also of the version that the outcomes covered."""
    lose(warehouse, TableName.EVENTS, filled, "deleted")
    new = [envelope(f"new-{number}") for number in range(loads)]
    for number, event in enumerate(new):
        load(warehouse, open_source(str(write(tmp_path / f"{number}.json", [event]))))
    bring_up_to_date(warehouse)
    assert {task for task, *_ in outcomes(warehouse)} == {f"new-{number}" for number in range(loads)}
    assert is_readable(warehouse)


def test_an_older_copy_with_new_events_is_counted_exactly(warehouse: Warehouse, filled: Path, tmp_path: Path) -> None:
    lose(warehouse, TableName.EVENTS, filled, "older copy")
    for number, event in enumerate(LATE):
        load(warehouse, open_source(str(write(tmp_path / f"{number}.json", [event]))))
    left = [event for number in range(PARTS - 1) for event in EVENTS[number::PARTS]]
    found = {(row[0], row[1]): (*row[4:7], row[7]) for row in outcomes(warehouse)}
    assert found == outcomes_of([*left, *LATE])


@pytest.mark.parametrize("how", ["deleted", "older copy"])
def test_without_the_newest_runs_every_row_is_published_again(warehouse: Warehouse, filled: Path, how: str) -> None:
    published = newest_run(warehouse).versions  # type: ignore[union-attr]
    lose(warehouse, TableName.RUNS, filled, how)
    if how == "deleted":
        with pytest.raises(BwpError, match="The table runs is gone"):
            Snapshot.newest(warehouse)
    else:
        bring_up_to_date(warehouse, clock=lambda: datetime.now(UTC) + timedelta(hours=1))
    status = status_of(warehouse)
    assert newest_run(warehouse).versions == published  # type: ignore[union-attr]
    assert (status.tasks, status.found) == (len(EVENTS), 2)
    assert ("The table runs is gone" in " ".join(status.attention)) == (how == "deleted")


def test_an_import_without_the_runs_hides_no_table(warehouse: Warehouse, filled: Path, tmp_path: Path) -> None:
    lose(warehouse, TableName.RUNS, filled, "deleted")
    (tmp_path / "requests.csv").write_text("task_id\nt-000001\n")
    command("import", tmp_path / "requests.csv", "--warehouse", warehouse.uri, cwd=tmp_path)
    assert Snapshot.newest(warehouse).rows("select count(*) from outcomes") == [(len(EVENTS),)]


def test_a_lost_events_table_keeps_the_purge_floor(warehouse: Warehouse, filled: Path, tmp_path: Path) -> None:
    floor = (NOW - timedelta(days=15)).replace(hour=0)
    purge(warehouse, floor)
    kept = len(fingerprints(warehouse))
    assert 0 < kept < len(EVENTS)
    lose(warehouse, TableName.EVENTS, filled, "deleted")
    command("load", filled / "in", "--reread", "--warehouse", warehouse.uri, cwd=tmp_path)
    assert len(fingerprints(warehouse)) == kept


def test_an_older_copy_from_before_a_purge_asks_for_the_purge_again(warehouse: Warehouse, filled: Path) -> None:
    floor = (NOW - timedelta(days=15)).replace(hour=0)
    purge(warehouse, floor)
    lose(warehouse, TableName.EVENTS, filled, "older copy")
    assert f"purge --before {floor:%Y-%m-%d}" in " ".join(status_of(warehouse).attention)
    purge(warehouse, floor)
    assert "purge --before" not in " ".join(status_of(warehouse).attention)


def test_a_whole_older_copy_is_no_loss(filled: Path, tmp_path: Path) -> None:
    warehouse = Warehouse(str(shutil.copytree(filled / "warehouse-older", tmp_path / "warehouse")))
    runs = len(list_runs(warehouse))
    assert not [item for item in status_of(warehouse).attention if "The table " in item]
    assert len(list_runs(warehouse)) == runs
    load(warehouse, open_source(str(part(filled / "in", PARTS - 1))))
    assert len(fingerprints(warehouse)) == len(EVENTS)
