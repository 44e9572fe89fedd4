"""Parquet that Firehose converted from JSON, as the lines of JSON that it was.

Its columns have the names of a table in Glue: lower case, `detail_type` for `detail-type`.
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
"""A table may keep these as text."""


def json_lines(file: BinaryIO) -> Iterator[bytes]:
    """Give each row as a line of JSON, some rows at a time; nulls are left out.

    Raises:
        CutShortError: The file is cut or damaged; what came before was given.
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
                continue  # no record that can be read; the decoder says so
            event[name] = _named(decoded) if isinstance(decoded, dict) else decoded
    # An empty object has no place in Parquet: its column is null, or not there at all.
    return {"detail": {}, **event} if "detail-type" in event else event


def _named(row: dict[str, Any]) -> dict[str, Any]:
    return {
        _NAMES.get(name.lower(), name): _named(value) if isinstance(value, dict) else _plain(value)
        for name, value in row.items()
        if value is not None
    }


def _plain(value: Any) -> Any:
    """Give a time of a column without a zone as UTC: Parquet's older writers leave it out."""
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def _text(value: object) -> str:
    if isinstance(value, Decimal | date):
        return str(value)
    raise CutShortError(f"a column of {type(value).__name__} is nothing that JSON had")
