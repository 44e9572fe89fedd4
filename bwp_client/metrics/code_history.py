"""What is known of one error code: when it became more or less frequent, where a rise came from, and its messages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bwp_client.metrics.attribution import MOST
from bwp_client.metrics.filters import Filters
from bwp_client.metrics.queries import errors_of_code
from bwp_client.metrics.wording import day, days, percent
from bwp_client.warehouse.snapshot import Snapshot

MAX_MESSAGES = 3
MAX_CHANGES = 3
_VARIABLE = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\b(?=\w*\d)[\w-]{6,}|\d+")
"""What differs between two tasks' messages of one cause: IDs and numbers."""


@dataclass(frozen=True, slots=True)
class MessageExample:
    """A message that came with an error code.

    Attributes:
        text: The message, with “…” in the place of IDs and numbers.
        tasks: The number of tasks whose message is the same but for these.
    """

    text: str
    tasks: int


def example_messages(snapshot: Snapshot, filters: Filters, code: str) -> tuple[list[MessageExample], int]:
    """Return the most frequent messages of an error code, and the number of tasks with this code that were looked at.

    Only the newest 1,000 tasks are looked at.

    Args:
        snapshot: The data.
        filters: The filters that select the tasks; their codes are replaced.
        code: The error code.
    """
    errors = errors_of_code(snapshot, filters.with_(codes=(code,)))
    messages = Counter(
        text for of_task in errors for text in {_masked(error) for error in of_task if error["code"] == code} if text
    )
    return [MessageExample(text, tasks) for text, tasks in messages.most_common(MAX_MESSAGES)], len(errors)


def _masked(error: Mapping[str, Any]) -> str:
    return _VARIABLE.sub("…", (error["message"] or "").strip())


def change_sentences(changes: pd.DataFrame) -> list[str]:
    """Return a sentence for each of the newest days on which an error code became more or less frequent, newest first.

    Args:
        changes: The `change_points` frame of the code.
    """
    newest = changes.sort_values("changed_at", ascending=False).head(MAX_CHANGES)
    return [
        f"{'Up' if row['direction'] == 'up' else 'Down'} {_when(row)}: from {percent(row['before_rate'])} to "
        f"{percent(row['after_rate'])} of all finished tasks."
        for row in newest.to_dict("records")
    ]


def _when(change: Mapping[Any, Any]) -> str:
    """Return the likeliest day of a change, with the first and the last possible day unless all are the same.

    Other sentences may name another of the possible days.
    """
    on = f"on {day(change['changed_at'])}"
    if change["earliest"] == change["latest"]:
        return on
    return f"{on} (between {days(change['earliest'], change['latest']).replace(' to ', ' and ')})"


def days_of_newest_rise(changes: pd.DataFrame, filters: Filters) -> Filters | None:
    """Return the filters over the days from the newest rise to the next change; None if the code never rose.

    Args:
        changes: The `change_points` frame of the code.
        filters: The filters of all data.
    """
    rises = changes[changes["direction"] == "up"].sort_values("changed_at")
    if rises.empty:
        return None
    newest = rises.iloc[-1]
    return filters.with_(from_time=newest["changed_at"].to_pydatetime(), to_time=newest["after_to"].to_pydatetime())


def source_of_rise(contributors: pd.DataFrame, name_of: Callable[[str], str]) -> str | None:
    """Return a sentence on the products behind a rise, which another sentence names; None if there was no rise.

    Args:
        contributors: The `contributors` frame of the days since the rise, with the code as filter.
        name_of: Returns a product's name.
    """
    parts = contributors[contributors["part"] == "product"].sort_values("contribution", ascending=False)
    rise = float(parts["contribution"].sum())
    if not rise > 0:
        return None
    share = float(parts["contribution"].iloc[0]) / rise
    if share <= MOST:
        return "Several products share it."
    name = name_of(parts["business_product_id"].iloc[0])
    return f"{name} made up {percent(share, 0)} of it." if share < 1 else f"It came from {name} alone."
