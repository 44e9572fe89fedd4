"""Pieces that several pages show: a chart with its words, rates as text, what numbers mean."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
import plotly.graph_objects as go
import pyarrow as pa
import streamlit as st

from bwp_client.charts import Theme, code_colors
from bwp_client.charts.frozen_figure import FrozenFigure
from bwp_client.metrics import METRICS, Bucket, Filters, MetricName
from bwp_client.metrics.filters import whole_days
from bwp_client.metrics.queries import list_error_codes
from bwp_client.ui import data
from bwp_client.ui.data import metric, metric_row
from bwp_client.ui.page import GO_TO, TASKS_PAGE, Page

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig


T = TypeVar("T")
Opens = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Gives, for a point of a chart, what `open_tasks` takes."""


def all_data(page: Page) -> Filters:
    """Give the page's filters over all data there is, not over its period."""
    span = page.snapshot.span()
    if span is None:
        return page.choice.filters
    from_time, to_time = whole_days(span[0].date(), span[1].date())
    return page.choice.filters.with_(from_time=from_time, to_time=to_time)


def kept(page: Page, of: Hashable, make: Callable[[], T]) -> T:
    """Give something made of the page's data, filters and settings, made once: it is shared, and must not be changed.

    Args:
        page: The page.
        of: What tells it from everything else made of the same.
        make: Makes it.
    """
    return data.kept(page.snapshot, (page.asked, of), make)


def theme() -> Theme:
    """Give the visitor's theme."""
    return Theme.DARK if st.context.theme.type == "dark" else Theme.LIGHT


def table(page: Page, of: Hashable, make: Callable[[], pd.DataFrame]) -> pa.Table:
    """Give a table as Streamlit sends it, made once: making Arrow of pandas takes longer than all the rest of it.

    Args:
        page: The page.
        of: What tells it from everything else made of the same.
        make: Makes its rows; an index that has a name is shown.
    """
    return kept(page, of, lambda: as_arrow(make()))


def as_arrow(frame: pd.DataFrame) -> pa.Table:
    """Give a table as Streamlit sends it."""
    return pa.Table.from_pandas(frame, preserve_index=frame.index.name is not None)


def heading(title: str, *about: MetricName) -> None:
    """Draw a subheading that offers what its figures mean."""
    st.subheader(title, anchor=False, help=meaning_of(*about) or None)


def meaning_of(*names: MetricName) -> str:
    """Give what the numbers of metrics mean, from the same definitions as the docs."""
    return "\n\n".join(METRICS[name].meaning for name in names)


def show_chart(
    page: Page,
    title: str,
    draw: Callable[[], go.Figure],
    *,
    caption: str,
    alt: Callable[[], str],
    key: str,
    about: tuple[MetricName, ...] = (),
    opens: Opens | None = None,
) -> None:
    """Draw a chart under a title that says the measure, with n and as-of below it.

    Args:
        page: The page.
        title: Says the measure.
        draw: Gives the figure; asked once for the same data, filters, settings and theme.
        caption: Explains the marks, and gives n and as-of.
        alt: Gives the same in words, asked as rarely.
        key: The element's key.
        about: What the figure means.
        opens: For a point that is clicked, the filters to see its tasks with.
    """
    heading(title, *about)
    chart, words = kept(page, (theme(), key), lambda: (FrozenFigure(draw()), alt()))
    if opens is None:
        st.plotly_chart(chart, theme=None, key=key, alt=words, config={"displayModeBar": False})
    else:
        st.plotly_chart(
            chart, theme=None, key=key, alt=words, config={"displayModeBar": False}, selection_mode="points",
            on_select=partial(_point_chosen, key, opens),
        )  # fmt: skip
        caption += " Click a mark to see its tasks."
    st.caption(caption)


def _point_chosen(key: str, opens: Opens) -> None:
    points = st.session_state[key]["selection"]["points"]
    if points and (filters := opens(points[0])):
        open_tasks(**filters)


def open_tasks(
    *, start: date | None = None, end: date | None = None, code: str | None = None, product: str | None = None
) -> None:
    """Go to the worklist, narrowed further; for callbacks.

    Args:
        start: The first day.
        end: The last day.
        code: An error code.
        product: A business product ID.
    """
    for key, value in (("from", start), ("to", end)):
        if value is not None:
            st.session_state[key] = value
    for key, name in (("code", code), ("product", product)):
        if name is not None:
            st.session_state[key] = [name]
    st.session_state[GO_TO] = (TASKS_PAGE, {})


def of_period(page: Page, bucket: Bucket) -> Opens:
    """Give the days of the period that a point stands for, within the page's own."""
    filters = page.choice.filters

    def opens(point: Mapping[str, Any]) -> dict[str, Any]:
        start = pd.Timestamp(point["x"])
        start = start.tz_localize("UTC") if start.tzinfo is None else start
        first = max(start.to_pydatetime(), filters.from_time)
        last = min(bucket.end_of(start.to_pydatetime()), filters.to_time) - timedelta(microseconds=1)
        code = point.get("customdata")
        code = code[0] if isinstance(code, list) and len(code) == 1 else code
        return {"start": first.date(), "end": last.date(), **({"code": code} if isinstance(code, str) else {})}

    return opens


def of_code(point: Mapping[str, Any]) -> dict[str, Any]:
    """Give the code that a bar stands for."""
    code = point.get("customdata")
    code = code[0] if isinstance(code, list) else code
    return {"code": str(code)} if code else {}


def code_rows(key: str, codes: pa.Table) -> Callable[[], None]:
    """Give the callback of a table whose rows are error codes, in a column `code`."""

    def chosen() -> None:
        if rows := st.session_state[key]["selection"]["rows"]:
            open_tasks(code=codes["code"][rows[0]].as_py())

    return chosen


def as_of(page: Page) -> str:
    """Say how fresh the figures are."""
    return f"as of {page.snapshot.run.finished_at:%d %b %Y %H:%M} UTC"


def ask(page: Page, name: MetricName, filters: Filters | None = None, bucket: Any = None) -> pd.DataFrame:
    """Compute a metric with the page's filters unless told otherwise."""
    return metric(
        page.snapshot, name, filters or page.choice.filters, bucket=bucket or page.choice.bucket,
        min_n=page.settings.min_n, guidance=page.guidance,
    )  # fmt: skip


def ask_row(page: Page, name: MetricName, filters: Filters | None = None) -> dict[Hashable, Any]:
    """Compute a metric that has one row, with the page's filters unless told otherwise; it must not be changed."""
    return metric_row(page.snapshot, name, filters or page.choice.filters, min_n=page.settings.min_n)


def meaning(*names: MetricName) -> None:
    """Offer what the numbers mean."""
    with st.expander("What these numbers mean"):
        for name in names:
            st.markdown(f"**{METRICS[name].title}.** {METRICS[name].meaning}")


def count_column(label: str) -> ColumnConfig:
    """Give the look of a column of whole numbers: thousands set apart."""
    return st.column_config.NumberColumn(label, format="localized")


def colors(page: Page) -> dict[str, str]:
    """Give every code its colour."""
    return code_colors(data.kept(page.snapshot, "error codes", lambda: list_error_codes(page.snapshot)))
