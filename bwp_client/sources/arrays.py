"""Arrow arrays from Python values, built by hand: the usual way makes pyarrow import pandas, a second per worker."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

IntArray = npt.NDArray[np.int64]


def text_array(values: Sequence[str]) -> pa.StringArray:
    """Give an array of texts, none of them null."""
    joined = "".join(values)
    data = joined.encode("utf-8", "replace")
    lengths = map(len, values) if len(data) == len(joined) else (len(v.encode("utf-8", "replace")) for v in values)
    offsets = np.zeros(len(values) + 1, dtype=np.int32)
    np.cumsum(np.fromiter(lengths, dtype=np.int32, count=len(values)), out=offsets[1:])
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(data))


def dictionary(column: pa.StringArray) -> pa.DictionaryArray:
    """Give a column as codes for its distinct texts, null as empty text."""
    encoded = column.dictionary_encode(null_encoding="encode")
    return pa.DictionaryArray.from_arrays(encoded.indices, encoded.dictionary.fill_null(""))


def int64_array(values: Sequence[int] | IntArray, kind: pa.DataType | None = None) -> pa.Array:
    """Give an array of 64-bit integers, or of a type stored as such."""
    data = np.ascontiguousarray(values, dtype=np.int64)
    return pa.Array.from_buffers(kind or pa.int64(), len(data), [None, pa.py_buffer(data)])


def mask(values: pa.BooleanArray) -> npt.NDArray[np.bool_]:
    """Give a boolean array, null taken as false, as NumPy's."""
    array: npt.NDArray[np.bool_] = values.fill_null(False).to_numpy(zero_copy_only=False)
    return array
