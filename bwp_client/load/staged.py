"""Data exchanged with staging workers, and the sizes of a staged batch. Imports no NumPy or pyarrow, to start fast."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bwp_client.errors import BwpError
from bwp_client.sources.base import Source, SourceObject

ROWS_PER_BATCH = 60_000
MAX_BATCH_ROWS = 80_000
"""A staged batch is written once it has `ROWS_PER_BATCH` rows; what was read last may take it this far."""

TOO_OLD = "older than the purge floor"
"""The name under which events that a purge would have to remove again are counted as ignored."""


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """A half-open range of event times in µs since 1970; an open end is None."""

    from_us: int | None = None
    to_us: int | None = None

    @property
    def is_open(self) -> bool:
        """Return whether the window contains every time."""
        return self.from_us is None and self.to_us is None

    def contains(self, occurred_at_us: Any) -> Any:
        """Return whether the window contains a time; for an array of times, an array of booleans."""
        is_inside = occurred_at_us == occurred_at_us
        if self.from_us is not None:
            is_inside = is_inside & (occurred_at_us >= self.from_us)
        if self.to_us is not None:
            is_inside = is_inside & (occurred_at_us < self.to_us)
        return is_inside


@dataclass(frozen=True, slots=True)
class StagingJob:
    """How objects are staged: where they are read, which events are kept, and where the files go."""

    source: Source
    folder: Path
    window: TimeWindow
    latest_us: int
    """The newest event time accepted, in µs since 1970."""
    floor_us: int = 0
    """The purge floor in µs since 1970: older events are ignored."""
    keep_raw: bool = False
    """Keep the bytes of refused records, because their source cannot be read again."""


@dataclass(slots=True)
class ObjectCounts:
    """The records of one object by their fate, before deduplication: `events` of them are in staged files."""

    events: int = 0
    outside_window: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class StagedBatch:
    """A file of event rows, a file of quarantine rows, and the objects that are finished with them."""

    events: Path | None
    rows: int
    several_tasks: bool
    """Some record of the batch gave more than one row."""
    quarantine: Path | None
    quarantine_rows: int
    finished: list[tuple[SourceObject, ObjectCounts]]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An object that could not be opened or read, and why; the load goes on without it."""

    item: SourceObject
    error: BwpError
