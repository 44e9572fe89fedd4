"""Failure rates and counts over time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from bwp_client.charts.theme import (
    COMPLETED,
    FAILED,
    MAX_POINTS,
    PALETTE,
    Theme,
    few_ticks,
    figure,
    ink,
    label,
    muted,
)

_RIBBON = "rgba(213,94,0,0.18)"
_MAX_MARKERS = 120
_MAX_COUNT_LABELS = 40
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
) -> go.Figure:
    """Draw the failure rate with its 95 % interval; partial periods hollow, too few to rate as counts.

    The line breaks where a period has no outcomes or too few to rate.

    Args:
        frame: A `failure_rate` frame.
        theme: Light or dark.
        baseline: A rate to compare with, drawn as a dotted line.
        outside: The marks of `metrics.baseline.outside`: these periods get a diamond.
        baseline_name: What the baseline is called.
    """
    chart = figure(theme, y_title="Failure rate")
    # Each period may take one more point, for a break after it.
    frame = frame.tail(MAX_POINTS // 2)
    rated = frame[frame["rate"].notna()]
    chart.add_scatter(
        **_ribbon(frame),
        mode="lines",
        line={"width": 1.5, "color": _RIBBON},
        fill="toself",
        fillcolor=_RIBBON,
        hoverinfo="skip",
        name="95 % interval",
    )
    chart.add_scatter(
        **_line(frame),
        mode="lines+markers" if len(rated) <= _MAX_MARKERS else "lines",
        line={"color": FAILED, "width": 2},
        marker={
            "size": 7,
            "color": [_partly(FAILED, partial=bool(row and row["partial"])) for row in _broken(frame)],
            "line": {"color": FAILED, "width": 2},
        },
        hovertemplate=_RATE_HOVER + "<extra></extra>",
        name="Failure rate",
    )
    _add_counts(chart, frame[frame["rate"].isna()], theme)
    if baseline is not None and len(rated):
        chart.add_scatter(
            x=[rated["period_start"].iloc[0], rated["period_start"].iloc[-1]],
            y=[baseline, baseline],
            mode="lines",
            line={"dash": "dot", "width": 1.5, "color": muted(theme)},
            hovertemplate=f"{baseline_name.lower()} %{{y:.1%}}<extra></extra>",
            name=baseline_name,
        )
    if outside is not None:
        marked = frame[(outside.reindex(frame.index) != "") & frame["rate"].notna()]
        chart.add_scatter(
            x=list(marked["period_start"]),
            y=list(marked["rate"]),
            mode="markers",
            marker={"symbol": "diamond-open", "size": 16, "color": ink(theme), "line": {"width": 2}},
            customdata=list(outside.reindex(marked.index)),
            hovertemplate="%{customdata} the baseline beyond luck<extra></extra>",
            name="Outside the baseline",
        )
    top = float(rated["high"].max()) if len(rated) else 0.0
    chart.update_yaxes(
        tickformat=".0%" if top > 0.05 else ".1%", range=[0, max(top * 1.08, _MIN_TOP)], automargin=False
    )
    chart.update_xaxes(few_ticks(list(frame["period_start"]), top)["xaxis"], automargin=False)
    # Rates and days always need the same room; to measure it takes the browser a third of the drawing.
    chart.update_layout(margin={"l": 62, "b": 42, "autoexpand": False})
    return chart


def rates_by_product(frames: Mapping[str, pd.DataFrame], theme: Theme) -> go.Figure:
    """Draw one failure rate line per business product; partial periods hollow, gaps where there are too few to rate.

    Args:
        frames: A `failure_rate` frame by product name, in an order that stays the same.
        theme: Light or dark.
    """
    chart = figure(theme, y_title="Failure rate", legend=True, height=340)
    for place, (name, frame) in enumerate(frames.items()):
        shown, color = frame.tail(MAX_POINTS // 2), PALETTE[place % len(PALETTE)]
        chart.add_scatter(
            **_line(shown),
            mode="lines+markers",
            line={"color": color, "width": 2},
            marker={
                "size": 7,
                "color": [_partly(color, partial=bool(row and row["partial"])) for row in _broken(shown)],
                "line": {"color": color, "width": 2},
            },
            hovertemplate=_RATE_HOVER,
            name=label(name),
        )
    starts = sorted({start for frame in frames.values() for start in frame["period_start"]})
    chart.update_xaxes(few_ticks(starts, 1.0)["xaxis"])
    chart.update_yaxes(tickformat=".0%")
    return chart


def outcomes_over_time(frame: pd.DataFrame, theme: Theme) -> go.Figure:
    """Draw completed and failed tasks per period, stacked; partial periods lighter.

    Args:
        frame: A `failure_rate` frame.
        theme: Light or dark.
    """
    frame = frame.tail(MAX_POINTS)
    chart = figure(theme, y_title="Tasks", legend=True, height=260)
    for column, name, color in (("failed", "Failed", FAILED), ("completed", "Completed", COMPLETED)):
        chart.add_bar(
            x=list(frame["period_start"]),
            y=list(frame[column]),
            marker={"color": color, "opacity": _opacity(frame)},
            hovertemplate="%{y:,}",
            name=name,
        )
    chart.update_layout(barmode="stack", **few_ticks(list(frame["period_start"]), frame["n"].max()))
    return chart


def describe_rates(frame: pd.DataFrame, bucket: str) -> str:
    """Say in words what the rate chart shows, for those who can't see it."""
    rated = frame[frame["rate"].notna()]
    if rated.empty:
        return f"No {bucket} has enough outcomes to rate."
    top = rated.sort_values("rate", ascending=False).iloc[0]
    last = rated.iloc[-1]
    return (
        f"Failure rate by {bucket}: {len(rated)} rated periods, from {rated['rate'].min():.1%} to {top['rate']:.1%}, "
        f"highest in the {bucket} of {top['period_start']:%d %b %Y}; {last['rate']:.1%} in the last one."
    )


