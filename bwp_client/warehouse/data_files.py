"""The data files of a table: what its log says about each, and where each can be read on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from deltalake import DeltaTable

from bwp_client.aws import list_objects, s3_errors, split_s3
from bwp_client.errors import DamagedFileError, SourceNotFoundError, SupersededError
from bwp_client.warehouse.damage import damaged_file, problem_of_bytes, problem_of_content, problem_of_size
from bwp_client.warehouse.file_cache import local_copies
from bwp_client.warehouse.schema import TableName

HAS_NORMAL_IDS: Final = {"bwp.ids": "normal"}
"""The property of a table that was created since IDs are stored in their normal form (`bwp_client.ids`), and no row twice."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file of a table, as the table's log describes it.

    Attributes:
        path: The path below the table's address, URL-encoded.
        rows: The number of rows.
        size_bytes: The size of the file.
        lows: The minimum of each statistics column.
        highs: The maximum of each statistics column.
        partition: The value of each partition column.
        has_normal_ids: Whether its IDs are known to be in their normal form; older releases stored them as they came.
    """

    path: str
    rows: int
    size_bytes: int
    lows: dict[str, Any]
    highs: dict[str, Any]
    partition: dict[str, str]
    has_normal_ids: bool


def list_data_files(handle: DeltaTable) -> list[DataFile]:
    """Return the data files of an opened table, with the statistics that its log holds."""
    actions = handle.get_add_actions(flatten=True)
    columns = {name: actions.column(name).to_pylist() for name in actions.schema.names}
    has_normal_ids = not is_of_older_release(handle)
    files = []
    for index in range(actions.num_rows):
        row = {name: values[index] for name, values in columns.items()}
        files.append(
            DataFile(
                path=row["path"],
                rows=row["num_records"] or 0,
                size_bytes=row["size_bytes"],
                lows={k.removeprefix("min."): v for k, v in row.items() if k.startswith("min.")},
                highs={k.removeprefix("max."): v for k, v in row.items() if k.startswith("max.")},
                partition={k.removeprefix("partition."): v for k, v in row.items() if k.startswith("partition.")},
                has_normal_ids=has_normal_ids,
            )
        )
    return files


def is_of_older_release(handle: DeltaTable) -> bool:
    """Return whether a release created the opened table that could store an ID in other forms, or a row twice."""
    return not HAS_NORMAL_IDS.items() <= handle.metadata().configuration.items()


def local_paths(table: TableName, address: str, files: Sequence[DataFile]) -> list[str]:
    """Return local paths of data files; files on S3 are copied once into a bounded local cache.

    Raises:
        DamagedFileError: A file is missing, or has another size than the table's log says.
        RemoteError: S3 refused or failed.
    """
    if address.startswith("s3://"):
        return _copies(table, address, files)
    paths = [f"{address}/{unquote(item.path)}" for item in files]
    for item, path in zip(files, paths, strict=True):
        if problem := problem_of_size(path, item.size_bytes):
            raise damaged_file(table, address, item.path, problem)
    return paths


def _copies(table: TableName, address: str, files: Sequence[DataFile]) -> list[str]:
    wanted = [(item.path, item.size_bytes) for item in files]
    try:
        paths = local_copies(address, wanted)
        cut = [
            path for item, path in zip(files, paths, strict=True) if problem_of_size(path, item.size_bytes) is not None
        ]
        if cut:  # perhaps the copy alone
            for path in cut:
                Path(path).unlink(missing_ok=True)
            local_copies(address, wanted)
    except SourceNotFoundError:
        if damage := first_of_wrong_size(table, address, files):
            raise damage from None
        raise
    for item, path in zip(files, paths, strict=True):
        if problem := problem_of_size(path, item.size_bytes):
            raise damaged_file(table, address, item.path, problem)
    return paths


def _stored_sizes(address: str) -> dict[str, int]:
    bucket, prefix = split_s3(f"{address}/")
    with s3_errors(address):
        return {item["Key"].removeprefix(prefix): item["Size"] for item in list_objects(bucket, prefix)}


def first_of_wrong_size(table: TableName, address: str, files: Sequence[DataFile]) -> DamagedFileError | None:
    """Return the error for the first data file that is missing or has another size than the log says; None without one.

    Raises:
        RemoteError: S3 refused or failed.
    """
    stored = _stored_sizes(address) if files and address.startswith("s3://") else None
    for item in files:
        path = unquote(item.path)
        if stored is None:
            problem = problem_of_size(f"{address}/{path}", item.size_bytes)
        else:
            problem = problem_of_bytes(stored.get(path), item.size_bytes)
        if problem:
            return damaged_file(table, address, item.path, problem)
    return None


def first_damaged(
    table: TableName, address: str, files: Sequence[DataFile]
) -> DamagedFileError | SupersededError | None:
    """Return the error for the first damaged file among data files, which are read whole; None if none is damaged.

    If only the local copy of a file on S3 was damaged, it is fetched again, and the error asks to read again.

    Raises:
        RemoteError: S3 refused or failed.
    """
    try:
        paths = local_paths(table, address, files)
    except DamagedFileError as error:
        return error
    for item, path in zip(files, paths, strict=True):
        if problem_of_content(path, table) is None:
            continue
        if address.startswith("s3://"):
            Path(path).unlink(missing_ok=True)
            local_paths(table, address, [item])
        if problem := problem_of_content(path, table):
            return damaged_file(table, address, item.path, problem)
        return superseded(address)
    return None


def superseded(address: str) -> SupersededError:
    """Return the error for files that were deleted while they were read."""
    return SupersededError(
        f"Files of {address} were replaced and deleted while they were read. Nothing was changed. "
        "Start the command again, or load the page anew."
    )
