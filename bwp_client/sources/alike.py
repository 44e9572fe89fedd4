"""Lines that differ in IDs and times and in nothing else: read by place, as a matrix of bytes, never parsed.

Whoever publishes events writes all those of a type in one way, with IDs and times of one length. One line of such a group is
decoded exactly. Another line of its length is the same JSON with other texts if it has the same bytes outside those texts,
and inside them bytes that end no text and escape nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bwp_client.events import EARLIEST_US, EVENT_TYPES, MAX_ID_LENGTH, Envelope, Refused
from bwp_client.sources.arrays import STAGED, UTC_US, IntArray, dictionary, int64_array, numbers, text_array
from bwp_client.sources.wrappers import read_record

MOST_SHAPES = 8
"""Shapes that are tried for the lines of one length."""
MOST_KNOWN = 512
"""Shapes that are remembered."""
FEWEST = 8
"""Fewer lines of one length are not worth a look."""
_LONGEST = 4096
_BYTES_COMPARED = 128 * 1024
_BYTES_AT_ONCE = 1024 * 1024
"""What is worked on stays in the processor's caches: the first and the second."""
_NEWLINE, _SPACE, _SLASH, _ZERO, _QUOTE, _BACKSLASH = b'\n /0"\\'
_FIRST_PRINTABLE = 0x20
_DELETE = 0x7F
_TOKEN = re.compile(rb'"([^"]*)"(\s*:)?|[{}\[\]]')
_SHARED = {
    ("detail-type",): "event_type", ("source",): "event_source", ("account",): "account", ("region",): "region",
    ("replay-name",): "replay_name", ("detail", "apiVersion"): "api_version",
}  # fmt: skip
"""Texts that have to be the same in all lines, by the keys that lead to them."""
_OWN = {
    ("id",): "envelope_id", ("time",): "time", ("resources", ""): "path", ("detail", "idempotencyKey"): "idempotency_key",
    ("detail", "subscriptionId"): "subscription_id",
}  # fmt: skip
"""Texts that we read and that may differ; what a list holds has an empty key. So may all that we don't read."""
_PATH = re.compile(rb"businessProduct/([!-.0-~]+)/personalData(?:Deletion|Retrieval)Task/([!-.0-~]+)")
_PATH_IDS = ("business_product_id", "task_id")
_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_DIGITS = np.flatnonzero([char == "0" for char in "0000-00-00T00:00:00Z"])
_MONTHS, _HOURS, _SIXTIETHS = 12, 24, 60
_EPOCH_YEAR = 1970
_NOWHERE: IntArray = np.zeros(0, dtype=np.int64)

Codes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Alike:
    """What became of lines that are like others."""

    rows: pa.RecordBatch
    """The staged columns, `source_offset` apart."""
    places: IntArray
    """Which line each row is."""
    ignored: list[str]
    """The types of events that we don't chart, one for each such line."""
    ignored_places: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    """How a line is written."""

    event: Envelope
    line: Codes
    is_fixed: Flags
    """Of each byte, whether all lines must have it."""
    spans: dict[str, tuple[int, int]]
    """Where the texts are that we read and that may differ."""
    quotes: int
    is_charted: bool

    def part(self, lines: Codes, name: str) -> Codes:
        """Give the text of that name of each line; empty where there is none."""
        begin, end = self.spans.get(name, (0, 0))
        return lines[:, begin:end]


