"""Reads objects: bytes become event rows, refused records and counts.

Most records are decoded in bulk, and wait until there are enough for one set of columns, across objects where these are
small. All others go through the exact decoder one by one.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa

from bwp_client.decoding.arrow_arrays import (
    STAGED_COLUMNS,
    UTC_US,
    BoolArray,
    IntArray,
    bool_array,
    dictionary_array,
    int64_array,
    numbers,
    text_array,
)
from bwp_client.decoding.columnar import EventColumns, event_columns
from bwp_client.decoding.framing import frame_object
from bwp_client.decoding.records import Record, RecordRun, Rejected
from bwp_client.decoding.unwrapping import unwrap
from bwp_client.decoding.wrappers import Wrapper
from bwp_client.events import EVENT_TYPES, OCCURRED_AT_US, Envelope, EventRow, Refused, rows_of
from bwp_client.load.derived_columns import with_derived_columns
from bwp_client.load.impersonal import impersonal_rows
from bwp_client.load.staged import TOO_OLD, ObjectCounts, StagingJob
from bwp_client.redaction import EXCERPT_CHARACTERS, excerpt, names_a_person
from bwp_client.sources.base import SourceObject

RECORDS_PER_RESULT = 10_000
TEXT_BYTES_PER_RESULT = 16 * 1024 * 1024
"""Text that records waiting for their columns may hold in memory."""
MAX_RAW_BYTES = 1024 * 1024
"""Bytes kept of a record that cannot be read again; a queue message is no larger."""
MAX_IGNORED_TYPES = 100
MAX_TYPE_LENGTH = 80
OTHER_TYPES = "(other types)"
_TYPE_NAME = re.compile(r"[\w .:/()\-]*")
"""Without @, which would make an address."""


class RefusedRecord(NamedTuple):
    """One row for the quarantine."""

    source_uri: str
    etag: str
    offset: int
    digest: str
    reason: str
    excerpt: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class ReadResult:
    """The records read since the last result, and the objects that are finished with them."""

    batches: list[pa.RecordBatch]
    """Event rows with the columns of `with_derived_columns`; the rows of one record follow each other."""
    several_tasks: bool
    """Some record gave more than one row."""
    refused: list[RefusedRecord]
    finished: list[tuple[SourceObject, ObjectCounts]]


class _OpenObject(NamedTuple):
    item: SourceObject
    counts: ObjectCounts


class _ExactRow(NamedTuple):
    row: EventRow
    source_uri: str
    source_offset: int
    row_in_record: int


@dataclass(slots=True)
class _Pending:
    """The records read since the last result."""

    runs: list[tuple[_OpenObject, RecordRun]] = field(default_factory=list)
    run_records: int = 0
    text_bytes: int = 0
    rows: list[_ExactRow] = field(default_factory=list)
    refused: list[RefusedRecord] = field(default_factory=list)
    finished: list[tuple[SourceObject, ObjectCounts]] = field(default_factory=list)

    def add_run(self, source: _OpenObject, run: RecordRun) -> None:
        if not self.runs or self.runs[-1][1].text is not run.text:
            self.text_bytes += len(run.text)
        self.runs.append((source, run))
        self.run_records += len(run)

    @property
    def is_full(self) -> bool:
        records = self.run_records + len(self.rows) + len(self.refused)
        return records >= RECORDS_PER_RESULT or self.text_bytes >= TEXT_BYTES_PER_RESULT


class ObjectReader:
    """Reads objects one after the other, and returns their records in results of bounded size."""

    def __init__(self, job: StagingJob) -> None:
        self._job = job
        self._pending = _Pending()

    def read(self, item: SourceObject, stream: BinaryIO) -> Iterator[ReadResult]:
        """Read one object, and yield a result whenever enough was read; the last records wait for `rest`.

        Args:
            item: The object.
            stream: Its bytes as they are stored; closed at the end.

        Raises:
            BwpError: The object could not be read to its end; it is not counted as finished.
        """
        source = _OpenObject(item, ObjectCounts())
        with stream:
            for framed in frame_object(stream):
                if isinstance(framed, RecordRun):
                    self._pending.add_run(source, framed)
                else:
                    self._take(source, framed)
                if self._pending.is_full:
                    yield self.rest()
        self._pending.finished.append((item, source.counts))

    def rest(self) -> ReadResult:
        """Return what was read since the last result."""
        batches = self._run_rows(self._pending.runs) if self._pending.runs else []
        pending, self._pending = self._pending, _Pending()
        if pending.rows:
            batches.append(_exact_rows(pending.rows))
        several_tasks = any(row.row_in_record for row in pending.rows)
        return ReadResult(batches, several_tasks, pending.refused, pending.finished)

    def _take(self, source: _OpenObject, item: Record | Rejected) -> None:
        for record in unwrap(item):
            if isinstance(record, Rejected):
                self._refuse(source, record)
            elif isinstance(record.value, Wrapper):
                _count_ignored(source.counts, record.value.name)
            else:
                self._take_event(source, record, record.value)

    def _take_event(self, source: _OpenObject, record: Record, event: Envelope) -> None:
        counts = source.counts
        if event.detail_type not in EVENT_TYPES:
            _count_ignored(counts, event.detail_type)
            return
        try:
            rows = impersonal_rows(rows_of(event, latest_us=self._job.latest_us))
        except Refused as refused:
            self._refuse(source, record.rejected(refused.reason, refused.note))
            return
        occurred_at_us = int(rows[0][OCCURRED_AT_US])
        if not self._job.window.contains(occurred_at_us):
            counts.outside_window += 1
        elif occurred_at_us < self._job.floor_us:
            counts.ignored[TOO_OLD] += 1
        else:
            counts.events += 1
            for index, row in enumerate(rows):
                self._pending.rows.append(_ExactRow(row, source.item.uri, record.offset, index))

    def _refuse(self, source: _OpenObject, rejected: Rejected) -> None:
        """Add a row for the quarantine; the index in a wrapper distinguishes its equal messages."""
        source.counts.quarantined[rejected.reason.value] += 1
        raw, index = rejected.raw, rejected.index_in_wrapper
        note = f"({rejected.note}) " if rejected.note else ""
        digest = hashlib.sha256(raw if index is None else b"%d:%b" % (index, raw)).hexdigest()
        stored_bytes = raw[:MAX_RAW_BYTES] if self._job.keep_raw else b""
        self._pending.refused.append(
            RefusedRecord(
                source.item.uri,
                source.item.etag,
                rejected.offset,
                digest,
                rejected.reason.value,
                (note + excerpt(raw))[:EXCERPT_CHARACTERS],
                stored_bytes,
            )
        )

    def _run_rows(self, runs: list[tuple[_OpenObject, RecordRun]]) -> list[pa.RecordBatch]:
        """Return the rows of records that were decoded in bulk; those left to the exact decoder are taken one by one."""
        columns = event_columns([part for _, run in runs for part in run.columns], latest_us=self._job.latest_us)
        lengths = np.array([len(run) for _, run in runs])
        run_of = np.repeat(np.arange(len(runs)), lengths)
        first = np.cumsum(lengths) - lengths
        for index in columns.left.tolist():
            source, run = runs[run_of[index]]
            self._take(source, run.exact(index - int(first[run_of[index]])))
        times = numbers(columns.rows["occurred_at"])
        is_inside = self._job.window.contains(times)
        is_stored = is_inside & (times >= self._job.floor_us)
        _count(runs, columns, run_of, is_inside, is_stored)
        if not is_stored.any():
            return []
        indices = columns.taken[is_stored]
        offsets = np.concatenate([run.offset + run.begins for _, run in runs])[indices]
        uris = dictionary_array(run_of[indices].astype(np.int32), [source.item.uri for source, _ in runs])
        rows = columns.rows if is_stored.all() else columns.rows.filter(bool_array(is_stored))
        return [with_derived_columns(rows, source_uris=uris, offsets=offsets, rows_in_record=np.zeros_like(indices))]


def _count(
    runs: list[tuple[_OpenObject, RecordRun]],
    columns: EventColumns,
    run_of: IntArray,
    is_inside: BoolArray,
    is_stored: BoolArray,
) -> None:
    """Count the records of runs for their objects.

    Args:
        runs: The runs, with their objects.
        columns: What became of the records of all runs.
        run_of: The run of each record.
        is_inside: Which rows are in the window.
        is_stored: Which of these are above the purge floor too.
    """
    ignored = zip(run_of[columns.ignored].tolist(), columns.ignored_types.to_pylist(), strict=True)
    for (index, event_type), count in Counter(ignored).items():
        _count_ignored(runs[index][0].counts, event_type, count)
    run_of_row = run_of[columns.taken]
    for index, count in Counter(run_of_row[is_stored].tolist()).items():
        runs[index][0].counts.events += count
    for index, count in Counter(run_of_row[~is_inside].tolist()).items():
        runs[index][0].counts.outside_window += count
    for index, count in Counter(run_of_row[is_inside & ~is_stored].tolist()).items():
        runs[index][0].counts.ignored[TOO_OLD] += count


def _exact_rows(found: list[_ExactRow]) -> pa.RecordBatch:
    """Return rows that were read one by one as columns."""
    arrays = [
        int64_array(values, UTC_US) if name == "occurred_at" else text_array(values)
        for name, values in zip(STAGED_COLUMNS, zip(*(row.row for row in found), strict=True), strict=True)
    ]
    return with_derived_columns(
        pa.RecordBatch.from_arrays(arrays, names=list(STAGED_COLUMNS)),
        source_uris=text_array([row.source_uri for row in found]).dictionary_encode(),
        offsets=np.array([row.source_offset for row in found]),
        rows_in_record=np.array([row.row_in_record for row in found]),
    )


def _count_ignored(counts: ObjectCounts, event_type: str, records: int = 1) -> None:
    """Count events of a type that is not charted.

    The type comes from outside, so the length, letters and variety of the names are bounded.
    """
    name = event_type[:MAX_TYPE_LENGTH]
    if name not in counts.ignored and (
        len(counts.ignored) >= MAX_IGNORED_TYPES or not _TYPE_NAME.fullmatch(name) or names_a_person(name)
    ):
        name = OTHER_TYPES
    counts.ignored[name] += records
