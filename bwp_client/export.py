"""The one CSV writer: a cell that a spreadsheet would take for a formula is made text."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def defused(value: Any) -> Any:
    """Give a text that no spreadsheet runs: one that begins like a formula gets an apostrophe before it."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA_STARTS):
        return "'" + value
    return value


def to_csv(frame: pd.DataFrame) -> str:
    """Give a frame as CSV text, times as ISO 8601 in UTC."""
    safe = frame.copy()
    for name in safe.columns:
        if isinstance(safe[name].dtype, pd.DatetimeTZDtype):
            safe[name] = [None if pd.isna(time) else time.isoformat() for time in safe[name]]
        elif not pd.api.types.is_numeric_dtype(safe[name].dtype):
            safe[name] = [defused(value) for value in safe[name]]
    safe.columns = [defused(name) for name in safe.columns]
    return safe.to_csv(index=False, lineterminator="\n")


def to_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Give a frame as rows for JSON, times as ISO 8601 in UTC, missing values as null."""
    rows: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", date_format="iso", date_unit="us"))
    return rows
