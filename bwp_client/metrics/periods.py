"""Partial periods: cut by the filters, by the limits of the data, or too young for all of their tasks to have ended."""

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

    A task that is submitted at the end of a period ends up to `settles_seconds` later. A period that begins before the data
    has no rate: only the tasks that took long ended within the data.
    """
    frame = with_partial(frame, context)
    if frame.empty:
        return frame
    settles = timedelta(seconds=frame["settles_seconds"].fillna(0).iloc[0])
    periods = [(start.to_pydatetime(), context.bucket.end_of(start.to_pydatetime())) for start in frame["period_start"]]
    known_until = min(context.as_of, context.data.limits.reaches_to or context.as_of)
    from_time = context.filters.from_time
    is_cut = pd.Series(
        [context.data.extent_of_all(max(start, from_time), end).begins_at is not None for start, end in periods]
    )
    return frame.assign(
        partial=frame["partial"] | pd.Series([end + settles > known_until for _, end in periods]),
        **{name: frame[name].mask(is_cut) for name in ("rate", "low", "high")},
    )


def _is_partial(start: datetime, context: MetricContext) -> bool:
    filters, end = context.filters, context.bucket.end_of(start)
    is_cut = start < filters.from_time or end > min(filters.to_time, context.as_of)
    return is_cut or not context.data.extent_of_all(start, end).is_whole
