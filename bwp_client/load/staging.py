"""Workers: each reads whole objects and stages Arrow files, so that no row travels between processes.

Nothing here imports pandas (a quarter of a second of start-up), hence the columns built by hand.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bwp_client.decoding.arrow_arrays import UTC_US, IntArray, bytes_array, int64_array, numbers, text_array
from bwp_client.decoding.columnar import read_lines
from bwp_client.decoding.compression import CutShortError, TooMuchTextError, blocks
from bwp_client.decoding.framing import Found, RecordCutter, Unread
from bwp_client.decoding.line_layouts import Shapes
from bwp_client.decoding.wrappers import Wrapper, unwrap
from bwp_client.events import (
    EVENT_TYPES,
    OCCURRED_AT_US,
    ROW_FIELDS,
    Envelope,
    EventRow,
    QuarantineReason,
    Refused,
    rows_of,
)
from bwp_client.load.derived_columns import with_context
from bwp_client.load.small_objects import TEXT_BYTES, Together, read_together, whole_text
from bwp_client.load.staged import ROWS_PER_PARCEL, TOO_OLD, Job, ObjectCounts, Parcel
from bwp_client.redaction import excerpt
from bwp_client.sources.base import SourceObject

MAX_RAW_BYTES = 1024 * 1024
"""What is kept of a record that can't be read again; a queue's message is no larger."""
FEW_LINES = 100
"""So many lines take the exact decoder no longer than reading columns takes for any number of lines."""
RECORDS_AT_ONCE = 20_000
MAX_IGNORED_TYPES = 100
MAX_TYPE_LENGTH = 80
OTHER_TYPES = "(other types)"
_TYPE_NAME = re.compile(r"[\w .:/()\-]*")
"""An @ would be an address."""


@dataclass(frozen=True, slots=True)
class _Sifted:
    """The places of rows that stay, and of those that don't."""

    kept: IntArray
    outside_window: IntArray
    too_old: IntArray


