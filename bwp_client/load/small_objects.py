"""Many small objects at once: their lines are read as one text, for reading each alone costs more than what is in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import pyarrow as pa

from bwp_client.decoding.arrow_arrays import IntArray, int64_array, numbers
from bwp_client.decoding.columnar import read_lines
from bwp_client.decoding.compression import CutShortError, blocks
from bwp_client.decoding.framing import line_bounds
from bwp_client.decoding.line_layouts import Shapes

SMALL_BYTES = 256 * 1024
"""Objects up to this size, as they are stored, are read together."""
TEXT_BYTES = 4 * 1024 * 1024
"""The text that is read at once, about; an object with more of it is read alone."""


@dataclass(frozen=True, slots=True)
class Together:
    """What became of several objects."""

    rows: pa.RecordBatch
    """The staged columns; `source_offset` counts from each object's own begin."""
    owners: IntArray
    """Which object each row is of."""
    ignored: list[Counter[str]]
    """What was ignored, by object."""
    left: set[int]
    """Objects with a line that was not taken; none of their rows is here."""


def whole_text(raw: bytes) -> bytes | None:
    """Give an object's text with a newline at its end; none where it is too long, damaged, or not lines of JSON objects."""
    text = b""
    try:
        for block in blocks(BytesIO(raw)):
            text += block
            if len(text) > TEXT_BYTES:
                return None
    except CutShortError:
        return None
    if not text.startswith(b"{"):
        return None
    return text if text.endswith(b"\n") else text + b"\n"


def read_together(texts: list[bytes], shapes: Shapes, *, latest_us: int) -> Together | None:
    """Read the lines of several objects; none where some line of them is no JSON object by itself.

    Args:
        texts: What `whole_text` gave.
        shapes: How lines were written that were met before.
        latest_us: The newest event time accepted, in µs since 1970.
    """
    joined = b"".join(texts)
    starts = np.cumsum([0, *map(len, texts)])
    begins, ends = line_bounds(joined, len(joined))
    lines = read_lines(memoryview(joined), 0, begins, ends, shapes, latest_us=latest_us)
    if lines is None:
        return None
    owner = np.searchsorted(starts, begins, side="right") - 1
    left = set(owner[lines.left].tolist())
    offsets = numbers(lines.rows["source_offset"])
    owners = np.searchsorted(starts, offsets, side="right") - 1
    rows = lines.rows.set_column(
        lines.rows.schema.get_field_index("source_offset"), "source_offset", int64_array(offsets - starts[owners])
    )
    ignored = [Counter[str]() for _ in texts]
    for place, event_type in zip(owner[lines.ignored_places].tolist(), lines.ignored.to_pylist(), strict=True):
        ignored[place][event_type] += 1
    if left:
        kept = np.flatnonzero(~np.isin(owners, list(left)))
        rows, owners = rows.take(int64_array(kept)), owners[kept]
    return Together(rows, owners, ignored, left)
