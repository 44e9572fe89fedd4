"""Writer of Excel workbooks, in which texts stay texts, times are UTC and rates are percentages."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from io import BytesIO
from typing import Final

import pandas as pd

MAX_ROWS: Final = 1_048_575
"""The most rows that a sheet holds below its header."""
_NAME_LENGTH: Final = 31
_TEXT_LENGTH: Final = 32_767
_WIDEST: Final = 400
"""The width of the widest column in pixels."""
_TIME_FORMAT: Final = 'yyyy-mm-dd hh:mm:ss "UTC"'
_TEXTS_AS_TEXTS: Final = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def to_excel(sheets: Mapping[str, pd.DataFrame]) -> bytes:
    """Return frames as the bytes of an Excel workbook, a sheet for each, with a filter over each column.

    A text is written as a text, whatever it begins with. Times are UTC, and each cell says so, because Excel knows no zones.
    Columns whose name ends with `rate` or `share` are shown as percentages. A list becomes a text, a missing value an empty
    cell; a text ends where a cell of Excel does, after 32,767 characters.

    Args:
        sheets: The frames, of `MAX_ROWS` rows at most, by the name of their sheet, which is shortened to what Excel allows.
    """
    buffer = BytesIO()
    with pd.ExcelWriter(
        buffer, engine="xlsxwriter", datetime_format=_TIME_FORMAT, date_format="yyyy-mm-dd",
        engine_kwargs={"options": _TEXTS_AS_TEXTS},
    ) as writer:  # fmt: skip
        percent = writer.book.add_format({"num_format": "0.00%"})
        for title, frame in sheets.items():
            name = _sheet_name(title, {sheet.casefold() for sheet in writer.sheets})
            plain = pd.DataFrame({column: _plain_values(frame[column]) for column in frame.columns})
            plain.to_excel(writer, sheet_name=name, index=False, freeze_panes=(1, 0))
            sheet = writer.sheets[name]
            if len(plain.columns):
                sheet.autofilter(0, 0, len(plain), len(plain.columns) - 1)
            sheet.autofit(_WIDEST)
            for number, column in enumerate(map(str, plain.columns)):
                if column.endswith(("rate", "share")):
                    sheet.set_column(number, number, None, percent)
    return buffer.getvalue()


def _plain_values(values: pd.Series) -> pd.Series:
    """Return values as Excel can hold them."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.dt.tz_convert("UTC").dt.tz_localize(None)
    elif isinstance(values.dtype, pd.StringDtype):
        values = values.str.slice(0, _TEXT_LENGTH)
    elif values.dtype == object:
        values = values.map(lambda value: ", ".join(map(str, value)) if isinstance(value, list | tuple) else value)
    return values


def _sheet_name(title: str, taken: Container[str]) -> str:
    """Return a name that Excel accepts and that no sheet has yet, whatever its case."""
    name = re.sub(r"[\[\]:*?/\\]", " ", title).lstrip(" '")[:_NAME_LENGTH].rstrip(" '") or "Sheet"
    found, number = name, 2
    while found.casefold() in taken:
        ending = f" {number}"
        found, number = name[: _NAME_LENGTH - len(ending)] + ending, number + 1
    return found
