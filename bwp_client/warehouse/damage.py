"""Finds damage that others did to the tables, and names it: the table, the file, and the way out.

A table is foreign if another program made it, with other columns. A data file is damaged if it is missing, has another size
than the table's log says, or can't be read.
"""

from __future__ import annotations

import re
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import duckdb
from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError

from bwp_client.errors import DamagedFileError, DamagedTableError
from bwp_client.warehouse.engine import connect, quoted
from bwp_client.warehouse.schema import TABLES, TableName
from bwp_client.warehouse.system_errors import system_reason

NEW_WAREHOUSE: Final = "load everything into a new warehouse: python -m bwp_client load SOURCE --warehouse ADDRESS"
_REBUILD: Final = "Compute the outcomes anew from the events: python -m bwp_client maintain --rebuild."
_ONLY_CLAIMS: Final = (
    "Delete the folder of the table when no enrich is running: it holds nothing but the tasks that running enrich commands "
    "ask about, and the next one makes it anew."
)
_RESTORE_FILE: Final = (
    "Restore the file from a copy (on S3, an earlier version of the object). Without a copy, delete the folder of the table, "
    f"and python -m bwp_client status says how to get its rows back; or {NEW_WAREHOUSE}."
)
_RESTORE_TABLE: Final = (
    "Move this folder away and restore the table from a copy (on S3, earlier versions of its objects), or "
    f"{NEW_WAREHOUSE}."
)

_OS_ERROR: Final = re.compile(r"\(os error (\d+)\)")
_MISSING_FILE: Final = 2
_NO_SUCH_FILE: Final = (
    "no files found that match",
    "no such file or directory",
    "file not found",
    "object at location",
)
_DAMAGED_LOG: Final = (
    "no protocol",
    "no metadata",
    "no table metadata",
    "json",
    "parquet",
    "magic",
    "log segment",
    "checkpoint",
)
_NO_DAMAGE: Final = (duckdb.OutOfMemoryException, duckdb.InterruptException)


def refuse_foreign(table: TableName, address: str, handle: DeltaTable) -> None:
    """Refuse a table with other columns than ours, or with features that this program does not read.

    Raises:
        DamagedTableError: The table can't be read or written as ours.
    """
    if "deletionVectors" in (handle.protocol().reader_features or []):
        raise DamagedTableError(
            f"{address} has deletion vectors, written by another program; reading its files as they "
            "are would show deleted rows. Nothing was read. Rewrite it with REORG TABLE … APPLY (PURGE) there first."
        )
    metadata = handle.metadata()
    problem = _foreign_column(table, handle)
    if problem is None and tuple(metadata.partition_columns) != TABLES[table].partition_by:
        problem = f"it is partitioned by {', '.join(metadata.partition_columns) or 'nothing'}"
    if problem is None and metadata.configuration.get("delta.columnMapping.mode", "none") != "none":
        problem = "another program renamed its columns (column mapping)"
    if problem:
        raise DamagedTableError(
            f"{address} is not the table {table.value} of this program: {problem}. Nothing was changed. {_RESTORE_TABLE}"
        )


def _foreign_column(table: TableName, handle: DeltaTable) -> str | None:
    found = {item.name: str(item.type) for item in handle.schema().fields}
    for name, kind in _column_types(table, TABLES[table].later_columns).items():
        if name not in found:
            if name not in TABLES[table].later_columns:
                return f"the column {name} is missing"
        elif found[name] != kind:
            return f"the column {name} has another type"
    return None


@cache
def _column_types(table: TableName, _later_columns: tuple[str, ...]) -> dict[str, str]:
    """Return Delta Lake's name of each column's type."""
    return {item.name: str(item.type) for item in Schema.from_arrow(TABLES[table].schema).fields}


def damaged_log(address: str) -> DamagedTableError:
    """Return the error for a table whose log lacks files, or has unreadable ones."""
    return DamagedTableError(
        f"The log of {address} (its folder _delta_log) is damaged, so the table can't be opened. Nothing was changed. "
        f"{_RESTORE_TABLE}"
    )


def damaged_file(table: TableName, address: str, path: str, problem: str) -> DamagedFileError:
    """Return the error for a damaged data file.

    Args:
        table: The table.
        address: The table's address.
        path: The file's path below the address, as the table's log spells it.
        problem: What is wrong, as the end of a sentence: "is missing".
    """
    remedy = {TableName.OUTCOMES: _REBUILD, TableName.CLAIMS: _ONLY_CLAIMS}.get(table, _RESTORE_FILE)
    return DamagedFileError(
        f"{address}/{unquote(path)}, a data file of the table {table.value}, {problem}. Nothing was changed. {remedy}",
        path=path,
    )


def problem_of_size(path: str, size_bytes: int) -> str | None:
    """Return what is wrong with the size of a local file; None if it is as the log says."""
    try:
        found = Path(path).stat().st_size
    except FileNotFoundError:
        found = None
    return problem_of_bytes(found, size_bytes)


def problem_of_bytes(found: int | None, wanted: int) -> str | None:
    """Return what is wrong with the size of a file; None if the size is the wanted size.

    Args:
        found: The size in bytes; None if the file is missing.
        wanted: The size in bytes that the file should have.
    """
    if found is None:
        return "is missing"
    return None if found == wanted else f"has {found:,} bytes in place of {wanted:,}"


def problem_of_content(path: str, table: TableName) -> str | None:
    """Return what is wrong with the content of a local Parquet file, which is read whole; None if it can be read."""
    spec = TABLES[table]
    with closing(connect()) as connection:
        try:
            file = connection.sql(f"from read_parquet([{quoted(path)}], hive_partitioning = false)")
            missing = set(spec.schema.names) - {*file.columns, *spec.partition_by, *spec.later_columns}
            file.aggregate("bit_xor(hash(columns(*)))").fetchall()
        except _NO_DAMAGE:
            return None
        except duckdb.Error as error:
            return f"can't be read ({type(error).__name__})"
    return f"lacks the column {min(missing)}" if missing else None


def names_damaged_log(error: BaseException | None) -> bool:
    """Return whether an error of Delta Lake says that a table's log is cut or incomplete."""
    if not isinstance(error, DeltaError) or system_reason(error):
        return False
    return any(words in str(error).lower() for words in _DAMAGED_LOG)


def names_missing_file(error: Exception) -> bool:
    """Return whether an error says that a file does not exist."""
    return any(words in str(error).lower() for words in _NO_SUCH_FILE)


def may_be_damage(error: Exception) -> bool:
    """Return whether an error of DuckDB or Delta Lake can come from a damaged data file."""
    if isinstance(error, duckdb.Error):
        return not isinstance(error, _NO_DAMAGE)
    codes = {int(code) for code in _OS_ERROR.findall(str(error))}
    return codes <= {_MISSING_FILE} and ("parquet" in str(error).lower() or names_missing_file(error))
