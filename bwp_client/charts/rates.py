"""Failure rates and counts over time."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from bwp_client.charts.template import FAILED, MAX_POINTS, Theme, figure


def rate_over_time(frame: pd.DataFrame, theme: Theme, *, baseline: float | None = None) -> go.Figure:
    """Draw the failure rate with its 95 % interval; partial periods hollow, too few to rate left open.

    Args:
        frame: A `failure_rate` frame.
        theme: Light or dark.
        baseline: A rate to compare with, drawn as a dotted line.
    """
    chart = figure(theme, y_title="Failure rate")
    frame = frame.tail(MAX_POINTS)
    rated = frame[frame["rate"].notna()]
    times = list(rated["period_start"])
    chart.add_scatter(
        x=times, y=list(rated["high"]), mode="lines", line={"width": 0}, hoverinfo="skip", connectgaps=False
    )
    chart.add_scatter(
        x=times,
        y=list(rated["low"]),
        mode="lines",
        line={"width": 0},
        fill="tonexty",
        fillcolor="rgba(213,94,0,0.18)",
        hoverinfo="skip",
    )
    chart.add_scatter(
        x=times,
        y=list(rated["rate"]),
        mode="lines+markers" if len(rated) <= 120 else "lines",
        line={"color": FAILED, "width": 2},
        marker={
            "size": 7,
            "color": ["rgba(0,0,0,0)" if partial else FAILED for partial in rated["partial"]],
            "line": {"color": FAILED, "width": 2},
        },
        customdata=[
            [failed, n, low, high, " · partial" if partial else ""]
            for failed, n, low, high, partial in zip(
                rated["failed"], rated["n"], rated["low"], rated["high"], rated["partial"], strict=True
            )
        ],
        hovertemplate="%{y:.1%} (%{customdata[2]:.1%}–%{customdata[3]:.1%}), %{customdata[0]:,} of %{customdata[1]:,}"
        "%{customdata[4]}<extra></extra>",
        name="Failure rate",
    )
    if baseline is not None and len(rated):
        chart.add_scatter(
            x=[times[0], times[-1]],
            y=[baseline, baseline],
            mode="lines",
            line={"dash": "dot", "width": 1.5, "color": "#8A929C"},
            hovertemplate="period before %{y:.1%}<extra></extra>",
        )
    chart.update_yaxes(tickformat=".0%" if not len(rated) or rated["high"].max() > 0.05 else ".1%")
    return chart


def failures_over_time(frame: pd.DataFrame, theme: Theme) -> go.Figure:
    """Draw failed tasks per period as bars; partial periods lighter.

    Args:
        frame: A `failure_rate` frame.
        theme: Light or dark.
    """
    frame = frame.tail(MAX_POINTS)
    chart = figure(theme, y_title="Failed tasks", height=220)
    chart.add_bar(
        x=list(frame["period_start"]),
        y=list(frame["failed"]),
        marker={"color": FAILED, "opacity": [0.45 if partial else 1.0 for partial in frame["partial"]]},
        customdata=list(frame["n"]),
        hovertemplate="%{y:,} failed of %{customdata:,} outcomes<extra></extra>",
        name="Failed tasks",
    )
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
