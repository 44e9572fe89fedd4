"""Many one-line records at once: parsed into columns by Arrow, checked and split there, never touched one by one.

It takes only what is beyond doubt (one resource of the documented shape, a plain UTC time, IDs of sane length) and leaves
every other line to the exact decoder, whose verdicts it must equal; a test compares the two on the same lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from bwp_client.decoding.arrow_arrays import (
    STAGED,
    UTC_US,
    IntArray,
    bool_array,
    dictionary,
    int64_array,
    lengths,
    mask,
    numbers,
    text_array,
)
from bwp_client.decoding.layout_reader import read_alike
from bwp_client.decoding.line_layouts import Shapes
from bwp_client.events import EARLIEST_US, EVENT_TYPES, MAX_ID_LENGTH

_TEXT = pa.string()
_ENVELOPE = pa.schema(
    [
        ("id", _TEXT),
        ("detail-type", _TEXT),
        ("source", _TEXT),
        ("account", _TEXT),
        ("time", _TEXT),
        ("region", _TEXT),
        ("resources", pa.list_(_TEXT)),
        ("detail", pa.struct([("idempotencyKey", _TEXT), ("apiVersion", _TEXT), ("subscriptionId", _TEXT)])),
        ("replay-name", _TEXT),
    ]
)
_REQUIRED = ("id", "detail-type", "source", "account", "time", "region", "resources", "detail")
_PARSE = pj.ParseOptions(explicit_schema=_ENVELOPE, unexpected_field_behavior="ignore")
_BRACE, _CLOSING, _RETURN = b"{}\r"
_MAX_BRACKETS = 500
"""The exact decoder refuses to go a thousand deep, from wherever it is called."""
_FIRST_BEYOND_ASCII = 0x80
_CHARTED = text_array(list(EVENT_TYPES))
_PLAIN_TIME = r"^[1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"
_PLAIN_ID = "^[!-.0-~]+$"
"""Without a bound on the length, for compiling that would take longer than matching; see `_plain_ids`."""
_IS_VISIBLE = np.array([re.fullmatch(_PLAIN_ID, chr(code)) is not None for code in range(256)])
_PATH_PARTS = 4
_OF_PRODUCT = text_array(["businessProduct"])
_TASKS = text_array(["personalDataDeletionTask", "personalDataRetrievalTask"])
_NAN_PAIRS = np.frombuffer(b"aNIn", dtype=np.uint16)


@dataclass(frozen=True, slots=True)
class Lines:
    """What became of a batch of lines."""

    rows: pa.RecordBatch
    """The staged columns, in no order, with `source_offset` counted from the object's begin."""
    ignored: pa.StringArray
    """The types of events that we don't chart, one for each such line."""
    ignored_places: IntArray
    left: list[int]
    """The places of the lines that were not taken."""


def read_lines(
    text: memoryview, start: int, begins: IntArray, ends: IntArray, shapes: Shapes, *, latest_us: int
) -> Lines | None:
    """Read lines into columns.

    Args:
        text: A text that holds the lines.
        start: Where the text begins in the object.
        begins: Where each line begins in the text.
        ends: Where each line ends in the text.
        shapes: How lines were written that were met before.
        latest_us: The newest event time accepted, in µs since 1970.

    Returns:
        None when some line is no JSON object by itself, or a time no time.
    """
    alike = read_alike(text, begins, ends, shapes, latest_us=latest_us)
    is_left = np.ones(len(begins), dtype=bool)
    is_left[alike.places] = is_left[alike.ignored_places] = False
    others = np.flatnonzero(is_left)
    rows, places = alike.rows, alike.places
    ignored, ignored_places = text_array(alike.ignored), alike.ignored_places
    if len(others):
        try:
            parsed = _parsed(text, begins[others], ends[others])
            taken = None if parsed is None else _taken(parsed, others, latest_us)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError):
            return None
        if taken is None:
            return None
        rows, places = _joined(rows, taken.rows), np.concatenate((places, taken.places))
        ignored = pa.concat_arrays([ignored, taken.ignored])
        ignored_places = np.concatenate((ignored_places, taken.ignored_places))
        is_left[taken.places] = is_left[taken.ignored_places] = False
    return Lines(
        rows.append_column("source_offset", int64_array(start + begins[places])),
        ignored,
        ignored_places,
        np.flatnonzero(is_left).tolist(),
    )


