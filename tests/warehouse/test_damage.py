"""Damage to a table is named: the table, the file, and the way out; by every command that reads the file."""

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from support.events import NOW, envelope, many, write
from support.lookups import looked_up, store_lookups
from support.s3 import Bucket
from typer.testing import CliRunner, Result

from bwp_client.cli.app import app
from bwp_client.errors import DamagedFileError, DamagedTableError
from bwp_client.load import load
from bwp_client.monitoring.status import status_of
from bwp_client.sources import open_source
from bwp_client.warehouse import TABLES, TableName, Warehouse
from bwp_client.warehouse.file_cache import cache_folder
from bwp_client.warehouse.requests import import_requests
from bwp_client.warehouse.snapshot import Snapshot

EVENTS = many(40, start=NOW - timedelta(days=20), step=timedelta(hours=6))
API = {
    "BWP_API__ENDPOINT": "http://127.0.0.1:9/graphql",
    "BWP_API__TOKEN_ENDPOINT": "http://127.0.0.1:9/token",
    "BWP_REPORT__BROWSER": "none",
    "BWP_API__CREDENTIALS": '{"*": {"client_id": "id", "client_secret": "secret"}}',
}


def fill(folder: Path, uri: str) -> Warehouse:
    """Write rows to every table that the commands read."""
    warehouse = Warehouse(uri)
    load(warehouse, open_source(str(write(folder / "in" / "a.json", [*EVENTS, "broken"]))))
    store_lookups(warehouse, [looked_up("t-000000", errors=["X"])])
    request = pa.Table.from_pylist([{"task_id": "t-000007"}], schema=TABLES[TableName.REQUESTS].schema)
    import_requests(warehouse, request, ("task_id",), source="requests.csv")
    claim = pa.Table.from_pylist(
        [{"task_id": "other", "task_kind": "DELETION", "run_id": "r", "expires_at": NOW}],
        schema=TABLES[TableName.CLAIMS].schema,
    )
    warehouse.commit(TableName.CLAIMS, lambda _: claim, app_id="bwp.claims")
    return warehouse


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    fill(folder, str(folder / "warehouse"))
    write(folder / "again" / "again.json", [*EVENTS[:20], envelope("t-000000", outcome="FAILED")])
    (folder / "requests.csv").write_text("task_id\nt-000014\n")
    return folder


@pytest.fixture
def warehouse(filled: Path, tmp_path: Path) -> Warehouse:
    return Warehouse(str(shutil.copytree(filled / "warehouse", tmp_path / "warehouse")))


def data_file(warehouse: Warehouse, table: TableName) -> Path:
    """Return a data file of the newest version: in the events, one of the newest month."""
    paths = [item.path for item in warehouse.data_files(warehouse.handle(table))]
    return Path(warehouse.address(table), unquote(max(paths)))


