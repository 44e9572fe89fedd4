"""Finds the damage behind an error of DuckDB or Delta Lake, which often names no file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import duckdb

from bwp_client.errors import SourceNotFoundError, WarehouseError
from bwp_client.warehouse.damage import may_be_damage, names_missing_file
from bwp_client.warehouse.data_files import first_damaged, superseded
from bwp_client.warehouse.file_cache import folder_of_copies
from bwp_client.warehouse.schema import TableName
from bwp_client.warehouse.system_errors import system_reason

if TYPE_CHECKING:
    from bwp_client.warehouse.store import Warehouse


def damage_behind(error: Exception, warehouse: Warehouse, versions: Mapping[str, int]) -> WarehouseError | None:
    """Return our error for the cause of an error; None if neither data files nor the temporary folder caused it.

    The data files are read whole, first those of tables that the error names.

    Args:
        error: The error of DuckDB or Delta Lake.
        warehouse: The warehouse that was read.
        versions: The version of each table that was read; the newest where none is given.

    Raises:
        RemoteError: S3 refused or failed.
    """
    tables = [table for table in TableName if f"{_folder_read(warehouse, table)}/" in str(error)]
    if found := _refused_by_system(error, warehouse, tables):
        return found
    if not may_be_damage(error):
        return None
    for table in tables or TableName:
        try:
            files = warehouse.data_files(warehouse.handle(table, versions.get(table.value)))
            if damage := first_damaged(table, warehouse.address(table), files):
                return damage
        except SourceNotFoundError:
            continue
    return superseded(warehouse.uri) if names_missing_file(error) else None


def _refused_by_system(error: Exception, warehouse: Warehouse, tables: list[TableName]) -> WarehouseError | None:
    """Return our error if the system did not let DuckDB read data files, or write its temporary folder; else None."""
    reason = system_reason(error) if isinstance(error, duckdb.Error) and not names_missing_file(error) else None
    if reason is None:
        return None
    if tables:
        return WarehouseError(
            f"The files below {_folder_read(warehouse, tables[0])} can't be read: {reason.text}. Nothing was changed. "
            f"{reason.fix}, then start the command again."
        )
    return WarehouseError(
        f"The temporary folder can't be written: {reason.text}. Nothing was committed. {reason.fix}, or set TMPDIR to "
        "another folder, then start the command again."
    )


def _folder_read(warehouse: Warehouse, table: TableName) -> str:
    address = warehouse.address(table)
    return str(folder_of_copies(address)) if warehouse.is_remote else address
