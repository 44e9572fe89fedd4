"""Elements that several pages draw: headings with their meaning, charts with caption and text alternative, columns."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import plotly.graph_objects as go
import pyarrow as pa
import streamlit as st

from bwp_client.charts import Theme, code_colors
from bwp_client.charts.frozen_figure import FrozenFigure
from bwp_client.metrics import METRICS, MetricName
from bwp_client.ui.drill_down import FiltersOfMark, open_mark
from bwp_client.ui.filters import all_codes
from bwp_client.ui.page import PageContext
from bwp_client.ui.sharing import draw_download_menu

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

_CHART_BUTTONS: Final = {
    "modeBarButtons": [["toImage"]], "displaylogo": False, "toImageButtonOptions": {"format": "png", "scale": 2},
}  # fmt: skip
"""The only button that Plotly draws over a chart, while the pointer is there: it downloads the chart as a picture."""
ROW_HEIGHT = 66
"""Row height in pixels, for three lines of text; in rows of 64 pixels or more, Streamlit breaks long texts into lines."""
DAY_FORMAT = "DD MMM YYYY"
MINUTE_FORMAT = "DD MMM YYYY HH:mm"


def theme() -> Theme:
    """Return the visitor's theme."""
    return Theme.DARK if st.context.theme.type == "dark" else Theme.LIGHT


def draw_heading(title: str, *about: MetricName) -> None:
    """Draw a subheading whose help explains the metrics below it.

    Args:
        title: The text.
        about: The metrics to explain.
    """
    st.subheader(title, anchor=False, help=meaning_of(*about) or None)


def draw_meanings(*names: MetricName) -> None:
    """Draw an expander with the meaning of each metric."""
    meanings = st.expander("What these numbers mean", key="meanings", on_change="rerun")
    if meanings.open:
        for name in names:
            meanings.markdown(f"**{METRICS[name].title}.** {METRICS[name].meaning}")


def meaning_of(*names: MetricName) -> str:
    """Return the meaning of each metric, as in the docs, one paragraph per metric."""
    return "\n\n".join(METRICS[name].meaning for name in names)


def draw_chart(
    page: PageContext,
    title: str,
    figure: Callable[[], go.Figure],
    *,
    caption: str,
    alt: Callable[[], str],
    key: str,
    data: Callable[[], pd.DataFrame],
    about: tuple[MetricName, ...] = (),
    on_click: FiltersOfMark | None = None,
) -> None:
    """Draw a chart with its measure as title, and a caption below the chart.

    Args:
        page: The page.
        title: The measure.
        figure: Returns the figure; called once for the same data, filters, settings and theme.
        caption: The explanation of the marks, n and the as-of time.
        alt: Returns the text alternative; called once for the same data, filters, settings and theme.
        key: The element's key.
        data: Returns the rows that the figure shows, for the download.
        about: The metrics that the figure shows.
        on_click: Returns the filters of a clicked mark; the worklist opens with them.
    """
    draw_heading(title, *about)
    chart, words = page.cached((theme(), key), lambda: (FrozenFigure(figure()), alt()))
    if on_click is None:
        st.plotly_chart(chart, theme=None, key=key, alt=words, config=_CHART_BUTTONS)
    else:
        st.plotly_chart(
            chart, theme=None, key=key, alt=words, config=_CHART_BUTTONS, selection_mode="points",
            on_select=partial(open_mark, key, on_click),
        )  # fmt: skip
        caption += " Click a mark to see its tasks."
    _draw_caption(caption, data, key)


def draw_table(rows: pd.DataFrame | pa.Table, *, key: str, caption: str = "", **of_widget: Any) -> None:
    """Draw a table with a menu that downloads its rows.

    Args:
        rows: The rows.
        key: The table's key, which is the file's name too.
        caption: The explanation of the rows.
        of_widget: Further arguments of `st.dataframe`.
    """
    st.dataframe(rows, key=key, **of_widget)
    _draw_caption(caption, lambda: rows.to_pandas() if isinstance(rows, pa.Table) else rows, key)


def _draw_caption(caption: str, rows: Callable[[], pd.DataFrame], key: str) -> None:
    """Draw the caption of a chart or table, which may be empty, and beside it the menu that downloads the rows."""
    with st.container(horizontal=True, wrap=False, horizontal_alignment="right"):
        if caption:
            st.caption(caption)
        draw_download_menu(rows, key)


def count_column(label: str) -> ColumnConfig:
    """Return the configuration of a column of whole numbers, with thousands set apart."""
    return st.column_config.NumberColumn(label, format="localized")


def time_column(
    label: str | None = None, *, time_format: str = MINUTE_FORMAT, width: int | None = None
) -> ColumnConfig:
    """Return the configuration of a column of UTC times."""
    return st.column_config.DatetimeColumn(label, format=time_format, timezone="UTC", width=width)


def code_palette(page: PageContext) -> dict[str, str]:
    """Return the colour of every error code, the same on every page."""
    return code_colors(all_codes(page.snapshot))
