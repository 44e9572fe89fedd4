"""Writes what was read as Arrow files, so that no row travels between processes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from bwp_client.decoding.arrow_arrays import bytes_array, int64_array, text_array
from bwp_client.load.object_reader import ReadResult, RefusedRecord
from bwp_client.load.staged import ROWS_PER_BATCH, ObjectCounts, StagedBatch
from bwp_client.sources.base import SourceObject


class BatchWriter:
    """Collects results until they fill a batch, and writes it."""

    def __init__(self, folder: Path, name: str) -> None:
        """Take the folder of the files, and a name that no other writer uses there."""
        self._folder = folder
        self._name = name
        self._written = 0
        self._events: list[pa.RecordBatch] = []
        self._several_tasks = False
        self._refused: list[RefusedRecord] = []
        self._finished: list[tuple[SourceObject, ObjectCounts]] = []

    def add(self, result: ReadResult) -> None:
        """Add the records of a result."""
        self._events += result.batches
        self._several_tasks = self._several_tasks or result.several_tasks
        self._refused += result.refused
        self._finished += result.finished

    @property
    def is_full(self) -> bool:
        """Whether the batch should be written now."""
        return self._event_rows + len(self._refused) >= ROWS_PER_BATCH

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self._events or self._refused or self._finished)

    def write(self) -> StagedBatch:
        """Write the batch and begin the next.

        Raises:
            RuntimeError: The folder cannot be written.
        """
        self._written += 1
        batch = StagedBatch(
            events=self._write("events", pa.Table.from_batches(self._events)) if self._events else None,
            rows=self._event_rows,
            several_tasks=self._several_tasks,
            quarantine=self._write("quarantine", _quarantine_table(self._refused)) if self._refused else None,
            quarantine_rows=len(self._refused),
            finished=self._finished,
        )
        self._events, self._refused, self._finished, self._several_tasks = [], [], [], False
        return batch

    @property
    def _event_rows(self) -> int:
        return sum(rows.num_rows for rows in self._events)

    def _write(self, kind: str, table: pa.Table) -> Path:
        path = self._folder / f"{self._name}-{self._written:06d}-{kind}.arrow"
        try:
            with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
                writer.write_table(table)
        except OSError as error:
            raise RuntimeError(
                f"{self._folder.parent} can't be written ({error.strerror or error}); free some space there, or set TMPDIR"
            ) from error
        return path


def _quarantine_table(refused: list[RefusedRecord]) -> pa.Table:
    """Return refused records as a table with the fields of `RefusedRecord`: texts, int64 `offset`, binary `raw`."""
    arrays = [
        int64_array(values) if name == "offset" else bytes_array(values) if name == "raw" else text_array(values)
        for name, values in zip(RefusedRecord._fields, zip(*refused, strict=True), strict=True)
    ]
    return pa.Table.from_arrays(arrays, names=list(RefusedRecord._fields))
