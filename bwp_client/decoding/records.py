"""Records as framing returns them, each with its offset in the decompressed object, and the exact decoding of one record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bwp_client.decoding.arrow_arrays import IntArray
from bwp_client.decoding.bulk_decoder import TextColumns
from bwp_client.decoding.wrappers import MAX_WRAPPER_LAYERS, Wrapper, find_wrapper
from bwp_client.events import Envelope, QuarantineReason, Refused, decode_record

MAX_RECORD_BYTES = 4 * 1024 * 1024
"""EventBridge entries are under 1 MB; longer text is no single record, and is not searched for records."""
MAX_WRAPPED = 10_000
"""Records in one wrapper, all layers together: as many as a batch of SQS messages or log events has at most."""


@dataclass(frozen=True, slots=True)
class Record:
    """One event or wrapper."""

    offset: int
    raw: bytes
    value: Envelope | Wrapper
    index_in_wrapper: int | None = None
    """The index among all records of a wrapper, which share its offset."""

    def rejected(self, reason: QuarantineReason) -> Rejected:
        """Return the record as one that cannot be used."""
        return Rejected(self.offset, self.raw, reason, self.index_in_wrapper)


@dataclass(frozen=True, slots=True)
class Rejected:
    """Bytes that hold no readable record."""

    offset: int
    raw: bytes
    reason: QuarantineReason
    index_in_wrapper: int | None = None


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
        return Rejected(offset, raw, refused.reason)


def exact_records(items: Iterable[Framed]) -> Iterator[Record | Rejected]:
    """Yield records one by one, those of runs decoded exactly."""
    for item in items:
        if isinstance(item, RecordRun):
            yield from (item.exact(index) for index in range(len(item)))
        else:
            yield item


def unwrap(record: Record | Rejected) -> list[Record | Rejected]:
    """Return the records that a wrapper contains, layer by layer; anything but a wrapper with records as it is.

    A wrapper that contains more than `MAX_WRAPPED` records is rejected as a whole.
    """
    if isinstance(record, Rejected) or isinstance(record.value, Envelope) or not record.value.contents:
        return [record]
    found: list[Record | Rejected] = []
    for raw, value in _contents(record.value, 1):
        if len(found) == MAX_WRAPPED:
            return [record.rejected(QuarantineReason.TOO_LARGE)]
        if isinstance(value, QuarantineReason):
            found.append(Rejected(record.offset, raw, value, len(found)))
        else:
            found.append(Record(record.offset, raw, value, len(found)))
    return found


def _contents(wrapper: Wrapper, layer: int) -> Iterator[tuple[bytes, Envelope | Wrapper | QuarantineReason]]:
    for raw in wrapper.contents:
        try:
            value = read_record(raw)
        except Refused as refused:
            yield raw, refused.reason
            continue
        if isinstance(value, Envelope) or not value.contents:
            yield raw, value
        elif layer == MAX_WRAPPER_LAYERS:
            yield raw, QuarantineReason.WRAPPED_TOO_DEEP
        else:
            yield from _contents(value, layer + 1)