def _parsed(text: memoryview, begins: IntArray, ends: IntArray) -> pa.RecordBatch | None:
    """Give lines as envelopes; none where some line is no JSON object, or where Arrow might take what is no JSON for it."""
    codes = np.frombuffer(text, dtype=np.uint8)
    if not (codes[begins] == _BRACE).all() or not _are_closed(codes, ends):
        return None  # so no value goes on in the next line, and as many rows as lines means one each
    if _may_be_deep(text, begins, ends):
        return None  # Arrow would follow any nesting, the exact decoder does not
    begin, end = int(begins[0]), int(ends[-1])
    part: memoryview | bytes = text[begin:end]
    if int((ends - begins).sum()) + len(begins) < end - begin:  # others stand between them
        part = b"\n".join([text[first:last] for first, last in zip(begins.tolist(), ends.tolist(), strict=True)])
    codes = np.frombuffer(part, dtype=np.uint8)
    if _may_hold_nan(codes):
        return None  # Arrow would read NaN and Infinity, which are no JSON
    if not _is_utf8(part, codes):
        return None  # Arrow would take the bytes as they are
    options = pj.ReadOptions(use_threads=False, block_size=len(part) + 1)
    table = pj.read_json(pa.BufferReader(part), read_options=options, parse_options=_PARSE)
    if table.num_rows != len(begins):
        return None
    (batch,) = table.combine_chunks().to_batches()
    return batch


@dataclass(frozen=True, slots=True)
class _Taken:
    rows: pa.RecordBatch
    places: IntArray
    ignored: pa.StringArray
    ignored_places: IntArray


def _taken(envelopes: pa.RecordBatch, lines: IntArray, latest_us: int) -> _Taken | None:
    """Take what is beyond doubt of envelopes; `lines` says which line each is."""
    well_formed = reduce(np.logical_and, (mask(envelopes[name].is_valid()) for name in _REQUIRED))
    types = dictionary(envelopes["detail-type"])
    charted = _all_in(types, lambda texts: mask(pc.is_in(texts, value_set=_CHARTED)))
    others = _plain_others(envelopes, np.flatnonzero(well_formed & ~charted))
    if others is None:
        return None
    single = np.diff(numbers(envelopes["resources"].offsets)) == 1
    rows, places = _rows(envelopes, np.flatnonzero(well_formed & charted & single), latest_us)
    return _Taken(rows, lines[places], types.take(int64_array(others)).cast(_TEXT), lines[others])


def _joined(first: pa.RecordBatch, second: pa.RecordBatch) -> pa.RecordBatch:
    if not first.num_rows or not second.num_rows:
        return first if first.num_rows else second
    (batch,) = pa.Table.from_batches([first, second]).unify_dictionaries().combine_chunks().to_batches()
    return batch


def _are_closed(codes: npt.NDArray[np.uint8], ends: IntArray) -> bool:
    """Tell whether every line ends with a brace, but for a carriage return."""
    last = codes[ends - 1]
    if (last == _CLOSING).all():
        return True
    return bool((np.where(last == _RETURN, codes[ends - 2], last) == _CLOSING).all())


def _may_be_deep(text: memoryview, begins: IntArray, ends: IntArray) -> bool:
    """Tell whether some line holds so many brackets that they might be nested too deeply; most are too short for that."""
    for place in np.flatnonzero(ends - begins > 2 * _MAX_BRACKETS).tolist():
        line = bytes(text[begins[place] : ends[place]])
        if line.count(b"[") + line.count(b"{") > _MAX_BRACKETS:
            return True
    return False


