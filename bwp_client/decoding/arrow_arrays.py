"""Arrow arrays from Python values, built by hand: the usual way makes pyarrow import pandas, a second of start-up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bwp_client.events import ROW_FIELDS

IntArray = npt.NDArray[np.int64]
UTC_US = pa.timestamp("us", "UTC")
STAGED = tuple(name.removesuffix("_us") for name in ROW_FIELDS)
"""The columns of a staged row, `source_offset` apart."""


def text_array(values: Sequence[str]) -> pa.StringArray:
    """Give an array of texts, none of them null."""
    joined = "".join(values)
    data = joined.encode("utf-8", "replace")
    lengths = map(len, values) if len(data) == len(joined) else (len(v.encode("utf-8", "replace")) for v in values)
    offsets = np.zeros(len(values) + 1, dtype=np.int32)
    np.cumsum(np.fromiter(lengths, dtype=np.int32, count=len(values)), out=offsets[1:])
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(data))


def bytes_array(values: Sequence[bytes]) -> pa.BinaryArray:
    """Give an array of byte strings, none of them null, under 2 GiB in all."""
    offsets = np.zeros(len(values) + 1, dtype=np.int32)
    np.cumsum(np.fromiter(map(len, values), dtype=np.int32, count=len(values)), out=offsets[1:])
    return pa.Array.from_buffers(
        pa.binary(), len(values), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(values))]
    )


def dictionary(column: pa.StringArray | pa.DictionaryArray) -> pa.DictionaryArray:
    """Give a column as codes for its distinct texts, null as empty text; one that is so already as it is."""
    if isinstance(column, pa.DictionaryArray):
        return column
    encoded = column.dictionary_encode(null_encoding="encode")
    return pa.DictionaryArray.from_arrays(encoded.indices, encoded.dictionary.fill_null(_NO_TEXT))


def bool_array(values: npt.NDArray[np.bool_]) -> pa.BooleanArray:
    """Give NumPy's booleans as Arrow's."""
    bits = pa.py_buffer(np.packbits(values, bitorder="little"))
    return pa.BooleanArray.from_buffers(pa.bool_(), len(values), [None, bits])


def numbers(values: pa.Array) -> npt.NDArray[Any]:
    """Give an array of whole numbers or times, none of them null, as NumPy's, not copied."""
    kind = np.int32 if values.type.bit_width == 32 else np.int64
    _, data = values.buffers()
    return np.frombuffer(data or b"", dtype=kind)[values.offset : values.offset + len(values)]


def lengths(texts: pa.StringArray) -> IntArray:
    """Give the number of characters of each text, null as 0."""
    return numbers(pc.utf8_length(texts).fill_null(_ZERO))


def int64_array(values: Sequence[int] | IntArray, kind: pa.DataType | None = None) -> pa.Array:
    """Give an array of 64-bit integers, or of a type stored as such."""
    data = np.ascontiguousarray(values, dtype=np.int64)
    return pa.Array.from_buffers(kind or pa.int64(), len(data), [None, pa.py_buffer(data)])


def mask(values: pa.BooleanArray) -> npt.NDArray[np.bool_]:
    """Give a boolean array, null taken as false, as NumPy's."""
    filled = values.fill_null(_FALSE)
    bits = np.frombuffer(filled.buffers()[1] or b"", dtype=np.uint8)
    return np.unpackbits(bits, count=filled.offset + len(filled), bitorder="little")[filled.offset :].astype(bool)


_NO_TEXT = text_array([""])[0]
_FALSE = bool_array(np.zeros(1, dtype=bool))[0]
_ZERO = pa.Array.from_buffers(pa.int32(), 1, [None, pa.py_buffer(bytes(4))])[0]
