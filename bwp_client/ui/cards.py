"""Rows drawn as cards, one below the other: on a narrow screen, a table would be cut on the right."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from bwp_client.metrics.wording import day, minute
from bwp_client.ui.drill_down import Opening
from bwp_client.ui.markdown import plain

COOKIE: Final = "bwp_screen"
"""Set by `browser/screen.js` before the page connects: `narrow` or `wide`."""
NARROW: Final = "narrow"
CARDS_AT_FIRST: Final = 20
"""The number of cards of a table; a button adds as many more."""
SHORT: Final = 32
"""The most characters of a value, with its label, that shares a line with others."""
NO_BREAK: Final = "\u00a0"
NO_VALUE: Final = "–"
"""The placeholder that says nothing of an empty value."""
TIME_MARK: Final = "HH:mm"
"""Part of a column's format that shows the time of day too."""


def is_narrow() -> bool:
    """Return whether the visitor's screen was too narrow for tables when the page was loaded."""
    return st.context.cookies.get(COOKIE) == NARROW


def draw_cards(
    rows: pd.DataFrame,
    columns: Mapping[str, Any],
    *,
    key: str,
    opening: Opening | None,
    placeholder: str,
    name_column: str | None = None,
) -> None:
    """Draw a card for each of the first rows, and a button that draws more of them.

    Args:
        rows: The rows.
        columns: The configuration of columns, as `st.dataframe` takes it; a column with None is left out.
        key: The key of the table that the cards replace.
        opening: What a card opens.
        placeholder: The text of an empty value; a dash is left out of a card but for its title.
        name_column: The column that becomes the title; by default, the first that holds neither numbers nor times.
    """
    count = st.session_state.setdefault(f"{key}_cards", CARDS_AT_FIRST)
    shown = [name for name in rows.columns if columns.get(name, name) is not None]
    title = name_column or next((name for name in shown if not _is_figure(rows[name])), shown[0])
    without = "" if placeholder == NO_VALUE else placeholder
    for index, row in enumerate(rows.head(count).to_dict("records")):
        heading = cell_text(row[title], columns.get(title)) or placeholder
        values = [
            f"{_label(name, columns.get(name))}: {text}"
            for name in shown
            if name != title and (text := cell_text(row[name], columns.get(name)) or without)
        ]
        with st.container(border=True, gap="xsmall", key=f"{key}_card_{index}"):
            if opening is None or index >= len(opening.items):
                st.markdown(f"**{plain(heading)}**")
            else:
                st.button(
                    f"**{plain(heading)}**", key=f"{key}_open_{index}", type="tertiary", icon=":material/chevron_right:",
                    on_click=opening.open_item, args=(opening.items[index],),
                )  # fmt: skip
            st.markdown("  \n".join(_lines(values)))
    if len(rows) > count:
        more = min(CARDS_AT_FIRST, len(rows) - count)
        st.button(f"Show {more:,} more of {len(rows) - count:,}", key=f"{key}_more", on_click=_show_more, args=(key,))


def _lines(values: list[str]) -> list[str]:
    """Return the values of a card as lines of Markdown: the short ones as one that breaks between them, then the others."""
    short = [value for value in values if len(value) <= SHORT]
    others = [plain(value) for value in values if len(value) > SHORT]
    return [f"{NO_BREAK}· ".join(map(_unbroken, short)), *others] if short else others


def _unbroken(value: str) -> str:
    return plain(value).replace(" ", NO_BREAK)


def _show_more(key: str) -> None:
    st.session_state[f"{key}_cards"] += CARDS_AT_FIRST


def _is_figure(column: pd.Series[Any]) -> bool:
    """Return whether a column holds numbers or times, which name no row."""
    if column.dtype != object:
        return pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column)
    return bool(column.map(lambda value: isinstance(value, (date, list))).all())


def _label(name: Any, column: Any) -> str:
    """Return the label of a column."""
    if isinstance(column, str):
        return column
    return str((column or {}).get("label") or name)


def cell_text(value: Any, column: Any) -> str:
    """Return the text of a table's cell; empty for no value.

    Args:
        value: The value.
        column: The configuration of its column: a mapping, a label, or None.
    """
    if hasattr(value, "tolist") and not isinstance(value, pd.Timestamp):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    if value is None or pd.isna(value):
        return ""
    kind = {} if column is None or isinstance(column, str) else column.get("type_config") or {}
    shape = str(kind.get("format") or "")
    if isinstance(value, datetime):
        zone = str(kind.get("timezone") or "UTC")
        value = value.astimezone(ZoneInfo(zone)) if value.tzinfo else value
        if shape and TIME_MARK not in shape:
            return day(value)
        is_named = f"({zone})" in _label("", column)
        return minute(value) if zone == "UTC" and not is_named else f"{day(value)} {value:%H:%M}"
    if isinstance(value, date):
        return day(value)
    if isinstance(value, float) and "%" not in shape:
        return f"{value:,.0f}" if value.is_integer() else f"{value:,.2f}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return shape % value if "%" in shape else f"{value:,}"
    return str(value)
