"""Records as framing returns them, each with its offset in the decompressed object, and the exact decoding of one record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bwp_client.decoding.arrow_arrays import IntArray
from bwp_client.decoding.bulk_decoder import TextColumns
from bwp_client.decoding.wrappers import Wrapper, find_wrapper
from bwp_client.events import Envelope, QuarantineReason, Refused, decode_record

MAX_RECORD_BYTES = 4 * 1024 * 1024
"""EventBridge entries are under 1 MB; longer text is no single record, and is not searched for records."""


@dataclass(frozen=True, slots=True)
class Record:
    """One event or wrapper."""

    offset: int
    raw: bytes
    value: Envelope | Wrapper
    index_in_wrapper: int | None = None
    """The index among all records of a wrapper, which share its offset."""

    def rejected(self, reason: QuarantineReason, note: str = "") -> Rejected:
        """Return the record as one that cannot be used."""
        return Rejected(self.offset, self.raw, reason, self.index_in_wrapper, note)


@dataclass(frozen=True, slots=True)
class Rejected:
    """Bytes that hold no readable record."""

    offset: int
    raw: bytes
    reason: QuarantineReason
    index_in_wrapper: int | None = None
    note: str = ""
    """What is missing or unusable, by the names of the fields only."""


@dataclass(frozen=True, slots=True, eq=False)
class RecordRun:
    """JSON objects that follow each other in one text, decoded in bulk; some of them may be no events."""

    text: bytes
    offset: int
    """The offset of the text in the decompressed object."""
    begins: IntArray
    """Where each object begins in the text, in bytes."""
    ends: IntArray
    """Where each object ends in the text, in bytes."""
    columns: list[TextColumns]
    """The fields of the objects, in parts that follow each other."""

    def __len__(self) -> int:
        return len(self.begins)

    def exact(self, index: int) -> Record | Rejected:
        """Return the verdict of the exact decoder on one of the objects."""
        begin, end = int(self.begins[index]), int(self.ends[index])
        return decode_exactly(self.offset + begin, self.text[begin:end])


Framed = RecordRun | Record | Rejected


def read_record(record: bytes | memoryview) -> Envelope | Wrapper:
    """Decode one event, or a wrapper without its contents.

    Raises:
        Refused: The record is not JSON, or JSON but neither of the two.
    """
    try:
        return decode_record(record)
    except Refused as refused:
        wrapper = find_wrapper(record) if refused.reason is QuarantineReason.NOT_AN_ENVELOPE else None
        if wrapper is None:
            raise
        return wrapper


def decode_exactly(offset: int, raw: bytes) -> Record | Rejected:
    """Decode one record, whatever it is."""
    if len(raw) > MAX_RECORD_BYTES:
        return Rejected(offset, raw, QuarantineReason.TOO_LARGE)
    try:
        return Record(offset, raw, read_record(raw))
    except Refused as refused:
        return Rejected(offset, raw, refused.reason, note=refused.note)


def exact_records(items: Iterable[Framed]) -> Iterator[Record | Rejected]:
    """Yield records one by one, those of runs decoded exactly."""
    for item in items:
        if isinstance(item, RecordRun):
            yield from (item.exact(index) for index in range(len(item)))
        else:
            yield item
