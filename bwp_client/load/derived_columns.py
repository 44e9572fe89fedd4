"""Completes the columns of a staged batch: dictionary-encodes those that repeat, and derives others from them."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bwp_client.decoding.arrow_arrays import IntArray, dictionary_array, int64_array, numbers, text_array
from bwp_client.events import EVENT_TYPES
from bwp_client.ids import normal_id

SHARED_COLUMNS = (
    "event_type", "business_product_id", "event_source", "account", "region", "api_version", "subscription_id",
)  # fmt: skip
"""The columns of the context digest. `replay_name` is none of them: a replayed event says the same as before."""
DIGEST_DIGITS = 32
_MAX_CODE = 2**40


def with_derived_columns(
    rows: pa.RecordBatch, *, source_uris: pa.DictionaryArray, offsets: IntArray, rows_in_record: IntArray
) -> pa.RecordBatch:
    """Return the rows with the columns that staged files have, repeating columns as dictionaries of texts.

    IDs get their normal form (`bwp_client.ids`). Added are `source_uri`, `source_offset`, `task_kind`, `outcome`,
    `occurred_month`, `context` and `row_in_record`. `context` is the first 128 bits of the SHA-256 of the texts of
    `SHARED_COLUMNS`, as hexadecimal digits. It is computed once for each combination of texts, and is a part of each event's
    fingerprint.

    Args:
        rows: The columns that come from the event itself.
        source_uris: The object of each row.
        offsets: The offset of each row's record in its object, in bytes.
        rows_in_record: The index of each row among the rows of its record.
    """
    columns = {name: rows[name] for name in rows.schema.names}
    for name in (*SHARED_COLUMNS, "replay_name"):
        if not pa.types.is_dictionary(columns[name].type):
            columns[name] = columns[name].dictionary_encode()
    products = columns["business_product_id"]
    columns["business_product_id"] = pa.DictionaryArray.from_arrays(products.indices, _normal_ids(products.dictionary))
    for name in ("task_id", "envelope_id", "idempotency_key"):
        columns[name] = _normal_ids(columns[name])
    columns["context"] = _context(columns)
    types = columns["event_type"]
    # The dictionary may hold other types too, of rows that were left out.
    kinds, outcomes = zip(*(EVENT_TYPES.get(text, ("", "")) for text in types.dictionary.to_pylist()), strict=True)
    columns["task_kind"] = dictionary_array(numbers(types.indices), kinds)
    columns["outcome"] = dictionary_array(numbers(types.indices), outcomes)
    months = numbers(columns["occurred_at"]).view("datetime64[us]").astype("datetime64[M]")
    codes, first = _codes(months.astype(np.int64))
    columns["occurred_month"] = dictionary_array(codes, [str(months[row]) for row in first])
    columns["source_uri"] = source_uris
    columns["source_offset"] = int64_array(offsets)
    columns["row_in_record"] = int64_array(rows_in_record)
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _normal_ids(ids: pa.StringArray) -> pa.StringArray:
    """Return IDs in their normal form; hardly any has another one."""
    in_small_letters = pc.ascii_lower(ids)
    if in_small_letters.equals(ids):
        return ids
    return text_array([normal_id(text) for text in ids.to_pylist()])


def _context(columns: dict[str, pa.Array]) -> pa.DictionaryArray:
    combined = np.zeros(len(columns["event_type"]), dtype=np.int64)
    for name in SHARED_COLUMNS:
        if combined.size and int(combined.max()) > _MAX_CODE:
            combined = np.unique(combined, return_inverse=True)[1]
        combined = combined * (len(columns[name].dictionary) + 1) + numbers(columns[name].indices)
    codes, first = _codes(combined)
    digests = [_digest([columns[name][int(row)].as_py() for name in SHARED_COLUMNS]) for row in first]
    return dictionary_array(codes, digests)


def _codes(values: IntArray) -> tuple[npt.NDArray[np.int32], IntArray]:
    """Return the codes 0, 1, … of distinct numbers in order of appearance, and the index where each appears first."""
    codes = numbers(int64_array(values).dictionary_encode().indices)
    first = np.zeros(int(codes.max(initial=-1)) + 1, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return codes, first


def _digest(texts: list[str]) -> str:
    return hashlib.sha256("\x1f".join(texts).encode("utf-8", "replace")).hexdigest()[:DIGEST_DIGITS]