class Stager:
    """Reads objects one after the other and packs their rows into parcels, several small objects to one."""

    def __init__(self, job: Job, name: str) -> None:
        self._source = job.source
        self._folder = job.folder
        self._name = name
        self._window = job.window
        self._latest_us = job.latest_us
        self._floor_us = job.floor_us
        self._keep_raw = job.keep_raw
        self._shapes = Shapes()
        self._batches: list[pa.RecordBatch] = []
        self._rows: list[EventRow] = []
        self._offsets: list[int] = []
        self._places: list[int] = []
        self._row_count = 0
        self._item = SourceObject("", "", 0)
        self._counts = ObjectCounts()
        self._several = False
        self._bad: list[tuple[str, str, int, str, str, str, bytes]] = []
        self._finished: list[tuple[SourceObject, ObjectCounts]] = []
        self._parcels = 0

    def read_small(self, objects: list[tuple[SourceObject, bytes]]) -> Iterator[Parcel]:
        """Read several small objects, given with their raw bytes; give a parcel whenever one is full."""
        group: list[tuple[SourceObject, bytes, bytes]] = []
        size = 0
        for item, raw in objects:
            text = whole_text(raw)
            if text is None:
                yield from self.read(item, BytesIO(raw))
                continue
            group.append((item, raw, text))
            size += len(text)
            if size >= TEXT_BYTES:
                yield from self._read_group(group)
                group, size = [], 0
        yield from self._read_group(group)

    def _read_group(self, group: list[tuple[SourceObject, bytes, bytes]]) -> Iterator[Parcel]:
        alone = set(range(len(group)))
        found = (
            read_together([text for _, _, text in group], self._shapes, latest_us=self._latest_us)
            if len(group) > 1
            else None
        )
        if found is not None:
            alone = found.left
            self._take_together(found, [item for item, _, _ in group])
            if self._is_full():
                yield self._pack()
        for place in sorted(alone):
            item, raw, text = group[place]
            is_short = len(group) > 1 and text.count(b"\n") <= FEW_LINES
            yield from self.read(item, BytesIO(raw), one_by_one=is_short)

    def _take_together(self, found: Together, items: list[SourceObject]) -> None:
        rows, owners = found.rows, found.owners
        counts = [ObjectCounts() for _ in items]
        sifted = self._sift(rows)
        if sifted is not None:
            for owner in owners[sifted.outside_window].tolist():
                counts[owner].outside_window += 1
            for owner in owners[sifted.too_old].tolist():
                counts[owner].ignored[TOO_OLD] += 1
            rows, owners = rows.take(int64_array(sifted.kept)), owners[sifted.kept]
        if rows.num_rows:
            self._add_batch(rows, owners, [item.uri for item in items])
        for owner, events in enumerate(np.bincount(owners, minlength=len(items)).tolist()):
            if owner in found.left:
                continue
            counts[owner].events = events
            for event_type, count in found.ignored[owner].items():
                _ignore(counts[owner], event_type, count)
            self._finished.append((items[owner], counts[owner]))

    def read(self, item: SourceObject, stream: BinaryIO | None = None, *, one_by_one: bool = False) -> Iterator[Parcel]:
        """Read one object; give a parcel whenever one is full.

        Args:
            item: The object.
            stream: Its raw bytes, where they were fetched before.
            one_by_one: Leave every line to the exact decoder.

        Raises:
            BwpError: The object could not be opened or read; it is not counted as finished.
        """
        self._item, self._counts = item, ObjectCounts()
        cutter = RecordCutter(None if one_by_one else self._take_lines)
        cut: CutShortError | None = None
        with stream or self._source.open(item) as stream:
            try:
                for block in blocks(stream):
                    yield from self._take_all(cutter, cutter.feed(block))
            except CutShortError as error:
                cut = error
        yield from self._take_all(cutter, cutter.finish(cut_short=cut is not None))
        if isinstance(cut, TooMuchTextError):
            self._refuse(cutter.offset, str(cut).encode(), QuarantineReason.DECOMPRESSION_LIMIT)
        elif cut and not self._counts.quarantined[QuarantineReason.CUT_OBJECT.value]:
            self._refuse(cutter.offset, b"", QuarantineReason.CUT_OBJECT)
        self._gather()
        self._finished.append((item, self._counts))
        if self._is_full():
            yield self._pack()

    def rest(self) -> Iterator[Parcel]:
        """Give the last parcel, if there is anything left to hand over."""
        if self._row_count or self._bad or self._finished:
            yield self._pack()

    def _is_full(self) -> bool:
        return self._row_count + len(self._bad) >= ROWS_PER_PARCEL

    def _take_lines(self, text: memoryview, start: int, begins: IntArray, ends: IntArray) -> list[int] | None:
        """Take lines as columns; say which are left to the exact decoder, or None when none was taken."""
        lines = read_lines(text, start, begins, ends, self._shapes, latest_us=self._latest_us)
        if lines is None:
            return None
        for item in pc.value_counts(lines.ignored):
            _ignore(self._counts, item["values"].as_py(), item["counts"].as_py())
        rows = lines.rows
        sifted = self._sift(rows)
        if sifted is not None:
            self._counts.outside_window += len(sifted.outside_window)
            if len(sifted.too_old):
                self._counts.ignored[TOO_OLD] += len(sifted.too_old)
            rows = rows.take(int64_array(sifted.kept))
        if rows.num_rows:
            self._add_batch(rows)
            self._counts.events += rows.num_rows
        return lines.left

    def _sift(self, rows: pa.RecordBatch) -> _Sifted | None:
        """Tell which rows lie outside the window, and which of those inside are older than the floor; none when none do."""
        if self._window.is_open and not self._floor_us:
            return None
        times = numbers(rows["occurred_at"])
        inside, recent = self._window.holds(times), times >= self._floor_us
        kept = inside & recent
        if kept.all():
            return None
        return _Sifted(np.flatnonzero(kept), np.flatnonzero(~inside), np.flatnonzero(inside & ~recent))

    def _take_all(self, cutter: RecordCutter, lists: Iterator[list[Found]]) -> Iterator[Parcel]:
        for records in lists:
            # A text of nothing but damaged lines gives a million of them at once.
            for at in range(0, len(records), RECORDS_AT_ONCE):
                self._take(cutter, records[at : at + RECORDS_AT_ONCE])
                if self._is_full():
                    yield self._pack()

    def _take(self, cutter: RecordCutter, records: list[Found]) -> None:
        for offset, found in records:
            if isinstance(found, Unread):
                self._refuse(offset, found.raw, found.reason)
                continue
            try:
                if isinstance(found, Wrapper):
                    self._take_wrapped(offset, found)
                else:
                    self._take_event(offset, found)
            except Refused as refused:
                self._refuse(offset, cutter.raw_at(offset), refused.reason)

    def _take_wrapped(self, offset: int, wrapper: Wrapper) -> None:
        """Take what a wrapper holds, each thing as a record that stands where the wrapper does."""
        for place, one in enumerate(unwrap(wrapper)):
            if isinstance(one.found, QuarantineReason):
                self._refuse(offset, one.raw, one.found, place)
            elif isinstance(one.found, Wrapper):
                _ignore(self._counts, one.found.name)
            else:
                try:
                    self._take_event(offset, one.found)
                except Refused as refused:
                    self._refuse(offset, one.raw, refused.reason, place)

    def _take_event(self, offset: int, event: Envelope) -> None:
        if event.detail_type not in EVENT_TYPES:
            _ignore(self._counts, event.detail_type)
            return
        made = rows_of(event, latest_us=self._latest_us)
        if not self._window.holds(made[0][OCCURRED_AT_US]):
            self._counts.outside_window += 1
            return
        if int(made[0][OCCURRED_AT_US]) < self._floor_us:
            self._counts.ignored[TOO_OLD] += 1
            return
        self._counts.events += 1
        self._row_count += len(made)
        self._rows.extend(made)
        self._offsets.extend([offset] * len(made))
        self._places.extend(range(len(made)))
        self._several = self._several or len(made) > 1

    def _refuse(self, offset: int, raw: bytes, reason: QuarantineReason, place: int | None = None) -> None:
        """Keep what can't be read; its `place` in a wrapper makes equal messages of one wrapper rows of their own."""
        self._counts.quarantined[reason.value] += 1
        digest = hashlib.sha256(raw if place is None else b"%d:%b" % (place, raw)).hexdigest()
        kept = raw[:MAX_RAW_BYTES] if self._keep_raw else b""
        self._bad.append((self._item.uri, self._item.etag, offset, digest, reason.value, excerpt(raw), kept))

    def _gather(self) -> None:
        """Turn the rows that came one by one into columns too."""
        if not self._rows:
            return
        arrays = {
            name.removesuffix("_us"): int64_array(values, UTC_US) if name == "occurred_at_us" else text_array(values)
            for name, values in zip(ROW_FIELDS, zip(*self._rows, strict=True), strict=True)
        }
        arrays["source_offset"] = int64_array(self._offsets)
        arrays["place_in_record"] = int64_array(self._places)
        self._rows, self._offsets, self._places, waiting = [], [], [], len(self._rows)
        self._add_batch(pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays)))
        self._row_count -= waiting

    def _add_batch(self, rows: pa.RecordBatch, owners: IntArray | None = None, uris: Sequence[str] = ()) -> None:
        if owners is None:
            owners, uris = np.zeros(rows.num_rows, dtype=np.int64), [self._item.uri]
        self._batches.append(with_context(rows, owners, uris))
        self._row_count += rows.num_rows

    def _pack(self) -> Parcel:
        self._gather()
        self._parcels += 1
        events = self._write("events", pa.Table.from_batches(self._batches)) if self._batches else None
        parcel = Parcel(events, self._row_count, self._several, self._pack_bad(), len(self._bad), self._finished)
        self._batches, self._bad, self._finished = [], [], []
        self._row_count, self._several = 0, False
        return parcel

    def _pack_bad(self) -> Path | None:
        if not self._bad:
            return None
        uris, etags, offsets, digests, reasons, excerpts, raws = zip(*self._bad, strict=True)
        names = ("source_uri", "etag", "digest", "reason", "excerpt")
        arrays = [text_array(values) for values in (uris, etags, digests, reasons, excerpts)]
        table = pa.Table.from_arrays(
            [*arrays, int64_array(offsets), bytes_array(raws)], names=[*names, "offset", "raw"]
        )
        return self._write("quarantine", table)

    def _write(self, kind: str, table: pa.Table) -> Path:
        path = self._folder / f"{self._name}-{self._parcels:06d}-{kind}.arrow"
        try:
            with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
                writer.write_table(table)
        except OSError as error:
            raise RuntimeError(
                f"{self._folder.parent} can't be written ({error.strerror or error}); free some space there, or set TMPDIR"
            ) from error
        return path


def _ignore(counts: ObjectCounts, event_type: str, records: int = 1) -> None:
    """Count events of a type we don't chart; the name comes from outside, so its length, letters and variety are bounded."""
    name = event_type[:MAX_TYPE_LENGTH]
    if not _TYPE_NAME.fullmatch(name) or (name not in counts.ignored and len(counts.ignored) >= MAX_IGNORED_TYPES):
        name = OTHER_TYPES
    counts.ignored[name] += records
