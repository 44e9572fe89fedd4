"""Elements that several pages draw: headings with help, charts with text alternative and download menu, columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import plotly.graph_objects as go
import pyarrow as pa
import streamlit as st

from bwp_client.charts import Theme, code_colors
from bwp_client.charts.frozen_figure import FrozenFigure
from bwp_client.metrics import METRICS, MetricName
from bwp_client.ui.address_fields import draw_tabs
from bwp_client.ui.cards import NO_VALUE, draw_cards, is_narrow
from bwp_client.ui.drill_down import FiltersOfMark, Opening, open_mark, open_ticked
from bwp_client.ui.filters import all_codes
from bwp_client.ui.markdown import plain
from bwp_client.ui.page import PageContext
from bwp_client.ui.sharing import draw_download_menu, file_name

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from streamlit.elements.lib.column_types import ColumnConfig

ROW_HEIGHT = 66
"""Row height in pixels, for three lines of text; in rows of 64 pixels or more, Streamlit breaks long texts into lines."""
_CODE_WIDTHS: Final = (190, 330)
"""The narrowest and the widest column of error codes, in pixels."""
_CHARACTER_WIDTH, _CELL_PADDING = 8, 16
DAY_FORMAT = "D MMM YYYY"
MINUTE_FORMAT = "D MMM YYYY HH:mm"
SECOND_FORMAT = "D MMM YYYY HH:mm:ss"


def theme() -> Theme:
    """Return the visitor's theme."""
    return Theme.DARK if st.context.theme.type == "dark" else Theme.LIGHT


def draw_heading(title: str, *about: MetricName, notes: str = "") -> None:
    """Draw a subheading with a help.

    Args:
        title: The text.
        about: The metrics to explain in brief; the glossary has their whole meaning.
        notes: What else the help says of the figures below, such as the marks of a chart.
    """
    st.subheader(title, anchor=False, help=plain(" ".join((*map(brief_of, about), notes)).strip()) or None)


def brief_of(name: MetricName) -> str:
    """Return what a metric counts, in a sentence or two."""
    return METRICS[name].brief


def draw_chart(
    page: PageContext,
    title: str,
    figure: Callable[[], go.Figure],
    *,
    notes: str,
    alt: Callable[[], str],
    key: str,
    data: Callable[[], pd.DataFrame],
    on_click: FiltersOfMark | None = None,
) -> None:
    """Draw a chart with its measure as title, whose help explains the chart.

    Args:
        page: The page.
        title: The measure.
        figure: Returns the figure; called once for the same data, filters, settings and theme.
        notes: The explanation of the marks, and n.
        alt: Returns the text alternative; called once for the same data, filters, settings and theme.
        key: The element's key.
        data: Returns the rows that the figure shows, for the download.
        on_click: Returns the filters of a clicked mark; the worklist opens with them.
    """
    draw_heading(title, notes=notes if on_click is None else f"{notes} Click a mark to see its tasks.")
    chart, words = page.cached((theme(), key), lambda: (FrozenFigure(figure()), alt()))
    config = _chart_buttons(title)
    if on_click is None:
        st.plotly_chart(chart, theme=None, key=key, alt=words, config=config)
    else:
        st.plotly_chart(
            chart, theme=None, key=key, alt=words, config=config, selection_mode="points",
            on_select=partial(open_mark, key, on_click),
        )  # fmt: skip
    draw_download_menu(data, key)


def _chart_buttons(title: str) -> dict[str, Any]:
    """Return the only button that Plotly draws over a chart while the pointer is there: it downloads a picture."""
    picture = {"format": "png", "scale": 2, "filename": file_name(title)}
    return {"modeBarButtons": [["toImage"]], "displaylogo": False, "toImageButtonOptions": picture}


def draw_table(
    rows: pd.DataFrame | pa.Table,
    *,
    key: str,
    opening: Opening | None = None,
    percentages: Collection[str] = (),
    name_column: str | None = None,
    **of_widget: Any,
) -> None:
    """Draw a table with a menu that downloads its rows.

    Args:
        rows: The rows.
        key: The table's key, which is the file's name too.
        opening: What a ticked row opens.
        percentages: The columns in per cent, which the files hold as shares of 1, as all others of the product do.
        name_column: The column that names a row; by default, the first that holds neither numbers nor times.
        of_widget: Further arguments of `st.dataframe`.
    """
    draw_rows(rows, key=key, opening=opening, name_column=name_column, **of_widget)
    draw_download_menu(lambda: _rows_of_files(rows, percentages), key)