def _is_utf8(part: memoryview | bytes, codes: npt.NDArray[np.uint8]) -> bool:
    if codes.max() < _FIRST_BEYOND_ASCII:
        return True
    try:
        str(part, "utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _may_hold_nan(codes: npt.NDArray[np.uint8]) -> bool:
    """Tell whether the bytes hold "NaN" or "Inf" anywhere, or something near it.

    A search for either text would take as long as the parsing; comparing two bytes at once, at even and at odd places,
    takes a tenth.
    """
    even = codes[: len(codes) // 2 * 2].view(np.uint16)
    odd = codes[1 : (len(codes) - 1) // 2 * 2 + 1].view(np.uint16)
    return any(bool((pairs == pair).any()) for pairs in (even, odd) for pair in _NAN_PAIRS)


def _plain_others(batch: pa.RecordBatch, places: IntArray) -> IntArray | None:
    """Give which of the events that we don't chart are beyond doubt; none when a resource is null."""
    chosen = int64_array(places)
    times = batch["time"].take(chosen)
    plain = mask(pc.match_substring_regex(times, _PLAIN_TIME))
    pc.cast(times.filter(bool_array(plain)), UTC_US)  # a day that no calendar has is an error
    if batch["resources"].take(chosen).flatten().null_count:
        return None
    return places[plain]


def _rows(batch: pa.RecordBatch, places: IntArray, latest_us: int) -> tuple[pa.RecordBatch, IntArray]:
    """Give the staged columns of those rows at `places` that are beyond doubt, and their places.

    Args:
        batch: All rows.
        places: Rows that name exactly one resource.
        latest_us: The newest event time accepted, in µs since 1970.
    """
    detail = batch["detail"]
    chosen = int64_array(places)
    # Columns that repeat are told as codes before any row is copied.
    rows = {name: dictionary(column).take(chosen) for name, column in _repeating(batch).items()}
    rows |= {
        "envelope_id": batch["id"].take(chosen),
        "idempotency_key": detail.field("idempotencyKey").take(chosen),
        "time": batch["time"].take(chosen),
        "path": batch["resources"].take(chosen).flatten(),
    }
    rows, places = _kept(rows, places, mask(pc.match_substring_regex(rows["time"], _PLAIN_TIME)))
    rows["occurred_at"] = pc.cast(rows.pop("time"), UTC_US)
    times = numbers(rows["occurred_at"])
    keys = rows["idempotency_key"]
    sane = _sane(rows["envelope_id"]) & (mask(keys.is_null()) | _sane(keys))
    rows, places = _kept(rows, places, (times >= EARLIEST_US) & (times <= latest_us) & sane)
    parts = pc.split_pattern(rows.pop("path"), "/")
    four = np.diff(numbers(parts.offsets)) == _PATH_PARTS
    rows["parts"] = parts
    rows, places = _kept(rows, places, four)
    parts = rows.pop("parts").flatten()
    first = np.arange(0, len(parts), _PATH_PARTS)
    head, product, task_kind, task = (parts.take(int64_array(first + place)) for place in range(_PATH_PARTS))
    kind, products = dictionary(task_kind), dictionary(product)
    documented = (
        mask(pc.is_in(head, value_set=_OF_PRODUCT))
        & _all_in(kind, lambda texts: mask(pc.is_in(texts, value_set=_TASKS)))
        & _all_in(products, _plain_ids)
        & _plain_ids(task)
    )
    rows |= {"business_product_id": products, "task_id": task}
    rows, places = _kept(rows, places, documented)
    return pa.RecordBatch.from_arrays([rows[name] for name in STAGED], names=list(STAGED)), places


def _repeating(batch: pa.RecordBatch) -> dict[str, pa.StringArray]:
    return {
        "event_type": batch["detail-type"],
        "event_source": batch["source"],
        "account": batch["account"],
        "region": batch["region"],
        "replay_name": batch["replay-name"],
        "api_version": batch["detail"].field("apiVersion"),
        "subscription_id": batch["detail"].field("subscriptionId"),
    }


def _kept(
    rows: dict[str, pa.Array], places: IntArray, keep: npt.NDArray[np.bool_]
) -> tuple[dict[str, pa.Array], IntArray]:
    if keep.all():
        return rows, places
    chosen = bool_array(keep)
    return {name: column.filter(chosen) for name, column in rows.items()}, places[keep]


def _all_in(
    column: pa.DictionaryArray, test: Callable[[pa.StringArray], npt.NDArray[np.bool_]]
) -> npt.NDArray[np.bool_]:
    """Test each distinct text once; give the verdict of each row."""
    verdicts: npt.NDArray[np.bool_] = test(column.dictionary)[numbers(column.indices)]
    return verdicts


def _plain_ids(ids: pa.StringArray) -> npt.NDArray[np.bool_]:
    plain = _sane(ids)
    return plain if _all_visible(ids) else plain & mask(pc.match_substring_regex(ids, _PLAIN_ID))


def _all_visible(ids: pa.StringArray) -> bool:
    """Tell at once whether no ID holds a byte that a plain one doesn't; matching each takes ten times as long."""
    _, offsets, data = ids.buffers()
    if data is None:
        return False
    bounds = np.frombuffer(offsets, dtype=np.int32)
    codes = np.frombuffer(data, dtype=np.uint8)[bounds[ids.offset] : bounds[ids.offset + len(ids)]]
    return bool((_IS_VISIBLE[codes]).all())


def _sane(ids: pa.StringArray) -> npt.NDArray[np.bool_]:
    found = lengths(ids)
    return (found > 0) & (found <= MAX_ID_LENGTH)
