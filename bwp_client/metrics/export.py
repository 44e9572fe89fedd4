"""Writers of CSV, Parquet and JSON rows; a CSV cell that a spreadsheet would run as a formula becomes text."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pandas as pd

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def defused(value: Any) -> Any:
    """Return the value, with an apostrophe before a text that a spreadsheet would run as a formula."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA_STARTS):
        return "'" + value
    return value


def _cell(value: Any) -> Any:
    """Defuse a value and replace carriage returns by newlines: pandas quotes only newlines, but both begin a new row."""
    return defused(value).replace("\r", "\n") if isinstance(value, str) else value


def to_csv(frame: pd.DataFrame) -> str:
    """Return a frame as CSV text, times as ISO 8601 in UTC."""
    safe = frame.copy()
    for name in safe.columns:
        if isinstance(safe[name].dtype, pd.DatetimeTZDtype):
            safe[name] = [None if pd.isna(time) else time.isoformat() for time in safe[name]]
        elif not pd.api.types.is_numeric_dtype(safe[name].dtype):
            safe[name] = [_cell(value) for value in safe[name]]
    safe.columns = [_cell(name) for name in safe.columns]
    return safe.to_csv(index=False, lineterminator="\n")


def to_parquet(frame: pd.DataFrame) -> bytes:
    """Return a frame as the bytes of a Parquet file."""
    buffer = BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def to_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame as rows for JSON: numbers in full, times as ISO 8601 in UTC, missing values as None."""
    names = [str(name) for name in frame.columns]
    columns = [[_plain(value) for value in frame[name].tolist()] for name in frame.columns]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # a NumPy scalar or array
        return _plain(value.tolist())
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, pd.Timestamp) else value
