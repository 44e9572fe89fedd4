"""Many one-line records at once: parsed into columns by Arrow, checked and split there, never touched one by one.

It takes only what is beyond doubt (one resource of the documented shape, a plain UTC time, IDs of sane length) and leaves
every other line to the exact decoder, whose verdicts it must equal; a test compares the two on the same lines.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from bwp_client.events import EARLIEST_US, EVENT_TYPES, MAX_ID_LENGTH
from bwp_client.sources.arrays import IntArray, int64_array, mask, text_array

UTC_US = pa.timestamp("us", "UTC")
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
_BRACE = ord("{")
_FIRST_BEYOND_ASCII = 0x80
_CHARTED = text_array(list(EVENT_TYPES))
_PLAIN_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"
_ID = rf"[!-.0-~]{{1,{MAX_ID_LENGTH}}}"
_PLAIN_PATH = f"^businessProduct/{_ID}/personalData(Deletion|Retrieval)Task/{_ID}$"


@dataclass(frozen=True, slots=True)
class Lines:
    """What became of a batch of lines."""

    rows: pa.RecordBatch
    """The staged columns, with `source_offset` counted from the object's begin."""
    ignored: Counter[str]
    left: list[int]
    """The places of the lines that were not taken."""


def read_lines(text: memoryview, start: int, begins: IntArray, ends: IntArray, *, latest_us: int) -> Lines | None:
    """Read lines into columns.

    Args:
        text: A text that holds the lines.
        start: Where the text begins in the object.
        begins: Where each line begins in the text.
        ends: Where each line ends in the text.
        latest_us: The newest event time accepted, in µs since 1970.

    Returns:
        None when some line is no JSON object by itself, or a time no time.
    """
    codes = np.frombuffer(text, dtype=np.uint8)
    if not (codes[begins] == _BRACE).all():
        return None  # so every line gives at least one row, and as many rows as lines means one each
    begin, end = int(begins[0]), int(ends[-1])
    if _may_hold_nan(codes[begin:end]):
        return None  # Arrow would read NaN and Infinity, which are no JSON
    part = text[begin:end]
    if not _is_utf8(part, codes[begin:end]):
        return None  # Arrow would take the bytes as they are
    options = pj.ReadOptions(use_threads=False, block_size=len(part) + 1)
    try:
        table = pj.read_json(pa.BufferReader(part), read_options=options, parse_options=_PARSE)
        if table.num_rows != len(begins):
            return None
        (batch,) = table.combine_chunks().to_batches()
        well_formed = reduce(np.logical_and, (mask(batch[name].is_valid()) for name in _REQUIRED))
        charted = mask(pc.is_in(batch["detail-type"], value_set=_CHARTED))
        single = mask(pc.equal(pc.list_value_length(batch["resources"]), 1))
        places = np.flatnonzero(well_formed & charted & single)
        rows, taken = _rows(_chosen(batch, places), latest_us)
        handled = well_formed & ~charted & mask(pc.match_substring_regex(batch["time"], _PLAIN_TIME).fill_null(False))
        others = _chosen(batch, np.flatnonzero(handled))
        pc.cast(others["time"], UTC_US)  # a day that no calendar has is an error
        if others["resources"].flatten().null_count:
            return None
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError):
        return None
    ignored = others["detail-type"]
    places = places[taken]
    handled[places] = True
    return Lines(
        rows.append_column("source_offset", int64_array(start + begins[places])),
        Counter({item["values"].as_py(): item["counts"].as_py() for item in pc.value_counts(ignored)}),
        np.flatnonzero(~handled).tolist(),
    )


def _is_utf8(part: memoryview, codes: npt.NDArray[np.uint8]) -> bool:
    if codes.max() < _FIRST_BEYOND_ASCII:
        return True
    try:
        str(part, "utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _may_hold_nan(codes: npt.NDArray[np.uint8]) -> bool:
    """Tell whether the bytes hold "NaN" or "Inf" anywhere; a search for either text would take as long as the parsing."""
    at = np.flatnonzero((codes[:-2] == ord("N")) | (codes[:-2] == ord("I")))
    second, third = codes[at + 1], codes[at + 2]
    is_nan = (second == ord("a")) & (third == ord("N"))
    is_inf = (second == ord("n")) & (third == ord("f"))
    return bool((is_nan | is_inf).any())


def _chosen(batch: pa.RecordBatch, places: IntArray) -> pa.RecordBatch:
    return batch if len(places) == batch.num_rows else batch.take(int64_array(places))


def _rows(batch: pa.RecordBatch, latest_us: int) -> tuple[pa.RecordBatch, IntArray]:
    """Give the staged columns of those rows that are beyond doubt, and which they are; every row names one resource."""
    plain = reduce(
        pc.and_,
        [
            pc.match_substring_regex(batch["resources"].flatten(), _PLAIN_PATH),
            pc.match_substring_regex(batch["time"], _PLAIN_TIME),
            _sane(batch["id"]),
            pc.or_kleene(
                batch["detail"].field("idempotencyKey").is_null(), _sane(batch["detail"].field("idempotencyKey"))
            ),
        ],
    )
    taken = np.flatnonzero(mask(plain))
    batch = _chosen(batch, taken)
    occurred_at = pc.cast(batch["time"], UTC_US)
    times = occurred_at.view(pa.int64()).to_numpy()
    in_range = np.flatnonzero((times >= EARLIEST_US) & (times <= latest_us))
    if len(in_range) < len(taken):
        taken = taken[in_range]
        batch = _chosen(batch, in_range)
        occurred_at = occurred_at.take(int64_array(in_range))
    parts = pc.split_pattern(batch["resources"].flatten(), "/")
    detail = batch["detail"]
    columns = {
        "event_type": batch["detail-type"],
        "business_product_id": pc.list_element(parts, 1),
        "task_id": pc.list_element(parts, 3),
        "occurred_at": occurred_at,
        "envelope_id": batch["id"],
        "idempotency_key": detail.field("idempotencyKey"),
        "event_source": batch["source"],
        "account": batch["account"],
        "region": batch["region"],
        "replay_name": batch["replay-name"],
        "api_version": detail.field("apiVersion"),
        "subscription_id": detail.field("subscriptionId"),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns)), taken


def _sane(ids: pa.StringArray) -> pa.BooleanArray:
    lengths = pc.utf8_length(ids)
    return pc.and_(pc.greater(lengths, 0), pc.less_equal(lengths, MAX_ID_LENGTH))
