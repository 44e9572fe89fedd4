"""Records that do not stand one to a line, cut out exactly: what is damaged costs only itself.

Text is cut where `}` meets `{`, which also occurs inside strings and nested lists. A piece that does not decode is scanned
as JSON: where it closes, it is one value, taken or refused as a whole; where it can't go on, it was cut off, and all up to
the next whole record is refused. Every scan is paid for from a budget, so that no damage makes reading slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bwp_client.decoding.json_scan import BRACE, MAX_RECORD_BYTES, SPACE, Long, Shape, closing, scan
from bwp_client.decoding.wrappers import Wrapper, read_record
from bwp_client.events import Envelope, QuarantineReason, Refused

JOIN = re.compile(rb"(?<=\})[ \t\r\n]*(?=\{)")
ARRAY_JOIN = re.compile(rb"(?<=\})[ \t\r\n]*,[ \t\r\n]*(?=\{)")
BOM = b"\xef\xbb\xbf"
"""Joined files have one at each of their begins."""
_BETWEEN = b" \t\r\n,[]"
"""What may stand between records; brackets too, for a file may hold one array after another."""
_LINE_OF_ITS_OWN = re.compile(rb'\n(?=\{[ \t]*")')
_START = re.compile(rb'\{[ \t\r\n]*"')
_BYTES_PER_TOKEN = 2
_TOKENS_AT_LEAST = 10_000
"""What is looked at in one go: a token for every so many bytes. Events have one for ten, and are scanned twice at most."""
_TRY_BYTES_PER_TOKEN = 16
_MAX_TRY_TOKENS = 256
"""What a try to decode costs at most: damage shows early."""
MAX_AT_ONCE = 50_000
"""Records given in one go; a block of honest events holds a fifth of that."""


@dataclass(frozen=True, slots=True)
class Unread:
    """Bytes that hold no readable record."""

    raw: bytes
    reason: QuarantineReason


Record = Envelope | Wrapper
Found = tuple[int, Record | Unread]
"""Byte offset in the decompressed object, and what stands there."""


@dataclass(frozen=True, slots=True)
class Cut:
    """How far a text was cut."""

    used: int
    """How many bytes are dealt with."""
    is_full: bool
    """There is more, but this is enough for one go."""
    is_open: bool
    """What was refused last may go on in what follows."""
    long: Long | None
    """The text ended in a value that is too long, and refused; this follows it on."""


def cut_pieces(
    data: bytes, start: int, joins: re.Pattern[bytes], records: list[Found], *, final: bool, continues: bool = False
) -> Cut:
    """Cut a text into records, about `MAX_AT_ONCE` at most.

    Args:
        data: The text.
        start: Where it begins in the object.
        joins: What stands between two records.
        records: What is found is added here.
        final: Nothing follows; otherwise a last piece that may go on is left.
        continues: The text begins inside something refused already, which is not to be told twice.
    """
    pieces = _Pieces(data, start, joins, records, final=final, continues=continues)
    used = pieces.cut()
    return Cut(used, pieces.is_full, pieces.is_open, pieces.long)


def decoded(record: memoryview) -> Record | None:
    """Give the event or wrapper, or none where there is no good one."""
    if len(record) > MAX_RECORD_BYTES:
        return None
    try:
        return read_record(record)
    except Refused:
        return None


def follow(long: Long, data: bytes, position: int, *, final: bool) -> tuple[Shape, int]:
    """Follow a value that is too long for a record; it breaks off where a line of its own is an event.

    Returns:
        What becomes of it, and up to where the text was dealt with.
    """
    end, view = len(data), memoryview(data)
    is_event = False
    for found in _LINE_OF_ITS_OWN.finditer(data, position):
        begin, line_end = found.end(), data.find(b"\n", found.end())
        if line_end < 0 and not final:
            if len(data) - begin < MAX_RECORD_BYTES:
                end = found.start()  # what it is can be told when the rest of it is there
            break
        record = decoded(view[begin : line_end if line_end >= 0 else len(data)])
        if isinstance(record, Envelope) and record.source:
            end, is_event = begin, True
            break
    shape, at = long.follow(data[:end], position)
    return (Shape.BROKEN if is_event and shape is Shape.OPEN else shape), at


def is_pretty(piece: bytes) -> bool:
    """Tell indented text, of which one record takes many lines, from several one-line records."""
    lines = piece.split(b"\n", 2)
    return len(lines) > 1 and (lines[1][:1] in (b" ", b"\t") or lines[0].strip(SPACE) in (b"{", b"["))


class _Pieces:
    def __init__(
        self,
        data: bytes,
        start: int,
        joins: re.Pattern[bytes],
        records: list[Found],
        *,
        final: bool,
        continues: bool,
    ) -> None:
        self._data = data
        self._view = memoryview(data)
        self._start = start
        self._joins = joins
        self._records = records
        self._final = final
        self._join: tuple[int, int] | None = (0, 0)
        self._budget = _TOKENS_AT_LEAST + len(data) // _BYTES_PER_TOKEN
        self._end = len(data.rstrip(_BETWEEN))
        self._refused_begin = _skip(data, 0) if continues else -1
        self.is_full = self.is_open = False
        self.long: Long | None = None

    def cut(self) -> int:  # noqa: C901 - five outcomes of a cut
        data = self._data
        position = _skip(data, 0)
        most = len(self._records) + MAX_AT_ONCE
        while position < len(data):
            if len(self._records) >= most:
                self.is_full = True
                return position
            waiting = not self._final and len(data) - position < MAX_RECORD_BYTES
            if data[position] == BRACE:
                join = self._join_after(position)
                if join is None and waiting:
                    return position
                end, following = join or (self._end, len(data))
                found = self._judge(position, end)
                if not isinstance(found, QuarantineReason):
                    self._records.append((self._start + position, found))
                    position = following
                    continue
                budget = self._budget
                shape, at = self._look(position)
                if shape is Shape.CLOSED:
                    self._budget = budget  # it is never looked at again
                    self._take(position, at)
                    position = _skip(data, at)
                    continue
                if shape is Shape.OPEN and waiting:
                    return position
                # In an array, what follows a record that was cut off would pass for a part of it.
                is_long = shape is Shape.LONG or (shape is Shape.OPEN and len(data) - position >= MAX_RECORD_BYTES)
                if is_long and self._joins is JOIN:
                    long = Long()
                    shape, at = follow(long, data, position, final=self._final)
                    self._take(position, at)
                    if shape is Shape.OPEN:
                        self.long = long
                        return at
                    position = _skip(data, at)
                    if shape is Shape.BROKEN:
                        self._refused_begin = position
                    continue
            whole = self._next_whole(position)
            if whole is not None:
                begin, end, record = whole
                self._refuse(position, begin)
                self._records.append((self._start + begin, record))
                position = _skip(data, end)
            elif waiting:
                return position
            else:
                end, following = self._giving_up(position)
                self._refuse(position, end)
                position = following
                self.is_open = not self._final and end == len(data)
        return len(data)

    def _take(self, begin: int, end: int) -> None:
        found = self._judge(begin, end)
        record = Unread(self._data[begin:end], found) if isinstance(found, QuarantineReason) else found
        self._records.append((self._start + begin, record))

    def _judge(self, begin: int, end: int) -> Record | QuarantineReason:
        """Give the record, or why it is none; its bytes are not copied, for there may be many a try at a long text."""
        if end - begin > MAX_RECORD_BYTES:
            return QuarantineReason.TOO_LARGE
        try:
            return read_record(self._view[begin:end])
        except Refused as refused:
            return refused.reason

    def _join_after(self, position: int) -> tuple[int, int] | None:
        """Give the begin and end of the next join; none when there is no more."""
        if self._join is not None and self._join[0] <= position:
            found = self._joins.search(self._data, position + 1)
            self._join = found.span() if found else None
        return self._join

    def _look(self, position: int) -> tuple[Shape, int]:
        if self._budget <= 0:
            return Shape.BROKEN, position
        shape, at, tokens = scan(self._data, position)
        self._budget -= tokens
        return shape, at

    def _next_whole(self, position: int) -> tuple[int, int, Record] | None:
        """Find the next whole record after damage: where it begins and ends, and the record."""
        data = self._data
        for begin in self._beginnings(position):
            join = self._join_after(begin)
            end = join[0] if join else self._end
            record = self._try(begin, end)
            if record is None:
                shape, end = self._look(begin)
                record = self._try(begin, end) if shape is Shape.CLOSED else None
            # The `detail` of a damaged envelope looks like a webhook's body, but it is part of what is damaged.
            is_full = isinstance(record, Envelope) and record.source
            if record is not None and (is_full or not _is_a_member(data, begin)):
                return begin, end, record
        return None

    def _beginnings(self, position: int) -> Iterator[int]:
        """Give where a record may begin: at every brace; once the budget is spent, only behind a join."""
        at = position + 1
        while True:
            is_paid = self._budget > 0
            found = (_START if is_paid else self._joins).search(self._data, at)
            if found is None:
                return
            begin = found.start() if is_paid else found.end()
            yield begin
            at = begin + 1

    def _try(self, begin: int, end: int) -> Record | None:
        self._budget -= min((end - begin) // _TRY_BYTES_PER_TOKEN + 1, _MAX_TRY_TOKENS)
        return decoded(self._view[begin:end])

    def _giving_up(self, position: int) -> tuple[int, int]:
        """Give where to stop refusing and where to go on: at the last join, behind which a record may go on."""
        end = len(self._data)
        if not self._final:
            for found in self._joins.finditer(self._data, position + 1):
                end, following = found.span()
            if end < len(self._data):
                return end, following
        return end, end

    def _refuse(self, begin: int, end: int) -> None:
        found = list(_unread(self._data[begin:end], self._start + begin))
        if found and begin == self._refused_begin and isinstance(found[0][1], Unread):
            del found[0]
        self._records.extend(found)


def _unread(piece: bytes, start: int) -> Iterator[Found]:
    """Hand back an unreadable piece; where it is several lines, each for itself, for one of them may be a record."""
    stripped = piece.rstrip(_BETWEEN)
    if not stripped:
        return
    if len(stripped) > MAX_RECORD_BYTES:
        yield start, Unread(stripped, QuarantineReason.TOO_LARGE)
        return
    lines = [stripped] if is_pretty(stripped) else stripped.split(b"\n")
    for line in lines:
        raw = line.strip(SPACE)
        if raw:
            yield start + len(line) - len(line.lstrip(SPACE)), _verdict(raw)
        start += len(line) + 1


def _verdict(raw: bytes) -> Record | Unread:
    try:
        return read_record(raw)
    except Refused as refused:
        reason = refused.reason
    if raw[0] == BRACE and closing(raw, 0) is None:
        reason = QuarantineReason.NOT_JSON  # the decoder names what it met first
    return Unread(raw, reason)


def _skip(data: bytes, position: int) -> int:
    while position < len(data):
        if data[position] in _BETWEEN:
            position += 1
        elif data.startswith(BOM, position):
            position += len(BOM)
        else:
            break
    return position


def _is_a_member(data: bytes, position: int) -> bool:
    """Tell whether the value at `position` follows a name and a colon."""
    return data[max(0, position - 100) : position].rstrip(SPACE).endswith(b":")
