"""DuckDB as this product uses it: in memory, in UTC, with one cursor per query."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from functools import cache
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import numpy as np
import pyarrow as pa

MEMORY_LIMIT = "600MB"
SMALL_MEMORY_LIMIT = "100MB"


def connect(spill_folder: Path | None = None, *, memory_limit: str = MEMORY_LIMIT) -> duckdb.DuckDBPyConnection:
    """Open an in-memory database.

    Args:
        spill_folder: The folder for spilled data of queries that exceed the memory limit; without it, such queries fail.
        memory_limit: The limit, in DuckDB's notation.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": str(os.cpu_count() or 2),
        "memory_limit": memory_limit,
        "preserve_insertion_order": "false",
    }
    if spill_folder is not None:
        config["temp_directory"] = str(spill_folder)
    connection = duckdb.connect(":memory:", config=config)
    # A cursor inherits global settings only: with a zone set on the connection alone, it would use the machine's zone.
    connection.execute("set global TimeZone = 'UTC'")
    return connection


@cache
def _small() -> duckdb.DuckDBPyConnection:
    return connect(memory_limit=SMALL_MEMORY_LIMIT)


def small_cursor() -> duckdb.DuckDBPyConnection:
    """Return a cursor of the database that the process shares for small queries; a cursor costs less than a new database."""
    return _small().cursor()


class TempTables:
    """Temporary tables of one DuckDB connection, dropped at the end of the `with` block.

    Each instance adds its own number to the names, so that two users of one connection never share a table.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._number = next(_instances)
        self._tables: set[str] = set()
        self._views: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        # After an error, a result may still be open; then dropping fails, and that failure must not hide the error.
        with suppress(duckdb.Error) if error else nullcontext():
            self._drop()

    def _drop(self) -> None:
        for name in self._tables:
            self._connection.execute(f"drop table if exists {name}")
        for name in self._views:
            self._connection.unregister(name)

    def create(self, label: str, query: str, parameters: Mapping[str, Any] | None = None) -> str:
        """Create a table from a query's rows, replacing the table of the same label; return the table's name."""
        name = f"{label}_{self._number}"
        self._connection.execute(f"create or replace temp table {name} as {query}", dict(parameters or {}))
        self._tables.add(name)
        return name

    def register(self, label: str, rows: pa.Table) -> str:
        """Make an Arrow table readable by SQL, replacing the table of the same label; return the table's name."""
        name = f"{label}_{self._number}"
        self._connection.register(name, rows)
        self._views.add(name)
        return name


_instances = count()


def quoted(text: str) -> str:
    """Return a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def relation(files: list[str], schema: pa.Schema, *, may_lack_columns: bool = False) -> str:
    """Return the SQL relation of some Parquet files with the columns of a schema; without files, it has no rows.

    Args:
        files: Local paths.
        schema: The columns of the relation.
        may_lack_columns: Whether a file may lack some of the columns, which are then null.
    """
    columns = ", ".join(f'null::{sql_type(item.type)} as "{item.name}"' for item in schema)
    no_rows = f"(select {columns} where false)"
    if not files:
        return no_rows
    listed = ", ".join(quoted(path) for path in files)
    if may_lack_columns:
        stored = f"read_parquet([{listed}], hive_partitioning = false, union_by_name = true)"
        return f"(from {no_rows} union all by name from {stored})"
    return f"read_parquet([{listed}], hive_partitioning = false)"


def staged_rows(paths: list[Path]) -> pa.Table:
    """Return the rows of staged Arrow files with a `row_no` (int64, from 0) added; the files are mapped, not read.

    Raises:
        pyarrow.ArrowInvalid: A file is not an Arrow stream.
    """
    table = pa.concat_tables([pa.ipc.open_stream(pa.memory_map(str(path))).read_all() for path in paths])
    numbers = np.arange(table.num_rows, dtype=np.int64)
    row_no = pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)])
    return table.append_column("row_no", row_no)


def sql_type(kind: pa.DataType) -> str:
    """Return DuckDB's name of a column type."""
    if pa.types.is_timestamp(kind):
        return "timestamptz"
    if pa.types.is_list(kind):
        return "struct(code varchar, message varchar)[]"
    return {"string": "varchar", "int64": "bigint", "bool": "boolean", "binary": "blob"}[str(kind)]


def single_row(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any] | None = None
) -> tuple[Any, ...]:
    """Run a query that returns exactly one row, and read it to the end, so that the connection is free again."""
    (row,) = connection.execute(sql, dict(parameters or {})).fetchall()
    return tuple(row)
