"""Converts the rows of Parquet files, which Firehose, Glue or Athena made from JSON, back to lines of JSON.

The columns have the names of a Glue table: lower case, `detail_type` for `detail-type`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
from pyarrow import parquet

from bwp_client.decoding.byte_reader import CutShortError
from bwp_client.event_fields import GLUE_NAMES

_ROWS = 16
"""Rows read at a time: a small file may repeat a long text in every row."""
_LARGE_BYTES = 1024**2
"""The size from which the rows read at a time are converted one by one."""
_JSON_COLUMNS = ("detail", "resources")
"""Columns that a table may hold as text."""


def json_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the rows as lines of JSON, some rows at a time; nulls are left out.

    Raises:
        CutShortError: The file is cut or damaged; the rows before were yielded.
    """
    encoder = msgspec.json.Encoder(enc_hook=str)
    try:
        for batch in parquet.ParquetFile(file).iter_batches(batch_size=_ROWS, use_threads=False):
            rows = 1 if batch.nbytes > _LARGE_BYTES else _ROWS
            for first in range(0, batch.num_rows, rows):
                yield b"".join(encoder.encode(_event(row)) + b"\n" for row in _rows(batch.slice(first, rows)))
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise CutShortError(str(error)) from error


def _rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a key that a map holds twice, the last counts, as in JSON
        try:
            rows: list[dict[str, Any]] = batch.to_pylist(maps_as_pydicts="lossy")
        except (ValueError, OverflowError):
            # Python has no such time: as text, it is refused only where the time decides.
            schema = pa.schema([(field.name, _times_as_text(field.type)) for field in batch.schema])
            rows = batch.cast(schema).to_pylist(maps_as_pydicts="lossy")
    return rows


def _times_as_text(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _times_as_text(field.type)) for field in kind.fields])
    if pa.types.is_list(kind):
        return pa.list_(_times_as_text(kind.value_type))
    return pa.string() if pa.types.is_temporal(kind) else kind


def _event(row: dict[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = _json_value(row)
    for name in _JSON_COLUMNS:
        value = event.get(name)
        if isinstance(value, str):
            try:
                event[name] = _json_value(msgspec.json.decode(value))
            except msgspec.DecodeError:
                continue  # the decoder of records judges the text
    return event


def _json_value(value: Any) -> Any:
    """Return a value as JSON has it: with the names of JSON, without nulls in objects, and with bytes as text."""
    if isinstance(value, dict):
        members = {_json_value(name): inner for name, inner in value.items() if inner is not None}
        return {
            GLUE_NAMES.get(name.lower(), name) if isinstance(name, str) else name: _json_value(inner)
            for name, inner in members.items()
        }
    if isinstance(value, list):
        return [_json_value(inner) for inner in value]
    if isinstance(value, bytes):
        try:
            return value.decode()  # some writers do not mark text as such
        except UnicodeDecodeError:
            return value
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)  # older writers leave the zone out
    return value