class Shapes:
    """The shapes that were met, by length of the line."""

    def __init__(self) -> None:
        self._known: dict[int, list[_Shape]] = {}
        self._count = 0

    def sort_out(self, lines: Codes) -> Iterator[tuple[_Shape, Flags]]:
        """Give, of lines of one length, shapes and which lines have each; what has none of them is left."""
        known = self._known.get(lines.shape[1], [])
        left = np.ones(len(lines), dtype=bool)
        for shape in [*known]:
            chosen = _chosen(lines, left, shape)
            if not chosen.any():
                continue
            # What was met last is looked for first.
            known.remove(shape)
            known.insert(0, shape)
            left &= ~chosen
            yield shape, chosen
            if not left.any():
                return
        for first in np.flatnonzero(left).tolist():
            if len(known) >= MOST_SHAPES or np.count_nonzero(left) < FEWEST:
                return
            made = _shape_of(lines[first].copy()) if left[first] else None
            if made is None:
                left[first] = False
                continue
            known = self._remember(made)
            chosen = _chosen(lines, left, made)
            left &= ~chosen
            yield made, chosen

    def _remember(self, shape: _Shape) -> list[_Shape]:
        if self._count >= MOST_KNOWN:
            self._known.clear()
            self._count = 0
        self._count += 1
        known = self._known.setdefault(len(shape.line), [])
        known.append(shape)
        return known


def read_alike(text: memoryview, begins: IntArray, ends: IntArray, shapes: Shapes, *, latest_us: int) -> Alike:
    """Read those lines that are like others and beyond doubt.

    Args:
        text: A text that holds the lines.
        begins: Where each line begins in the text.
        ends: Where each line ends in the text.
        shapes: The shapes that were met; those met here are added.
        latest_us: The newest event time accepted, in µs since 1970.
    """
    columns = _Columns()
    places, ignored_places = [_NOWHERE], [_NOWHERE]
    ignored: list[str] = []
    for group, lines in _of_one_length(text, begins, ends):
        for shape, chosen in shapes.sort_out(lines):
            alike = lines if chosen.all() else lines[chosen]
            times, is_time = _times(shape.part(alike, "time"))
            if shape.is_charted:
                is_time &= (times >= EARLIEST_US) & (times <= latest_us)
            if not is_time.all():
                alike, times = alike[is_time], times[is_time]
                chosen[chosen] = is_time
            if shape.is_charted:
                columns.add(shape, alike, times)
                places.append(group[chosen])
            else:
                ignored_places.append(group[chosen])
                ignored += [shape.event.detail_type] * len(alike)
    return Alike(columns.batch(), np.concatenate(places), ignored, np.concatenate(ignored_places))


def _of_one_length(text: memoryview, begins: IntArray, ends: IntArray) -> Iterator[tuple[IntArray, Codes]]:
    """Give lines of one length as a matrix of bytes, with which lines they are; of many, some at a time."""
    places = _plain(text, begins, ends)
    lengths = (ends - begins)[places]
    order = np.argsort(lengths, kind="stable")
    places, lengths = places[order], lengths[order]
    bounds = np.flatnonzero(np.diff(lengths, prepend=-1, append=-1))
    is_large = np.diff(bounds) >= FEWEST
    offsets = pa.py_buffer(np.append(begins, len(text)).astype(np.int32))
    all_lines = pa.Array.from_buffers(pa.binary(), len(begins), [None, offsets, pa.py_buffer(text)])
    for first, last in zip(bounds[:-1][is_large].tolist(), bounds[1:][is_large].tolist(), strict=True):
        width = int(lengths[first]) + 1
        step = _BYTES_AT_ONCE // width
        for at in range(first, last, step):
            group = places[at : min(at + step, last)]
            _, _, data = all_lines.take(int64_array(group)).buffers()
            lines = np.frombuffer(data, dtype=np.uint8, count=len(group) * width)
            yield group, lines.reshape(len(group), width)[:, :-1]


def _plain(text: memoryview, begins: IntArray, ends: IntArray) -> IntArray:
    """Give the lines of ASCII without control characters and backslashes, not too long, with only a newline after them."""
    codes = np.frombuffer(text, dtype=np.uint8)
    odd: list[IntArray] = []
    for at in range(0, len(codes), _BYTES_COMPARED):
        part = codes[at : at + _BYTES_COMPARED]
        is_odd = part.view(np.int8) < _FIRST_PRINTABLE  # as signed numbers, what is beyond ASCII is below zero
        is_odd |= part == _BACKSLASH
        odd.append(np.flatnonzero(is_odd) + at)
    all_odd = np.append(np.concatenate(odd), -1)
    is_plain = all_odd[np.searchsorted(all_odd[:-1], begins)] == ends
    is_plain &= (ends - begins <= _LONGEST) & (np.append(begins[1:], len(codes)) == ends + 1)
    places = np.flatnonzero(is_plain)
    ended: IntArray = places[codes[ends[places]] == _NEWLINE]
    return ended


