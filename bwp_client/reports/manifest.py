"""The manifest of a report: specification, facts about the warehouse, the code that made it, and the files' digests."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from bwp_client import __version__
from bwp_client.errors import UsageError
from bwp_client.reports.spec import ReportSpec, WarehouseFacts

MANIFEST = "manifest.json"
LOG_FOLDER = "log"
"""Beside the reports: the log of attempts to make one."""
_LIBRARIES = ("duckdb", "jinja2", "pandas", "plotly", "pyarrow")
_DECIDES = ("charts", "metrics", "reports", "warehouse")
"""The packages whose code determines the contents of a report."""
_HEX = 12


@dataclass(frozen=True, slots=True)
class FileEntry:
    """Digest and size of a file, and the number of rows of a table."""

    sha256: str
    size_bytes: int
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """The description of a report; its file is written last, so a report without a manifest is not published."""

    key: str
    spec: ReportSpec
    facts: WarehouseFacts
    code: dict[str, Any]
    reasons: tuple[str, ...]
    """The gate's reasons for refusing the report, if it was published by force; otherwise empty."""
    statements: tuple[str, ...]
    figures: dict[str, Any]
    pictures: str
    files: dict[str, FileEntry]
    partial: tuple[str, ...] = ()
    """The parts of the period for which data are missing; empty if the data cover it from end to end."""

    def to_bytes(self) -> bytes:
        """Return the JSON text in UTF-8; equal manifests give equal bytes."""
        value = {
            "key": self.key,
            "report": self.spec.report_name,
            "question": self.spec.as_json(),
            "facts": self.facts.as_json(),
            "code": self.code,
            "forced": list(self.reasons),
            "says": list(self.statements),
            "figures": self.figures,
            "pictures": self.pictures,
            **({"partial": list(self.partial)} if self.partial else {}),
            "files": {
                path: {"sha256": item.sha256, "size_bytes": item.size_bytes}
                | ({} if item.rows is None else {"rows": item.rows})
                for path, item in sorted(self.files.items())
            },
        }
        return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()

    @classmethod
    def from_bytes(cls, text: bytes) -> Self:
        """Read a manifest.

        Raises:
            UsageError: The text is not a manifest of a report.
        """
        try:
            value = json.loads(text)
            return cls(
                key=str(value["key"]),
                spec=ReportSpec.from_json(value["question"]),
                facts=WarehouseFacts.from_json(value["facts"]),
                code=dict(value["code"]),
                reasons=tuple(value["forced"]),
                statements=tuple(value["says"]),
                figures=dict(value["figures"]),
                pictures=str(value["pictures"]),
                files={_relative(path): FileEntry(**item) for path, item in value["files"].items()},
                partial=tuple(value.get("partial", ())),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(
                "This is not the manifest of a report, or it was damaged. Nothing was made. Name a report's manifest.json."
            ) from error

    def verify(self, path: str, content: bytes) -> bytes:
        """Return the content of a file, if its digest is the digest in the manifest.

        Raises:
            UsageError: The file was changed after publication, or the manifest does not name it.
        """
        published = self.files.get(path)
        if published is None or hashlib.sha256(content).hexdigest() != published.sha256:
            raise UsageError(
                f"{self.key}/{path} is not what was published: its digest differs from the manifest's. Nothing was made of "
                "it. Restore the file, or make the report again."
            )
        return content

    @property
    def digest(self) -> str:
        """The first 12 hexadecimal digits of the SHA-256 of the text."""
        return hashlib.sha256(self.to_bytes()).hexdigest()[:_HEX]


def describe_file(path: Path, rows: int | None = None) -> FileEntry:
    """Return the digest and size of a file on disk."""
    with path.open("rb") as stream:
        return FileEntry(hashlib.file_digest(stream, "sha256").hexdigest(), path.stat().st_size, rows)


@cache
def current_code() -> dict[str, Any]:
    """Return the version of this code, a digest of the sources that make reports, and the versions of the libraries used."""
    digest = hashlib.sha256()
    package = files("bwp_client")
    for name in _DECIDES:
        for path in sorted(Path(str(package.joinpath(name))).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return {
        "version": __version__,
        "sources": f"sha256:{digest.hexdigest()}",
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def _relative(path: str) -> str:
    """Return the path of a file; raise ValueError if it leads out of the report's folder."""
    parts = path.split("/")
    if not path or path.startswith("/") or "\\" in path or any(part in {"", ".", ".."} for part in parts):
        raise ValueError(path)
    return path
