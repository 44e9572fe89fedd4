"""The labels of the days on which the level of a rate changed: dashed lines whose texts never touch, also on a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import plotly.graph_objects as go

from bwp_client.charts.theme import CHARACTER_PIXELS, NARROWEST_PIXELS, Theme, ink, muted

_LEVEL_PIXELS = 14
_TOP_PIXELS = 30


def add_change_labels(
    chart: go.Figure, changes: Mapping[datetime, str], shown: Sequence[datetime], theme: Theme
) -> None:
    """Draw a dashed line at each change with its text above the plot; texts that would touch are stacked.

    A text that would leave the chart at its right edge stands left of its line.

    Args:
        chart: The chart.
        changes: The text of each day, in order.
        shown: The times that the x axis shows, in order.
        theme: Light or dark.
    """
    if not changes or not len(shown):
        return
    last = shown[-1]
    pixel = (last - shown[0]) / NARROWEST_PIXELS
    free_from: list[datetime] = []  # of each level, the lowest first
    for day, text in changes.items():
        width = pixel * CHARACTER_PIXELS * (len(text) + 1)
        is_left = day + width > last
        level = _free_level(free_from, day - width if is_left else day)
        free_from[level:] = [day if is_left else day + width, *free_from[level + 1 :]]
        chart.add_vline(x=day, line={"color": muted(theme), "width": 1, "dash": "dash"})
        chart.add_annotation(
            x=day, y=1, yref="paper", yanchor="bottom", yshift=_LEVEL_PIXELS * level, showarrow=False, text=text,
            xanchor="right" if is_left else "left", font={"size": 12, "color": ink(theme)},
        )  # fmt: skip
    chart.update_layout(margin={"t": _TOP_PIXELS + _LEVEL_PIXELS * (len(free_from) - 1)})


def _free_level(free_from: Sequence[datetime], start: datetime) -> int:
    """Return the lowest level that is free from a time on, which may be a new level."""
    found = (level for level, time in enumerate(free_from) if time <= start)
    return next(found, len(free_from))
