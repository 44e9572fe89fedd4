"""Arrow arrays from Python and NumPy values, without pandas: `pyarrow.array` imports it, which would slow every start-up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bwp_client.events import ROW_FIELDS

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
UTC_US = pa.timestamp("us", "UTC")
STAGED_COLUMNS = tuple(name.removesuffix("_us") for name in ROW_FIELDS)
"""The columns of a staged row that come from the event itself."""


class EncodedTexts(NamedTuple):
    """A part of a text column."""

    data: bytes
    """The texts in UTF-8, joined."""
    lengths: npt.NDArray[np.int32]
    """The length of each text, in bytes."""


def encoded_texts(values: Sequence[str]) -> EncodedTexts:
    """Encode texts as a part of a column."""
    joined = "".join(values)
    data = joined.encode("utf-8", "replace")
    lengths = map(len, values) if len(data) == len(joined) else (len(v.encode("utf-8", "replace")) for v in values)
    return EncodedTexts(data, np.fromiter(lengths, dtype=np.int32, count=len(values)))


def text_column(parts: Sequence[EncodedTexts]) -> pa.StringArray:
    """Return one array of the texts of all parts, under 2 GiB in all."""
    lengths = np.concatenate([part.lengths for part in parts])
    return pa.StringArray.from_buffers(
        len(lengths), _offsets(lengths), pa.py_buffer(b"".join([part.data for part in parts]))
    )


def text_array(values: Sequence[str]) -> pa.StringArray:
    """Return an array of texts, none of them null."""
    return text_column([encoded_texts(values)])


def bytes_array(values: Sequence[bytes]) -> pa.BinaryArray:
    """Return an array of byte strings, none of them null, under 2 GiB in all."""
    offsets = _offsets(np.fromiter(map(len, values), dtype=np.int32, count=len(values)))
    return pa.Array.from_buffers(pa.binary(), len(values), [None, offsets, pa.py_buffer(b"".join(values))])


def _offsets(lengths: npt.NDArray[np.int32]) -> pa.Buffer:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.py_buffer(offsets)


def dictionary_array(codes: npt.NDArray[np.int32], values: Sequence[str]) -> pa.DictionaryArray:
    """Return the array of `values[code]` for each code, dictionary-encoded."""
    indices = pa.Array.from_buffers(pa.int32(), len(codes), [None, pa.py_buffer(np.ascontiguousarray(codes))])
    return pa.DictionaryArray.from_arrays(indices, text_array(values))


def int64_array(values: Sequence[int] | IntArray, kind: pa.DataType | None = None) -> pa.Array:
    """Return an array of 64-bit integers, or of a type that is stored as such."""
    data = np.ascontiguousarray(values, dtype=np.int64)
    return pa.Array.from_buffers(kind or pa.int64(), len(data), [None, pa.py_buffer(data)])


def bool_array(values: BoolArray) -> pa.BooleanArray:
    """Return an Arrow array of NumPy booleans."""
    bits = pa.py_buffer(np.packbits(values, bitorder="little"))
    return pa.BooleanArray.from_buffers(pa.bool_(), len(values), [None, bits])


def numbers(values: pa.Array) -> npt.NDArray[Any]:
    """Return a NumPy view of an Arrow array of integers or timestamps without nulls; int32 or int64, as stored."""
    kind = np.int32 if values.type.bit_width == 32 else np.int64
    _, data = values.buffers()
    return np.frombuffer(data or b"", dtype=kind)[values.offset : values.offset + len(values)]


def mask(values: pa.BooleanArray) -> BoolArray:
    """Return a NumPy copy of an Arrow array of booleans without nulls."""
    bits = np.frombuffer(values.buffers()[1] or b"", dtype=np.uint8)
    return np.unpackbits(bits, count=values.offset + len(values), bitorder="little")[values.offset :].astype(bool)


def byte_lengths(texts: pa.StringArray) -> npt.NDArray[np.int32]:
    """Return the length of each text in bytes of UTF-8."""
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return np.diff(offsets)
