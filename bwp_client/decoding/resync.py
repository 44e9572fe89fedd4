"""Resynchronisation: finding the next whole record after damage.

Damaged text may hold a record anywhere, so every brace that could open one is tried. Tries and scans are paid for from a
budget of bytes, so that no damage makes reading slow; after that, only lines and boundaries between records are tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from bwp_client.decoding.arrow_arrays import IntArray
from bwp_client.decoding.bulk_decoder import TextColumns, decode_objects
from bwp_client.decoding.json_scan import BRACE, SPACE, ScanState, ValueScanner, closing
from bwp_client.decoding.records import MAX_RECORD_BYTES, Record, RecordRun, Rejected, decode_exactly, read_record
from bwp_client.decoding.remarks import precedes_value
from bwp_client.decoding.wrappers import Wrapper
from bwp_client.events import Envelope, QuarantineReason, Refused

RECORDS_PER_RUN = 4096
RECORDS_PER_CALL = 256
"""Records decoded per call: no more records than these are tried again after damage."""
BETWEEN = b" \t\r\n,[]"
"""Bytes that may stand between records, brackets among them: a file may hold several arrays."""
BOM = b"\xef\xbb\xbf"
"""Files that were joined have a byte order mark at each of their beginnings."""
_PADDING = re.compile(rb"(?:[ \t\r\n,\[\]]|\xef\xbb\xbf)*+")
_SPACE_AND_MARKS = re.compile(rb"(?:[ \t\r\n]|\xef\xbb\xbf)*+")
_OPENING = re.compile(rb'\{[ \t\r\n]*"')
_LINE = re.compile(rb'(?<=\n)\{[ \t]*"[^\n]*\}(?=[ \t\r]*+(?:\n|\Z))')
"""A line that may be one record."""
_LINE_OR_BOUNDARY = re.compile(_LINE.pattern + rb"|(?<=\})[ \t\r\n]*+,?[ \t\r\n]*+(?=\{)")
_BUDGET_BYTES = 100_000
_BUDGET_PER_BYTE = 2
"""Text is scanned this many times at most on average, beside `_BUDGET_BYTES`."""
_MAX_TRY_BYTES = 4096
"""Bytes charged for a try to decode: the decoder stops early at damage."""
_MIN_TRY_BYTES = 16
_MEMBER_BYTES = 100
_MAX_SPACE = 64
"""White space between two records that is looked through at once; more of it is left to the exact search."""
_BYTES_AT_ONCE = 128 * 1024
"""Bytes compared at a time, so that they stay in the processor's cache."""
_IS_SPACE = np.isin(np.arange(256), list(SPACE))
_COMMA, _CLOSING = b",}"


