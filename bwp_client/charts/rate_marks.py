"""The marks that charts of failure rates share: lines that break where nothing is rated, intervals, and markers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

TRANSPARENT = "rgba(0,0,0,0)"


def with_breaks(frame: pd.DataFrame) -> Iterator[dict[Any, Any] | None]:
    """Yield the rated rows in order, and None at each break of the line."""
    steps = frame["period_start"].diff()
    usual, previous = steps.min(), None
    for row in frame.to_dict("records"):
        missing = previous is not None and row["period_start"] - previous["period_start"] > 1.6 * usual
        if previous is not None and (missing or pd.isna(row["rate"])) and pd.notna(previous["rate"]):
            yield None
        if pd.notna(row["rate"]):
            yield row
        previous = row


def rate_line(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Return the points of the rated rows; `customdata` holds failed, n, low, high and a word for a partial period."""
    rows = list(with_breaks(frame))
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


def interval_outline(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Return a closed outline for each unbroken stretch, because Plotly can't fill between lines that have breaks."""
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
    for row in with_breaks(frame):
        if row is None:
            close(stretch)
            stretch = []
        else:
            stretch.append(row)
    close(stretch)
    return {"x": x, "y": y}


def rate_markers(frame: pd.DataFrame, color: str) -> dict[str, Any]:
    """Return the markers of the points of `rate_line`, hollow for partial periods."""
    fills = [TRANSPARENT if row and row["partial"] else color for row in with_breaks(frame)]
    return {"size": 7, "color": fills, "line": {"color": color, "width": 2}}
