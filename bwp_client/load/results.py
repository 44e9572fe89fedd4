"""What a load counts: per commit group, over all, and on its way."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bwp_client.load.staged import ObjectCounts
from bwp_client.sources import SourceObject


@dataclass(slots=True)
class LoadResult:
    """What a load did, in records: read = stored + duplicate + ignored + quarantined; `outside_window` is beside it."""

    load_id: str
    source: str
    objects: int = 0
    read: int = 0
    stored: int = 0
    duplicate: int = 0
    ignored: int = 0
    quarantined: int = 0
    outside_window: int = 0

    def as_json(self) -> dict[str, Any]:
        """Give the command line's JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far a load is."""

    objects_done: int
    objects_total: int
    bytes_done: int
    bytes_total: int
    read: int


@dataclass(slots=True)
class Group:
    """What one run's row will say."""

    started_at: datetime
    objects: list[SourceObject] = field(default_factory=list)
    quarantine: list[Path] = field(default_factory=list)
    refused: int = 0
    """The rows of those files; `quarantined` counts them once their object is finished."""
    stored: int = 0
    duplicate: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    outside_window: int = 0
    versions: dict[str, int] = field(default_factory=dict)

    def add(self, item: SourceObject, counts: ObjectCounts) -> None:
        """Count a finished object, its events apart: these are known once they are stored."""
        self.objects.append(item)
        self.ignored.update(counts.ignored)
        self.quarantined.update(counts.quarantined)
        self.outside_window += counts.outside_window

    def counts(self) -> dict[str, Any]:
        """Give what the run's row says; read = stored + duplicate + ignored + quarantined."""
        return {
            "objects": len(self.objects),
            "bytes": sum(item.size_bytes for item in self.objects),
            "read": self.stored + self.duplicate.total() + self.ignored.total() + self.quarantined.total(),
            "stored": self.stored,
            "duplicate": dict(self.duplicate),
            "ignored": dict(self.ignored),
            "quarantined": dict(self.quarantined),
            "outside_window": self.outside_window,
        }


@dataclass(slots=True)
class Todo:
    """How much was found to read so far."""

    objects: int = 0
    bytes: int = 0

    def add(self, items: list[SourceObject]) -> None:
        """Count objects that were found to read."""
        self.objects += len(items)
        self.bytes += sum(item.size_bytes for item in items)
