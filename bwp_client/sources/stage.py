"""Workers: each reads whole objects and stages Parquet files, so that no row travels between processes.

Runs in child processes that never import pandas (a second of start-up each), hence the columns built by hand.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bwp_client.events import (
    EVENT_TYPES,
    OWN_FIELDS,
    SHAPE_FIELDS,
    EventReader,
    EventRow,
    QuarantineReason,
    Refused,
    Shape,
)
from bwp_client.scrub import excerpt
from bwp_client.sources.base import Source, SourceObject
from bwp_client.sources.decode import CutShortError, blocks
from bwp_client.sources.records import Found, RecordCutter, Unread

ROWS_PER_PARCEL = 60_000
MAX_IGNORED_TYPES = 100
MAX_TYPE_LENGTH = 80
OTHER_TYPES = "(other types)"


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open range of event time in µs since 1970; an open end is None."""

    from_us: int | None = None
    to_us: int | None = None

    def holds(self, occurred_at_us: int) -> bool:
        """Tell whether a time lies in the window."""
        return (self.from_us is None or occurred_at_us >= self.from_us) and (
            self.to_us is None or occurred_at_us < self.to_us
        )


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
    finished: list[tuple[SourceObject, ObjectCounts]]


class Stager:
    """Reads objects one after the other and packs their rows into parcels, several small objects to one."""

    def __init__(self, source: Source, folder: Path, *, name: str, window: Window, latest_us: int) -> None:
        self._source = source
        self._folder = folder
        self._name = name
        self._window = window
        self._reader = EventReader(latest_us=latest_us)
        self._rows: list[EventRow] = []
        self._offsets: list[int] = []
        self._from_object: list[int] = []
        self._objects: list[SourceObject] = []
        self._several = False
        self._bad: list[tuple[int, int, str, str, str]] = []
        self._finished: list[tuple[SourceObject, ObjectCounts]] = []
        self._parcels = 0

    def read(self, item: SourceObject) -> Iterator[Parcel]:
        """Read one object; give a parcel whenever one is full.

        Raises:
            BwpError: The object could not be opened or read; it is not counted as finished.
        """
        counts = ObjectCounts()
        self._objects.append(item)
        cutter = RecordCutter()
        cut_short = False
        with self._source.open(item) as stream:
            try:
                for block in blocks(stream):
                    self._take(cutter, cutter.feed(block), counts)
                    if len(self._rows) + len(self._bad) >= ROWS_PER_PARCEL:
                        yield self._pack()
            except CutShortError:
                cut_short = True
        self._take(cutter, cutter.finish(cut_short=cut_short), counts)
        if cut_short and not counts.quarantined[QuarantineReason.CUT_OBJECT.value]:
            self._refuse(counts, cutter.offset, b"", QuarantineReason.CUT_OBJECT)
        self._finished.append((item, counts))
        if len(self._rows) + len(self._bad) >= ROWS_PER_PARCEL:
            yield self._pack()

    def rest(self) -> Iterator[Parcel]:
        """Give the last parcel, if there is anything left to hand over."""
        if self._rows or self._bad or self._finished:
            yield self._pack()

    def _take(self, cutter: RecordCutter, records: list[Found], counts: ObjectCounts) -> None:
        rows, offsets = self._rows, self._offsets
        window, rows_of = self._window, self._reader.rows
        whole = window.from_us is None and window.to_us is None
        before = len(rows)
        events = 0
        for offset, found in records:
            if isinstance(found, Unread):
                self._refuse(counts, offset, found.raw, found.reason)
                continue
            if found.detail_type not in EVENT_TYPES:
                _ignore(counts, found.detail_type)
                continue
            try:
                made = rows_of(found)
            except Refused as refused:
                self._refuse(counts, offset, cutter.raw_at(offset), refused.reason)
                continue
            if not whole and not window.holds(made[0][1]):
                counts.outside_window += 1
                continue
            events += 1
            rows.extend(made)
            offsets.append(offset)
            if len(made) > 1:
                offsets.extend([offset] * (len(made) - 1))
                self._several = True
        counts.events += events
        self._from_object.extend([len(self._objects) - 1] * (len(rows) - before))

    def _refuse(self, counts: ObjectCounts, offset: int, raw: bytes, reason: QuarantineReason) -> None:
        counts.quarantined[reason.value] += 1
        row = (len(self._objects) - 1, offset, hashlib.sha256(raw).hexdigest(), reason.value, excerpt(raw))
        self._bad.append(row)

    def _pack(self) -> Parcel:
        self._parcels += 1
        events, rows = self._pack_events(), len(self._rows)
        parcel = Parcel(events, rows, self._several, self._pack_bad(), self._finished)
        self._rows.clear()
        self._offsets.clear()
        self._from_object.clear()
        self._bad.clear()
        self._objects = self._objects[-1:]  # it may go on in the next parcel
        self._several = False
        self._finished = []
        self._reader.forget()
        return parcel

    def _pack_events(self) -> Path | None:
        if not self._rows:
            return None
        at, times, *own = zip(*self._rows, strict=True)
        shapes = zip(*self._reader.shapes, strict=True)
        arrays: dict[str, pa.Array] = {
            name: _looked_up_array(at, values) for name, values in zip(SHAPE_FIELDS, shapes, strict=True)
        }
        arrays["occurred_at"] = _int64_array(times, pa.timestamp("us", "UTC"))
        arrays |= {name: _text_array(values) for name, values in zip(OWN_FIELDS, own, strict=True)}
        arrays["source_uri"] = _looked_up_array(self._from_object, [item.uri for item in self._objects])
        arrays["source_offset"] = _int64_array(self._offsets, pa.int64())
        return self._write("events", arrays)

    def _pack_bad(self) -> Path | None:
        if not self._bad:
            return None
        at, offsets, digests, reasons, excerpts = zip(*self._bad, strict=True)
        arrays = {
            "source_uri": _looked_up_array(at, [item.uri for item in self._objects]),
            "etag": _looked_up_array(at, [item.etag for item in self._objects]),
            "offset": _int64_array(offsets, pa.int64()),
            "digest": _text_array(digests),
            "reason": _text_array(reasons),
            "excerpt": _text_array(excerpts),
        }
        return self._write("quarantine", arrays)

    def _write(self, kind: str, arrays: dict[str, pa.Array]) -> Path:
        path = self._folder / f"{self._name}-{self._parcels:06d}-{kind}.parquet"
        table = pa.Table.from_arrays(list(arrays.values()), names=list(arrays))
        pq.write_table(
            table,
            path,
            compression="none",
            use_dictionary=[n for n, array in arrays.items() if pa.types.is_dictionary(array.type)],
        )
        return path