class FramedText:
    """Text of one object, from a record's beginning on, with the boundaries at which one record may follow another."""

    def __init__(self, data: bytes, offset: int, *, in_array: bool, is_final: bool) -> None:
        """Find the boundaries.

        Args:
            data: The text.
            offset: The offset of the text in the decompressed object.
            in_array: Records are elements of a JSON array.
            is_final: The object ends with this text.
        """
        self.data = data
        self.offset = offset
        self.in_array = in_array
        self.is_final = is_final
        self._view = memoryview(data)
        self._content_end = len(data.rstrip(BETWEEN))
        ends, self._starts = boundaries(data, in_array=in_array)
        self._ends = np.append(ends, self._content_end) if is_final else ends
        self._per_call = RECORDS_PER_CALL
        self._budget = _BUDGET_BYTES + _BUDGET_PER_BYTE * len(data)

    def run_at(self, position: int) -> RecordRun | None:
        """Return the records that can be decoded in bulk from `position` on; None if the first of them cannot."""
        first = int(np.searchsorted(self._starts, position, side="right"))
        last, begin = first, position
        columns: list[TextColumns] = []
        while last < len(self._ends) and last - first < RECORDS_PER_RUN:
            stop = min(last + self._per_call, len(self._ends))
            end = int(self._ends[stop - 1])
            found = (
                decode_objects(self._view[begin:end], in_array=self.in_array)
                if end - begin <= MAX_RECORD_BYTES
                else None
            )
            if found is not None and found[0] == stop - last:
                columns.append(found[1])
                last, begin = stop, int(self._starts[stop - 1]) if stop <= len(self._starts) else end
                self._per_call = min(2 * self._per_call, RECORDS_PER_CALL)
            elif stop - last == 1:
                break
            else:
                self._per_call = (stop - last) // 2
        if not columns:
            return None
        begins = np.concatenate(([position], self._starts[first : last - 1]))
        return RecordRun(self.data, self.offset, begins, self._ends[first:last], columns)

    def json_at(self, position: int) -> Record | Rejected | None:
        """Return the verdict on the object from `position` to the next boundary; None if that is no JSON, or too large."""
        index = int(np.searchsorted(self._starts, position, side="right"))
        if index == len(self._ends) or self._ends[index] - position > MAX_RECORD_BYTES:
            return None
        item = decode_exactly(self.offset + position, self.data[position : int(self._ends[index])])
        return None if isinstance(item, Rejected) and item.reason is QuarantineReason.NOT_JSON else item

    def value_at(self, position: int) -> tuple[ScanState, int]:
        """Scan the value that opens at `position`; return its state and the position where the scan ended."""
        state, end = self._scan(position)
        if state is ScanState.CLOSED:
            self._budget += end - position  # the value is never scanned again
        return state, end

    def next_record(self, position: int) -> Record | None:
        """Return the next whole record after damage."""
        for begin, end in self._candidates(position):
            budget = self._budget
            record = self._try(begin, end)
            if record is None:
                state, closed = self._scan(begin)
                record = self._try(begin, closed) if state is ScanState.CLOSED else None
            # The `detail` of a damaged envelope looks like a webhook's body, but belongs to the damage.
            if record is not None and (_is_envelope(record.value) or not self._is_member(begin)):
                self._budget = budget  # the record is never tried again
                return record
        return None

    def line_event(self, begin: int, end: int) -> int | None:
        """Return the position of the first line that is an event by itself; None in an array."""
        if self.in_array:
            return None
        for line in _LINE.finditer(self.data, begin, end):
            if _is_envelope(self._decode(*line.span())):
                return line.start()
        return None

    def last_line(self) -> int:
        """Return the position before a last line that may be a record but is not complete yet; else the end of the text."""
        newline = self.data.rfind(b"\n")
        is_open = not self.is_final and newline >= 0 and self.data.startswith(b"{", newline + 1)
        return newline if is_open and len(self.data) - newline < MAX_RECORD_BYTES else len(self.data)

    def last_boundary(self, position: int) -> int:
        """Return where the last record that ends after `position` may end, for the next may be whole; else the end."""
        is_after = len(self._starts) and self._starts[-1] > position and not self.is_final
        return int(self._ends[-1]) if is_after else len(self.data)

    def rejections(self, begin: int, end: int, *, is_before_record: bool = False) -> list[Record | Rejected]:
        """Return unreadable text as rejected; several lines one by one, for one of them may be a record.

        Args:
            begin: Where the text begins.
            end: Where it ends.
            is_before_record: A record begins there.
        """
        if is_before_record:
            last = self.data.rfind(b"\n", begin, end) + 1
            if last > begin and not self.in_array and precedes_value(self.data[last:end]):
                end = last
        text = self.data[begin:end].rstrip(BETWEEN)
        if len(text) > MAX_RECORD_BYTES:
            return [Rejected(self.offset + begin, text, QuarantineReason.TOO_LARGE)]
        items: list[Record | Rejected] = []
        for line in [text] if _is_pretty(text) else text.split(b"\n"):
            raw = line.strip(SPACE)
            if raw:
                items.append(_verdict(self.offset + begin + line.index(raw), raw))
            begin += len(line) + 1
        return items

    def _candidates(self, position: int) -> Iterator[tuple[int, int]]:
        """Yield where a record may begin and end after `position`."""
        while self._budget > 0 and (found := _OPENING.search(self.data, position + 1)):
            position = found.start()
            yield position, self._end_after(position)
        if self._budget > 0:
            return
        for found in _LINE_OR_BOUNDARY.finditer(self.data, position + 1):
            yield found.span() if found[0].startswith(b"{") else (found.end(), self._end_after(found.end()))

    def _end_after(self, position: int) -> int:
        index = int(np.searchsorted(self._starts, position, side="right"))
        return int(self._ends[index]) if index < len(self._ends) else self._content_end

    def _scan(self, position: int) -> tuple[ScanState, int]:
        if self._budget <= 0:
            return ScanState.BROKEN, position
        state, end = ValueScanner().scan(self.data, position)
        self._budget -= end - position
        return state, end

    def _try(self, begin: int, end: int) -> Record | None:
        self._budget -= min(end - begin, _MAX_TRY_BYTES) + _MIN_TRY_BYTES
        value = self._decode(begin, end)
        return None if value is None else Record(self.offset + begin, self.data[begin:end], value)

    def _decode(self, begin: int, end: int) -> Envelope | Wrapper | None:
        """Decode without a copy: there may be many tries at a long text."""
        if end - begin > MAX_RECORD_BYTES:
            return None
        try:
            return read_record(self._view[begin:end])
        except Refused:
            return None

    def _is_member(self, position: int) -> bool:
        """Return whether the value at `position` follows a name and a colon."""
        return self.data[max(0, position - _MEMBER_BYTES) : position].rstrip(SPACE).endswith(b":")


