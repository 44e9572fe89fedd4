"""One object in memory, staged, with the rows, quarantine rows and counts that it gave."""

import io
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import pyarrow as pa

from bwp_client.load.staged import ObjectCounts, StagedBatch, StagingJob, TimeWindow
from bwp_client.load.staging import stage as stage_objects
from bwp_client.sources import SourceObject

LATEST = 1_800_000_000_000_000


class Dripping(io.RawIOBase):
    """A stream that returns its bytes in pieces of the given sizes, over and over."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._data, self._sizes, self._at, self._reads = data, sizes, 0, 0

    def read(self, size: int = -1) -> bytes:
        most = self._sizes[self._reads % len(self._sizes)]
        self._reads += 1
        part = self._data[self._at : self._at + min(size, most)]
        self._at += len(part)
        return part


class Memory:
    """A source of objects in memory."""

    label = "test://"

    def __init__(self, data: dict[str, bytes], sizes: list[int]) -> None:
        self._data, self._sizes = data, sizes

    def objects(self) -> Iterator[SourceObject]:
        for uri in self._data:
            yield SourceObject(uri, "1", 1_000_000)

    def open(self, item: SourceObject) -> BinaryIO:
        return Dripping(self._data[item.uri], self._sizes)


def read_staged(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_stream(file).read_all()


def staged_objects(
    objects: dict[str, bytes], sizes: list[int]
) -> tuple[list[dict], list[dict], dict[str, ObjectCounts]]:
    """Return the rows, the quarantine rows, and the counts of each object."""
    found: list[dict] = []
    refused: list[dict] = []
    with TemporaryDirectory() as folder:
        source = Memory(objects, sizes)
        job = StagingJob(source, Path(folder), TimeWindow(), LATEST)
        batches = [made for made in stage_objects(source.objects(), job, "t") if isinstance(made, StagedBatch)]
        for batch in batches:
            if batch.events:
                found += read_staged(batch.events).to_pylist()
            if batch.quarantine:
                refused += read_staged(batch.quarantine).to_pylist()
    return found, refused, {item.uri: counts for batch in batches for item, counts in batch.finished}


def staged_tables(data: bytes, sizes: list[int]) -> tuple[list[dict], list[dict], ObjectCounts]:
    """Return the rows, the quarantine rows, and the counts."""
    found, refused, finished = staged_objects({"test://object": data}, sizes)
    (counts,) = finished.values()
    assert counts.quarantined.total() == len(refused)
    return found, refused, counts


def stage(data: bytes, sizes: list[int]) -> tuple[list[tuple[int, str]], list[tuple[int, str]], ObjectCounts]:
    """Return (offset, envelope ID) of the rows, (offset, reason) of what was refused, and the counts."""
    found, refused, counts = staged_tables(data, sizes)
    assert counts.events <= len(found)  # an event that names several tasks is several rows
    return (
        sorted((row["source_offset"], row["envelope_id"]) for row in found),
        sorted((row["offset"], row["reason"]) for row in refused),
        counts,
    )
