"""A warehouse that an older release created gets the columns that later releases added."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support.tables import rows

from bwp_client.warehouse import TABLES, TableName, Warehouse
from bwp_client.warehouse.delta_writer import WHOLE_TABLE
from bwp_client.warehouse.engine import small_cursor
from bwp_client.warehouse.maintenance import compact

TABLE = TableName.REPLAYS


def append(warehouse: Warehouse, row: dict[str, Any], *, instead_of_all: bool = False) -> None:
    added = pa.Table.from_pylist([row], schema=TABLES[TABLE].schema)
    replaced = (lambda: WHOLE_TABLE) if instead_of_all else None
    warehouse.commit(TABLE, lambda _: added, app_id="test", replace=replaced)


def read(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return small_cursor().execute(f"select replay_name, added from {warehouse.scan(TABLE)} order by 1").fetchall()


@pytest.fixture(scope="module")
def created_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a warehouse that was created before the column was added."""
    folder = tmp_path_factory.mktemp("before")
    warehouse = Warehouse(str(folder))
    warehouse.create()
    for number in range(9):
        append(warehouse, {"replay_name": f"old-{number}"})
    return folder


@pytest.fixture
def older(created_before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    spec = TABLES[TABLE]
    added = replace(spec, schema=spec.schema.append(pa.field("added", pa.string())), later_columns=("added",))
    monkeypatch.setitem(TABLES, TABLE, added)
    return Warehouse(str(shutil.copytree(created_before, tmp_path / "warehouse")))


OLD = [(f"old-{number}", None) for number in range(9)]


def test_an_added_column_is_null_in_older_rows(older: Warehouse) -> None:
    assert read(older) == OLD


def test_the_next_commit_adds_the_column(older: Warehouse) -> None:
    append(older, {"replay_name": "p", "added": "x"})
    append(older, {"replay_name": "q", "added": "y"})
    assert read(older) == [*OLD, ("p", "x"), ("q", "y")]
    assert rows(older, TABLE, "replay_name", "added")[-2:] == [("p", "x"), ("q", "y")]


def test_a_commit_that_replaces_all_rows_adds_the_column(older: Warehouse) -> None:
    append(older, {"replay_name": "p", "added": "x"}, instead_of_all=True)
    assert read(older) == [("p", "x")]


def test_compaction_works_before_and_after_the_column_is_added(older: Warehouse) -> None:
    compact(older, TABLE)
    assert read(older) == OLD
    for number in range(9):
        append(older, {"replay_name": f"p-{number}", "added": "x"})
    compact(older, TABLE)
    assert read(older) == [*OLD, *((f"p-{number}", "x") for number in range(9))]
