"""Where one record ends and the next begins, in every JSON framing that event objects come in.

Newline-delimited, joined without a delimiter (Firehose's default), pretty-printed, and one JSON array. The newline form
has a fast path that decodes a block at once. The others are cut where `}` meets `{`, which also occurs inside strings and
nested lists, so a piece that does not decode goes to an exact scan; what is still unreadable is handed back as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from bwp_client.events import Envelope, QuarantineReason, Refused, decode_record
from bwp_client.sources.arrays import IntArray

MAX_RECORD_BYTES = 4 * 1024 * 1024
"""EventBridge entries are under 1 MB; anything longer than this is not one record and is not searched for one."""

_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"
_NEWLINE = 0x0A
_JOIN = re.compile(rb"(?<=\})[ \t\r\n]*(?=\{)")
_ARRAY_JOIN = re.compile(rb"(?<=\})[ \t\r\n]*,[ \t\r\n]*(?=\{)")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[{}\[\]"]', re.DOTALL)
_INNER_START = re.compile(rb'\{[ \t\r\n]*"')
_INNER_TRIES = 64
_LINES_AT_ONCE = 256
"""Lines decoded in one call; a bad line sends only its own batch through the slow path."""


@dataclass(frozen=True, slots=True)
class Unread:
    """Bytes that hold no readable record."""

    raw: bytes
    reason: QuarantineReason


Found = tuple[int, Envelope | Unread]
"""Byte offset in the decompressed object, and what stands there."""


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
        self._current = b""
        self._current_start = 0

    def feed(self, block: bytes) -> list[Found]:
        """Give the records that are complete with this block."""
        data = self._rest + block if self._rest else block
        if self._is_array is None:
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._rest = data
                return []
            data = self._begin(data)
        return self._take(data, final=False)

    @property
    def offset(self) -> int:
        """How many bytes of the decompressed object are dealt with."""
        return self._offset

    def raw_at(self, offset: int) -> bytes:
        """Give the bytes of the record that was just given with this offset."""
        position = offset - self._current_start
        return self._current[position : _closing(self._current, position)]

    def finish(self, *, cut_short: bool = False) -> list[Found]:
        """Give what is left at the end of the object; `cut_short` says that the object itself ended too early."""
        records = self._take(self._rest, final=True)
        if not cut_short:
            return records
        return [
            (offset, Unread(found.raw, QuarantineReason.CUT_OBJECT))
            if isinstance(found, Unread) and found.reason is QuarantineReason.NOT_JSON
            else (offset, found)
            for offset, found in records
        ]

    def _begin(self, data: bytes) -> bytes:
        if data.startswith(_BOM):
            self._offset += len(_BOM)
            data = data[len(_BOM) :]
        head = data.lstrip(_SPACE)
        if not head:
            return data
        self._is_array = head.startswith(b"[")
        if self._is_array:
            opened = len(data) - len(head) + 1
            self._offset += opened
            data = data[opened:]
        return data

    def _take(self, data: bytes, *, final: bool) -> list[Found]:
        self._current, self._current_start = data, self._offset
        records: list[Found] = []
        if self._is_array:
            used = self._pieces(data, self._offset, _ARRAY_JOIN, records, final=final)
        elif self._one_per_line:
            used = self._lines(data, records, final=final)
        else:
            used = self._pieces(data, self._offset, _JOIN, records, final=final)
        self._offset += used
        self._rest = data[used:]
        return records

    def _lines(self, data: bytes, records: list[Found], *, final: bool) -> int:
        """Decode batches of lines at once; give how many bytes are dealt with."""
        complete = len(data) if final else data.rfind(b"\n") + 1
        if not complete:
            if len(data) < MAX_RECORD_BYTES:
                return 0
            self._one_per_line = False
            return self._pieces(data, self._offset, _JOIN, records, final=final)
        begins, ends = _line_bounds(data, complete)
        view, start = memoryview(data), self._offset
        if self._lines_at_once(view[:complete], start, begins, ends, records):
            return complete
        failing: list[tuple[int, int]] = []
        for at in range(0, len(begins), _LINES_AT_ONCE):
            batch_begins, batch_ends = begins[at : at + _LINES_AT_ONCE], ends[at : at + _LINES_AT_ONCE]
            if not failing and self._lines_at_once(view, start, batch_begins, batch_ends, records):
                continue
            for begin, end in zip(batch_begins.tolist(), batch_ends.tolist(), strict=True):
                envelope = _decoded(view[begin:end])
                if envelope is None:
                    failing.append((begin, end))
                    continue
                if failing:
                    # A record follows, so whatever stands before it is complete.
                    first, last = failing[0][0], failing[-1][1]
                    self._pieces(data[first:last], start + first, _JOIN, records, final=True)
                    failing = []
                records.append((start + begin, envelope))
        if not failing:
            return complete
        first = failing[0][0]
        if final:
            return first + self._pieces(data[first:], start + first, _JOIN, records, final=True)
        self._one_per_line = self._any_line or bool(records) or not _is_pretty(data[first:complete])
        if self._one_per_line and len(data) - first < MAX_RECORD_BYTES:
            return first
        return first + self._pieces(data[first:], start + first, _JOIN, records, final=False)

    def _lines_at_once(
        self, view: memoryview, start: int, begins: IntArray, ends: IntArray, records: list[Found]
    ) -> bool:
        """Hand over lines that are all JSON objects; only those that were left are decoded one by one."""
        if not len(begins):
            return True
        left = self._take_lines(view, start, begins, ends) if self._take_lines else None
        if left is None:
            return False
        self._any_line = True
        for place in left:
            begin, end = int(begins[place]), int(ends[place])
            try:
                records.append((start + begin, decode_record(view[begin:end])))
            except Refused as refused:
                records.append((start + begin, Unread(bytes(view[begin:end]).strip(_SPACE), refused.reason)))
        return True

    def _pieces(self, data: bytes, start: int, joins: re.Pattern[bytes], records: list[Found], *, final: bool) -> int:
        """Cut at joins; scan a piece that fails exactly; give how many bytes are dealt with.

        Unless `final`, a last piece that may go on in the next block is left.
        """
        view = memoryview(data)
        position = _skip_space(data, 0)
        while position < len(data):
            join = joins.search(data, position + 1)
            end = join.start() if join else len(data)
            waiting = not final and len(data) - position < MAX_RECORD_BYTES
            if join is None and waiting:
                return position
            if join is None and joins is _ARRAY_JOIN:
                end = len(data.rstrip(_SPACE + b"],"))
                if end <= position:
                    break
            following = join.end() if join else len(data)
            try:
                records.append((start + position, decode_record(view[position:end])))
                position = following
                continue
            except Refused as refused:
                reason = refused.reason
            closed = _closing(data, position) if reason is QuarantineReason.NOT_JSON else None
            if closed is not None and closed > end and (envelope := _decoded(view[position:closed])) is not None:
                # The join stood inside a string or a nested list: the record is longer.
                records.append((start + position, envelope))
                position = _skip_space(data, closed)
                continue
            # Cut off inside a string, it seems to close only in a later record, where quotes pair up again.
            cut_off = reason is QuarantineReason.NOT_JSON and (closed is None or closed > end)
            glued = _glued(data, position, end) if cut_off else None
            if glued is not None:
                records.extend(_unread(data[position : glued[0]], start + position, reason))
                records.append((start + glued[0], glued[2]))
                position = _skip_space(data, glued[1])
                continue
            if closed is None and waiting and reason is QuarantineReason.NOT_JSON:
                return position
            records.extend(_unread(data[position:end], start + position, reason))
            position = following
        return len(data)


def _decoded(record: memoryview) -> Envelope | None:
    try:
        return decode_record(record)
    except Refused:
        return None


def _line_bounds(data: bytes, complete: int) -> tuple[IntArray, IntArray]:
    """Give where every line that is not blank begins and ends, up to `complete`."""
    newlines = np.flatnonzero(np.frombuffer(data, dtype=np.uint8, count=complete) == _NEWLINE)
    begins = np.concatenate((np.zeros(1, dtype=np.int64), newlines + 1))
    ends = np.append(newlines, complete)
    long_enough = ends - begins > 1  # one byte is a blank line's "\r", or nothing that could be a record
    short = [begin for begin in begins[~long_enough & (ends > begins)].tolist() if data[begin] not in _SPACE]
    keep = long_enough | np.isin(begins, short)
    return begins[keep], ends[keep]


def _closing(data: bytes, position: int) -> int | None:
    """Give where the value that opens at `position` closes, counting brackets outside strings; none if it never does."""
    depth = 0
    for token in _TOKEN.finditer(data, position, min(len(data), position + MAX_RECORD_BYTES)):
        first = token.group()[:1]
        if token.group() == b'"':
            return None  # a string that never ends: what looks like brackets in it is none
        if first in b"{[":
            depth += 1
        elif first in b"}]":
            depth -= 1
            if depth <= 0:
                return token.end()
    return None


def _skip_space(data: bytes, position: int) -> int:
    while position < len(data) and data[position] in b" \t\r\n,":
        position += 1
    return position


def _glued(data: bytes, position: int, end: int) -> tuple[int, int, Envelope] | None:
    """Find the good record that a cut-off one is glued to: where it begins, where it ends, and the record."""
    if end - position > MAX_RECORD_BYTES:
        return None
    view = memoryview(data)
    for inner in islice(_INNER_START.finditer(data, position + 1, end), _INNER_TRIES):
        begin = inner.start()
        for close in (end, _closing(data, begin)):
            if close is not None and (envelope := _decoded(view[begin:close])) is not None:
                return begin, close, envelope
    return None


def _unread(piece: bytes, start: int, reason: QuarantineReason) -> Iterator[Found]:
    """Hand back an unreadable piece; where it is several lines, each for itself, for one of them may be a record."""
    stripped = piece.rstrip(_SPACE)
    if not stripped:
        return
    if len(stripped) > MAX_RECORD_BYTES:
        yield start, Unread(stripped, QuarantineReason.TOO_LARGE)
    elif b"\n" in stripped and not _is_pretty(stripped):
        begins, ends = _line_bounds(stripped, len(stripped))
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
            try:
                yield start + begin, decode_record(stripped[begin:end])
            except Refused as refused:
                yield start + begin, Unread(stripped[begin:end], refused.reason)
    else:
        yield start, Unread(stripped, reason)


def _is_pretty(piece: bytes) -> bool:
    """Tell indented text, of which one record takes many lines, from several one-line records."""
    lines = piece.split(b"\n", 2)
    return len(lines) > 1 and (lines[1][:1] in (b" ", b"\t") or lines[0].strip(_SPACE) in (b"{", b"["))
