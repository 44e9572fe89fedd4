"""Pieces that several pages show: a chart with its words, rates as text, what numbers mean."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from bwp_client.charts import Theme, code_colors
from bwp_client.metrics import METRICS, Filters, MetricName
from bwp_client.metrics.statement import percent
from bwp_client.ui.data import metric
from bwp_client.ui.filters import all_codes
from bwp_client.ui.shell import Page

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig


def theme() -> Theme:
    """Give the visitor's theme."""
    return Theme.DARK if st.context.theme.type == "dark" else Theme.LIGHT


def show_chart(title: str, chart: go.Figure, *, caption: str, alt: str, key: str) -> None:
    """Draw a chart under a title that says the measure, with n and as-of below it."""
    st.subheader(title, anchor=False)
    st.plotly_chart(chart, theme=None, key=key, alt=alt, config={"displayModeBar": False})
    st.caption(caption)


def as_of(page: Page) -> str:
    """Say how fresh the figures are."""
    return f"as of {page.snapshot.run.finished_at:%d %b %Y %H:%M} UTC"


def rate_legend(page: Page, rates: pd.DataFrame, bucket: str, *, with_baseline: bool) -> str:
    """Explain the marks that a rate chart uses, and only those."""
    said = ["Shaded: 95 % interval."]
    if (rates["partial"] & rates["rate"].notna()).any():
        said.append(f"Hollow: partial {bucket}.")
    if with_baseline:
        said.append("Dotted: the period before.")
    if rates["rate"].isna().any():
        said.append(f"Grey: failed/outcomes, fewer than {page.settings.min_n} and too few to rate.")
    return " ".join(said)


def ask(page: Page, name: MetricName, filters: Filters | None = None, bucket: Any = None) -> pd.DataFrame:
    """Compute a metric with the page's filters unless told otherwise."""
    return metric(
        page.snapshot, name, filters or page.choice.filters, bucket=bucket or page.choice.bucket,
        min_n=page.settings.min_n,
    )  # fmt: skip


def ask_row(page: Page, name: MetricName) -> dict[Hashable, Any]:
    """Compute a metric that has one row; whole numbers stay whole."""
    (row,) = ask(page, name).to_dict("records")
    return row


def meaning(*names: MetricName) -> None:
    """Offer what the numbers mean."""
    with st.expander("What these numbers mean"):
        for name in names:
            st.markdown(f"**{METRICS[name].title}.** {METRICS[name].meaning}")


def rate_text(row: Any) -> str:
    """Give a rate with its interval, or say that there are too few to rate."""
    if pd.isna(row["rate"]):
        return "too few to rate"
    return f"{percent(row['rate'])} ({row['low'] * 100:.1f}–{row['high'] * 100:.1f} %)"


def count_column(label: str) -> ColumnConfig:
    """Give the look of a column of whole numbers: thousands set apart."""
    return st.column_config.NumberColumn(label, format="localized")


def colors(page: Page) -> dict[str, str]:
    """Give every code its colour."""
    return code_colors(all_codes(page.snapshot))
