"""Recognises folders of tables and reports: they hold Parquet and JSON files, and none of these is an event."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path

_DELTA_LOG = "_delta_log"
_MANIFEST = "manifest.json"
_MANIFEST_KEYS = {"key", "question", "facts", "files"}
_ATTEMPTS = "log"
"""Beside the folders of reports: the log of attempts to make one."""


def is_delta_table(folder: Path, subfolders: Collection[str] | None = None) -> bool:
    """Return whether a folder is a Delta table.

    Args:
        folder: The folder.
        subfolders: The names of its subfolders, if they are known.
    """
    return (folder / _DELTA_LOG).is_dir() if subfolders is None else _DELTA_LOG in subfolders


def report_folders(folder: Path, subfolders: Collection[str]) -> Iterator[str]:
    """Yield the names of the subfolders that hold a published report, and of the log beside them."""
    found = [name for name in subfolders if _is_report(folder / name / _MANIFEST)]
    yield from found
    if found and _ATTEMPTS in subfolders:
        yield _ATTEMPTS


def _is_report(manifest: Path) -> bool:
    try:
        value = json.loads(manifest.read_bytes()) if manifest.is_file() else None
    except (OSError, ValueError):
        return False
    return isinstance(value, dict) and value.keys() >= _MANIFEST_KEYS
