"""The template, sizes and shared colours of all charts. A colour of one chart alone stands beside that chart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from html import escape
from itertools import pairwise
from typing import Any, Final

import plotly.graph_objects as go
import plotly.io as pio

FAILED = "#D55E00"
COMPLETED = "#0072B2"
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#8C6BB1", "#B8A500", "#7A5230")
"""The Okabe-Ito palette for colour-blind readers, without the colour of failures, and three matching colours."""
UNCODED_COLOR = "#8A929C"
NOT_LOOKED_UP_COLOR = "#C3C9D1"
NARROWEST_PIXELS = 260
"""The width between the axes on a phone."""
CHARACTER_PIXELS = 7
MAX_POINTS = 2000
"""The most periods in a chart over time, which shows the newest periods."""
MIN_COUNT_FOR_PLOTLY_TICKS = 5
"""The count below which Plotly would put ticks at fractions."""
_MAX_LABEL_LENGTH = 40
_MAX_NAMED_PERIODS = 14
_MAX_TICKS = 7
"""The most days that a phone shows beside each other; Plotly would turn more of them upright."""
_STANDOFF_PIXELS: Final = 8
"""Between the x axis and its labels: the first of them may begin below the label of zero, on a phone above all."""
_ROW_PIXELS, _NAME_PIXELS = 48, 20
"""The height of a horizontal bar with its name above it, and the distance of the two middles."""
_TOP_PIXELS_OF_LEGEND, _BOTTOM_PIXELS = 42, 52
_LEGEND_ROW_PIXELS = 20
_USUAL_LEGEND_ROWS = 2
_BUCKETS = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=28),
}
_BAR_SHARE = 0.8
_ROOM_OF_ONE_BAR = 4
_MAX_BARS = 150
"""The most bars that are drawn in their own width on a phone."""


class Theme(StrEnum):
    """The theme of the page that a chart stands on."""

    LIGHT = "light"
    DARK = "dark"

    @property
    def template(self) -> str:
        """The name of the theme's Plotly template."""
        return f"bwp_{self.value}"


_INK = {Theme.LIGHT: "#1b2430", Theme.DARK: "#e6ebf1"}
_MUTED = {Theme.LIGHT: "#5F6873", Theme.DARK: "#A3ADB8"}
_GRID = {Theme.LIGHT: "#dfe4ea", Theme.DARK: "#2c3745"}
_PAPER = {Theme.LIGHT: "#ffffff", Theme.DARK: "#1a222c"}
DAY_FORMAT: Final = "%-d %b %Y"
"""A day as `metrics.wording.day` writes it, `3 Nov 2026`."""
_DAY_MS: Final = 86_400_000
DATE_TICKS: Final = [
    {"dtickrange": [None, _DAY_MS - 1], "value": "%H:%M\n%-d %b %Y"},
    {"dtickrange": [_DAY_MS, "M1"], "value": "%-d %b\n%Y"},
    {"dtickrange": ["M1", "M12"], "value": "%b %Y"},
    {"dtickrange": ["M12", None], "value": "%Y"},
]
"""The text of the ticks of a date axis by their distance; Plotly writes what follows the break only where it changes."""


_FONT = "Source Sans, Source Sans Pro, sans-serif"


def _template(theme: Theme) -> go.layout.Template:
    axis = {"gridcolor": _GRID[theme], "zerolinecolor": _GRID[theme], "linecolor": _GRID[theme], "automargin": True}
    return go.layout.Template(
        layout=go.Layout(
            paper_bgcolor="rgba(0,0,0,0)",
            plot_bgcolor="rgba(0,0,0,0)",
            font={"color": _INK[theme], "size": 13, "family": _FONT},
            colorway=list(PALETTE),
            hovermode="x unified",
            hoverlabel={"bgcolor": _PAPER[theme], "font": {"color": _INK[theme], "family": _FONT}},
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
            xaxis=axis | {"showgrid": False},
            yaxis=axis | {"rangemode": "tozero"},
        )
    )


for _theme in Theme:
    pio.templates[_theme.template] = _template(_theme)


def ink(theme: Theme) -> str:
    """Return the colour of text and of marks that must stand out."""
    return _INK[theme]


def muted(theme: Theme) -> str:
    """Return the colour of secondary text and lines."""
    return _MUTED[theme]


def _label(text: str) -> str:
    """Return text from the data for a label: shortened when long, and escaped because Plotly reads HTML tags."""
    return escape(text if len(text) <= _MAX_LABEL_LENGTH else text[: _MAX_LABEL_LENGTH - 1] + "…", quote=False)


def labels(texts: Sequence[str]) -> list[str]:
    """Return the label of each text, all of them different, because Plotly draws marks of one label as one mark.

    Where the beginnings of long texts are alike, the labels have their ends too; equal texts are numbered.
    """
    found = [_label(text) for text in texts]
    uses = Counter(found)
    ends = [_with_end(text) if uses[short] > 1 else short for text, short in zip(texts, found, strict=True)]
    numbers: Counter[str] = Counter()
    result = []
    for end in ends:
        numbers[end] += 1
        result.append(end if numbers[end] == 1 else f"{end} ({numbers[end]})")
    return result


