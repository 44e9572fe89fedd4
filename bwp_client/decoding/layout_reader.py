"""Lines that differ in IDs and times and in nothing else: read by place, as a matrix of bytes, never parsed.

Whoever publishes events writes all those of a type in one way, with IDs and times of one length; see `shapes`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from bwp_client.decoding.arrow_arrays import STAGED, UTC_US, IntArray, dictionary, int64_array, numbers, text_array
from bwp_client.decoding.line_layouts import BYTES_COMPARED, DIGITS, FEWEST, SHARED, Codes, Flags, Shape, Shapes
from bwp_client.events import EARLIEST_US

_LONGEST = 4096
_BYTES_AT_ONCE = 1024 * 1024
"""What is worked on at a time stays in the processor's second cache."""
_NEWLINE, _ZERO, _BACKSLASH = b"\n0\\"
_FIRST_PRINTABLE = 0x20
_MONTHS, _HOURS, _SIXTIETHS = 12, 24, 60
_EPOCH_YEAR = 1970
_NOWHERE: IntArray = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Alike:
    """What became of lines that are like others."""

    rows: pa.RecordBatch
    """The staged columns, `source_offset` apart; the rows of one length and shape follow each other."""
    places: IntArray
    """Which line each row is."""
    ignored: list[str]
    """The types of events that we don't chart, one for each such line."""
    ignored_places: IntArray


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
    for at in range(0, len(codes), BYTES_COMPARED):
        part = codes[at : at + BYTES_COMPARED]
        is_odd = part.view(np.int8) < _FIRST_PRINTABLE  # as signed numbers, what is beyond ASCII is below zero
        is_odd |= part == _BACKSLASH
        odd.append(np.flatnonzero(is_odd) + at)
    all_odd = np.append(np.concatenate(odd), -1)
    is_plain = all_odd[np.searchsorted(all_odd[:-1], begins)] == ends
    is_plain &= (ends - begins <= _LONGEST) & (np.append(begins[1:], len(codes)) == ends + 1)
    places = np.flatnonzero(is_plain)
    ended: IntArray = places[codes[ends[places]] == _NEWLINE]
    return ended


def _times(texts: Codes) -> tuple[IntArray, Flags]:
    """Give plain times in µs since 1970, and which of them a calendar and a clock have."""
    digits = (texts[:, DIGITS] - np.uint8(_ZERO)).astype(np.int64)
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
        self._shared = {name: _SharedColumn() for name in (*SHARED.values(), "business_product_id", "subscription_id")}
        self._own = {name: _OwnColumn() for name in ("task_id", "envelope_id", "idempotency_key")}
        self._times = [_NOWHERE]

    def add(self, shape: Shape, lines: Codes, times: IntArray) -> None:
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
