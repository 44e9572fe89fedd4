"""Writers of CSV, Parquet and JSON rows; a CSV cell that a spreadsheet would run as a formula becomes text."""

from __future__ import annotations

import re
import unicodedata
from io import BytesIO
from typing import Any

import pandas as pd

_FORMULA_STARTS = ("=", "+", "-", "@", "\N{MINUS SIGN}")
_AFTER_SEPARATOR = re.compile(r"(?<=[;\t])[^;\t\r\n]+")
_LINE_STARTS = ("\t", "\r", "\n")
_HARMLESS = re.compile(r"[0-9A-Za-z][^;\t\r]*")
"""Texts that are written as they are; nearly all cells are such, and a match takes a thirtieth of the time."""
_IGNORED = ' "\N{BRAILLE PATTERN BLANK}\N{HANGUL FILLER}\N{HALFWIDTH HANGUL FILLER}\N{HANGUL CHOSEONG FILLER}'


def defused(value: Any) -> Any:
    """Return the value, with an apostrophe before a text that a spreadsheet would run as a formula.

    Spreadsheets drop some invisible characters, such as NUL in LibreOffice, and quotes that they take for those of a cell,
    and some read wide and small forms of the signs that begin a formula. So such characters before the sign don't count, and
    every form of the sign does.
    """
    if not isinstance(value, str):
        return value
    if value.lstrip(" ").startswith(_LINE_STARTS):
        return "'" + value
    first = next((character for character in value if not _is_ignored(character)), "")
    return "'" + value if unicodedata.normalize("NFKC", first).startswith(_FORMULA_STARTS) else value


def _is_ignored(character: str) -> bool:
    is_mark = unicodedata.category(character) in ("Mn", "Me")
    return character in _IGNORED or is_mark or not character.isprintable()


def _cell(value: Any) -> Any:
    """Defuse a value, also behind each semicolon and tab, at which some spreadsheets split cells that are not quoted.

    Carriage returns become newlines: pandas quotes only newlines, but both begin a new row.
    """
    if not isinstance(value, str) or _HARMLESS.fullmatch(value):
        return value
    return _AFTER_SEPARATOR.sub(lambda part: defused(part[0]), defused(value)).replace("\r", "\n")


def to_csv(frame: pd.DataFrame) -> str:
    """Return a frame as CSV text, times as ISO 8601 in UTC; a missing value is an empty field.

    pandas reads texts such as `NA` and `null` as missing unless told otherwise: `read_csv(file, keep_default_na=False)`.
    """
    safe = frame.copy()
    for name in safe.columns:
        if isinstance(safe[name].dtype, pd.DatetimeTZDtype):
            safe[name] = [None if time is pd.NaT else time.isoformat() for time in safe[name]]
        elif not pd.api.types.is_numeric_dtype(safe[name].dtype):
            safe[name] = [_cell(value) for value in safe[name].to_numpy(dtype=object)]  # faster than its iterator
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