def describe_products(frames: Mapping[str, pd.DataFrame], bucket: str) -> str:
    """Say in words where each product's rate was highest."""
    said = []
    for name, frame in frames.items():
        rated = frame[frame["rate"].notna()]
        if rated.empty:
            said.append(f"{name}: too few to rate")
            continue
        top = rated.sort_values("rate", ascending=False).iloc[0]
        said.append(f"{name}: at most {top['rate']:.1%}, in the {bucket} of {top['period_start']:%d %b %Y}")
    return "; ".join(said) + "."


def describe_outcomes(frame: pd.DataFrame, bucket: str) -> str:
    """Say in words how many tasks failed and completed."""
    if frame.empty:
        return "No task ended."
    top = frame.sort_values("failed", ascending=False).iloc[0]
    return (
        f"{int(frame['failed'].sum()):,} failed and {int(frame['completed'].sum()):,} completed tasks; most failed in the "
        f"{bucket} of {top['period_start']:%d %b %Y}: {int(top['failed']):,}."
    )


def _broken(frame: pd.DataFrame) -> Iterator[dict[Any, Any] | None]:
    """Give the rated rows in order, and None once wherever the line must break."""
    steps = frame["period_start"].diff()
    usual, previous = steps.min(), None
    for row in frame.to_dict("records"):
        missing = previous is not None and row["period_start"] - previous["period_start"] > 1.6 * usual
        if previous is not None and (missing or pd.isna(row["rate"])) and pd.notna(previous["rate"]):
            yield None
        if pd.notna(row["rate"]):
            yield row
        previous = row


def _line(frame: pd.DataFrame) -> dict[str, list[Any]]:
    rows = list(_broken(frame))
    return {
        "x": [row["period_start"] if row else None for row in rows],
        "y": [row["rate"] if row else None for row in rows],
        "customdata": [
            [row["failed"], row["n"], row["low"], row["high"], " · partial" if row["partial"] else ""]
            if row
            else [""] * 5
            for row in rows
        ],
    }


def _ribbon(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Give one closed outline per unbroken stretch: Plotly can't fill between two lines that break."""
    x: list[Any] = []
    y: list[Any] = []

    def close(stretch: Sequence[Mapping[Any, Any]]) -> None:
        if stretch:
            outline = [*stretch, *reversed(stretch)]
            x.extend([*([None] if x else []), *(row["period_start"] for row in outline)])
            y.extend(
                [*([None] if y else []), *(row["high"] for row in stretch), *(row["low"] for row in reversed(stretch))]
            )

    stretch: list[dict[Any, Any]] = []
    for row in _broken(frame):
        if row is None:
            close(stretch)
            stretch = []
        else:
            stretch.append(row)
    close(stretch)
    return {"x": x, "y": y}


def _add_counts(chart: go.Figure, unrated: pd.DataFrame, theme: Theme) -> None:
    """Write periods with too few outcomes to rate as counts along the axis."""
    if unrated.empty:
        return
    chart.add_scatter(
        x=list(unrated["period_start"]),
        y=[0] * len(unrated),
        mode="text" if len(unrated) <= _MAX_COUNT_LABELS else "markers",
        text=[f"{failed}/{n}" for failed, n in zip(unrated["failed"], unrated["n"], strict=True)],
        textposition="top center",
        textfont={"size": 11, "color": muted(theme)},
        marker={"symbol": "line-ns-open", "size": 6, "color": muted(theme)},
        customdata=list(zip(unrated["failed"], unrated["n"], strict=True)),
        hovertemplate="%{customdata[0]:,} of %{customdata[1]:,} failed: too few to rate<extra></extra>",
        name="Too few to rate",
    )


def _partly(color: str, *, partial: bool) -> str:
    return "rgba(0,0,0,0)" if partial else color


def _opacity(frame: pd.DataFrame) -> list[float]:
    return [0.45 if partial else 1.0 for partial in frame["partial"]]
