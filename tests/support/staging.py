"""One object in memory, staged; and what came of it."""

import io
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import pyarrow as pa

from bwp_client.load.staged import Job, Window
from bwp_client.load.staging import Stager
from bwp_client.sources import SourceObject

LATEST = 1_800_000_000_000_000
ITEM = SourceObject("test://object", "1", 0)


class Dripping(io.RawIOBase):
    """Gives its bytes in pieces of chosen sizes, over and over."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._data, self._sizes, self._at, self._reads = data, sizes, 0, 0

    def read(self, size: int = -1) -> bytes:
        most = self._sizes[self._reads % len(self._sizes)]
        self._reads += 1
        part = self._data[self._at : self._at + min(size, most)]
        self._at += len(part)
        return part


class Memory:
    """A source of one object."""

    label = "test://"

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._data, self._sizes = data, sizes

    def objects(self) -> Iterator[SourceObject]:
        yield ITEM

    def open(self, item: SourceObject) -> BinaryIO:
        return Dripping(self._data, self._sizes)


def read_staged(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_stream(file).read_all()


def staged_tables(data: bytes, sizes: list[int]) -> tuple[list[dict], list[dict], Any]:
    """Give the rows, the quarantine rows, and the counts."""
    found: list[dict] = []
    refused: list[dict] = []
    with TemporaryDirectory() as folder:
        stager = Stager(Job(Memory(data, sizes), Path(folder), Window(), LATEST), "t")
        parcels = [*stager.read(ITEM), *stager.rest()]
        for parcel in parcels:
            if parcel.events:
                found += read_staged(parcel.events).to_pylist()
            if parcel.quarantine:
                refused += read_staged(parcel.quarantine).to_pylist()
    ((_, counts),) = [finished for parcel in parcels for finished in parcel.finished]
    assert counts.quarantined.total() == len(refused)
    return found, refused, counts


def stage(data: bytes, sizes: list[int]) -> tuple[list[tuple[int, str]], list[tuple[int, str]], Any]:
    """Give (offset, envelope ID) of the rows, (offset, reason) of what was refused, and the counts."""
    found, refused, counts = staged_tables(data, sizes)
    assert counts.events <= len(found)  # an event that names several tasks is several rows
    return (
        sorted((row["source_offset"], row["envelope_id"]) for row in found),
        sorted((row["offset"], row["reason"]) for row in refused),
        counts,
    )
