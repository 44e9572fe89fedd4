"""DuckDB as this product uses it: in memory, UTC, one cursor per query."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

MEMORY_LIMIT = "600MB"
SMALL_MEMORY_LIMIT = "100MB"


def connect(spill_folder: Path | None = None, *, memory_limit: str = MEMORY_LIMIT) -> duckdb.DuckDBPyConnection:
    """Open an in-memory database; queries over the memory limit spill to a folder where one is given."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": str(os.cpu_count() or 2),
        "memory_limit": memory_limit,
        "preserve_insertion_order": "false",
    }
    if spill_folder is not None:
        config["temp_directory"] = str(spill_folder)
    connection = duckdb.connect(":memory:", config=config)
    # A cursor takes over what is set for all, and the machine's own zone where the connection alone was told another.
    connection.execute("set global TimeZone = 'UTC'")
    return connection


@cache
def _small() -> duckdb.DuckDBPyConnection:
    return connect(memory_limit=SMALL_MEMORY_LIMIT)


def small_cursor() -> duckdb.DuckDBPyConnection:
    """Give a cursor of the process's own database for small questions: opening one of their own takes 20 ms each."""
    return _small().cursor()


def quoted(text: str) -> str:
    """Give a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def relation(files: list[str], schema: pa.Schema) -> str:
    """Give SQL that reads Parquet files with exactly these columns; an empty relation when there are no files."""
    if not files:
        columns = ", ".join(f"null::{sql_type(item.type)} as {item.name}" for item in schema)
        return f"(select {columns} where false)"
    listed = ", ".join(quoted(path) for path in files)
    return f"read_parquet([{listed}], hive_partitioning = false)"


def register_staged(connection: duckdb.DuckDBPyConnection, name: str, paths: list[Path]) -> None:
    """Make the rows of staged Arrow files a view, with a `row_no` that counts them; the files are mapped, not read.

    Raises:
        pyarrow.ArrowInvalid: A file is no Arrow stream.
    """
    table = pa.concat_tables([pa.ipc.open_stream(pa.memory_map(str(path))).read_all() for path in paths])
    numbers = np.arange(table.num_rows, dtype=np.int64)
    row_no = pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)])
    connection.register(name, table.append_column("row_no", row_no))


def sql_type(kind: pa.DataType) -> str:
    """Give DuckDB's name of a column type."""
    if pa.types.is_timestamp(kind):
        return "timestamptz"
    if pa.types.is_list(kind):
        return "struct(code varchar, message varchar)[]"
    return {"string": "varchar", "int64": "bigint", "bool": "boolean", "binary": "blob"}[str(kind)]


def one_row(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, Any] | None = None
) -> tuple[Any, ...]:
    """Run a query that gives exactly one row, drained, so that the connection is free again."""
    (row,) = connection.execute(sql, parameters or {}).fetchall()
    return tuple(row)