def boundaries(data: bytes, *, in_array: bool) -> tuple[IntArray, IntArray]:
    """Return where one record may end and where the next may begin, as two arrays of byte positions of equal length.

    That is between a closing and an opening brace with only white space between, and a comma in an array. Inside a string or
    a list of objects, a boundary found here is none: decoding the text between two boundaries fails.
    """
    codes = np.frombuffer(data, dtype=np.uint8)
    windows = range(0, len(data), _BYTES_AT_ONCE)
    opening = [np.flatnonzero(codes[at : at + _BYTES_AT_ONCE] == BRACE) + at for at in windows]
    starts = np.concatenate([np.zeros(0, dtype=np.int64), *opening])
    before = _before_space(codes, starts - 1)
    if in_array:
        is_comma = (before >= 0) & (codes[before] == _COMMA)
        starts, before = starts[is_comma], _before_space(codes, before[is_comma] - 1)
    is_boundary = (before >= 0) & (codes[before] == _CLOSING)
    return before[is_boundary] + 1, starts[is_boundary]


def _before_space(codes: np.ndarray, positions: IntArray) -> IntArray:
    """Return the nearest positions at or before the given ones that hold no white space; some space if there is much."""
    for _ in range(_MAX_SPACE):
        is_space = _IS_SPACE[codes[positions]] & (positions >= 0)
        if not is_space.any():
            break
        positions = positions - is_space
    return positions


def end_of_padding(data: bytes, position: int) -> int:
    """Return the first position from `position` on that holds neither white space, a separator nor a byte order mark."""
    found = _PADDING.match(data, position)
    return found.end() if found else position


def end_of_space(data: bytes) -> int:
    """Return the position of the first byte that is neither white space nor part of a byte order mark."""
    found = _SPACE_AND_MARKS.match(data)
    return found.end() if found else 0


def _is_envelope(value: Envelope | Wrapper | None) -> bool:
    return isinstance(value, Envelope) and bool(value.source)


def _is_pretty(text: bytes) -> bool:
    """Return whether the text is indented, so that one record takes many lines."""
    lines = text.split(b"\n", 2)
    return len(lines) > 1 and (lines[1][:1] in (b" ", b"\t") or lines[0].strip(SPACE) in (b"{", b"["))


def _verdict(offset: int, raw: bytes) -> Record | Rejected:
    item = decode_exactly(offset, raw)
    if isinstance(item, Rejected) and raw[0] == BRACE and closing(raw, 0) is None:
        return Rejected(offset, raw, QuarantineReason.NOT_JSON)  # the decoder names the first fault it meets
    return item
