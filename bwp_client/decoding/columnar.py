"""Turns many events into Arrow columns at once, and checks and splits them there.

Only events beyond doubt are taken (one resource of the documented form, a plain UTC time, IDs of allowed length). All others
go to the exact decoder. Of an event that is taken here, the exact decoder makes the same row; a test compares the two.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bwp_client.decoding.arrow_arrays import (
    STAGED_COLUMNS,
    UTC_US,
    BoolArray,
    IntArray,
    bool_array,
    byte_lengths,
    int64_array,
    mask,
    numbers,
    text_array,
    text_column,
)
from bwp_client.decoding.bulk_decoder import TextColumns
from bwp_client.events import EARLIEST_US, EVENT_TYPES, MAX_ID_LENGTH
from bwp_client.redaction import names_a_person

_CHARTED = text_array(list(EVENT_TYPES))
_TIME_SHAPE = b"0000-00-00T00:00:00Z"
_SOME_TIME = text_array(["2020-01-01T00:00:00Z"])[0]
_PLAIN_ID = "^[!-.0-~]+$"
"""Without a bound on the length, which would take longer to compile than to match; see `_plain_ids`."""
_MAY_BE_PERSONAL = (
    r"[@%&\\(\[{<+\s\x{FF00}-\x{FFEF}\x{FE50}-\x{FE6F}\x{660}-\x{669}\x{6F0}-\x{6F9}\x{966}-\x{96F}\x{1D7CE}-\x{1D7FF}\p{No}\p{Cf}]"
    r"|00[1-9](?:[^0-9A-Za-z]{0,4}[0-9]){6}|0[1-9][0-9]{1,4}[._:~-]{1,3}[0-9](?:[._:~-]?[0-9]){5}"
    r"|[0-9]{3}[._:~-][0-9]{3}[._:~-][0-9]{4}|(?i:tel|fon|phone|mobil|handy|whatsapp|sms|fax|ruf|call)[^0-9]{0,12}[0-9]"
)
"""What all IDs have that `names_a_person` takes for personal, and some others."""
_IMPERSONAL = r"^[0-9A-Za-z._:/ -]*$"
_UUID_SHAPE = b"00000000-0000-0000-0000-000000000000"
_PRODUCT_SHAPE = b"0p-" + _UUID_SHAPE
"""The shape of `bp-` and a UUID. `b` is a hexadecimal digit, and each of these is written as 0."""
_DIGITS_AS_ZERO = bytes.maketrans(string.hexdigits.encode(), b"0" * len(string.hexdigits))
_TEXTS_AT_ONCE = 4096
"""So few that their copy fits in memory that is in use already: fresh pages take longer than the comparison."""
_FEW = 100
"""So few texts that looking at each by itself takes less time than compiling `_MAY_BE_PERSONAL`."""
_VISIBLE = bytes(code for code in range(256) if re.fullmatch(_PLAIN_ID, chr(code)))
_PATH_PARTS = 4
_OF_PRODUCT = text_array(["businessProduct"])
_TASKS = text_array(["personalDataDeletionTask", "personalDataRetrievalTask"])
_CONTEXT = ("event_source", "account", "region", "replay_name", "api_version", "subscription_id")
_UNIQUE = ("envelope_id", "idempotency_key")
"""The columns that hardly repeat; all others are dictionary-encoded."""


@dataclass(frozen=True, slots=True, eq=False)
class EventColumns:
    """What became of a list of envelopes; the index arrays hold positions in that list, ascending."""

    rows: pa.RecordBatch
    """One row per event that was taken, with `STAGED_COLUMNS`: texts, those that repeat dictionary-encoded, absent texts
    empty; `occurred_at` is a timestamp in µs, UTC."""
    taken: IntArray
    """Which envelope each row is."""
    ignored: IntArray
    """Envelopes of event types that are not charted."""
    ignored_types: pa.StringArray
    """The type of each of these."""
    left: IntArray
    """Envelopes that the exact decoder must judge."""


def event_columns(parts: list[TextColumns], *, latest_us: int) -> EventColumns:
    """Check envelopes, and return those beyond doubt as columns.

    Args:
        parts: The fields of the envelopes, in parts that follow each other.
        latest_us: The newest event time accepted, in µs since 1970.
    """
    texts = {name: text_column([part[name] for part in parts]) for name in parts[0]}
    times, is_time = _times(texts.pop("time"))
    paths = pc.split_pattern(texts.pop("path"), "/")
    columns = {name: texts[name] if name in _UNIQUE else texts[name].dictionary_encode() for name in texts} | {
        "occurred_at": int64_array(times, UTC_US)
    }
    is_charted = _by_dictionary(columns["event_type"], lambda types: mask(pc.is_in(types, value_set=_CHARTED)))
    is_taken = is_time & is_charted & (np.diff(numbers(paths.offsets)) == _PATH_PARTS)
    is_taken &= (times >= EARLIEST_US) & (times <= latest_us) & _allowed(columns["envelope_id"])
    keys = columns["idempotency_key"]
    is_taken &= (byte_lengths(keys) == 0) | _allowed(keys)
    is_taken &= _impersonal_ids(columns["envelope_id"]) & _impersonal_ids(keys)
    for name in _CONTEXT:
        is_taken &= _by_dictionary(columns[name], lambda texts: mask(pc.match_substring_regex(texts, _IMPERSONAL)))
    columns, paths = _filtered(columns, is_taken), paths.filter(bool_array(is_taken))
    path_columns, is_documented = _path_columns(paths)
    columns = _filtered(columns | path_columns, is_documented)
    taken = np.flatnonzero(is_taken)[is_documented]
    ignored = np.flatnonzero(~is_charted & (byte_lengths(texts["event_type"]) > 0))
    is_left = np.ones(len(times), dtype=bool)
    is_left[taken] = is_left[ignored] = False
    rows = pa.RecordBatch.from_arrays([columns[name] for name in STAGED_COLUMNS], names=list(STAGED_COLUMNS))
    types = texts["event_type"].take(int64_array(ignored))
    return EventColumns(rows, taken, ignored, types, np.flatnonzero(is_left))


def _times(texts: pa.StringArray) -> tuple[IntArray, BoolArray]:
    """Return plain UTC times in µs since 1970, and which of the texts are such times of a day that exists."""
    is_time = _has_shape(texts, _TIME_SHAPE)
    if not is_time.all():
        texts = pc.if_else(bool_array(is_time), texts, _SOME_TIME)
    try:
        return numbers(pc.cast(texts, UTC_US)), is_time
    except pa.ArrowInvalid:
        is_time &= [_is_time(text) for text in texts.to_pylist()]
        return numbers(pc.cast(pc.if_else(bool_array(is_time), texts, _SOME_TIME), UTC_US)), is_time


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return text[11:13] != "24"  # newer versions of Python take it for the next midnight


def _path_columns(parts: pa.ListArray) -> tuple[dict[str, pa.Array], BoolArray]:
    """Return the product and task IDs of paths of four parts, and which paths have the documented form."""
    flat = parts.flatten()
    first = np.arange(0, len(flat), _PATH_PARTS)
    head, product, task_kind, task = (flat.take(int64_array(first + index)) for index in range(_PATH_PARTS))
    kinds, products = task_kind.dictionary_encode(), product.dictionary_encode()
    is_documented = (
        mask(pc.is_in(head, value_set=_OF_PRODUCT))
        & _by_dictionary(kinds, lambda texts: mask(pc.is_in(texts, value_set=_TASKS)))
        & _by_dictionary(products, lambda texts: _plain_ids(texts) & _impersonal_ids(texts))
        & _plain_ids(task)
        & _impersonal_ids(task)
    )
    return {"business_product_id": products, "task_id": task}, is_documented


def _filtered(columns: dict[str, pa.Array], keep: BoolArray) -> dict[str, pa.Array]:
    if keep.all():
        return columns
    chosen = bool_array(keep)
    return {name: column.filter(chosen) for name, column in columns.items()}


def _by_dictionary(column: pa.DictionaryArray, test: Callable[[pa.StringArray], BoolArray]) -> BoolArray:
    """Test each distinct text once, and return the result for each row."""
    results: BoolArray = test(column.dictionary)[numbers(column.indices)]
    return results


def _plain_ids(ids: pa.StringArray) -> BoolArray:
    is_allowed = _allowed(ids)
    return is_allowed if _all_visible(ids) else is_allowed & mask(pc.match_substring_regex(ids, _PLAIN_ID))


def _impersonal_ids(ids: pa.StringArray) -> BoolArray:
    """Return which IDs are beyond doubt neither an e-mail address nor a telephone number."""
    is_impersonal: BoolArray = (byte_lengths(ids) == 0) | _has_shape(ids, _UUID_SHAPE) | _has_shape(ids, _PRODUCT_SHAPE)
    if not is_impersonal.all():
        others = ids.filter(bool_array(~is_impersonal))
        is_impersonal[~is_impersonal] = (
            [not names_a_person(text) for text in others.to_pylist()]
            if len(others) < _FEW
            else ~mask(pc.match_substring_regex(others, _MAY_BE_PERSONAL))
        )
    return is_impersonal


def _all_visible(ids: pa.StringArray) -> bool:
    """Return whether all bytes are those of plain IDs, which spares matching the IDs one by one."""
    return not any(part.translate(None, _VISIBLE) for part in _parts(ids, len(_UUID_SHAPE) * _TEXTS_AT_ONCE))


def _has_shape(texts: pa.StringArray, shape: bytes) -> BoolArray:
    """Return which texts equal `shape` when each of their hexadecimal digits is a zero."""
    has_shape: BoolArray = byte_lengths(texts) == len(shape)
    if not has_shape.any():
        return has_shape
    candidates = texts if has_shape.all() else texts.filter(bool_array(has_shape))
    parts = _parts(candidates, len(shape) * _TEXTS_AT_ONCE)
    has_shape[has_shape] = np.concatenate([_equal(part.translate(_DIGITS_AS_ZERO), shape) for part in parts])
    return has_shape


def _equal(joined: bytes, text: bytes) -> BoolArray:
    """Return which of the joined texts, all as long as `text`, equal it."""
    count = len(joined) // len(text)
    if joined == text * count:  # nearly always, and faster than one by one
        return np.ones(count, dtype=bool)
    return np.asarray(np.frombuffer(joined, dtype=np.dtype((np.void, len(text)))) == np.void(text))


def _parts(texts: pa.StringArray, size: int) -> Iterator[bytes]:
    """Yield the bytes of all texts, joined, `size` of them at a time."""
    _, offsets, data = texts.buffers()
    if data is None:
        return
    bounds = np.frombuffer(offsets, dtype=np.int32)
    joined = memoryview(data)[bounds[texts.offset] : bounds[texts.offset + len(texts)]]
    for start in range(0, len(joined), size):
        yield bytes(joined[start : start + size])


def _allowed(ids: pa.StringArray) -> BoolArray:
    """Return which IDs are of allowed length, in characters."""
    found = byte_lengths(ids)
    if (found > MAX_ID_LENGTH).any():
        found = numbers(pc.utf8_length(ids))
    return (found > 0) & (found <= MAX_ID_LENGTH)
