"""Converts the rows of Parquet files, which Firehose made from JSON, back to lines of JSON.

The columns have the names of a Glue table: lower case, `detail_type` for `detail-type`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
from pyarrow import parquet

from bwp_client.decoding.byte_reader import CutShortError

_ROWS = 1000
_NAMES = {
    name.lower().replace("-", "_"): name
    for name in (
        "detail-type", "replay-name", "idempotencyKey", "apiVersion", "subscriptionId", "eventId", "eventDescriptor",
        "eventTime",
    )
}  # fmt: skip
_JSON_COLUMNS = ("detail", "resources")
"""Columns that a table may hold as text."""


def json_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the rows as lines of JSON, some rows at a time; nulls are left out.

    Raises:
        CutShortError: The file is cut or damaged; the rows before were yielded.
    """
    encoder = msgspec.json.Encoder(enc_hook=_text)
    try:
        for batch in parquet.ParquetFile(file).iter_batches(batch_size=_ROWS, use_threads=False):
            yield b"".join(encoder.encode(_event(row)) + b"\n" for row in batch.to_pylist())
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise CutShortError(str(error)) from error


def _event(row: dict[str, Any]) -> dict[str, Any]:
    event = _named(row)
    for name in _JSON_COLUMNS:
        value = event.get(name)
        if isinstance(value, str):
            try:
                decoded = msgspec.json.decode(value)
            except msgspec.DecodeError:
                continue  # the decoder of records will refuse the row
            event[name] = _named(decoded) if isinstance(decoded, dict) else decoded
    # Parquet cannot represent an empty object: its column is null, or missing.
    return {"detail": {}, **event} if "detail-type" in event else event


def _named(row: dict[str, Any]) -> dict[str, Any]:
    return {
        _NAMES.get(name.lower(), name): _named(value) if isinstance(value, dict) else _plain(value)
        for name, value in row.items()
        if value is not None
    }


def _plain(value: Any) -> Any:
    """Return a time without a zone as UTC: older writers of Parquet leave the zone out."""
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def _text(value: object) -> str:
    if isinstance(value, Decimal | date):
        return str(value)
    raise CutShortError(f"a column of {type(value).__name__} cannot come from JSON")
