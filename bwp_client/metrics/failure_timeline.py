"""Single failed tasks by day, for shops or periods with too few finished tasks for a failure rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from bwp_client.metrics.filters import Filters
from bwp_client.metrics.wording import counted, day

MAX_TASKS = 300
"""The most tasks of a timeline, the newest; more would be a carpet of dots."""
MAX_ROWS = 8
OTHERS = ""
"""The row of all products or codes that have no row of their own."""


@dataclass(frozen=True, slots=True)
class FailureTimeline:
    """Failed tasks, in a row for each business product or error code.

    Attributes:
        filters: The filters that select the tasks.
        tasks: `task_id` (str), `failed_at` (datetime64[us, UTC]), `business_product_id`, `code_set` and `row` (str: a
            product, a code or `OTHERS`); newest first. A task with two codes is in the row of each.
        rows: The rows, the one with most tasks first, `OTHERS` last.
        is_by_code: True if the rows are error codes, False if they are business products: whichever are fewer.
        is_cut: True if there are more tasks than the newest ones.
    """

    filters: Filters
    tasks: pd.DataFrame
    rows: tuple[str, ...]
    is_by_code: bool
    is_cut: bool


def failure_timeline(failures: pd.DataFrame, filters: Filters) -> FailureTimeline:
    """Arrange failed tasks in rows.

    Args:
        failures: From `newest_failures` with these filters.
        filters: The filters.
    """
    ids = failures["task_id"].drop_duplicates()
    shown = failures[failures["task_id"].isin(ids.head(MAX_TASKS))]
    is_by_code = shown["code"].nunique() < shown["business_product_id"].nunique()
    column = "code" if is_by_code else "business_product_id"
    shown = shown.assign(row=shown[column]).drop_duplicates(["task_id", "row"])
    most = shown["row"].value_counts(sort=False)
    most = most[most.index.sort_values()].sort_values(ascending=False, kind="stable")
    own = most.index[: MAX_ROWS if len(most) <= MAX_ROWS else MAX_ROWS - 1]
    shown = shown.assign(row=shown["row"].where(shown["row"].isin(own), OTHERS)).drop_duplicates(["task_id", "row"])
    rows = (*map(str, own), *((OTHERS,) if len(own) < len(most) else ()))
    columns = ["task_id", "failed_at", "business_product_id", "code_set", "row"]
    return FailureTimeline(filters, shown[columns].reset_index(drop=True), rows, is_by_code, len(ids) > MAX_TASKS)


def timeline_sentence(timeline: FailureTimeline, counts: Mapping[Any, Any], unrated: int) -> str:
    """Return the number of failed and finished tasks, the first day, and the day of the newest failure.

    Args:
        timeline: The failed tasks.
        counts: The only row of the `period_comparison` frame of the timeline's filters.
        unrated: The number of failed tasks of products that no rate includes.
    """
    failed, finished = int(counts["failed"]) + unrated, int(counts["n"])
    of_finished = (
        f" of {counted(finished, 'finished task')}" if finished and not unrated else f" task{'s' * (failed != 1)}"
    )
    start = f"{failed:,} failed{of_finished} {_since(timeline.filters)}"
    if timeline.tasks.empty:
        return f"{start}."
    newest: datetime = timeline.tasks["failed_at"].iloc[0]
    shown = f"; the newest {MAX_TASKS:,} are shown" if timeline.is_cut else ""
    return f"{start}; the newest on {day(newest)}{shown}."


def _since(filters: Filters) -> str:
    return f"from {day(filters.from_time)} to {day(filters.to_time - timedelta(days=1))}"
