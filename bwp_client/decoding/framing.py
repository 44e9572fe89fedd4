"""Where one record ends and the next begins, in every JSON framing that event objects come in.

Newline-delimited, joined without a delimiter (Firehose's default), pretty-printed, and one JSON array. The newline form
has a fast path that decodes a block at once; the others, and lines that do not decode, are cut into pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from bwp_client.decoding.arrow_arrays import IntArray
from bwp_client.decoding.json_scan import MAX_RECORD_BYTES, SPACE, Long, Shape, closing
from bwp_client.decoding.resync import (
    ARRAY_JOIN,
    BOM,
    JOIN,
    MAX_AT_ONCE,
    Found,
    Record,
    Unread,
    cut_pieces,
    decoded,
    follow,
    is_pretty,
)
from bwp_client.decoding.wrappers import read_record
from bwp_client.events import QuarantineReason, Refused

__all__ = ["MAX_RECORD_BYTES", "Found", "RecordCutter", "TakeLines", "Unread"]

_NEWLINE = 0x0A
_BYTES_AT_ONCE = 128 * 1024
_LINES_AT_ONCE = 256
"""Lines decoded in one call; a bad line sends only its own batch through the slow path."""

TakeLines = Callable[[memoryview, int, IntArray, IntArray], list[int] | None]
"""Takes a text of whole lines, its offset in the object, and where each line begins and ends; says which lines it left.

