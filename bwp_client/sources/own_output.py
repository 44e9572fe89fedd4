"""Recognises folders of tables and reports: they hold Parquet and JSON files, and none of these is an event."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path

_DELTA_LOG = "_delta_log"
_MANIFEST = "manifest.json"
_MANIFEST_KEYS = {"key", "question", "facts", "files"}
_LOGS = {"log", "notices"}
"""Beside the folders of reports: the log of attempts to make one, and the notices that wait for their delivery."""
_LOG_ENTRY = re.compile(
    r"(.*/)?(log/\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{12}|notices/(\d{8}T\d{6}Z|once)-[0-9a-f]{12}(\.end|\.try-\d+)?)\.json",
    re.ASCII | re.DOTALL,
)


def is_delta_table(folder: Path, subfolders: Collection[str] | None = None) -> bool:
    """Return whether a folder is a Delta table.

    Args:
        folder: The folder.
        subfolders: The names of its subfolders, if they are known.
    """
    return (folder / _DELTA_LOG).is_dir() if subfolders is None else _DELTA_LOG in subfolders


def is_log_entry(path: str) -> bool:
    """Return whether a path or a key is that of an entry of the logs beside published reports."""
    return _LOG_ENTRY.fullmatch(path) is not None


def is_log(folder: Path) -> bool:
    """Return whether a folder is a log beside published reports; a refused report leaves a log without a report.

    Raises:
        OSError: The folder can't be listed.
    """
    if folder.name not in _LOGS or not folder.is_dir():
        return False
    return any(is_log_entry(f"{folder.name}/{path.name}") for path in folder.iterdir())


def report_folders(folder: Path, subfolders: Collection[str]) -> Iterator[str]:
    """Yield the names of the subfolders that hold a published report, and of the logs beside them."""
    found = [name for name in subfolders if _is_report(folder / name / _MANIFEST)]
    yield from found
    for name in sorted(_LOGS & set(subfolders)):
        try:
            if found or is_log(folder / name):
                yield name
        except OSError:  # reading the folder names it
            continue


def _is_report(manifest: Path) -> bool:
    try:
        value = json.loads(manifest.read_bytes()) if manifest.is_file() else None
    except (OSError, ValueError):
        return False
    return isinstance(value, dict) and value.keys() >= _MANIFEST_KEYS
