"""Charts over time, with their tooltips: failure rates, in one line or one for each product, and outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import pandas as pd
import plotly.graph_objects as go

from bwp_client.charts.change_labels import add_change_labels
from bwp_client.charts.rate_marks import interval_outline, rate_line, rate_markers
from bwp_client.charts.theme import (
    CHARACTER_PIXELS,
    COMPLETED,
    FAILED,
    MAX_POINTS,
    NARROWEST_PIXELS,
    PALETTE,
    Theme,
    bar_range,
    bar_width,
    empty_figure,
    hover_day,
    ink,
    labels,
    legend_pixels,
    muted,
    tick_layout,
)
from bwp_client.metrics.wording import moment, percent

_RIBBON = "rgba(213,94,0,0.18)"
_MAX_MARKERS = 120
_MIN_TOP = 0.01
_RATE_HOVER = (
    "%{y:.1%} (%{customdata[2]:.1%}–%{customdata[3]:.1%}), %{customdata[0]:,} of %{customdata[1]:,}%{customdata[4]}"
)


def rate_over_time(
    frame: pd.DataFrame,
    theme: Theme,
    *,
    baseline: float | None = None,
    outside: pd.Series[str] | None = None,
    baseline_name: str = "Period before",
    before: pd.DataFrame | None = None,
    changes: Mapping[datetime, str] | None = None,
) -> go.Figure:
    """Draw the failure rate with its 95 % interval.

    Partial periods are hollow; periods with too few outcomes to rate are written as counts. The line breaks where a period
    has no outcomes or too few to rate.

    Args:
        frame: A `failure_rate` frame: `period_start` (datetime64[us, UTC]), `failed`, `n` (int64), `rate`, `low`, `high`
            (float64), `partial` (bool).
        theme: Light or dark.
        baseline: A rate to compare with, drawn as a dotted line.
        outside: The marks of `metrics.baseline.outside`; a marked period gets a diamond.
        baseline_name: The name of the dotted line.
        before: The `failure_rate` frame of the period before, drawn as a pale line at the same distance from its start.
        changes: Days on which the level of the rate changed, with the label of each.
    """
    chart = empty_figure(theme, y_title="Failure rate")
    # A period takes up to two points: its own, and a break of the line after it.
    frame = frame.tail(MAX_POINTS // 2)
    rated = frame[frame["rate"].notna()]
    if before is not None and len(before):
        _add_before(chart, before, _shift(frame, before), theme)
    _add_interval(chart, frame)
    chart.add_scatter(
        **rate_line(frame),
        mode="lines+markers" if len(rated) <= _MAX_MARKERS else "lines",
        line={"color": FAILED, "width": 2},
        marker=rate_markers(frame, FAILED),
        hovertemplate=f"{hover_day(frame['period_start'])}: {_RATE_HOVER}<extra></extra>",
        name="Failure rate",
    )
    _add_counts(chart, frame[frame["rate"].isna()], frame["period_start"], theme)
    if baseline is not None and len(rated):
        _add_baseline(chart, rated, baseline, baseline_name, theme)
    if outside is not None:
        _add_outside(chart, rated, outside, theme)
    add_change_labels(chart, changes or {}, list(frame["period_start"]), theme)
    if changes is not None and len(rated):
        _add_peak(chart, rated, theme)
    highest = float(rated["high"].max()) if len(rated) else 0.0
    y_range = [0, max(highest * 1.08, _MIN_TOP)]
    chart.update_yaxes(tickformat=".0%" if highest > 0.05 else ".1%", range=y_range, automargin=False)
    if rated.empty:
        chart.update_yaxes(showticklabels=False, title={"text": ""})
    chart.update_xaxes(tick_layout(list(frame["period_start"]), highest)["xaxis"], automargin=False)
    # The margins are fixed, because labels of rates and days always need the same room, and measuring them slows the browser.
    chart.update_layout(hovermode="closest", margin={"l": 62, "b": 42, "autoexpand": False})
    return chart


def _shift(frame: pd.DataFrame, before: pd.DataFrame) -> pd.Timedelta:
    """Return how far the period before is moved, so that the last buckets of both lie upon each other."""
    shift: pd.Timedelta = frame["period_start"].max() - before["period_start"].max()
    return shift


def _add_before(chart: go.Figure, before: pd.DataFrame, shift: pd.Timedelta, theme: Theme) -> None:
    """Draw the period before, moved by a time; the hover of a point has its own date."""
    line = rate_line(before)
    dates = ["" if at is None else moment(at) for at in line["x"]]
    chart.add_scatter(
        x=[None if at is None else at + shift for at in line["x"]],
        y=line["y"],
        customdata=[[*values, date] for values, date in zip(line["customdata"], dates, strict=True)],
        mode="lines",
        line={"color": muted(theme), "width": 1.5},
        opacity=0.45,
        hovertemplate=f"%{{customdata[5]}}, period before: {_RATE_HOVER}<extra></extra>",
        name="Period before",
    )


def _add_peak(chart: go.Figure, rated: pd.DataFrame, theme: Theme) -> None:
    """Write the highest rate beside its point."""
    peak = rated.iloc[int(rated["rate"].argmax())]
    chart.add_annotation(
        x=peak["period_start"], y=peak["rate"], text=percent(peak["rate"]), showarrow=False, yshift=14,
        font={"size": 12, "color": ink(theme)},
    )  # fmt: skip


def _add_interval(chart: go.Figure, frame: pd.DataFrame) -> None:
    chart.add_scatter(
        **interval_outline(frame),
        mode="lines",
        line={"width": 1.5, "color": _RIBBON},
        fill="toself",
        fillcolor=_RIBBON,
        hoverinfo="skip",
        name="95 % interval",
    )


def _add_baseline(chart: go.Figure, rated: pd.DataFrame, baseline: float, name: str, theme: Theme) -> None:
    chart.add_scatter(
        x=[rated["period_start"].iloc[0], rated["period_start"].iloc[-1]],
        y=[baseline, baseline],
        mode="lines",
        line={"dash": "dot", "width": 1.5, "color": muted(theme)},
        hovertemplate=f"{name.lower()} %{{y:.1%}}<extra></extra>",
        name=name,
    )


def _add_outside(chart: go.Figure, rated: pd.DataFrame, outside: pd.Series[str], theme: Theme) -> None:
    marks = outside.reindex(rated.index)
    marked = rated[marks != ""]
    chart.add_scatter(
        x=list(marked["period_start"]),
        y=list(marked["rate"]),
        mode="markers",
        marker={"symbol": "diamond-open", "size": 16, "color": ink(theme), "line": {"width": 2}},
        customdata=list(marks[marks != ""]),
        hovertemplate=f"{hover_day(marked['period_start'])}: %{{customdata}} the baseline beyond luck<extra></extra>",
        name="Outside the baseline",
    )


def rates_by_product(frames: Mapping[str, pd.DataFrame], name_of: Callable[[str], str], theme: Theme) -> go.Figure:
    """Draw a line of failure rates per business product; partial periods are hollow, periods not rated are gaps.

    Args:
        frames: `failure_rate` frames by business product ID, in a stable order, which decides the colours.
        name_of: Returns a product's name.
        theme: Light or dark.
    """
    names = labels([name_of(product) for product in frames])
    chart = empty_figure(theme, y_title="Failure rate", legend=True, height=340 + legend_pixels(len(names)))
    for index, (name, frame) in enumerate(zip(names, frames.values(), strict=True)):
        shown, color = frame.tail(MAX_POINTS // 2), PALETTE[index % len(PALETTE)]
        chart.add_scatter(
            **rate_line(shown),
            mode="lines+markers",
            line={"color": color, "width": 2},
            marker=rate_markers(shown, color),
            hovertemplate=f"{hover_day(shown['period_start'])}: {_RATE_HOVER}",
            name=name,
        )
    starts = sorted({start for frame in frames.values() for start in frame["period_start"]})
    chart.update_xaxes(tick_layout(starts, 1.0)["xaxis"])
    chart.update_yaxes(tickformat=".0%")
    chart.update_layout(hovermode="closest")
    return chart


def outcomes_over_time(frame: pd.DataFrame, theme: Theme, bucket: str | None = None) -> go.Figure:
    """Draw failed and completed tasks per period as stacked bars; partial periods are lighter.

    Args:
        frame: A `failure_rate` frame: `period_start` (datetime64[us, UTC]), `failed`, `completed`, `n` (int64), `partial`
            (bool).
        theme: Light or dark.
        bucket: The word for a period, such as `week`, by which bars get the width of their period.
    """
    frame = frame.tail(MAX_POINTS)
    chart = empty_figure(theme, y_title="Tasks", legend=True, height=260)
    for column, name, color in (("failed", "Failed", FAILED), ("completed", "Completed", COMPLETED)):
        chart.add_bar(
            x=list(frame["period_start"]),
            y=list(frame[column]),
            marker={"color": color, "opacity": _opacity(frame)},
            width=bar_width(list(frame["period_start"]), bucket),
            customdata=list(frame["n"]),
            hovertemplate=f"{hover_day(frame['period_start'])}: %{{y:,}} of %{{customdata:,}}",
            name=name,
        )
    chart.update_layout(
        barmode="stack", hovermode="closest", **tick_layout(list(frame["period_start"]), frame["n"].max())
    )
    chart.update_xaxes(bar_range(list(frame["period_start"]), bucket))
    return chart


def _add_counts(chart: go.Figure, unrated: pd.DataFrame, shown: pd.Series[pd.Timestamp], theme: Theme) -> None:
    """Write the counts of periods with too few outcomes to rate along the axis; one that would touch another is a mark.

    Args:
        chart: The chart.
        unrated: The periods with too few outcomes to rate.
        shown: The starts of all periods; a text at their first or last is written inwards, because the chart would cut it.
        theme: Light or dark.
    """
    if unrated.empty:
        return
    first, last, starts = shown.min(), shown.max(), list(unrated["period_start"])
    sides = ["" if first < start < last else " right" if start == first else " left" for start in starts]
    texts = [f"{failed}/{n}" for failed, n in zip(unrated["failed"], unrated["n"], strict=True)]
    texts = _without_touching(texts, starts, sides, last - first)
    chart.add_scatter(
        x=starts,
        y=[0] * len(unrated),
        mode="markers+text",
        text=texts,
        textposition=[f"top{side or ' center'}" for side in sides],
        textfont={"size": 11, "color": muted(theme)},
        marker={"symbol": "line-ns-open", "size": [0 if text else 6 for text in texts], "color": muted(theme)},
        customdata=list(zip(unrated["failed"], unrated["n"], strict=True)),
        hovertemplate=f"{hover_day(starts)}: %{{customdata[0]:,}} of %{{customdata[1]:,}} failed, too few to rate"
        "<extra></extra>",
        name="Too few to rate",
    )


def _without_touching(texts: list[str], starts: list[datetime], sides: list[str], span: timedelta) -> list[str]:
    """Return the texts that are written at times, empty where they would touch the one before on a phone."""
    labels, free_from = [], datetime.min.replace(tzinfo=UTC)
    for text, start, side in zip(texts, starts, sides, strict=True):
        half = span * (len(text) + 1) * CHARACTER_PIXELS / NARROWEST_PIXELS / 2
        middle = start + {"": 0, " right": 1, " left": -1}[side] * half
        fits = middle - half >= free_from
        free_from = middle + half if fits else free_from
        labels.append(text if fits else "")
    return labels


def _opacity(frame: pd.DataFrame) -> list[float]:
    return [0.45 if partial else 1.0 for partial in frame["partial"]]
