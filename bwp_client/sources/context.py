"""What many events of a batch share, told once: their repeating columns as dictionaries, and one digest of them all."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa

from bwp_client.sources.arrays import IntArray, text_array

SHARED = ("event_type", "business_product_id", "event_source", "account", "region", "api_version", "subscription_id")
"""What goes into the digest. `replay_name` does not: a replayed event says the same as before."""
DIGEST_DIGITS = 32
_MAX_CODE = 2**40


def with_context(rows: pa.RecordBatch, source_uri: str) -> pa.RecordBatch:
    """Add the columns `source_uri` and `context`, and make the repeating columns dictionaries, null as empty text.

    `context` is the first 128 bits of the SHA-256 of the shared texts, as hexadecimal digits: the part of an event's
    fingerprint that needs to be hashed only once.
    """
    columns = {name: rows[name] for name in rows.schema.names}
    for name in (*SHARED, "replay_name"):
        columns[name] = columns[name].fill_null("").dictionary_encode()
    code = np.zeros(rows.num_rows, dtype=np.int64)
    for name in SHARED:
        if code.size and int(code.max()) > _MAX_CODE:
            code = np.unique(code, return_inverse=True)[1]
        code = code * (len(columns[name].dictionary) + 1) + columns[name].indices.to_numpy()
    _, first, place = np.unique(code, return_index=True, return_inverse=True)
    digests = [_digest([columns[name][int(row)].as_py() for name in SHARED]) for row in first]
    columns["context"] = _told_once(place.astype(np.int32), digests)
    columns["source_uri"] = _told_once(np.zeros(rows.num_rows, dtype=np.int32), [source_uri])
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _digest(texts: list[str]) -> str:
    return hashlib.sha256("\x1f".join(texts).encode("utf-8", "replace")).hexdigest()[:DIGEST_DIGITS]


def _told_once(place: IntArray, values: list[str]) -> pa.DictionaryArray:
    codes = pa.Array.from_buffers(pa.int32(), len(place), [None, pa.py_buffer(np.ascontiguousarray(place))])
    return pa.DictionaryArray.from_arrays(codes, text_array(values))
