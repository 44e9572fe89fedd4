"""What many events of a batch share, told once: repeating columns as dictionaries, and one digest of them all."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bwp_client.decoding.arrow_arrays import IntArray, dictionary, int64_array, numbers, text_array
from bwp_client.events import EVENT_TYPES

SHARED = ("event_type", "business_product_id", "event_source", "account", "region", "api_version", "subscription_id")
"""What goes into the digest. `replay_name` does not: a replayed event says the same as before."""
DIGEST_DIGITS = 32
_MAX_CODE = 2**40


def with_context(rows: pa.RecordBatch, owners: IntArray, source_uris: Sequence[str]) -> pa.RecordBatch:
    """Add what follows from the columns; make repeating columns dictionaries, null as empty text.

    Added are `source_uri`, `task_kind`, `outcome`, `occurred_month` and `context`: the first 128 bits of the SHA-256 of
    the shared texts, as hexadecimal digits, the part of an event's fingerprint that needs to be hashed only once. Where it is
    not there, each row is the first, 0, of its record by `place_in_record`.

    Args:
        rows: The staged columns.
        owners: Which of the objects each row is of.
        source_uris: The objects.
    """
    columns = {name: rows[name] for name in rows.schema.names}
    for name in (*SHARED, "replay_name"):
        if not pa.types.is_dictionary(columns[name].type):
            columns[name] = dictionary(columns[name])
    code = np.zeros(rows.num_rows, dtype=np.int64)
    for name in SHARED:
        if code.size and int(code.max()) > _MAX_CODE:
            code = np.unique(code, return_inverse=True)[1]
        code = code * (len(columns[name].dictionary) + 1) + numbers(columns[name].indices)
    place, first = _coded(code)
    digests = [_digest([columns[name][int(row)].as_py() for name in SHARED]) for row in first]
    columns["context"] = _told_once(place, digests)
    columns["source_uri"] = _told_once(owners.astype(np.int32), source_uris)
    types = columns["event_type"]
    # The dictionary may hold other types too, of rows that were left out.
    kinds, outcomes = zip(*(EVENT_TYPES.get(text, ("", "")) for text in types.dictionary.to_pylist()), strict=True)
    columns["task_kind"] = _told_once(numbers(types.indices), kinds)
    columns["outcome"] = _told_once(numbers(types.indices), outcomes)
    months = numbers(columns["occurred_at"]).view("datetime64[us]").astype("datetime64[M]")
    place, first = _coded(months.astype(np.int64))
    columns["occurred_month"] = _told_once(place, [str(months[row]) for row in first])
    # Last in any case, for all batches of a file have their columns in one order.
    columns["place_in_record"] = columns.pop("place_in_record", int64_array(np.zeros(rows.num_rows, dtype=np.int64)))
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _coded(values: IntArray) -> tuple[npt.NDArray[np.int32], IntArray]:
    """Give codes 0, 1, … for distinct numbers in order of appearance, and where each of them appears."""
    place = numbers(int64_array(values).dictionary_encode().indices)
    first = np.zeros(int(place.max(initial=-1)) + 1, dtype=np.int64)
    first[place[::-1]] = np.arange(len(place))[::-1]
    return place, first


def _digest(texts: list[str]) -> str:
    return hashlib.sha256("\x1f".join(texts).encode("utf-8", "replace")).hexdigest()[:DIGEST_DIGITS]


def _told_once(place: npt.NDArray[np.int32], values: Sequence[str]) -> pa.DictionaryArray:
    codes = pa.Array.from_buffers(pa.int32(), len(place), [None, pa.py_buffer(np.ascontiguousarray(place))])
    return pa.DictionaryArray.from_arrays(codes, text_array(values))