def _with_end(text: str) -> str:
    half = _MAX_LABEL_LENGTH // 2
    return _label(text) if len(text) <= _MAX_LABEL_LENGTH else escape(f"{text[: half - 1]}…{text[-half:]}", quote=False)


def hover_day(starts: Iterable[datetime]) -> str:
    """Return the part of a hover template that writes the day of a period, and its hour if the periods are hours."""
    are_days = all(start.hour == 0 for start in starts)
    return f"%{{x|{DAY_FORMAT}}}" if are_days else f"%{{x|{DAY_FORMAT} %H:%M}}"


def tick_layout(starts: Sequence[datetime], largest: float) -> dict[str, Any]:
    """Return the layout of the axes of a chart by period.

    The ticks of a single period or of a few weeks are the days on which the periods begin; Plotly would put the ticks of
    weeks on Sundays and label a single day with milliseconds. Ticks of small counts are whole numbers.

    Args:
        starts: The starts of the periods.
        largest: The largest value on the y axis.
    """
    are_weeks = 1 < len(starts) <= _MAX_NAMED_PERIODS and starts[1] - starts[0] >= timedelta(days=7)
    named = list(starts)[:: -(-len(starts) // _MAX_TICKS) or 1]
    days: dict[str, Any] = {"tickvals": named, "tickformat": DAY_FORMAT if len(starts) == 1 else "%-d %b"}
    if len(starts) != 1 and not are_weeks:
        days = {"tickformatstops": DATE_TICKS}
    return {"xaxis": days, "yaxis": {"dtick": 1} if largest < MIN_COUNT_FOR_PLOTLY_TICKS else {}}


def name_bars(chart: go.Figure, names: Sequence[str], theme: Theme) -> None:
    """Write the name of each horizontal bar above it: beside the bars, long names would leave a phone no room for bars.

    The chart gets the height of its rows.

    Args:
        chart: A chart of horizontal bars.
        names: The values of its y axis.
        theme: Light or dark.
    """
    for name in names:
        chart.add_annotation(
            x=0, xref="x domain", xanchor="left", y=name, yanchor="middle", yshift=_NAME_PIXELS, showarrow=False,
            text=name, font={"size": 13, "color": ink(theme)},
        )  # fmt: skip
    top = _TOP_PIXELS_OF_LEGEND if chart.layout.showlegend else 8
    chart.update_layout(
        bargap=0.6,
        height=top + _BOTTOM_PIXELS + _ROW_PIXELS * max(len(names), 1),
        margin={"l": 12, "t": top, "b": _BOTTOM_PIXELS, "autoexpand": False},
    )
    chart.update_yaxes(showticklabels=False, showgrid=False, rangemode="normal", type="category")


def legend_pixels(names: int) -> int:
    """Return the height that a chart needs in addition, so that a legend of one name a row leaves room on a phone."""
    return _LEGEND_ROW_PIXELS * max(0, names - _USUAL_LEGEND_ROWS)


def bar_width(starts: Sequence[datetime], bucket: str | None) -> float | None:
    """Return the width of the bars of periods in milliseconds; None leaves it to Plotly.

    Plotly makes bars as wide as the shortest distance of two periods with data, so that a few weeks of a year would look like
    months. A bar has the length of its period, but stays visible.

    Args:
        starts: The starts of the periods, in order.
        bucket: The word for a period, such as `week`; None leaves the width to Plotly.
    """
    if bucket not in _BUCKETS or not starts:
        return None
    shortest = min((after - before for before, after in pairwise(starts)), default=_BUCKETS[bucket])
    visible = max(_BUCKETS[bucket], (starts[-1] - starts[0]) / _MAX_BARS)
    return _BAR_SHARE * min(shortest, visible) / timedelta(milliseconds=1)


def bar_range(starts: Sequence[datetime], bucket: str | None) -> dict[str, Any]:
    """Return the layout of the x axis under bars: a single bar has room at its sides, in place of the width of the chart.

    Args:
        starts: The starts of the periods.
        bucket: The word for a period, such as `week`; None leaves the range to Plotly.
    """
    if bucket not in _BUCKETS or len(starts) != 1:
        return {}
    room = _ROOM_OF_ONE_BAR * _BUCKETS[bucket]
    return {"range": [starts[0] - room, starts[0] + room]}


def empty_figure(theme: Theme, *, y_title: str, height: int = 320, legend: bool = False) -> go.Figure:
    """Return a figure without data in the theme's template; its y axis starts at zero.

    Args:
        theme: Light or dark.
        y_title: The title of the y axis.
        height: In pixels.
        legend: Whether a legend is shown above the plot.
    """
    return go.Figure(
        layout=go.Layout(
            template=pio.templates[theme.template],
            height=height,
            margin={"l": 8, "r": 8, "t": 30 if legend else 8, "b": 8},
            showlegend=legend,
            xaxis={"ticklabelstandoff": _STANDOFF_PIXELS},
            yaxis={"title": {"text": y_title}},
        )
    )
