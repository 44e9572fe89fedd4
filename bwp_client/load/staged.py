"""What workers hand over, and what they are told: light enough for a process that only starts them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bwp_client.errors import BwpError
from bwp_client.sources.base import Source, SourceObject

ROWS_PER_PARCEL = 60_000
MAX_PARCEL_ROWS = 80_000
"""A parcel is full after the block that fills it, and a block of 4 MiB holds about 10,000 records."""

TOO_OLD = "older than the purge floor"
"""What the counts of ignored records call events that a purge would have to remove again."""


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open range of event time in µs since 1970; an open end is None."""

    from_us: int | None = None
    to_us: int | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether every time lies in the window."""
        return self.from_us is None and self.to_us is None

    def holds(self, occurred_at_us: Any) -> Any:
        """Tell whether a time lies in the window; given an array of times, for each."""
        inside = occurred_at_us == occurred_at_us
        if self.from_us is not None:
            inside = inside & (occurred_at_us >= self.from_us)
        if self.to_us is not None:
            inside = inside & (occurred_at_us < self.to_us)
        return inside


@dataclass(frozen=True, slots=True)
class Job:
    """What to do with objects: read from a source, keep what lies in a window and above the floor, stage in a folder."""

    source: Source
    folder: Path
    window: Window
    latest_us: int
    """The newest event time accepted, in µs since 1970."""
    floor_us: int = 0
    """The purge floor: older events are ignored."""
    keep_raw: bool = False
    """Keep the bytes of refused records, for they can't be read again."""


@dataclass(slots=True)
class ObjectCounts:
    """What became of one object's records, before deduplication: `events` of them wait in staged files."""

    events: int = 0
    outside_window: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a worker hands over: a file of event rows, a file of quarantine rows, and the objects finished with them."""

    events: Path | None
    rows: int
    several_tasks: bool
    """Some record in it gave more than one row."""
    quarantine: Path | None
    refused: int
    """Quarantine rows."""
    finished: list[tuple[SourceObject, ObjectCounts]]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An object that could not be opened or read, and why; the load goes on without it."""

    item: SourceObject
    error: BwpError
