"""The manifest of a report: specification, facts about the warehouse, the code that made it, and the files' digests."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Self

from bwp_client.errors import UsageError
from bwp_client.reports.spec import ReportSpec, WarehouseFacts

MANIFEST = "manifest.json"
DESCRIPTION = "description.json"
"""A copy of the manifest without `files`. It shows which field of a manifest was changed."""
SIGNATURE = "manifest.json.sig"
"""The detached signature of the manifest, where a key is configured."""
LOG_FOLDER = "log"
"""Beside the reports: the log of attempts to make one."""
FILES = "files"
"""The field of the manifest with an entry for each file of the report but the manifest and its signature."""
_HEX = 12
_MAX_REASON = 120


@dataclass(frozen=True, slots=True)
class FileEntry:
    """Digest and size of a file, and the number of rows of a table."""

    sha256: str
    size_bytes: int
    rows: int | None = None

    @classmethod
    def of(cls, content: bytes, rows: int | None = None) -> Self:
        """Return the entry of a file with this content."""
        return cls(hashlib.sha256(content).hexdigest(), len(content), rows)


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
    signed_by: str = ""
    """The fingerprint of the public key that verifies the signature of the manifest; empty if it is not signed."""
    identity: dict[str, str] = field(default_factory=dict)
    """Digests of the warehouse and of the configured texts, from `identity_of`; empty in reports of earlier versions."""
    text: bytes = field(default=b"", repr=False, compare=False)
    """The text that was read: digest and signature hold for these bytes, in whatever form an earlier version wrote them."""

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object of the manifest."""
        return {
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
            **({"signed_by": self.signed_by} if self.signed_by else {}),
            **({"identity": self.identity} if self.identity else {}),
            FILES: {
                path: {"sha256": item.sha256, "size_bytes": item.size_bytes}
                | ({} if item.rows is None else {"rows": item.rows})
                for path, item in sorted(self.files.items())
            },
        }

    def to_bytes(self) -> bytes:
        """Return the text that was read; of a new manifest the JSON text in UTF-8, the same bytes for equal manifests."""
        return self.text or json_bytes(self.as_json())

    def description(self) -> bytes:
        """Return the content of `description.json`: the JSON text without `files`."""
        return json_bytes({name: value for name, value in self.as_json().items() if name != FILES})

    @classmethod
    def from_bytes(cls, text: bytes) -> Self:
        """Read a manifest.

        Raises:
            UsageError: The text is not a manifest of a report. The message names the field that is missing or wrong.
        """
        try:
            value = json.loads(text)
            return cls(
                key=_name(value["key"]),
                spec=ReportSpec.from_json(value["question"]),
                facts=WarehouseFacts.from_json(value["facts"]),
                code=dict(value["code"]),
                reasons=tuple(value["forced"]),
                statements=tuple(value["says"]),
                figures=dict(value["figures"]),
                pictures=str(value["pictures"]),
                files={relative_path(path): FileEntry(**item) for path, item in value[FILES].items()},
                partial=tuple(value.get("partial", ())),
                signed_by=str(value.get("signed_by", "")),
                identity=dict(value.get("identity", {})),
                text=text,
            )
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise UsageError(
                f"This is not the manifest of a report, or it was damaged ({reason[:_MAX_REASON]!r}). Nothing was changed. "
                "Name a report's manifest.json."
            ) from error

    @classmethod
    def of_key(cls, key: str, text: bytes) -> Self:
        """Read the manifest of the report that lies in a folder of reports under its key.

        Raises:
            UsageError: The text is not a manifest, or the manifest of a report with another key.
        """
        manifest = cls.from_bytes(text)
        if manifest.key != key:
            raise UsageError(
                f"The folder {key} holds the manifest of another report, {manifest.key[:_MAX_REASON]!r}: the folder was "
                "renamed, or the manifest was changed. Nothing was read from it. Give the folder its name again, or look at "
                "it with `report rebuild --verify`."
            )
        return manifest

    def verify(self, path: str, content: bytes) -> bytes:
        """Return the content of a file, if its digest is the digest in the manifest.

        Raises:
            UsageError: The file was changed after publication, or the manifest does not name it.
        """
        published = self.files.get(path)
        if published is None or hashlib.sha256(content).hexdigest() != published.sha256:
            raise UsageError(
                f"{self.key}/{path} is not what was published: its digest differs from the manifest's. It was not used. "
                "Restore the file; `report rebuild --verify` lists every file that was changed."
            )
        return content

    @property
    def digest(self) -> str:
        """The first 12 hexadecimal digits of the SHA-256 of the text."""
        return digest_of(self.to_bytes())


def json_bytes(value: Any) -> bytes:
    """Return a JSON value as text in the form of our manifests; equal values give equal bytes."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def digest_of(text: bytes) -> str:
    """Return the first 12 hexadecimal digits of the SHA-256 of the text of a manifest."""
    return hashlib.sha256(text).hexdigest()[:_HEX]


def _name(key: Any) -> str:
    """Return the key of a report; raise ValueError if it is not the name of a folder."""
    if not isinstance(key, str) or "/" in relative_path(key):
        raise ValueError(f"key {key!r} is not the name of a folder")
    return key


def relative_path(path: str) -> str:
    """Return the path of a file; raise ValueError if it leads out of the report's folder."""
    parts = path.split("/")
    if not path or path.startswith("/") or "\\" in path or any(part in {"", ".", ".."} for part in parts):
        raise ValueError(f"the path {path!r} leads out of the folder of the report")
    return path