None when it took nothing: some line is no JSON object.
"""


class RecordCutter:
    """Cuts the blocks of one object into records; feed it every block in order, then `finish`."""

    def __init__(self, take_lines: TakeLines | None = None) -> None:
        """Take what decodes many lines at once, if there is anything that can."""
        self._take_lines = take_lines
        self._rest = b""
        self._offset = 0
        self._is_array: bool | None = None
        self._one_per_line = True
        self._any_line = False
        self._is_open = False
        self._long: Long | None = None
        self._has_more = False
        self._current = b""
        self._current_start = 0

    def feed(self, block: bytes) -> Iterator[list[Found]]:
        """Give the records that are complete with this block, in lists of bounded length."""
        data = self._rest + block if self._rest else block
        if self._is_array is None:
            if len(data) < len(BOM) and BOM.startswith(data):
                self._rest = data
                return
            data = self._begin(data)
        yield from self._take(data, final=False)

    @property
    def offset(self) -> int:
        """How many bytes of the decompressed object are dealt with."""
        return self._offset

    def raw_at(self, offset: int) -> bytes:
        """Give the bytes of the record that was just given with this offset."""
        position = offset - self._current_start
        return self._current[position : closing(self._current, position)]

    def finish(self, *, cut_short: bool = False) -> Iterator[list[Found]]:
        """Give what is left at the end of the object; `cut_short` says that the object itself ended too early."""
        for records in self._take(self._rest, final=True):
            yield [_as_cut(*found) for found in records] if cut_short else records

    def _begin(self, data: bytes) -> bytes:
        if data.startswith(BOM):
            self._offset += len(BOM)
            data = data[len(BOM) :]
        head = data.lstrip(SPACE)
        if not head:
            return data
        self._is_array = head.startswith(b"[")
        if self._is_array:
            opened = len(data) - len(head) + 1
            self._offset += opened
            data = data[opened:]
        return data

    def _take(self, data: bytes, *, final: bool) -> Iterator[list[Found]]:
        self._has_more = True
        while self._has_more:
            self._has_more = False
            if self._long:
                data = self._follow(data, final=final)
                if self._long:
                    return
            self._current, self._current_start = data, self._offset
            records: list[Found] = []
            if self._one_per_line and not self._is_array:
                used = self._lines(data, records, final=final)
            else:
                used = self._pieces(data, 0, records, final=final)
            self._offset += used
            data = self._rest = data[used:]
            yield records
            if not used:
                return

    def _follow(self, data: bytes, *, final: bool) -> bytes:
        """Leave out what belongs to a value that was refused for its length; give what follows."""
        assert self._long is not None
        shape, used = follow(self._long, data, 0, final=final)
        self._offset += used
        self._rest = data[used:]
        if shape is not Shape.OPEN:
            self._long, self._is_open = None, shape is Shape.BROKEN
        return self._rest

    def _pieces(self, data: bytes, begin: int, records: list[Found], *, final: bool) -> int:
        """Cut the data from `begin` on; give up to where it is dealt with."""
        joins = ARRAY_JOIN if self._is_array else JOIN
        part = data[begin:] if begin else data
        cut = cut_pieces(part, self._offset + begin, joins, records, final=final, continues=self._is_open)
        self._has_more = self._has_more or cut.is_full
        self._is_open = cut.is_open or (self._is_open and not cut.used)
        self._long = cut.long
        # What goes on after a line's end, or was never a line's begin, is not looked for among lines.
        self._one_per_line = self._one_per_line and not (self._is_open or self._long)
        return begin + cut.used

    def _lines(self, data: bytes, records: list[Found], *, final: bool) -> int:  # noqa: C901 - three ways to the slow path
        """Decode batches of lines at once; give how many bytes are dealt with."""
        complete = len(data) if final else data.rfind(b"\n") + 1
        if not complete:
            if len(data) < MAX_RECORD_BYTES:
                return 0
            self._one_per_line = False
            return self._pieces(data, 0, records, final=final)
        begins, ends = line_bounds(data, complete)
        if len(begins) > MAX_AT_ONCE:
            begins, ends = begins[:MAX_AT_ONCE], ends[:MAX_AT_ONCE]
            complete, self._has_more = int(ends[-1]), True
        view, start = memoryview(data), self._offset
        if self._lines_at_once(view[:complete], start, begins, ends, records):
            return complete
        failing: list[tuple[int, int]] = []
        for at in range(0, len(begins), _LINES_AT_ONCE):
            batch_begins, batch_ends = begins[at : at + _LINES_AT_ONCE], ends[at : at + _LINES_AT_ONCE]
            if not failing and self._lines_at_once(view, start, batch_begins, batch_ends, records):
                continue
            for begin, end in zip(batch_begins.tolist(), batch_ends.tolist(), strict=True):
                record = decoded(view[begin:end])
                if record is None:
                    failing.append((begin, end))
                    continue
                if failing:
                    # A record follows, so whatever stands before it is complete.
                    last = failing[-1][1]
                    used = self._pieces(data[:last], failing[0][0], records, final=True)
                    if used < last:
                        return used
                    failing = []
                records.append((start + data.index(b"{", begin), record))
        if not failing:
            return complete
        first = failing[0][0]
        if final or self._has_more:
            return self._pieces(data, first, records, final=final)
        self._one_per_line = self._any_line or bool(records) or not is_pretty(data[first:complete])
        if self._one_per_line and len(data) - first < MAX_RECORD_BYTES:
            return first
        return self._pieces(data, first, records, final=False)

    def _lines_at_once(
        self, view: memoryview, start: int, begins: IntArray, ends: IntArray, records: list[Found]
    ) -> bool:
        """Hand over lines that are all JSON objects; only those that were left are decoded one by one."""
        if not len(begins):
            return True
        if int((ends - begins).max()) > MAX_RECORD_BYTES:
            return False
        left = self._take_lines(view, start, begins, ends) if self._take_lines else None
        if left is None:
            return False
        self._any_line = True
        for place in left:
            begin, end = int(begins[place]), int(ends[place])
            try:
                records.append((start + begin, read_record(view[begin:end])))
            except Refused as refused:
                records.append((start + begin, Unread(bytes(view[begin:end]).strip(SPACE), refused.reason)))
        return True


def _as_cut(offset: int, found: Record | Unread) -> Found:
    if isinstance(found, Unread) and found.reason is QuarantineReason.NOT_JSON:
        return offset, Unread(found.raw, QuarantineReason.CUT_OBJECT)
    return offset, found


def line_bounds(data: bytes, complete: int) -> tuple[IntArray, IntArray]:
    """Give where every line that is not blank begins and ends, up to `complete`."""
    codes = np.frombuffer(data, dtype=np.uint8, count=complete)
    # A part at a time, so that what is compared stays in the processor's cache.
    parts = range(0, complete, _BYTES_AT_ONCE)
    newlines = np.concatenate([np.flatnonzero(codes[at : at + _BYTES_AT_ONCE] == _NEWLINE) + at for at in parts])
    begins = np.concatenate((np.zeros(1, dtype=np.int64), newlines + 1))
    ends = np.append(newlines, complete)
    long_enough = ends - begins > 1  # one byte is a blank line's "\r", or nothing that could be a record
    if long_enough.all():
        return begins, ends
    short = [begin for begin in begins[~long_enough & (ends > begins)].tolist() if data[begin] not in SPACE]
    keep = (long_enough | np.isin(begins, short)) if short else long_enough
    return begins[keep], ends[keep]
