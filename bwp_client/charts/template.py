"""One look for every chart: our own template, for Plotly's default is changed by others who import it."""

from __future__ import annotations

from enum import StrEnum

import plotly.graph_objects as go

FAILED = "#D55E00"
COMPLETED = "#0072B2"
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#8C6BB1", "#B8A500", "#7A5230")
"""Okabe and Ito's colours for colour-blind readers, without the one that means failed, and three that fit them."""
UNCODED_COLOR = "#8A929C"
NOT_LOOKED_UP_COLOR = "#C3C9D1"
MAX_POINTS = 2000


class Theme(StrEnum):
    """Light or dark."""

    LIGHT = "light"
    DARK = "dark"


_INK = {Theme.LIGHT: "#1b2430", Theme.DARK: "#e6ebf1"}
_GRID = {Theme.LIGHT: "#dfe4ea", Theme.DARK: "#2c3745"}


def figure(theme: Theme, *, y_title: str, height: int = 320, legend: bool = False) -> go.Figure:
    """Give an empty figure in our look; the y axis starts at zero."""
    axis = {"gridcolor": _GRID[theme], "zerolinecolor": _GRID[theme], "linecolor": _GRID[theme], "automargin": True}
    return go.Figure(
        layout=go.Layout(
            template=go.layout.Template(),
            height=height,
            margin={"l": 8, "r": 8, "t": 30 if legend else 8, "b": 8},
            paper_bgcolor="rgba(0,0,0,0)",
            plot_bgcolor="rgba(0,0,0,0)",
            font={"color": _INK[theme], "size": 13, "family": "Source Sans, Source Sans Pro, sans-serif"},
            colorway=list(PALETTE),
            hovermode="x unified",
            hoverlabel={"bgcolor": "#ffffff" if theme is Theme.LIGHT else "#1a222c", "font": {"color": _INK[theme]}},
            showlegend=legend,
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
            xaxis=axis | {"showgrid": False},
            yaxis=axis | {"rangemode": "tozero", "title": {"text": y_title}},
        )
    )
