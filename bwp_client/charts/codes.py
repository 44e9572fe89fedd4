"""Charts of error codes, as bars and over time; a code has the same colour in both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd
import plotly.graph_objects as go

from bwp_client.charts.theme import (
    MIN_COUNT_FOR_PLOTLY_TICKS,
    NOT_LOOKED_UP_COLOR,
    PALETTE,
    UNCODED_COLOR,
    Theme,
    bar_width,
    empty_figure,
    labels,
    tick_layout,
)
from bwp_client.warehouse.snapshot import NOT_LOOKED_UP, UNCODED

OTHERS = "(other codes)"
OTHERS_COLOR = "#5F6873"
MAX_CODES = 8
MAX_BARS = 20


def code_colors(codes: Iterable[str]) -> dict[str, str]:
    """Return the colour of each code.

    Args:
        codes: All codes in the order first seen, so that no colour changes when codes are added.
    """
    colors = {UNCODED: UNCODED_COLOR, NOT_LOOKED_UP: NOT_LOOKED_UP_COLOR, OTHERS: OTHERS_COLOR}
    for code in codes:
        if code not in colors:
            colors[code] = PALETTE[(len(colors) - 3) % len(PALETTE)]
    return colors


LABEL_PIXELS = 90
"""The right margin, for the text beside the longest bar."""


def code_bars(frame: pd.DataFrame, theme: Theme, colors: Mapping[str, str]) -> go.Figure:
    """Draw failed tasks by code as bars, the most frequent code first.

    Args:
        frame: An `error_codes` frame: `code` (str), `tasks` (int64), `share` (float64).
        theme: Light or dark.
        colors: From `code_colors`.
    """
    shown = frame[frame["tasks"] > 0].head(MAX_BARS).iloc[::-1]
    chart = empty_figure(theme, y_title="", height=90 + 30 * max(len(shown), 1))
    chart.add_bar(
        x=list(shown["tasks"]),
        y=labels(list(shown["code"])),
        orientation="h",
        marker={
            "color": [colors.get(code, UNCODED_COLOR) for code in shown["code"]],
            "pattern": {"shape": ["/" if code == NOT_LOOKED_UP else "" for code in shown["code"]]},
        },
        text=[f"{tasks:,} · {share:.0%}" for tasks, share in zip(shown["tasks"], shown["share"], strict=True)],
        textposition="outside",
        cliponaxis=False,
        customdata=list(shown["code"]),
        hovertemplate="%{y}: %{x:,} failed tasks<extra></extra>",
    )
    longest = int(shown["tasks"].max()) if len(shown) else 1
    chart.update_layout(
        hovermode="closest",
        xaxis={
            "range": [0, longest],
            "title": {"text": "Failed tasks"},
            "dtick": 1 if longest < MIN_COUNT_FOR_PLOTLY_TICKS else None,
        },
        margin={"r": LABEL_PIXELS},
    )
    chart.update_yaxes(showgrid=False, rangemode="normal", type="category")
    return chart


def codes_over_time(
    frame: pd.DataFrame, theme: Theme, colors: Mapping[str, str], bucket: str | None = None
) -> go.Figure:
    """Draw failed tasks by code and period as stacked bars; rare codes are summed up, and partial periods are lighter.

    Args:
        frame: An `error_codes_over_time` frame: `period_start` (datetime64[us, UTC]), `code` (str), `tasks` (int64),
            `partial` (bool).
        theme: Light or dark.
        colors: From `code_colors`.
        bucket: The word for a period, such as `week`, by which bars get the width of their period.
    """
    chart = empty_figure(theme, y_title="Failed tasks", legend=True, height=340)
    totals = frame.groupby("code")["tasks"].sum().sort_values(ascending=False)
    top = list(totals.index[:MAX_CODES])
    shown = frame.assign(code=[code if code in top else OTHERS for code in frame["code"]])
    table = shown.pivot_table(index="period_start", columns="code", values="tasks", aggfunc="sum", fill_value=0)
    partial = set(frame.loc[frame["partial"], "period_start"]) if "partial" in frame.columns else set()
    drawn = [*top, *([OTHERS] if OTHERS in table.columns else [])]
    for code, name in zip(drawn, labels(drawn), strict=True):
        chart.add_bar(
            x=list(table.index),
            y=list(table[code]),
            name=name,
            marker={
                "color": colors.get(code, UNCODED_COLOR),
                "pattern": {"shape": "/" if code == NOT_LOOKED_UP else ""},
                "opacity": [0.45 if start in partial else 1.0 for start in table.index],
            },
            width=bar_width(list(table.index), bucket),
            customdata=[code] * len(table),
            hovertemplate="%{y:,}",
        )
    chart.update_layout(barmode="stack", **tick_layout(list(table.index), table.sum(axis=1).max()))
    return chart


def describe_codes(frame: pd.DataFrame) -> str:
    """Return the text alternative of `code_bars`: the five most frequent codes.

    Args:
        frame: An `error_codes` frame.
    """
    shown = frame[frame["tasks"] > 0].head(5)
    if shown.empty:
        return "No failed task in this period."
    parts = [f"{row.code} {row.tasks:,} ({row.share:.0%})" for row in shown.itertuples()]
    return "Failed tasks by error code: " + ", ".join(parts) + "."
