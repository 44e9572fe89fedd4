"""What one takes away from a page: its link, its data as a workbook, and each chart and table as a file.

A menu draws its buttons when it is opened, and a file is made when its button is clicked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from threading import Event
from typing import Final
from urllib.parse import urlsplit

import pandas as pd
import streamlit as st

from bwp_client.metrics.excel import MAX_ROWS, to_excel
from bwp_client.metrics.export import to_csv, to_parquet

_TABLES: Final = "tables_of_page"
"""Session key of the rows of each chart and table of the page, by its key, as functions that return them."""
_IS_DRAWN: Final = "page_is_drawn"
"""Session key of the event that is set when the page is drawn."""
_DRAW_SECONDS: Final = 20
_EXCEL: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_PARQUET: Final = "application/vnd.apache.parquet"


def forget_tables() -> None:
    """Forget the tables of the page that was drawn before."""
    st.session_state[_TABLES] = {}
    st.session_state[_IS_DRAWN] = Event()


def end_page() -> None:
    """Let the workbook of the page be made: all its tables are drawn."""
    if _IS_DRAWN in st.session_state:
        st.session_state[_IS_DRAWN].set()


def draw_share_menu(title: str, link: Callable[[], str], about: Callable[[], Mapping[str, str]]) -> None:
    """Draw the menu of the page's link and of a workbook with the rows of all its charts and tables.

    Args:
        title: The page's title, which names the workbook.
        link: Returns the address of the page with fixed days and IDs.
        about: Returns what the workbook says of itself, by label.
    """
    menu = st.popover("Share", icon=":material/share:", key="share", on_change="rerun")
    if menu.open:
        with menu:
            st.text("Copy link (at its right end)")
            address = link()
            st.code(address, language=None, wrap_lines=True)
            st.caption(_reach(address))
            tables: dict[str, Callable[[], pd.DataFrame]] = st.session_state[_TABLES]
            is_drawn: Event = st.session_state[_IS_DRAWN]
            st.download_button(
                "Data of this page (Excel)", lambda: _workbook(about(), tables, is_drawn),
                f"{file_name(title)}.xlsx", _EXCEL,
                on_click="ignore", key="page_excel", icon=":material/download:",
                help="A sheet for each chart and table that is shown.",
            )  # fmt: skip


def _reach(address: str) -> str:
    text = "Shows the same days, products and codes, also later."
    is_own = urlsplit(address).hostname in {"127.0.0.1", "localhost", "::1"}
    return f"{text} This address works on this computer only." if is_own else text


def draw_download_menu(
    rows: Callable[[], pd.DataFrame], key: str, *, name: str | None = None, count: int | None = None
) -> None:
    """Draw the menu that downloads the rows of a chart or table.

    Args:
        rows: Returns the rows.
        key: The key of the chart or table.
        name: The name of the files; by default the key.
        count: The number of rows, where they may be very many.
    """
    st.session_state.setdefault(_TABLES, {})[key] = rows
    menu = st.popover("Download", icon=":material/download:", type="tertiary", key=f"{key}_download", on_change="rerun")
    if menu.open:
        with menu:
            file = file_name(name or key)
            _draw_file("CSV", lambda: to_csv(rows()), f"{file}.csv", "text/csv", f"{key}_csv")
            if count is None or count <= MAX_ROWS:
                _draw_file("Excel", lambda: to_excel({_sheet(key): rows()}), f"{file}.xlsx", _EXCEL, f"{key}_excel")
            if count is not None:
                _draw_file("Parquet", lambda: to_parquet(rows()), f"{file}.parquet", _PARQUET, f"{key}_parquet")


def _draw_file(label: str, content: Callable[[], str | bytes], file: str, mime: str, key: str) -> None:
    st.download_button(label, content, file, mime, on_click="ignore", key=key, width="stretch")


def _workbook(about: Mapping[str, str], tables: Mapping[str, Callable[[], pd.DataFrame]], is_drawn: Event) -> bytes:
    is_drawn.wait(
        _DRAW_SECONDS
    )  # the menu stands at the head of the page, so a click can come before the rest is drawn
    sheets = {"About": pd.DataFrame({"what": list(about), "value": list(about.values())}, dtype="str")}
    return to_excel(sheets | {_sheet(key): rows().head(MAX_ROWS) for key, rows in tables.items()})


def _sheet(key: str) -> str:
    return key.replace("_", " ").capitalize()


def file_name(name: str) -> str:
    """Return a title or key as the name of a file, without its ending."""
    return re.sub(r"[\W_]+", "-", name.lower()).strip("-")
