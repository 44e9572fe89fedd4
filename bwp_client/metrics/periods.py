"""Partial periods: cut by the filters, still running, or too young for all of their tasks to have ended."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd

from bwp_client.metrics.context import MetricContext


def with_partial(frame: pd.DataFrame, context: MetricContext) -> pd.DataFrame:
    """Return the frame with a column `partial` (bool).

    Args:
        frame: `period_start` (any datetime, null for the whole period), made `datetime64[us, UTC]`.
        context: The filters, the bucket and the end of the data decide which periods are partial.
    """
    starts = pd.to_datetime(frame["period_start"], utc=True).astype("datetime64[us, UTC]")
    return frame.assign(
        period_start=starts,
        partial=[pd.notna(start) and _is_partial(start.to_pydatetime(), context) for start in starts],
    )


def with_unsettled(frame: pd.DataFrame, context: MetricContext) -> pd.DataFrame:
    """Return a `submission_rate` frame whose `partial` is also true for periods in which tasks may still be running.

    A task that is submitted at the end of a period ends up to `settles_seconds` later.
    """
    frame = with_partial(frame, context)
    if frame.empty:
        return frame
    settles = timedelta(seconds=frame["settles_seconds"].fillna(0).iloc[0])
    ends = [context.bucket.end_of(start.to_pydatetime()) for start in frame["period_start"]]
    return frame.assign(partial=frame["partial"] | pd.Series([end + settles > context.as_of for end in ends]))


def _is_partial(start: datetime, context: MetricContext) -> bool:
    filters = context.filters
    return start < filters.from_time or context.bucket.end_of(start) > min(filters.to_time, context.as_of)
