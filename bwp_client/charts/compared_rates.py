"""The chart of failure rates laid over each other: two periods, several business products, or several error codes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from bwp_client.charts.rate_marks import interval_outline, rate_line, rate_markers
from bwp_client.charts.theme import (
    COMPLETED,
    FAILED,
    MAX_POINTS,
    PALETTE,
    Theme,
    empty_figure,
    ink,
    labels,
    legend_pixels,
    tick_layout,
)
from bwp_client.metrics.wording import day

_HEIGHT = 360
_TOP, _BOTTOM = 12, 46
_LONGEST_DIRECT_LABEL = 14
"""Characters of the longest label beside the lines: a longer label would take half of the width of a phone."""
_LABEL_PIXELS, _CHARACTER_PIXELS = 17, 7
_MIN_TOP = 0.01
_MAX_SHADED = 2
"""More intervals than this would hide each other."""
_MAX_POSITION_TICKS = 7
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "pentagon", "star")
_HOVER = (
    "<b>%{customdata[6]}</b><br>%{customdata[5]}%{customdata[4]}<br>"
    "%{y:.1%} (%{customdata[2]:.1%}–%{customdata[3]:.1%})<br>%{customdata[0]:,} of %{customdata[1]:,} failed<extra></extra>"
)


def compared_rates(frames: Mapping[str, pd.DataFrame], theme: Theme, bucket: str) -> go.Figure:
    """Draw a line for each failure rate, in a colour and with a mark of its own; of two rates with their intervals.

    Short names stand at the right ends of the lines, long names in a legend above the chart. Partial periods are hollow.

    Args:
        frames: `failure_rate` frames by name. With a column `position` (int64) the x axis is the number of the bucket in its
            period, so that periods lie over each other; without it, the x axis is time.
        theme: Light or dark.
        bucket: The word for a bucket, such as `day` or `week`.
    """
    shown = {
        label: _by_position(frame.tail(MAX_POINTS // 2))
        for label, frame in zip(labels(list(frames)), frames.values(), strict=True)
    }
    is_by_position = any("position" in frame for frame in frames.values())
    is_direct = max(map(len, frames), default=0) <= _LONGEST_DIRECT_LABEL
    height = _HEIGHT if is_direct else _HEIGHT + legend_pixels(len(shown))
    chart = empty_figure(theme, y_title="Failure rate", height=height, legend=not is_direct)
    colors = (FAILED, COMPLETED) if is_by_position else PALETTE
    top = _top(shown)
    if len(shown) <= _MAX_SHADED:
        for color, frame in zip(colors, shown.values(), strict=False):
            _add_interval(chart, frame, color)
    for index, (label, frame) in enumerate(shown.items()):
        _add_line(chart, label, frame, colors[index % len(colors)], _SYMBOLS[index % len(_SYMBOLS)], bucket)
    if is_direct:
        _add_labels(chart, shown, top, colors, theme)
    chart.update_yaxes(tickformat=".0%" if top > 0.05 else ".1%", range=[0, top])
    chart.update_xaxes(_position_axis(shown, bucket) if is_by_position else _time_axis(shown))
    chart.update_layout(hovermode="closest")
    return chart


def _by_position(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with `starts` (datetime64), and with its position, if it has one, as the x of its points."""
    x = frame["position"] if "position" in frame else frame["period_start"]
    return frame.assign(starts=frame["period_start"], period_start=x)


def _top(frames: Mapping[str, pd.DataFrame]) -> float:
    """Return the highest value of the y axis: above the intervals, if these are drawn."""
    column = "high" if len(frames) <= _MAX_SHADED else "rate"
    highest = max((float(frame[column].max()) for frame in frames.values() if frame["rate"].notna().any()), default=0.0)
    return max(highest * 1.08, _MIN_TOP)


def _add_interval(chart: go.Figure, frame: pd.DataFrame, color: str) -> None:
    red, green, blue = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    chart.add_scatter(
        **interval_outline(frame), mode="lines", line={"width": 0}, fill="toself",
        fillcolor=f"rgba({red},{green},{blue},0.14)", hoverinfo="skip", showlegend=False, name="95 % interval",
    )  # fmt: skip


def _add_line(chart: go.Figure, label: str, frame: pd.DataFrame, color: str, symbol: str, bucket: str) -> None:
    line, x = rate_line(frame), frame["period_start"]
    days = {at: _days(start, bucket) for at, start in zip(x, frame["starts"], strict=True)}
    if "position" in frame:
        days = {at: f"{bucket.capitalize()} {at}: {text}" for at, text in days.items()}
    texts = [["", ""] if at is None else [days[at], label] for at in line["x"]]
    chart.add_scatter(
        x=line["x"],
        y=line["y"],
        customdata=[data + text for data, text in zip(line["customdata"], texts, strict=True)],
        mode="lines+markers",
        line={"color": color, "width": 2},
        marker=rate_markers(frame, color) | {"symbol": symbol},
        hovertemplate=_HOVER,
        cliponaxis=False,
        name=label,
    )


def _days(start: datetime, bucket: str) -> str:
    """Return the days of a bucket."""
    text = day(start)
    return {"hour": f"{text} {start:%H:%M}", "day": text, "month": f"{start:%B %Y}"}.get(bucket, f"week from {text}")


def _add_labels(
    chart: go.Figure, frames: Mapping[str, pd.DataFrame], top: float, colors: tuple[str, ...], theme: Theme
) -> None:
    """Write the name of each line beside its right end; names that would touch each other are moved apart."""
    height = _HEIGHT - _TOP - _BOTTOM
    ends = []
    for index, (label, frame) in enumerate(frames.items()):
        rated = frame["rate"].dropna()
        if len(rated):
            ends.append((float(rated.iloc[-1]) / top * height, label, colors[index % len(colors)]))
    ends.sort(key=lambda end: end[0])
    for (_, label, color), pixels in zip(ends, _apart([end[0] for end in ends], height), strict=True):
        chart.add_annotation(
            x=1, xref="x domain", xanchor="left", y=pixels / height, yref="y domain", yanchor="middle", showarrow=False,
            text=f'<span style="color:{color}">●</span> {label}', font={"size": 13, "color": ink(theme)},
        )  # fmt: skip
    right = _CHARACTER_PIXELS * (max(map(len, frames)) + 3)
    chart.update_layout(margin={"l": 62, "r": right, "t": _TOP, "b": _BOTTOM, "autoexpand": False})


def _apart(pixels: list[float], height: float) -> list[float]:
    """Return ascending heights at least `_LABEL_PIXELS` from each other, and none above the plot."""
    moved: list[float] = []
    for value in pixels:
        moved.append(max(value, moved[-1] + _LABEL_PIXELS) if moved else value)
    limit = height
    for index in reversed(range(len(moved))):
        moved[index] = min(moved[index], limit)
        limit = moved[index] - _LABEL_PIXELS
    return moved


def _position_axis(frames: Mapping[str, pd.DataFrame], bucket: str) -> dict[str, Any]:
    last = max((int(frame["period_start"].max()) for frame in frames.values() if len(frame)), default=1)
    step = max(1, -(-last // _MAX_POSITION_TICKS))
    step = 7 * -(-step // 7) if bucket == "day" and step > 2 else step
    return {
        "tickvals": list(range(1, last + 1, step)),
        "range": [1 - 0.03 * last, last + 0.03 * last],
        "title": {"text": f"{bucket.capitalize()} of the period"},
    }


def _time_axis(frames: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    starts = sorted({start for frame in frames.values() for start in frame["period_start"]})
    axis: dict[str, Any] = tick_layout(starts, 1.0)["xaxis"]
    return axis
