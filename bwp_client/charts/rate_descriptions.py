"""The text alternatives of the charts of failure rates: what a chart shows, with its figures, for those who can't see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from bwp_client.metrics.wording import day, percent


def describe_rates(frame: pd.DataFrame, bucket: str) -> str:
    """Return the text alternative of `rate_over_time`: the range of the rates, the highest and the last.

    Args:
        frame: A `failure_rate` frame.
        bucket: The word for a period, such as `day` or `week`.
    """
    rated = frame[frame["rate"].notna()]
    if rated.empty:
        return f"No {bucket} has enough finished tasks to rate."
    top = rated.sort_values("rate", ascending=False).iloc[0]
    last = rated.iloc[-1]
    return (
        f"Failure rate by {bucket}: {len(rated)} rated periods, from {percent(rated['rate'].min())} to "
        f"{percent(top['rate'])}, highest in the {bucket} of {day(top['period_start'])}; "
        f"{percent(last['rate'])} in the last period."
    )


def describe_products(frames: Mapping[str, pd.DataFrame], name_of: Callable[[str], str], bucket: str) -> str:
    """Return the text alternative of `rates_by_product`: the highest rate of each product and its period.

    Args:
        frames: `failure_rate` frames by business product ID.
        name_of: Returns a product's name.
        bucket: The word for a period, such as `day` or `week`.
    """
    parts = []
    for product, frame in frames.items():
        name, rated = name_of(product), frame[frame["rate"].notna()]
        if rated.empty:
            parts.append(f"{name}: too few to rate")
            continue
        top = rated.sort_values("rate", ascending=False).iloc[0]
        parts.append(f"{name}: at most {percent(top['rate'])}, in the {bucket} of {day(top['period_start'])}")
    return "; ".join(parts) + "."


def describe_outcomes(frame: pd.DataFrame, bucket: str) -> str:
    """Return the text alternative of `outcomes_over_time`: the totals, and the period with most failures.

    Args:
        frame: A `failure_rate` frame.
        bucket: The word for a period, such as `day` or `week`.
    """
    if frame.empty:
        return "No task ended."
    top = frame.sort_values("failed", ascending=False).iloc[0]
    return (
        f"{int(frame['failed'].sum()):,} failed and {int(frame['completed'].sum()):,} completed tasks; most failed in the "
        f"{bucket} of {day(top['period_start'])}: {int(top['failed']):,}."
    )


def describe_compared(frames: Mapping[str, pd.DataFrame], sentence: str, bucket: str) -> str:
    """Return the text alternative of `compared_rates`: the comparison in words, and the range of each line.

    Args:
        frames: `failure_rate` frames by name.
        sentence: The comparison in words.
        bucket: The word for a period, such as `day` or `week`.
    """
    parts = []
    for name, frame in frames.items():
        rated = frame[frame["rate"].notna()]
        if rated.empty:
            parts.append(f"{name}: no {bucket} has enough finished tasks to rate")
            continue
        parts.append(f"{name}: from {percent(rated['rate'].min())} to {percent(rated['rate'].max())} by {bucket}")
    return f"{sentence} {'; '.join(parts)}."
