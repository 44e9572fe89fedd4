"""Finds the damage behind an error of DuckDB or Delta Lake, which often names no file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bwp_client.errors import SourceNotFoundError, WarehouseError
from bwp_client.warehouse.damage import may_be_damage, names_missing_file, unwritable
from bwp_client.warehouse.data_files import first_damaged, superseded
from bwp_client.warehouse.file_cache import folder_of_copies
from bwp_client.warehouse.schema import TableName

if TYPE_CHECKING:
    from bwp_client.warehouse.store import Warehouse


def cause_of(error: Exception, warehouse: Warehouse, versions: Mapping[str, int]) -> WarehouseError | None:
    """Return our error for the cause of an error; None if neither a data file nor the temporary folder caused it.

    The data files are read whole, first those of tables that the error names.

    Args:
        error: The error of DuckDB or Delta Lake.
        warehouse: The warehouse that was read.
        versions: The version of each table that was read; the newest where none is given.

    Raises:
        RemoteError: S3 refused or failed.
    """
    if found := unwritable(error):
        return found
    if not may_be_damage(error):
        return None
    tables = [table for table in TableName if f"{_folder_read(warehouse, table)}/" in str(error)]
    for table in tables or TableName:
        try:
            files = warehouse.data_files(warehouse.handle(table, versions.get(table.value)))
            if damage := first_damaged(table, warehouse.address(table), files):
                return damage
        except SourceNotFoundError:
            continue
    return superseded(warehouse.uri) if names_missing_file(error) else None


def _folder_read(warehouse: Warehouse, table: TableName) -> str:
    address = warehouse.address(table)
    return str(folder_of_copies(address)) if warehouse.is_remote else address
