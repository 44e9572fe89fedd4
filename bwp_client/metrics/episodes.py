"""Episodes: consecutive weeks in which a business product failed far more often than in its other weeks.

Each run of full, rated weeks of a product is compared with the product's other weeks by Fisher's exact test, one-sided. A
run has up to `MAX_WEEKS` weeks and up to half of the product's weeks. Consecutive weeks are tested as one run; tested singly,
each bad week would raise the baseline of the next and hide both. The run with the smallest p-value is the episode, if that
value is below 5 % divided by the number of runs of all products (Bonferroni). Neighbouring weeks that failed far more often
than the remaining weeks are added to the episode. An episode is over only if the failure rate after it, the newest days
included, is clearly lower than in it, and not both clearly higher than before it and at least 1.5 times as high.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

FALSE_ALARM = 0.05
MIN_FAILED = 5
"""A run with fewer failures is no episode, however unlikely it is."""
MAX_WEEKS = 6
HIGH_RATIO = 1.5
"""A rate counts as high from this many times the rate before the episode on, even if a smaller difference is certain."""
_WEEK = timedelta(weeks=1)


@dataclass(frozen=True, slots=True)
class Episode:
    """Consecutive weeks in which a business product failed far more often than usual.

    Attributes:
        business_product_id: The product.
        from_time: The beginning of the first week.
        to_time: The end of the last week.
        usual_rate: The failure rate of the product's other weeks.
        is_over: True if the failure rate after the episode is clearly lower, and does not stay high.
        stays_high: True if the failure rate after the episode is clearly higher than before it, and at least 1.5 times as
            high, though it may be lower than in the episode.
    """

    business_product_id: str
    from_time: datetime
    to_time: datetime
    usual_rate: float
    is_over: bool
    stays_high: bool


def find_episode(weekly: Mapping[str, pd.DataFrame]) -> Episode | None:
    """Return the least likely episode of any product; None when chance explains every run.

    Args:
        weekly: `failure_rate` frames by week, by business product ID: `period_start` (datetime64[us, UTC]), `failed`, `n`
            (int64), `rate` (float64), `partial` (bool).
    """
    rated = {product: _full(frame) for product, frame in weekly.items()}
    runs = {product: _runs(frame) for product, frame in rated.items()}
    level = FALSE_ALARM / max(1, sum(map(len, runs.values())))
    significant = [
        (p_value, product, first, last)
        for product, frame in runs.items()
        for first, last, failed, p_value in frame.itertuples(index=False)
        if p_value < level and failed >= MIN_FAILED
    ]
    if not significant:
        return None
    _, product, first, last = min(significant)
    return _episode(product, weekly[product], *_extended(rated[product], first, last), rated[product])


def _episode(product: str, weeks: pd.DataFrame, first: int, last: int, frame: pd.DataFrame) -> Episode:
    run, others = frame.loc[first:last], frame.drop(index=range(first, last + 1))
    from_time, to_time = _start_of(frame, first), _start_of(frame, last) + _WEEK
    before, after = frame[frame["period_start"] < from_time], weeks[weeks["period_start"] >= to_time]
    stays_high = _is_high(after, before)
    return Episode(
        business_product_id=product,
        from_time=from_time,
        to_time=to_time,
        usual_rate=int(others["failed"].sum()) / int(others["n"].sum()),
        is_over=not stays_high and _p_value(run, after) < FALSE_ALARM,
        stays_high=stays_high,
    )


def _is_high(weeks: pd.DataFrame, before: pd.DataFrame) -> bool:
    """Return whether weeks failed clearly more often than those before, and at least `HIGH_RATIO` times as often."""
    (failed, n), (failed_before, n_before) = (
        (int(frame["failed"].sum()), int(frame["n"].sum())) for frame in (weeks, before)
    )
    is_higher = failed * n_before >= HIGH_RATIO * failed_before * n
    return is_higher and _p_value(weeks, before) < FALSE_ALARM


def _extended(frame: pd.DataFrame, first: int, last: int) -> tuple[int, int]:
    """Return the run extended by neighbouring weeks that stand out too, because the search tests short runs only."""
    for step in (1, -1):
        while last - first < len(frame) - 2:
            edge = last if step > 0 else first
            week = edge + step
            if not 0 <= week < len(frame) or _start_of(frame, week) - _start_of(frame, edge) != step * _WEEK:
                break
            remaining = frame.drop(index=[*range(first, last + 1), week])
            if _p_value(frame.loc[week:week], remaining) >= FALSE_ALARM:
                break
            first, last = min(first, week), max(last, week)
    return first, last


def _p_value(weeks: pd.DataFrame, others: pd.DataFrame) -> float:
    """Return the probability of so many failures in some weeks, given the others (Fisher's exact test, one-sided)."""
    from scipy.stats import hypergeom

    failed, n = int(weeks["failed"].sum()), int(weeks["n"].sum())
    all_failed, all_n = failed + int(others["failed"].sum()), n + int(others["n"].sum())
    return float(hypergeom.sf(failed - 1, all_n, all_failed, n))


def _full(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["rate"].notna() & ~frame["partial"].astype(bool)].reset_index(drop=True)


def _runs(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of consecutive weeks.

    Returns:
        `first`, `last` (int64, indexes of weeks), `failed` (int64), `p_value` (float64) against the other weeks.
    """
    from scipy.stats import hypergeom

    weeks, starts = len(frame), frame["period_start"].tolist()
    failed, n = (np.concatenate(([0], frame[name].to_numpy(dtype=np.int64).cumsum())) for name in ("failed", "n"))
    longest = min(MAX_WEEKS, weeks // 2)
    pairs = [
        (first, last)
        for first in range(weeks)
        for last in range(first, min(first + longest, weeks))
        if starts[last] - starts[first] == (last - first) * _WEEK
    ]
    first, last = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    failed_in_run, n_in_run = failed[last + 1] - failed[first], n[last + 1] - n[first]
    p_value = hypergeom.sf(failed_in_run - 1, n[-1], failed[-1], n_in_run)
    return pd.DataFrame({"first": first, "last": last, "failed": failed_in_run, "p_value": p_value})


def _start_of(frame: pd.DataFrame, week: int) -> datetime:
    start: datetime = frame["period_start"].iloc[week].to_pydatetime()
    return start