def _ignore(counts: ObjectCounts, event_type: str) -> None:
    """Count an event of a type we don't chart; the name comes from outside, so its length and variety are bounded."""
    name = event_type[:MAX_TYPE_LENGTH]
    if not name.isprintable() or (name not in counts.ignored and len(counts.ignored) >= MAX_IGNORED_TYPES):
        name = OTHER_TYPES
    counts.ignored[name] += 1


def _text_array(values: tuple[str, ...]) -> pa.Array:
    joined = "".join(values)
    data = joined.encode("utf-8", "replace")
    lengths = map(len, values) if len(data) == len(joined) else (len(v.encode("utf-8", "replace")) for v in values)
    offsets = np.zeros(len(values) + 1, dtype=np.int32)
    np.cumsum(np.fromiter(lengths, dtype=np.int32, count=len(values)), out=offsets[1:])
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(data))


def _int64_array(values: tuple[int, ...] | list[int], kind: pa.DataType) -> pa.Array:
    data = np.fromiter(values, dtype=np.int64, count=len(values))
    return pa.Array.from_buffers(kind, len(data), [None, pa.py_buffer(data)])


def _looked_up_array(indices: Sequence[int] | np.ndarray[Any, Any], values: Sequence[str]) -> pa.Array:
    data = np.asarray(indices, dtype=np.int32)
    at = pa.Array.from_buffers(pa.int32(), len(data), [None, pa.py_buffer(data)])
    return pa.DictionaryArray.from_arrays(at, _text_array(tuple(values)))
