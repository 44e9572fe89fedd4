"""Takes records out of their wrappers, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from itertools import islice

from bwp_client.decoding.compression import blocks, is_compressed
from bwp_client.decoding.framing import frame_blocks
from bwp_client.decoding.records import Record, Rejected, decode_exactly, exact_records
from bwp_client.decoding.wrappers import MAX_WRAPPED, MAX_WRAPPER_LAYERS, TYPE_FIELD, Wrapper
from bwp_client.events import QuarantineReason

MAX_WRAPPED_TEXT_BYTES = 16 * 1024 * 1024
"""Text that the contents of one wrapper may hold when they are decompressed: more than so many events need."""


def unwrap(record: Record | Rejected) -> list[Record | Rejected]:
    """Return the records that a wrapper contains, layer by layer; anything but a wrapper with records as it is.

    A wrapper that contains more than `MAX_WRAPPED` records or `MAX_WRAPPED_TEXT_BYTES` of text is rejected as a whole.
    """
    contents = _contents_of(record)
    if not contents:
        return [record]
    found: list[Record | Rejected] = []
    unwrapping = _Unwrapping()
    for item in unwrapping.records(contents, 1):
        if len(found) == MAX_WRAPPED or unwrapping.text_bytes > MAX_WRAPPED_TEXT_BYTES:
            return [Rejected(record.offset, record.raw, QuarantineReason.TOO_LARGE)]
        found.append(replace(item, offset=record.offset, index_in_wrapper=len(found)))
    return found


class _Unwrapping:
    """Takes records out of one wrapper, and counts the text on the way."""

    def __init__(self) -> None:
        self.text_bytes = 0

    def records(self, contents: tuple[bytes, ...], layer: int) -> Iterator[Record | Rejected]:
        for raw in contents:
            for item in self._read(raw):
                inner = _contents_of(item)
                if not inner:
                    yield item
                elif layer == MAX_WRAPPER_LAYERS:
                    yield Rejected(item.offset, item.raw, QuarantineReason.WRAPPED_TOO_DEEP)
                else:
                    yield from self.records(inner, layer + 1)

    def _read(self, raw: bytes) -> list[Record | Rejected]:
        """Return the records of one content, which may be compressed, hold several, or have other text beside them.

        A content without any record is rejected as a whole.
        """
        item = decode_exactly(0, raw)
        if isinstance(item, Record) or not _may_hold_records(item):
            return [item]
        items = list(islice(exact_records(frame_blocks(self._blocks(raw))), MAX_WRAPPED + 1))
        return items if len(items) == 1 or any(isinstance(found, Record) for found in items) else [item]

    def _blocks(self, raw: bytes) -> Iterator[bytes]:
        for block in blocks(BytesIO(raw), max_text_bytes=MAX_WRAPPED_TEXT_BYTES):
            self.text_bytes += len(block)
            yield block


def _contents_of(item: Record | Rejected) -> tuple[bytes, ...]:
    return item.value.contents if isinstance(item, Record) and isinstance(item.value, Wrapper) else ()


def _may_hold_records(item: Rejected) -> bool:
    start = item.raw.lstrip()[:1]
    if start == b"{" and item.reason is not QuarantineReason.NOT_JSON:
        return False
    return start == b"[" or TYPE_FIELD.search(item.raw) is not None or is_compressed(item.raw)
