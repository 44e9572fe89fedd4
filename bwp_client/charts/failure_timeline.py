"""The chart of single failed tasks by day, in a row for each business product or error code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import pandas as pd
import plotly.graph_objects as go

from bwp_client.charts.codes import distinct_colors
from bwp_client.charts.theme import DATE_TICKS, FAILED, Theme, empty_figure, ink, labels, muted
from bwp_client.metrics.wording import minute

_ROW_PIXELS = 64
_MARGIN_PIXELS = 60
_STEP, _LARGEST_STACK = 0.17, 0.5
"""The distance of the dots of one day, and the height of the highest stack, as shares of a row."""
_LABEL_HEIGHT = 0.42
_EDGE = 0.03
"""The room beside the first and the last dot, as a share of the time shown."""
_HOVER = "<b>%{customdata[2]}</b><br>%{customdata[0]}<br>%{customdata[1]}<extra></extra>"


def failure_dots(
    tasks: pd.DataFrame,
    rows: Mapping[str, str],
    name_of: Callable[[str], str],
    theme: Theme,
    *,
    period: tuple[datetime, datetime],
    shaded: tuple[datetime, datetime] | None = None,
    colors: Mapping[str, str] | None = None,
) -> go.Figure:
    """Draw each failed task as a dot at its day; the tasks of one day are stacked.

    Args:
        tasks: `failed_at` (datetime64[us, UTC]), `business_product_id`, `code_set`, `row` (str).
        rows: The name of each row, in order from the top.
        name_of: Returns a product's name.
        theme: Light or dark.
        period: The times at the ends of the x axis.
        shaded: The beginning and the end of the shaded time.
        colors: The colours of codes, from `code_colors`, where the rows are codes; else all dots have that of failures.
    """
    own = distinct_colors(list(rows), colors) if colors else {}
    chart = empty_figure(theme, y_title="", height=_MARGIN_PIXELS + _ROW_PIXELS * max(len(rows), 1))
    if shaded is not None:
        chart.add_vrect(x0=shaded[0], x1=shaded[1], fillcolor=muted(theme), opacity=0.15, line_width=0, layer="below")
    for index, (row, label) in enumerate(zip(rows, labels(list(rows.values())), strict=True)):
        bottom = len(rows) - 1 - index
        _add_row(chart, tasks[tasks["row"] == row], bottom, own.get(row, FAILED), name_of)
        chart.add_annotation(
            x=0, xref="x domain", xanchor="left", y=bottom + _LABEL_HEIGHT, yanchor="middle", showarrow=False, text=label,
            font={"size": 13, "color": ink(theme)},
        )  # fmt: skip
    chart.update_yaxes(range=[-0.6, len(rows) - 0.3], showticklabels=False, showgrid=False, zeroline=False)
    edge = (period[1] - period[0]) * _EDGE
    chart.update_xaxes(
        range=[period[0] - edge, period[1] + edge], showgrid=True, type="date", tickformatstops=DATE_TICKS
    )
    chart.update_layout(hovermode="closest", margin={"l": 12, "r": 12})
    return chart


def _add_row(chart: go.Figure, tasks: pd.DataFrame, bottom: int, color: str, name_of: Callable[[str], str]) -> None:
    days = tasks["failed_at"].dt.floor("D")
    chart.add_scatter(
        x=list(days),
        y=[bottom + height for height in _stacked(list(days))],
        mode="markers",
        marker={"size": 11, "color": color, "line": {"width": 1, "color": "rgba(255,255,255,0.6)"}},
        customdata=[
            labels([name_of(row["business_product_id"])]) + labels([row["code_set"]])
            + [minute(row["failed_at"])]
            for row in tasks.to_dict("records")
        ],
        hovertemplate=_HOVER,
        name="Failed task",
    )  # fmt: skip


def _stacked(days: Sequence[datetime]) -> list[float]:
    """Return the height of each dot above the middle of its row, so that the dots of one day do not hide each other."""
    counts = pd.Series(days).value_counts()
    seen: dict[datetime, int] = {}
    heights = []
    for day in days:
        count, position = int(counts[day]), seen.get(day, 0)
        seen[day] = position + 1
        step = min(_STEP, _LARGEST_STACK / count)
        heights.append(-0.25 + position * step)
    return heights


def describe_timeline(tasks: pd.DataFrame, rows: Mapping[str, str], sentence: str) -> str:
    """Return the text alternative of `failure_dots`: the counts in words, and the number of tasks of each row.

    Args:
        tasks: See `failure_dots`.
        rows: The name of each row.
        sentence: The counts in words.
    """
    counts = tasks["row"].value_counts()
    parts = [f"{name} {int(counts.get(row, 0)):,}" for row, name in rows.items()]
    return f"{sentence} Failed tasks by row: {', '.join(parts)}." if parts else sentence
