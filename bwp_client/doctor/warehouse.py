"""Inspects whether a load can write to the warehouse; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from bwp_client.doctor.findings import Finding
from bwp_client.errors import RemoteError, SourceNotFoundError
from bwp_client.warehouse import TableName, Warehouse

_ELSEWHERE: Final = "set BWP_WAREHOUSE or --warehouse to a folder that can be written, or to s3://bucket/prefix"


def inspect_warehouse(warehouse: Warehouse) -> Iterator[Finding]:
    """Yield whether the warehouse can be written; on S3, whether it can be read.

    Raises:
        SettingsError: There are no credentials for S3.
    """
    if not warehouse.is_remote:
        yield _inspect_folder(warehouse)
        return
    try:
        state = "exists" if warehouse.exists() else "does not exist yet; the first load creates it"
    except (RemoteError, SourceNotFoundError) as error:
        yield Finding(f"warehouse {warehouse.uri} can't be read: {error}", _ELSEWHERE)
    else:
        yield Finding(f"warehouse {warehouse.uri} {state} (whether S3 lets this app write shows in a load only)")


def _inspect_folder(warehouse: Warehouse) -> Finding:
    root = Path(warehouse.uri)
    tables = [root / table.value for table in TableName]
    folders = [path for path in (root, *tables, *(table / "_delta_log" for table in tables)) if path.exists()]
    for folder in folders or [next(path for path in root.parents if path.exists())]:
        try:
            with TemporaryFile(dir=folder):  # where the system can do so, a file without a name
                pass
        except OSError as error:
            reason = "it is a file" if folder.is_file() else error.strerror or str(error)
            return Finding(f"warehouse {root} can't be written: {folder}: {reason}", _ELSEWHERE)
    state = "" if folders else "; it does not exist yet, and the first load creates it"
    return Finding(f"warehouse {root} can be written{state}")
