"""Results and progress of loads, and the counts of one commit group."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bwp_client.load.staged import ObjectCounts
from bwp_client.sources import SourceObject

MAX_NAMES = 3
"""The most objects of a kind that a result names."""


@dataclass(slots=True)
class LoadResult:
    """The records of a load by their fate: read = stored + duplicate + ignored + quarantined.

    `outside_window` is counted separately.
    """

    load_id: str
    source: str
    objects: int = 0
    read: int = 0
    stored: int = 0
    duplicate: int = 0
    ignored: int = 0
    quarantined: int = 0
    outside_window: int = 0
    archived: int = 0
    """Objects in an archive storage class of S3, which were not read; each load tries them again."""
    newly_archived: int = 0
    """Those of them that no load has reported before."""
    deleted: int = 0
    """Objects that were deleted or moved after they were listed, and so were not read."""
    deleted_names: list[str] = field(default_factory=list)
    """The addresses of the first of them."""

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object of the command line; counts of objects that were not read are left out where they are 0."""
        fields = asdict(self)
        del fields["deleted_names"]
        if not self.archived:
            del fields["archived"], fields["newly_archived"]
        if not self.deleted:
            del fields["deleted"]
        return fields

    def add_deleted(self, address: str) -> None:
        """Count an object that was deleted or moved after it was listed."""
        self.deleted += 1
        if len(self.deleted_names) < MAX_NAMES:
            self.deleted_names.append(address)

    def add_group(self, group: CommitGroup) -> None:
        """Add the records of a group that was committed; its objects are counted as they are finished."""
        self.read += group.read
        self.stored += group.stored
        self.duplicate += group.duplicate.total()
        self.ignored += group.ignored.total()
        self.quarantined += group.quarantined.total()
        self.outside_window += group.outside_window

    def add(self, other: LoadResult) -> None:
        """Add the objects and records of another load."""
        self.objects += other.objects
        self.read += other.read
        self.stored += other.stored
        self.duplicate += other.duplicate
        self.ignored += other.ignored
        self.quarantined += other.quarantined
        self.outside_window += other.outside_window
        self.archived += other.archived
        self.newly_archived += other.newly_archived
        self.deleted += other.deleted
        self.deleted_names = [*self.deleted_names, *other.deleted_names][:MAX_NAMES]


@dataclass(slots=True)
class ArchiveResult(LoadResult):
    """The result of a load from an archive; received = read + outside_window + foreign."""

    received: int = 0
    foreign: int = 0
    """Messages in our queue that belong to no replay of ours; they were left there."""
    resumed: bool = False
    """A replay of an earlier run was continued."""
    windows: list[str] = field(default_factory=list)
    attention: list[str] = field(default_factory=list)
    """What needs a person's attention, a sentence each."""

    def add_window(self, other: ArchiveResult) -> None:
        """Add the messages and the windows of another result."""
        self.add(other)
        self.received += other.received
        self.foreign += other.foreign
        self.windows += other.windows


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """The progress of a load; the totals grow while the source is listed."""

    objects_done: int
    objects_total: int
    bytes_done: int
    bytes_total: int
    read: int


@dataclass(slots=True)
class CommitGroup:
    """The records and table versions that one row of the runs table publishes."""

    started_at: datetime
    objects: list[SourceObject] = field(default_factory=list)
    archived: list[SourceObject] = field(default_factory=list)
    """Objects in an archive storage class that no load has reported before."""
    quarantine: list[Path] = field(default_factory=list)
    """Staged files of quarantine rows."""
    quarantine_rows: int = 0
    """The rows of these files; `quarantined` counts them once their object is finished."""
    stored: int = 0
    duplicate: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    outside_window: int = 0
    reread: bool = False
    """Whether objects were read that had been read before, too."""
    versions: dict[str, int] = field(default_factory=dict)

    def add(self, item: SourceObject, counts: ObjectCounts) -> None:
        """Count a finished object, except its events, whose fate is known once they are stored."""
        self.objects.append(item)
        self.ignored.update(counts.ignored)
        self.quarantined.update(counts.quarantined)
        self.outside_window += counts.outside_window

    @property
    def read(self) -> int:
        """The number of records read."""
        return self.stored + self.duplicate.total() + self.ignored.total() + self.quarantined.total()

    @property
    def size_bytes(self) -> int:
        """The stored size of the finished objects."""
        return sum(item.size_bytes for item in self.objects)

    def counts(self) -> dict[str, Any]:
        """Return the counts of the run's row; read = stored + duplicate + ignored + quarantined."""
        return {
            "objects": len(self.objects),
            "bytes": self.size_bytes,
            "read": self.read,
            "stored": self.stored,
            "duplicate": dict(self.duplicate),
            "ignored": dict(self.ignored),
            "quarantined": dict(self.quarantined),
            "outside_window": self.outside_window,
            **({"archived": len(self.archived)} if self.archived else {}),
            **({"reread": True} if self.reread else {}),
        }


@dataclass(frozen=True, slots=True)
class ArchiveProgress:
    """The progress of replays, in minutes of their windows, and what was received."""

    minutes_done: int
    minutes_total: int
    state: str
    received: int
    stored: int
