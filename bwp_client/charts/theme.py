"""One look for every chart: our own template, for Plotly's default is changed by others who import it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from html import escape
from typing import Any

import plotly.graph_objects as go
import plotly.io as pio

FAILED = "#D55E00"
COMPLETED = "#0072B2"
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#8C6BB1", "#B8A500", "#7A5230")
"""Okabe and Ito's colours for colour-blind readers, without the one that means failed, and three that fit them."""
UNCODED_COLOR = "#8A929C"
NOT_LOOKED_UP_COLOR = "#C3C9D1"
MAX_POINTS = 2000
_MAX_LABEL = 40
FEW = 5
_MAX_TICKS = 14


class Theme(StrEnum):
    """Light or dark."""

    LIGHT = "light"
    DARK = "dark"

    @property
    def template(self) -> str:
        """The name of our Plotly template for it."""
        return f"bwp_{self.value}"


_INK = {Theme.LIGHT: "#1b2430", Theme.DARK: "#e6ebf1"}
_MUTED = {Theme.LIGHT: "#5F6873", Theme.DARK: "#A3ADB8"}
_GRID = {Theme.LIGHT: "#dfe4ea", Theme.DARK: "#2c3745"}
_PAPER = {Theme.LIGHT: "#ffffff", Theme.DARK: "#1a222c"}


def _template(theme: Theme) -> go.layout.Template:
    axis = {"gridcolor": _GRID[theme], "zerolinecolor": _GRID[theme], "linecolor": _GRID[theme], "automargin": True}
    return go.layout.Template(
        layout=go.Layout(
            paper_bgcolor="rgba(0,0,0,0)",
            plot_bgcolor="rgba(0,0,0,0)",
            font={"color": _INK[theme], "size": 13, "family": "Source Sans, Source Sans Pro, sans-serif"},
            colorway=list(PALETTE),
            hovermode="x unified",
            hoverlabel={"bgcolor": _PAPER[theme], "font": {"color": _INK[theme]}},
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
            xaxis=axis | {"showgrid": False},
            yaxis=axis | {"rangemode": "tozero"},
        )
    )


for _theme in Theme:
    pio.templates[_theme.template] = _template(_theme)


def ink(theme: Theme) -> str:
    """Give the colour of text and of marks that must stand out."""
    return _INK[theme]


def muted(theme: Theme) -> str:
    """Give the colour of what matters less."""
    return _MUTED[theme]


def label(text: str) -> str:
    """Give text from the data for a label: its end cut off when long, and never read as the markup that Plotly knows."""
    return escape(text if len(text) <= _MAX_LABEL else text[: _MAX_LABEL - 1] + "…", quote=False)


def few_ticks(starts: Sequence[datetime], top: float) -> dict[str, Any]:
    """Give layout for a chart by period: a lone one and a few weeks are named themselves, counts under five get no fractions.

    Plotly's own ticks would name the Sundays, and a lone day by its milliseconds.

    Args:
        starts: When the periods begin.
        top: The largest value.
    """
    are_weeks = 1 < len(starts) <= _MAX_TICKS and starts[1] - starts[0] >= timedelta(days=7)
    days: dict[str, Any] = {"tickvals": list(starts), "tickformat": "%-d %b %Y" if len(starts) == 1 else "%-d %b"}
    if len(starts) != 1 and not are_weeks:
        days = {}
    return {"xaxis": days, "yaxis": {"dtick": 1} if top < FEW else {}}


def figure(theme: Theme, *, y_title: str, height: int = 320, legend: bool = False) -> go.Figure:
    """Give an empty figure in our look; the y axis starts at zero."""
    return go.Figure(
        layout=go.Layout(
            template=pio.templates[theme.template],
            height=height,
            margin={"l": 8, "r": 8, "t": 30 if legend else 8, "b": 8},
            showlegend=legend,
            yaxis={"title": {"text": y_title}},
        )
    )