def draw_rows(
    rows: pd.DataFrame | pa.Table,
    *,
    key: str,
    opening: Opening | None,
    name_column: str | None = None,
    **of_widget: Any,
) -> None:
    """Draw a table without a menu; on a narrow screen, a card for each row.

    Args:
        rows: The rows.
        key: The table's key.
        opening: What a ticked row opens.
        name_column: As for `draw_table`.
        of_widget: Further arguments of `st.dataframe`.
    """
    if is_narrow():
        columns, placeholder = of_widget.get("column_config") or {}, of_widget.get("placeholder", NO_VALUE)
        draw_cards(_frame(rows), columns, key=key, opening=opening, placeholder=placeholder, name_column=name_column)
    elif opening is None:
        st.dataframe(rows, key=key, **of_widget)
    else:
        on_select = partial(open_ticked, key, opening)
        st.dataframe(rows, key=key, on_select=on_select, selection_mode="single-row", **of_widget)


def how_to_open(item: str, verb: str = "open") -> str:
    """Return a sentence on how the visitor opens a row of a table, or its card, such as `Tick a row to open the task`."""
    return f"{'Tap the name on a card' if is_narrow() else 'Tick a row'} to {verb} {item}."


def _frame(rows: pd.DataFrame | pa.Table) -> pd.DataFrame:
    frame = rows.to_pandas() if isinstance(rows, pa.Table) else rows
    return frame if frame.index.name is None else frame.reset_index()


def _rows_of_files(rows: pd.DataFrame | pa.Table, percentages: Collection[str]) -> pd.DataFrame:
    frame = rows.to_pandas() if isinstance(rows, pa.Table) else rows
    shares = {name: (frame[name] / 100).round(10) for name in percentages}
    lists = {
        name: frame[name].map(lambda values: values.tolist())  # as numbers of Python, which are written plainly
        for name in frame.columns
        if len(frame) and hasattr(frame[name].iloc[0], "tolist") and frame[name].dtype == object
    }
    return frame.assign(**shares, **lists)


def draw_open_tab(
    page: PageContext, key: str, sections: Mapping[str, tuple[str, Callable[[PageContext], None]]]
) -> None:
    """Draw tabs, and of their sections only that of the open tab, which the address names.

    Args:
        page: The page.
        key: The tabs' key and the parameter's name.
        sections: The label and the section of each tab, by the name that stands for it in the address.
    """
    labels = {name: label for name, (label, _) in sections.items()}
    for name, tab in draw_tabs(labels, key=key).items():
        if tab.open:
            with tab:
                sections[name][1](page)


def count_column(label: str) -> ColumnConfig:
    """Return the configuration of a column of whole numbers, with thousands set apart."""
    return st.column_config.NumberColumn(label, format="localized")


def code_column(codes: Iterable[str]) -> ColumnConfig:
    """Return the configuration of a column of error codes, wide enough for the longest one unless it is very long."""
    narrowest, widest = _CODE_WIDTHS
    needed = max(map(len, codes), default=0) * _CHARACTER_WIDTH + _CELL_PADDING
    return st.column_config.TextColumn("Error code", width=min(max(needed, narrowest), widest))


def time_column(
    label: str | None = None,
    *,
    time_format: str = MINUTE_FORMAT,
    width: int | None = None,
    zone: ZoneInfo | None = None,
) -> ColumnConfig:
    """Return the configuration of a column of times: in UTC, or in a zone that the head of the column then names."""
    head = label if zone is None else f"{label} ({zone})"
    return st.column_config.DatetimeColumn(
        head, format=time_format, timezone="UTC" if zone is None else zone.key, width=width
    )


def code_palette(page: PageContext) -> dict[str, str]:
    """Return the colour of every error code, the same on every page."""
    return code_colors(all_codes(page.snapshot))