def _chosen(lines: Codes, left: Flags, shape: _Shape) -> Flags:
    """Tell which of the lines that are left have a shape, the range of their times apart."""
    some = lines if left.all() else lines[left]
    step = _BYTES_COMPARED // len(shape.line)
    same = [_same(some[at : at + step], shape) for at in range(0, len(some), step)]
    chosen = np.zeros(len(lines), dtype=bool)
    chosen[left] = np.concatenate(same)
    return chosen


def _same(lines: Codes, shape: _Shape) -> Flags:
    differs = lines != shape.line
    differs &= shape.is_fixed
    same: Flags = ~differs.any(axis=1)
    if not same.any():
        return same
    quotes = lines == _QUOTE
    # Those that are the same have the wanted ones at least, so where all are, one sum tells.
    if not same.all() or np.count_nonzero(quotes) != shape.quotes * len(lines):
        same &= np.count_nonzero(quotes, axis=1) == shape.quotes
    for name in _PATH_IDS if shape.is_charted else ():
        part = shape.part(lines, name)
        odd = (part == _SLASH) | (part == _SPACE) | (part == _DELETE)
        if odd.any():
            same &= ~odd.any(axis=1)
    return same


def _shape_of(codes: Codes) -> _Shape | None:
    """Give how a line is written; none when it is no event, or one that is for the exact decoder alone."""
    line = codes.tobytes()
    try:
        event = read_record(line)
    except Refused:
        return None
    if not isinstance(event, Envelope):
        return None
    is_fixed = np.ones(len(codes), dtype=bool)
    spans: dict[str, tuple[int, int]] = {}
    seen = Counter[str]()
    for keys, (begin, end) in _texts(line):
        seen[_SHARED.get(keys, "")] += 1
        if keys in _SHARED:
            continue
        is_fixed[begin:end] = False
        if keys in _OWN:
            seen[_OWN[keys]] += 1
            spans[_OWN[keys]] = begin, end
    is_charted = event.detail_type in EVENT_TYPES
    # Of two texts of one name, which counts is for the exact decoder to say.
    doubled = {name for name, count in seen.items() if count > 1 and name}
    if doubled - (set() if is_charted else {"path"}) or not _fix_time(line, spans["time"], is_fixed):
        return None
    if is_charted and not _fix_path(line, spans, is_fixed):
        return None
    return _Shape(event, codes, is_fixed, spans, line.count(b'"'), is_charted)


def _texts(line: bytes) -> Iterator[tuple[tuple[str, ...], tuple[int, int]]]:
    """Give each text of a JSON object that holds no escape: the keys that lead to it, and where it is."""
    above: list[str] = []
    key = ""
    for token in _TOKEN.finditer(line):
        if token[0] in (b"{", b"["):
            above.append(key)
            key = ""
        elif token[0] in (b"}", b"]"):
            key = above.pop()
        elif token[2] is not None:
            key = token[1].decode()
        else:
            yield (*above[1:], key), token.span(1)


def _fix_time(line: bytes, span: tuple[int, int], is_fixed: Flags) -> bool:
    """Have all but the digits of a plain time fixed; tell whether it is one."""
    begin, end = span
    if not _TIME.fullmatch(line[begin:end]):
        return False
    is_fixed[begin:end] = True
    is_fixed[begin + _DIGITS] = False
    return True


def _fix_path(line: bytes, spans: dict[str, tuple[int, int]], is_fixed: Flags) -> bool:
    """Have all but the two IDs of a task's path fixed; tell whether these and the event's own are sane."""
    begin, end = spans.get("path", (0, 0))
    path = _PATH.fullmatch(line[begin:end])
    if path is None:
        return False
    is_fixed[begin:end] = True
    for place, name in enumerate(_PATH_IDS, 1):
        spans[name] = begin + path.start(place), begin + path.end(place)
        is_fixed[slice(*spans[name])] = False
    ids = ("envelope_id", "idempotency_key", *_PATH_IDS)
    return all(0 < spans[name][1] - spans[name][0] <= MAX_ID_LENGTH for name in ids if name in spans)