def remove(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def garble(path: Path) -> None:
    """Overwrite the file without changing its size."""
    size = path.stat().st_size
    path.write_bytes(b"PAR1" + b"x" * (size - 8) + b"PAR1")


def replace_by_other_columns(path: Path) -> None:
    """Put a Parquet file of the same size there that has other columns."""
    size, padding = path.stat().st_size, 0
    for _ in range(9):
        rows = pa.table({"other": [b"x" * padding]})
        pq.write_table(rows, path, compression="none", use_dictionary=False, write_statistics=False, store_schema=False)
        padding += size - path.stat().st_size
    assert path.stat().st_size == size


WAYS_OUT = {TableName.OUTCOMES: "maintain --rebuild", TableName.CLAIMS: "Delete the folder"}
DAMAGES: dict[str, Callable[[Path], None]] = {"missing": remove, "cut": cut, "garbled": garble}


def commands(filled: Path) -> Iterator[list[str]]:
    yield ["status"]
    yield ["metric", "failure_rate", "--from", "2026-04-01"]
    yield ["check"]
    yield ["enrich", "--max-minutes", "0.01"]
    yield ["load", str(filled / "again")]
    yield ["load", str(filled / "in"), "--reread"]
    yield ["import", str(filled / "requests.csv")]
    yield ["quarantine", "list"]
    yield ["quarantine", "retry"]
    yield ["maintain"]
    yield ["purge", "--before", "2026-04-15", "--dry-run"]
    yield ["report", "--period", "2026-04", "--out", "OUT"]


def run(arguments: list[str], warehouse: Warehouse, folder: Path) -> Result:
    arguments = [str(folder / "reports") if argument == "OUT" else argument for argument in arguments]
    return CliRunner().invoke(app, [*arguments, "--warehouse", warehouse.uri], env=API)


@pytest.mark.parametrize(
    ("table", "damage"),
    [
        *((table, "cut") for table in TableName if table is not TableName.REPLAYS),  # a load of files writes no replay
        (TableName.EVENTS, "missing"),
        (TableName.OUTCOMES, "missing"),
        (TableName.EVENTS, "garbled"),
        (TableName.LOOKUPS, "garbled"),
    ],
)
def test_every_command_names_the_damaged_file_or_does_without_it(
    filled: Path, tmp_path: Path, table: TableName, damage: str
) -> None:
    named = []
    for number, arguments in enumerate(commands(filled)):
        warehouse = Warehouse(str(shutil.copytree(filled / "warehouse", tmp_path / str(number))))
        path = data_file(warehouse, table)
        DAMAGES[damage](path)
        done = run(arguments, warehouse, tmp_path)
        assert "fault of ours" not in done.stderr, (arguments, done.stderr)
        assert "purged" not in done.stderr, (arguments, done.stderr)
        if done.exit_code == 4:
            assert f"{path}, a data file of the table {table.value}, " in done.stderr, (arguments, done.stderr)
            assert WAYS_OUT.get(table, "Restore the file") in done.stderr
            named.append(arguments[0])
        else:
            assert done.exit_code in (0, 1, 3), (arguments, done.stderr)
        shutil.rmtree(warehouse.uri)
    reads_all = damage == "garbled" and table in (TableName.OBJECTS, TableName.CLAIMS, TableName.QUARANTINE)
    assert (
        named if reads_all else "status" in named
    )  # status looks at the sizes of files, and reads those of figures only


def test_the_outcomes_are_computed_anew_as_the_message_says(warehouse: Warehouse, tmp_path: Path) -> None:
    before = Snapshot.newest(warehouse).rows("from daily_counts order by all")
    cut(data_file(warehouse, TableName.OUTCOMES))
    assert run(["metric", "failure_rate"], warehouse, tmp_path).exit_code == 4
    assert run(["maintain", "--rebuild"], warehouse, tmp_path).exit_code == 0
    assert Snapshot.newest(warehouse).rows("from daily_counts order by all") == before


def test_a_file_with_other_columns_is_named(warehouse: Warehouse) -> None:
    path = data_file(warehouse, TableName.EVENTS)
    replace_by_other_columns(path)
    with pytest.raises(DamagedFileError, match="lacks the column") as raised:
        Snapshot.newest(warehouse).rows("select max(event_type) from events")
    assert str(path) in str(raised.value)


def test_an_error_without_damage_is_passed_on(warehouse: Warehouse) -> None:
    with pytest.raises(Exception, match="no_such_column") as raised:
        Snapshot.newest(warehouse).rows("select no_such_column from events")
    assert not isinstance(raised.value, DamagedTableError)


def make_foreign(warehouse: Warehouse, table: TableName, how: str) -> None:
    address, schema = warehouse.address(table), TABLES[table].schema
    shutil.rmtree(address)
    if how == "other columns":
        rows = pa.table({"x": [1, 2]})
    elif how == "a column is missing":
        rows = schema.remove(0).empty_table()
    elif how == "another type":
        rows = schema.set(0, pa.field(schema.names[0], pa.float64())).empty_table()
    else:
        rows = schema.empty_table()
    partition = [] if how in ("other columns", "not partitioned") else list(TABLES[table].partition_by)
    for _ in range(6):  # so that it has every version that a run may name
        write_deltalake(address, rows, partition_by=partition or None, mode="append")


@pytest.mark.parametrize(
    ("table", "how"),
    [
        (TableName.EVENTS, "other columns"),
        (TableName.EVENTS, "a column is missing"),
        (TableName.OUTCOMES, "another type"),
        (TableName.OUTCOMES, "not partitioned"),
        (TableName.REQUESTS, "other columns"),
        (TableName.RUNS, "a column is missing"),
    ],
)
def test_a_table_of_another_program_is_refused(filled: Path, tmp_path: Path, table: TableName, how: str) -> None:
    for number, arguments in enumerate(commands(filled)):
        warehouse = Warehouse(str(shutil.copytree(filled / "warehouse", tmp_path / str(number))))
        make_foreign(warehouse, table, how)
        done = run(arguments, warehouse, tmp_path)
        assert "fault of ours" not in done.stderr, (arguments, done.stderr)
        if done.exit_code == 4:
            assert f"{warehouse.address(table)} is not the table {table.value} of this program" in done.stderr
            assert "Move this folder away" in done.stderr
        elif arguments[0] in ("status", "load", "maintain"):
            raise AssertionError((arguments, done.exit_code, done.stderr))
        shutil.rmtree(warehouse.uri)


LOG_DAMAGES: dict[str, Callable[[Path], None]] = {
    "missing": remove,
    "empty": lambda path: path.write_bytes(b""),
    "cut": cut,
    "no JSON": lambda path: path.write_bytes(b"x" * 100),
}


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("damage", LOG_DAMAGES)
def test_a_damaged_log_is_named(warehouse: Warehouse, tmp_path: Path, damage: str, version: int) -> None:
    LOG_DAMAGES[damage](Path(warehouse.address(TableName.EVENTS), "_delta_log", f"{version:020}.json"))
    done = run(["status"], warehouse, tmp_path)
    is_lost = "The table events " in done.stdout  # without its newest entry, the log is that of an older version
    assert is_lost or (done.exit_code == 4 and f"The log of {warehouse.address(TableName.EVENTS)}" in done.stderr)
    assert "fault of ours" not in done.stderr


def test_column_mapping_is_refused(warehouse: Warehouse) -> None:
    first = Path(warehouse.address(TableName.EVENTS), "_delta_log", f"{0:020}.json")
    text = first.read_text()
    mapped = text.replace('"configuration":{', '"configuration":{"delta.columnMapping.mode":"name",')
    assert mapped != text
    first.write_text(mapped)
    with pytest.raises(DamagedTableError, match="column mapping"):
        warehouse.handle(TableName.EVENTS)


# On S3


@pytest.mark.s3
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_damaged_file_on_s3_is_named(bucket: Bucket, tmp_path: Path, damage: str) -> None:
    warehouse = fill(tmp_path, f"{bucket.uri}/warehouse")
    (item, *_) = warehouse.data_files(warehouse.handle(TableName.OUTCOMES))
    name, key = f"{bucket.uri}/warehouse".removeprefix("s3://").split("/", 1)
    key = f"{key}/outcomes/{unquote(item.path)}"
    body = bucket.client.get_object(Bucket=name, Key=key)["Body"].read()
    bucket.client.delete_object(Bucket=name, Key=key)
    if damage == "cut":
        bucket.client.put_object(Bucket=name, Key=key, Body=body[:-100])
    with pytest.raises(DamagedFileError, match=r"outcomes/.*, a data file of the table outcomes, ") as raised:
        status_of(warehouse)
    assert "--rebuild" in str(raised.value)


@pytest.mark.s3
def test_a_damaged_copy_of_a_file_on_s3_is_fetched_again(bucket: Bucket, tmp_path: Path) -> None:
    warehouse = fill(tmp_path, f"{bucket.uri}/warehouse")
    wanted = Snapshot.newest(warehouse).rows("from daily_counts order by all")
    for damage in (cut, garble):
        for copy in cache_folder().rglob("*.parquet"):
            damage(copy)
        assert Snapshot.newest(warehouse).rows("from daily_counts order by all") == wanted


# Addresses that can be no warehouse


@pytest.mark.parametrize("below", ["", "sub"])
def test_a_file_is_no_warehouse(filled: Path, tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    warehouse = Warehouse(str(tmp_path / "file" / below))
    for arguments in commands(filled):
        done = run(arguments, warehouse, tmp_path)
        assert done.exit_code == 2, (arguments, done.stderr)
        assert f"{tmp_path / 'file'} is no folder" in done.stderr, (arguments, done.stderr)
