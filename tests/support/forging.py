"""Forgeries of published reports: a file or a field is changed together with whatever states its digest or its value."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bwp_client.reports.manifest import json_bytes


def manifest_of(report: Path) -> Any:
    return json.loads((report / "manifest.json").read_bytes())


def write_manifest(report: Path, value: Any) -> None:
    (report / "manifest.json").write_bytes(json_bytes(value))


def forge(report: Path, path: str, content: bytes) -> None:
    """Replace a file, and its entry in the manifest."""
    (report / path).write_bytes(content)
    value = manifest_of(report)
    value["files"][path] |= {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    write_manifest(report, value)


def forge_field(report: Path, change: Callable[[Any], object]) -> None:
    """Change the manifest, the copy of its fields in the description, and the entry of the description."""
    value = manifest_of(report)
    change(value)
    write_manifest(report, value)
    if (report / "description.json").exists():
        forge(report, "description.json", json_bytes({name: item for name, item in value.items() if name != "files"}))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        value = value[name]
    return value


def set_at(path: tuple[Any, ...], new: Any) -> Callable[[Any], None]:
    def change(value: Any) -> None:
        at(value, path[:-1])[path[-1]] = new

    return change