def _times(texts: Codes) -> tuple[IntArray, Flags]:
    """Give plain times in µs since 1970, and which of them a calendar and a clock have."""
    digits = (texts[:, _DIGITS] - np.uint8(_ZERO)).astype(np.int64)
    is_time = np.asarray((digits <= 9).all(axis=1), dtype=bool)
    year = digits[:, 0] * 1000 + digits[:, 1] * 100 + digits[:, 2] * 10 + digits[:, 3]
    month, day, hour, minute, second = (digits[:, at] * 10 + digits[:, at + 1] for at in range(4, 14, 2))
    months = ((year - _EPOCH_YEAR) * _MONTHS + month - 1).view("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    is_time &= (year >= 1) & (month >= 1) & (month <= _MONTHS) & (day >= 1) & (days.astype("datetime64[M]") == months)
    is_time &= (hour < _HOURS) & (minute < _SIXTIETHS) & (second < _SIXTIETHS)
    seconds = days.astype(np.int64) * 86_400 + hour * 3_600 + minute * 60 + second
    return seconds * 1_000_000, is_time


class _Columns:
    """The staged columns as they grow, a shape at a time."""

    def __init__(self) -> None:
        self._shared = {name: _SharedColumn() for name in (*_SHARED.values(), "business_product_id", "subscription_id")}
        self._own = {name: _OwnColumn() for name in ("task_id", "envelope_id", "idempotency_key")}
        self._times = [_NOWHERE]

    def add(self, shape: _Shape, lines: Codes, times: IntArray) -> None:
        event = shape.event
        texts = {
            "event_type": event.detail_type, "event_source": event.source, "account": event.account,
            "region": event.region, "replay_name": event.replay_name, "api_version": event.detail.api_version,
        }  # fmt: skip
        for name, text in texts.items():
            self._shared[name].add(text or "", len(lines))
        for name in ("business_product_id", "subscription_id"):
            self._shared[name].add_texts(shape.part(lines, name))
        for name, column in self._own.items():
            column.add(shape.part(lines, name))
        self._times.append(times)

    def batch(self) -> pa.RecordBatch:
        columns = {name: column.array() for name, column in (self._shared | self._own).items()}
        columns["occurred_at"] = int64_array(np.concatenate(self._times), UTC_US)
        return pa.RecordBatch.from_arrays([columns[name] for name in STAGED], names=list(STAGED))


class _SharedColumn:
    """A column of few distinct texts."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._places = [np.zeros(0, dtype=np.int32)]

    def add(self, text: str, rows: int) -> None:
        self._places.append(np.full(rows, self._code(text), dtype=np.int32))

    def add_texts(self, texts: Codes) -> None:
        found = dictionary(_strings(texts))
        known = np.array([self._code(text) for text in found.dictionary.to_pylist()], dtype=np.int32)
        self._places.append(known[numbers(found.indices)])

    def _code(self, text: str) -> int:
        return self._codes.setdefault(text, len(self._codes))

    def array(self) -> pa.DictionaryArray:
        places = np.concatenate(self._places)
        indices = pa.Array.from_buffers(pa.int32(), len(places), [None, pa.py_buffer(places)])
        return pa.DictionaryArray.from_arrays(indices, text_array(list(self._codes)))


class _OwnColumn:
    """A column of texts that are all different."""

    def __init__(self) -> None:
        self._parts = [text_array([])]

    def add(self, texts: Codes) -> None:
        self._parts.append(_strings(texts))

    def array(self) -> pa.StringArray:
        return pa.concat_arrays(self._parts)


def _strings(texts: Codes) -> pa.StringArray:
    """Give the rows of a matrix as texts."""
    rows, width = texts.shape
    offsets = (np.arange(rows + 1, dtype=np.int64) * width).astype(np.int32)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(texts.tobytes()))
