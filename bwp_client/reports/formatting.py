"""Formats the columns of a metric for a report: labels, rates in percent with their interval, times in UTC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from bwp_client.metrics.comparison import NOT_COMPARED
from bwp_client.metrics.wording import day, duration, moment, percent, points, rate_with_interval

LABELS = {
    "n": "Finished tasks",
    "rate": "Failure rate",
    "previous_rate": "Rate before",
    "previous_failed": "Failed before",
    "previous_n": "Finished before",
    "difference": "Difference",
    "tasks": "Failed tasks",
    "tasks_before": "Period before",
    "business_product_id": "Business product",
    "code": "Error code",
    "code_set": "Error codes",
    "class": "Class",
    "action": "Next action",
    "period_start": "Begins (UTC)",
    "lookup_failed": "Lookup failed",
    "task_id": "Task ID",
    "mix_effect": "From the mix",
    "rate_effect": "From the rate",
    "contribution": "Total",
    "days_left": "Days left",
    "median_seconds": "Median",
    "p90_seconds": "90th percentile",
    "p99_seconds": "99th percentile",
    "median_days": "Median days",
    "mean_days": "Mean days",
    "timed": "With known days",
}
_PERCENT = {
    "rate",
    "previous_rate",
    "low",
    "high",
    "previous_low",
    "previous_high",
    "before_rate",
    "after_rate",
    "share",
    "coverage",
}
_POINTS = {"difference", "difference_low", "difference_high", "mix_effect", "rate_effect", "contribution"}
_WITH_INTERVAL = {"rate", "previous_rate", "difference"}
_OF_PERIOD_BEFORE = {"previous_rate", "previous_failed", "previous_n", "difference", "tasks_before"}
_MAX_LENGTH, _MAX_LENGTH_OF_WORDS = 40, 30
"""The most characters of a cell on one line: for an ID without spaces, and for a text that can be broken between words."""
_NONE = "–"


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as text."""

    text: str
    is_number: bool = False

    @property
    def is_long(self) -> bool:
        """True for a text that the page breaks into lines."""
        return len(self.text) > (_MAX_LENGTH_OF_WORDS if " " in self.text else _MAX_LENGTH)


@dataclass(frozen=True, slots=True)
class FormattedTable:
    """The rows of a table as text."""

    header: list[Cell]
    rows: list[list[Cell]]
    left_out: int
    """The number of rows that are not shown."""


def format_table(
    frame: pd.DataFrame,
    columns: Sequence[str],
    max_rows: int,
    name_of: Callable[[str], str],
    *,
    is_before_cut: bool,
) -> FormattedTable:
    """Return the columns of a frame as text.

    Args:
        frame: The frame of a metric.
        columns: The columns to show; those that the frame does not have are left out.
        max_rows: The number of rows to show; the others are only counted.
        name_of: Returns the name of a business product ID.
        is_before_cut: The data don't cover the period before, so figures of that period are left out.
    """
    present = [name for name in columns if name in frame.columns]
    numeric = {name: pd.api.types.is_numeric_dtype(frame[name].dtype) for name in present}
    rows = [
        [Cell(_text(name, row, name_of, is_before_cut=is_before_cut), numeric[name]) for name in present]
        for row in frame.head(max_rows).to_dict("records")
    ]
    header = [Cell(column_label(name), numeric[name]) for name in present]
    return FormattedTable(header, rows, max(0, len(frame) - max_rows))


def column_label(column: str) -> str:
    """Return the label of a column."""
    return LABELS.get(column) or column.replace("_", " ").capitalize()


def _text(name: str, row: Any, name_of: Callable[[str], str], *, is_before_cut: bool) -> str:
    value = row[name]
    if name in _OF_PERIOD_BEFORE and (is_before_cut or row.get("compared") == NOT_COMPARED):
        return NOT_COMPARED if name in _WITH_INTERVAL else _NONE
    if name in _WITH_INTERVAL:
        return rate_with_interval(row, name)
    if not isinstance(value, list | tuple) and pd.isna(value):
        return _NONE
    if name == "business_product_id":
        return name_of(str(value))
    if name in _PERCENT:
        return percent(value)
    if name in _POINTS:
        return points(value)
    return _plain(name, value)


def _plain(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, pd.Timestamp):
        return moment(value)
    if isinstance(value, date):
        return day(value)
    if name.endswith("_seconds"):
        return duration(float(value))
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() else f"{value:,.1f}"
    if isinstance(value, int):
        return f"{value:,}"
    return " ".join(str(value).split())
