"""Deleting what no reader needs: files that no kept version names, their local copies, and the log before a checkpoint.

Delta Lake says which files these are. They are deleted here, for its own vacuum commits to the log, and that would make
every table look newer than what was published.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import unquote

from bwp_client.aws import list_objects, s3_client, s3_errors, split_s3
from bwp_client.errors import SourceNotFoundError, WarehouseError
from bwp_client.warehouse.file_cache import forget_copies
from bwp_client.warehouse.schema import TableName
from bwp_client.warehouse.storage_errors import storage_errors
from bwp_client.warehouse.store import Warehouse

UNFINISHED_HOURS = 1
"""A file that no commit names may be one that is just being written; when it is older, its writer was killed."""

_KEYS_PER_CALL = 1000
_LOG_FILE = re.compile(r"_delta_log/(\d{20})\.(json|checkpoint.*\.parquet)")


def remove_unreferenced(
    warehouse: Warehouse,
    table: TableName,
    *,
    retention_hours: int,
    keep: Collection[int],
    replaced_at_once: bool = False,
) -> int:
    """Delete data files that neither the newest version nor a kept one names; give their number.

    Args:
        warehouse: Whose table.
        table: Which.
        retention_hours: Files that were replaced or left by a killed writer stay for so long.
        keep: Versions that somebody may read; those that are not there any more are passed over.
        replaced_at_once: Files that were replaced go whatever their age.

    Raises:
        RemoteError: S3 refused or failed; run the command again.
        WarehouseError: A local file can't be deleted; run the command again.
    """
    handle = warehouse.handle(table)

    def found(hours: int, *, full: bool, versions: list[int]) -> set[str]:
        with storage_errors(warehouse.address(table)):
            return set(
                handle.vacuum(
                    hours, dry_run=True, enforce_retention_duration=False, full=full, keep_versions=versions or None
                )
            )

    def all_found(versions: list[int]) -> set[str]:
        files = found(retention_hours, full=True, versions=versions)
        return files | found(0, full=False, versions=versions) if replaced_at_once else files

    unneeded = all_found([])
    if unneeded and keep:
        unneeded &= all_found([version for version in sorted(keep) if _is_there(warehouse, table, version)])
    # What was deleted before is still told.
    names = {unquote(path) for path in unneeded} & set(_names(warehouse, table)) if unneeded else set()
    _delete(warehouse, table, names)
    return len(names)


def forget_old_copies(warehouse: Warehouse, table: TableName) -> None:
    """Delete this machine's copies of files that a table of a warehouse on S3 does not name any more."""
    if warehouse.is_remote:
        files = warehouse.data_files(warehouse.handle(table))
        forget_copies(warehouse.address(table), keep=[item.path for item in files])


def unfinished_files(warehouse: Warehouse, table: TableName) -> int:
    """Count files that no commit names, young enough that somebody may be writing them."""
    handle = warehouse.handle(table)
    with storage_errors(warehouse.address(table)):
        replaced = handle.vacuum(0, dry_run=True, enforce_retention_duration=False, full=False)
        loose = handle.vacuum(0, dry_run=True, enforce_retention_duration=False, full=True)
    return len(set(loose) - set(replaced))


def write_checkpoint(warehouse: Warehouse, table: TableName, version: int) -> None:
    """Sum up the log at a version, so that opening the table reads one file; nothing where that was done before."""
    if version and version not in _checkpoints(warehouse, table):
        handle = warehouse.handle(table, version)
        with storage_errors(warehouse.address(table)):
            handle.create_checkpoint()


def clean_log(warehouse: Warehouse, table: TableName, *, oldest_kept: int) -> int:
    """Delete log files that no version from the oldest kept one on needs; give their number."""
    enough = max((version for version in _checkpoints(warehouse, table) if version <= oldest_kept), default=0)
    unneeded = [name for name, version, _ in _log_files(warehouse, table) if version < enough]
    _delete(warehouse, table, unneeded)
    return len(unneeded)


def _is_there(warehouse: Warehouse, table: TableName, version: int) -> bool:
    try:
        warehouse.handle(table, version)
    except SourceNotFoundError:
        return False
    return True


def _checkpoints(warehouse: Warehouse, table: TableName) -> set[int]:
    return {version for _, version, kind in _log_files(warehouse, table) if kind != "json"}


def _log_files(warehouse: Warehouse, table: TableName) -> Iterator[tuple[str, int, str]]:
    for name in _names(warehouse, table, "_delta_log/"):
        if match := _LOG_FILE.fullmatch(name):
            yield name, int(match[1]), match[2]


def _names(warehouse: Warehouse, table: TableName, below: str = "") -> list[str]:
    """List the files of a table by their path below it."""
    address = warehouse.address(table)
    if not warehouse.is_remote:
        return [path.relative_to(address).as_posix() for path in Path(address, below).rglob("*") if path.is_file()]
    bucket, prefix = split_s3(f"{address}/")
    with s3_errors(address):
        return [item["Key"].removeprefix(prefix) for item in list_objects(bucket, prefix + below)]


def _delete(warehouse: Warehouse, table: TableName, paths: Collection[str]) -> None:
    """Delete files by their path below a table; those that are gone already are passed over."""
    address, names = warehouse.address(table), sorted(paths)
    if not warehouse.is_remote:
        try:
            for name in names:
                Path(address, name).unlink(missing_ok=True)
        except OSError as error:
            raise WarehouseError(
                f"A file of {address} can't be deleted ({error.strerror}). The tables are whole, and hold what they held. "
                "Check permissions, then run the command again: it goes on where it stopped."
            ) from error
        return
    bucket, prefix = split_s3(address)
    for start in range(0, len(names), _KEYS_PER_CALL):
        keys = [f"{prefix}/{name}" for name in names[start : start + _KEYS_PER_CALL]]
        with s3_errors(address, permission="s3:DeleteObject on the warehouse"):
            answer = s3_client().delete_objects(
                Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
            )
        if refused := answer.get("Errors"):
            raise WarehouseError(
                f"S3 would not delete {len(refused)} files of {address} ({refused[0].get('Code')}). The tables are whole. "
                "The app needs s3:DeleteObject there; run the command again then: it goes on where it stopped."
            )
