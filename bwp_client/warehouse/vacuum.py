"""Deletes files that no reader needs: data files that no needed version names, local copies of them, and log files.

Data files: Delta Lake lists them, and this module deletes them. `DeltaTable.vacuum` would commit to the log also for files
that an earlier vacuum deleted, as long as the log names them; each maintenance would then make a new version of every table,
even with no file to delete.

Log files: `DeltaTable.cleanup_metadata` chooses them by their age and a table property. It deletes versions that recent runs
name, and leaves entries that a purge must delete; and changing the property makes the commits of running loads fail.

`tests/warehouse/test_vacuum.py` fails when a release of Delta Lake removes one of these reasons.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import unquote

from bwp_client.aws import list_objects, s3_client, s3_errors, split_s3
from bwp_client.errors import SourceNotFoundError, WarehouseError
from bwp_client.warehouse.file_cache import forget_copies
from bwp_client.warehouse.schema import TableName
from bwp_client.warehouse.storage_errors import storage_errors
from bwp_client.warehouse.store import Warehouse

UNFINISHED_HOURS = 1
"""The age at which a file that no commit names counts as left by a killed writer; a younger file may be unfinished."""

_KEYS_PER_CALL = 1000
_ATTEMPTS: Final = 5
T = TypeVar("T")
_LOG_FILE = re.compile(r"_delta_log/(\d{20})\.(json|checkpoint.*\.parquet)")


def remove_unreferenced(
    warehouse: Warehouse,
    table: TableName,
    *,
    retention_hours: int,
    keep: Collection[int],
    replaced_at_once: bool = False,
) -> int:
    """Delete the data files that neither the newest version nor a version to keep names.

    Args:
        warehouse: The warehouse of the table.
        table: The table.
        retention_hours: The age from which replaced files, and files left by a killed writer, are deleted.
        keep: Versions that readers may hold; those that do not exist any more are ignored.
        replaced_at_once: Delete replaced files whatever their age.

    Returns:
        The number of files deleted.

    Raises:
        RemoteError: S3 refused or failed; run the command again.
        WarehouseError: A local file can't be deleted; run the command again.
    """

    def unneeded_files() -> set[str]:
        handle = warehouse.handle(table)

        def listed(hours: int, *, full: bool, versions: list[int]) -> set[str]:
            return set(
                handle.vacuum(
                    hours, dry_run=True, enforce_retention_duration=False, full=full, keep_versions=versions or None
                )
            )

        def all_listed(versions: list[int]) -> set[str]:
            files = listed(retention_hours, full=True, versions=versions)
            return files | listed(0, full=False, versions=versions) if replaced_at_once else files

        with storage_errors(warehouse.address(table)):
            unneeded = all_listed([])
            if unneeded and keep:
                unneeded &= all_listed([version for version in sorted(keep) if _exists(warehouse, table, version)])
        return unneeded

    unneeded = _unless_cleaned_meanwhile(unneeded_files) or set()
    # The list also names files that an earlier vacuum deleted.
    names = {unquote(path) for path in unneeded} & set(_names(warehouse, table)) if unneeded else set()
    _delete(warehouse, table, names)
    return len(names)


def forget_old_copies(warehouse: Warehouse, table: TableName) -> None:
    """Delete this machine's copies of files that a table on S3 does not name any more."""
    if warehouse.is_remote:
        files = warehouse.data_files(warehouse.handle(table))
        forget_copies(warehouse.address(table), keep=[item.path for item in files])


def unfinished_files(warehouse: Warehouse, table: TableName) -> int:
    """Return the number of files that no commit names and that a writer may still be writing, because they are young."""

    def count() -> int:
        handle = warehouse.handle(table)
        with storage_errors(warehouse.address(table)):
            replaced = handle.vacuum(0, dry_run=True, enforce_retention_duration=False, full=False)
            unneeded = handle.vacuum(0, dry_run=True, enforce_retention_duration=False, full=True)
        return len(set(unneeded) - set(replaced))

    return _unless_cleaned_meanwhile(count) or 0


def write_checkpoint(warehouse: Warehouse, table: TableName, version: int) -> None:
    """Write the checkpoint of a version if there is none, so that opening the table reads one file of the log.

    If another process has cleaned the version away, then it has written the checkpoint of a later version.
    """

    def write() -> None:
        handle = warehouse.handle(table, version)
        with storage_errors(warehouse.address(table)):
            handle.create_checkpoint()

    if version and version not in _checkpoints(warehouse, table):
        _unless_cleaned_meanwhile(write)


def clean_log(warehouse: Warehouse, table: TableName, *, oldest_needed: int) -> int:
    """Delete the log files that neither the oldest needed version nor any later version needs; return their number."""
    checkpoint = max((version for version in _checkpoints(warehouse, table) if version <= oldest_needed), default=0)
    unneeded = [name for name, version, _ in _log_files(warehouse, table) if version < checkpoint]
    _delete(warehouse, table, unneeded)
    return len(unneeded)


def _unless_cleaned_meanwhile(work: Callable[[], T]) -> T | None:
    """Return what `work` returns; None if another process cleans away the versions that it opens, at every attempt."""
    for _ in range(_ATTEMPTS):
        with suppress(SourceNotFoundError):
            return work()
    return None


def _exists(warehouse: Warehouse, table: TableName, version: int) -> bool:
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
    """Return the paths of a table's files below its address."""
    address = warehouse.address(table)
    if not warehouse.is_remote:
        return [path.relative_to(address).as_posix() for path in Path(address, below).rglob("*") if path.is_file()]
    bucket, prefix = split_s3(f"{address}/")
    with s3_errors(address):
        return [item["Key"].removeprefix(prefix) for item in list_objects(bucket, prefix + below)]


def _delete(warehouse: Warehouse, table: TableName, paths: Collection[str]) -> None:
    """Delete files by their path below a table's address; missing ones are ignored."""
    address, names = warehouse.address(table), sorted(paths)
    if not warehouse.is_remote:
        try:
            for name in names:
                Path(address, name).unlink(missing_ok=True)
        except OSError as error:
            raise WarehouseError(
                f"A file of {address} can't be deleted ({error.strerror}). The tables are intact and no row was lost. "
                "Check permissions, then run the command again: it continues where it stopped."
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
                f"S3 would not delete {len(refused)} files of {address} ({refused[0].get('Code')}). The tables are intact. "
                "The app needs s3:DeleteObject there; then run the command again: it continues where it stopped."
            )
