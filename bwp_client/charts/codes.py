"""Charts of error codes, as bars and over time; a code has the same colour in both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from bwp_client.charts.theme import (
    MIN_COUNT_FOR_PLOTLY_TICKS,
    NOT_LOOKED_UP_COLOR,
    PALETTE,
    UNCODED_COLOR,
    Theme,
    bar_range,
    bar_width,
    empty_figure,
    hover_day,
    labels,
    legend_pixels,
    name_bars,
    tick_layout,
)
from bwp_client.metrics.wording import percent
from bwp_client.warehouse.snapshot import NOT_LOOKED_UP, UNCODED

OTHERS = "(other codes)"
OTHERS_COLOR = "#5F6873"
_OWN_COLORS = {UNCODED: UNCODED_COLOR, NOT_LOOKED_UP: NOT_LOOKED_UP_COLOR, OTHERS: OTHERS_COLOR}
MAX_CODES = 8
MAX_BARS = 20


def code_colors(codes: Iterable[str]) -> dict[str, str]:
    """Return the colour of each code.

    Args:
        codes: All codes in the order first seen, so that no colour changes when codes are added.
    """
    colors = dict(_OWN_COLORS)
    for code in codes:
        if code not in colors:
            colors[code] = PALETTE[(len(colors) - 3) % len(PALETTE)]
    return colors


LABEL_PIXELS = 90
"""The right margin, for the text beside the longest bar."""


def distinct_colors(codes: Sequence[str], colors: Mapping[str, str]) -> dict[str, str]:
    """Return the colours of the codes of one chart, none of them twice but the grey of rare codes.

    The palette has fewer colours than a shop may have codes. Of two codes of one colour, the more frequent keeps it, and the
    other gets a colour that no code of the chart has; codes beyond the first `MAX_CODES` are grey.

    Args:
        codes: The codes of the chart, the most frequent first.
        colors: From `code_colors`.
    """
    result = {code: colors.get(code, UNCODED_COLOR) for code in codes[:MAX_CODES]}
    owners: dict[str, str] = {}
    for code, color in result.items():
        owners.setdefault(color, code)
    free = iter([color for color in PALETTE if color not in owners])
    for code, color in result.items():
        if color in PALETTE and owners[color] != code:
            result[code] = next(free, OTHERS_COLOR)
    return {code: result.get(code, colors[code] if code in _OWN_COLORS else OTHERS_COLOR) for code in codes}


def code_bars(frame: pd.DataFrame, theme: Theme, colors: Mapping[str, str]) -> go.Figure:
    """Draw failed tasks by code as bars, the most frequent code first; the rarest codes are summed up.

    Args:
        frame: An `error_codes` frame: `code` (str), `tasks` (int64), `share` (float64).
        theme: Light or dark.
        colors: From `code_colors`.
    """
    with_tasks = frame[frame["tasks"] > 0]
    named = with_tasks if len(with_tasks) <= MAX_BARS else with_tasks.head(MAX_BARS - 1)
    rest = with_tasks.iloc[len(named) :]
    codes, tasks = list(named["code"]), list(named["tasks"])
    texts = [f"{count:,} · {percent(share, 0)}" for count, share in zip(tasks, named["share"], strict=True)]
    own = distinct_colors(codes, colors)
    names, fills = labels(codes), [own[code] for code in codes]
    if len(rest):
        # A task with two of these codes counts twice, so that they have no share.
        names, fills = [*names, f"({len(rest)} other codes)"], [*fills, OTHERS_COLOR]
        codes, tasks = [*codes, ""], [*tasks, int(rest["tasks"].sum())]
        texts.append(f"{tasks[-1]:,}")
    chart = empty_figure(theme, y_title="")
    chart.add_bar(
        x=tasks[::-1],
        y=names[::-1],
        orientation="h",
        marker={
            "color": fills[::-1],
            "pattern": {"shape": ["/" if code == NOT_LOOKED_UP else "" for code in reversed(codes)]},
        },
        text=texts[::-1],
        textposition="outside",
        constraintext="none",
        cliponaxis=False,
        customdata=codes[::-1],
        hovertemplate="%{y}: %{x:,} failed<extra></extra>",
    )
    longest = max(tasks, default=1)
    chart.update_layout(
        hovermode="closest",
        xaxis={
            "range": [0, longest],
            "title": {"text": "Failed tasks"},
            "dtick": 1 if longest < MIN_COUNT_FOR_PLOTLY_TICKS else None,
        },
        margin={"r": LABEL_PIXELS},
    )
    name_bars(chart, names[::-1], theme)
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
    totals = frame.groupby("code")["tasks"].sum().sort_values(ascending=False, kind="stable")
    top = list(totals.index[:MAX_CODES])
    own = distinct_colors(top, colors) | {OTHERS: OTHERS_COLOR}
    shown = frame.assign(code=[code if code in top else OTHERS for code in frame["code"]])
    table = shown.pivot_table(index="period_start", columns="code", values="tasks", aggfunc="sum", fill_value=0)
    partial = set(frame.loc[frame["partial"], "period_start"]) if "partial" in frame.columns else set()
    sums = table.sum(axis=1)
    drawn = [*top, *([OTHERS] if OTHERS in table.columns else [])]
    chart = empty_figure(theme, y_title="Failed tasks", legend=True, height=340 + legend_pixels(len(drawn)))
    for code, name in zip(drawn, labels(drawn), strict=True):
        chart.add_bar(
            x=list(table.index),
            y=list(table[code]),
            name=name,
            marker={
                "color": own[code],
                "pattern": {"shape": "/" if code == NOT_LOOKED_UP else ""},
                "opacity": [0.45 if start in partial else 1.0 for start in table.index],
            },
            width=bar_width(list(table.index), bucket),
            customdata=["" if code == OTHERS else code] * len(table),
            hovertext=[f"{total:,}" for total in sums],
            hovertemplate=f"{hover_day(table.index)}: %{{y:,}} of %{{hovertext}}",
        )
    chart.update_layout(barmode="stack", hovermode="closest", **tick_layout(list(table.index), sums.max()))
    chart.update_xaxes(bar_range(list(table.index), bucket))
    return chart


def describe_codes(frame: pd.DataFrame) -> str:
    """Return the text alternative of `code_bars`: the five most frequent codes.

    Args:
        frame: An `error_codes` frame.
    """
    shown = frame[frame["tasks"] > 0].head(5)
    if shown.empty:
        return "No failed task in this period."
    rows = zip(shown["code"], shown["tasks"], shown["share"], strict=True)
    parts = [f"{code} {tasks:,} ({percent(share, 0)})" for code, tasks, share in rows]
    return "Failed tasks by error code: " + ", ".join(parts) + "."
