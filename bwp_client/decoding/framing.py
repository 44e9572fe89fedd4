"""Record framing: where one record ends and the next begins, in every JSON framing that event objects come in.

Newline-delimited records, records joined without a delimiter (Firehose's default), pretty-printed records and JSON
arrays are cut in the same way: at every position where a record can begin after another. The texts between are decoded
many at a time, which also proves the cuts: as many JSON objects as texts means one object each. Where decoding fails,
the damage costs only its own neighbourhood: the value there is scanned, and if it breaks off, `resync` finds the next
whole record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO, NamedTuple

from bwp_client.decoding.compression import (
    CutShortError,
    TooMuchTextError,
    UnsupportedFormatError,
    blocks,
)
from bwp_client.decoding.json_scan import BRACE, ScanState, ValueScanner
from bwp_client.decoding.records import MAX_RECORD_BYTES, Framed, Record, Rejected, decode_exactly
from bwp_client.decoding.remarks import LineBefore, end_of_remark
from bwp_client.decoding.resync import BOM, FramedText, end_of_padding, end_of_space
from bwp_client.events import QuarantineReason


def frame_object(stream: BinaryIO) -> Iterator[Framed]:
    """Yield the records of one object, and the bytes that hold none; the last of these may say that the object was cut.

    Args:
        stream: The object's bytes as they are stored.
    """
    return frame_blocks(blocks(stream))


def frame_blocks(texts: Iterator[bytes]) -> Iterator[Framed]:
    """Yield the records of one object like `frame_object`, from the blocks of its text."""
    framer = RecordFramer()
    has_rejected = False
    # An error that a variable holds would keep this frame and its text for ever: workers do not collect cycles.
    limit = b""
    is_cut = False
    try:
        for block in texts:
            for item in framer.feed(block):
                has_rejected = has_rejected or isinstance(item, Rejected)
                yield item
    except UnsupportedFormatError as error:
        yield Rejected(framer.offset, str(error).encode(), QuarantineReason.UNSUPPORTED_FORMAT)
        return
    except TooMuchTextError as error:
        is_cut, limit = True, str(error).encode()
    except CutShortError:
        is_cut = True
    has_cut_record = False
    for item in framer.finish(cut_short=is_cut):
        has_rejected = has_rejected or isinstance(item, Rejected)
        has_cut_record = has_cut_record or (isinstance(item, Rejected) and item.reason is QuarantineReason.CUT_OBJECT)
        yield item
    if limit:
        yield Rejected(framer.offset, limit, QuarantineReason.DECOMPRESSION_LIMIT)
    elif is_cut and not has_cut_record:
        yield Rejected(framer.offset, b"", QuarantineReason.CUT_OBJECT)
    elif framer.is_array_open and not has_rejected:
        yield Rejected(framer.offset, _OPEN_ARRAY, QuarantineReason.CUT_OBJECT)


_OPEN_ARRAY = b"The JSON array is not closed: its end is missing. The records before it were read."
_ARRAY = re.compile(
    rb"\[[ \t\r\n]*+(?:[][{}\"]|(?:null|true|false|-?\d++(?:\.\d++)?(?:[eE][+-]?\d++)?)[ \t\r\n]*+,|\Z)"
)
"""Text may begin with a bracket too, as in `[INFO] {"version": ...`."""
_ARRAY_OR_TEXT = re.compile(rb"\[[ \t\r\n]*+(?:[a-z]{0,5}|[-+.eE\d]{0,40})[ \t\r\n]*+")
_MAX_START_BYTES = 64 * 1024
"""The text after which the first bracket must have shown what it is."""


class _Step(NamedTuple):
    items: list[Record | Rejected]
    position: int
    """Where to go on."""
    ends_with_value: bool = False
    """The text up to there ends with a JSON value that was read."""


class RecordFramer:
    """Cuts the blocks of one object into records; feed it every block in order, then call `finish`."""

    def __init__(self) -> None:
        self._rest = b""
        self._offset = 0
        self._in_array: bool | None = None
        self._long_value: ValueScanner | None = None
        """A value that was rejected for its length and is not closed yet."""
        self._continues_rejection = False
        """The text begins in bytes that were rejected already, and are not to be rejected twice."""
        self._line_before = LineBefore.NO_VALUE
        self._open_brackets = 0

    @property
    def is_array_open(self) -> bool:
        """Whether the object is a JSON array whose closing bracket has not come."""
        return bool(self._in_array) and self._open_brackets > 0

    @property
    def offset(self) -> int:
        """The number of bytes of the decompressed object that were consumed."""
        return self._offset

    def feed(self, block: bytes) -> Iterator[Framed]:
        """Yield the records that are complete with this block, and the bytes that hold none."""
        return self._frame(self._rest + block, is_final=False)

    def finish(self, *, cut_short: bool = False) -> Iterator[Framed]:
        """Yield the rest at the end of the object; with `cut_short`, the object itself ended too early."""
        for item in self._frame(self._rest, is_final=True):
            if cut_short and isinstance(item, Rejected) and item.reason is QuarantineReason.NOT_JSON:
                yield replace(item, reason=QuarantineReason.CUT_OBJECT)
            else:
                yield item

    def _frame(self, data: bytes, *, is_final: bool) -> Iterator[Framed]:
        in_array = self._detect_array(data, is_final=is_final)
        if in_array is None:
            self._rest = data
            return
        text = FramedText(data, self._offset, in_array=in_array, is_final=is_final)
        position = self._skip_long_value(text, 0) if self._long_value else 0
        while not self._long_value:
            begin, position = position, end_of_padding(data, position)
            padding = data[begin:position]
            self._line_before = self._line_before.after_padding(padding)
            self._open_brackets += padding.count(b"[") - padding.count(b"]")
            if position == len(data):
                break
            if data[position] != BRACE and not in_array and not self._continues_rejection:
                end = end_of_remark(data, position, self._line_before, is_final=is_final)
                if end is None:
                    break
                if end > position:
                    position = end
                    continue
            run = text.run_at(position)
            if run is not None:
                self._continues_rejection, self._line_before = False, LineBefore.VALUE
                position = int(run.ends[-1])
                yield run
                continue
            step = self._next_step(text, position)
            if step is None:
                break
            position = step.position
            self._line_before = LineBefore.VALUE if step.ends_with_value else LineBefore.NO_VALUE
            yield from step.items
        self._offset += position
        self._rest = data[position:]

    def _detect_array(self, data: bytes, *, is_final: bool) -> bool | None:
        """Return whether the object is a JSON array, which its first characters say; None if they are still to come."""
        if self._in_array is None:
            head = data[end_of_space(data) :]
            if (
                not is_final
                and len(data) < _MAX_START_BYTES
                and (BOM.startswith(head) or _ARRAY_OR_TEXT.fullmatch(head))
            ):
                return None
            self._in_array = _ARRAY.match(head) is not None
        return self._in_array

    def _next_step(self, text: FramedText, position: int) -> _Step | None:
        """Return what is at `position`, where bulk decoding failed; None if that depends on text still to come."""
        data, continues = text.data, self._continues_rejection
        may_wait = not text.is_final and len(data) - position < MAX_RECORD_BYTES
        if data[position] == BRACE:
            item = text.json_at(position)
            state, end = text.value_at(position) if item is None else (ScanState.CLOSED, position + len(item.raw))
            if state is ScanState.CLOSED:
                self._continues_rejection = False
                return self._closed_value(text, item or decode_exactly(text.offset + position, data[position:end]))
            if state is ScanState.OPEN and may_wait:
                return None
            # In an array, the records after a record that was cut off would pass for parts of it.
            if state is ScanState.OPEN and len(data) - position >= MAX_RECORD_BYTES and not text.in_array:
                self._long_value = ValueScanner()
                end = self._skip_long_value(text, position)
                return _Step([decode_exactly(text.offset + position, data[position:end])], end)
        found = text.next_record(position)
        if found is None and may_wait:
            return None
        end = text.last_boundary(position) if found is None else found.offset - text.offset
        items = text.rejections(position, end, is_before_record=found is not None)
        if continues and items and isinstance(items[0], Rejected):
            del items[0]
        self._continues_rejection = found is None and not text.is_final and end == len(data)
        return (
            _Step(items, end) if found is None else _Step([*items, found], end + len(found.raw), ends_with_value=True)
        )

    def _closed_value(self, text: FramedText, item: Record | Rejected) -> _Step:
        position = item.offset - text.offset
        end = position + len(item.raw)
        line = text.line_event(position, end) if isinstance(item, Rejected) else None
        if line is None:
            return _Step([item], end, ends_with_value=True)
        return _Step(text.rejections(position, line), line)

    def _skip_long_value(self, text: FramedText, position: int) -> int:
        """Return the position up to which the text belongs to the long value; a line that is an event ends it."""
        assert self._long_value is not None
        line = text.line_event(position, len(text.data))
        state, end = self._long_value.scan(text.data, position, text.last_line() if line is None else line)
        if state is not ScanState.OPEN or line is not None:
            self._long_value = None
            self._continues_rejection = state is not ScanState.CLOSED
        return end
