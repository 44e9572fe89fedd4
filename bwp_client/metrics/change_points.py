"""Days on which the failure rate changed and stayed changed for a week or more.

The method: circular binary segmentation (A. B. Olshen and others, 2004) on daily counts. Every stretch of days is compared
with the rest of the period: failures seen against failures expected, where what is expected follows the weekday, so that a
weekly rhythm is no change. The stretch that stands out most is tested by simulation (`scipy.stats.monte_carlo_test`): as many
outcomes a day, a rate that only the weekday moves, days scattered about it as much as the real ones are. Where it passes,
each part is searched again. A change is kept only if the rates on its two sides differ by Newcombe's interval.

A steady series shows a change in at most one of a hundred searches (`FALSE_ALARM`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bwp_client.metrics.context import MetricContext

FALSE_ALARM = 0.01
RESAMPLES = 199
MIN_DAYS = 7
"""Shorter than a week is no change but an event, and can't be told from the weekday."""
MIN_FAILED = 5
"""Where both sides together have fewer failures, nothing is said."""
COLUMNS = (
    "changed_at", "earliest", "latest", "direction", "before_from", "before_failed", "before_n", "before_rate",
    "before_low", "before_high", "after_to", "after_failed", "after_n", "after_rate", "after_low", "after_high",
)  # fmt: skip
_MOST_STEPS = 90
_SEED = 20241101
_WITHIN = 3.0  # the log-likelihood that a day may lack to the best one and still be where the change may lie
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Series:
    """Counts of consecutive days; days without outcomes have n 0."""

    failed: Floats
    n: Floats
    weekday: npt.NDArray[np.int64]

    def part(self, start: int, stop: int) -> _Series:
        return _Series(self.failed[start:stop], self.n[start:stop], self.weekday[start:stop])


def from_daily_counts(frame: pd.DataFrame, context: MetricContext) -> pd.DataFrame:
    """Return the change points of the daily counts that the metric's SQL returns; see `change_points`."""
    days = pd.to_datetime(frame["day"], utc=True).astype("datetime64[us, UTC]")
    return change_points(frame.assign(day=days), min_n=context.min_n)


def change_points(daily: pd.DataFrame, *, min_n: int = 20) -> pd.DataFrame:
    """Find the days from which on the failure rate was another.

    Args:
        daily: Columns day (aware UTC), failed and n, one row per day with outcomes.
        min_n: Sides with fewer outcomes are not compared.

    Returns:
        One row per change, oldest first: the day, the days between which it very likely lies, `up` or `down`, and the
        rate, its 95 % Wilson interval and its counts from the change before and to the change after. Empty when none.
    """
    if len(daily) < 2 * MIN_DAYS or daily["failed"].sum() < MIN_FAILED:
        return _typed([])
    first: pd.Timestamp = daily["day"].iloc[0]
    places = (daily["day"] - first).dt.days.to_numpy()
    length = int(places[-1]) + 1
    failed, n = np.zeros(length), np.zeros(length)
    failed[places], n[places] = daily["failed"], daily["n"]
    series = _Series(failed, n, (np.arange(length) + first.weekday()) % 7)
    bounds = _kept([0, *sorted(_search(series, 0, length)), length], series, min_n)
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    return _typed([_row(series, bounds, place, start) for place in range(1, len(bounds) - 1)])


def _search(series: _Series, start: int, stop: int) -> set[int]:
    """Give the places between `start` and `stop` where changes may lie; none unless the test passes."""
    from scipy.stats import monte_carlo_test

    part = series.part(start, stop)
    length = stop - start
    if length < 2 * MIN_DAYS or part.failed.sum() < MIN_FAILED or part.failed.sum() == part.n.sum():
        return set()
    scan = _Scan(part)
    result = monte_carlo_test(
        part.failed,
        scan.resample,
        scan.statistic,
        vectorized=True,
        n_resamples=RESAMPLES,
        alternative="greater",
    )
    if result.pvalue > FALSE_ALARM:
        return set()
    left, right = scan.best()
    left, right = _refine(part, left, 0, right, scan.step), _refine(part, right, left, length, scan.step)
    edges = [0, *(place for place in (left, right) if 0 < place < length), length]
    found = {start + place for place in edges[1:-1]}
    for low, high in pairwise(edges):
        if high - low < length:
            found |= _search(series, start + low, start + high)
    return found


class _Scan:
    """Compares every stretch of days with the rest, at steps coarse enough for a quick answer."""

    def __init__(self, part: _Series) -> None:
        self._part = part
        length = len(part.n)
        self.step = max(1, math.ceil(length / _MOST_STEPS))
        marks = np.unique([*range(0, length, self.step), length])
        starts, stops = np.meshgrid(marks, marks, indexing="ij")
        long_enough = (stops - starts >= MIN_DAYS) & (length - (stops - starts) >= MIN_DAYS)
        self._starts, self._stops = starts[long_enough], stops[long_enough]
        weekdays = np.arange(7)[:, None] == part.weekday[None, :]
        self._of_weekday = weekdays.astype(np.float64)
        self._weekday_n = np.maximum(self._of_weekday @ part.n, 1.0)
        self._random = np.random.default_rng(_SEED)
        self._expected_rate = self._rates(part.failed)
        self._scatter = float(self._scattered(part.failed[None, :])[0])

    def resample(self, size: tuple[int, ...]) -> Floats:
        """Draw steady series: the weekday's rate, and days scattered about it as the real ones are."""
        n = self._part.n.astype(np.int64)
        rate = np.clip(self._expected_rate, 1e-9, 1 - 1e-9)
        busy = max(float(np.mean(n[n > 0])), 2.0) if n.any() else 2.0
        excess = (self._scatter - 1.0) / (busy - 1.0)
        if excess > 1e-3:
            strength = 1.0 / min(excess, 0.5) - 1.0
            rate = self._random.beta(rate * strength, (1 - rate) * strength, size=size)
        return self._random.binomial(n, rate, size=size).astype(np.float64)

    def statistic(self, failed: Floats, axis: int = -1) -> Floats:  # noqa: ARG002 - scipy passes it
        """Give how far the stretch that stands out most does so, in standard deviations."""
        many = np.atleast_2d(failed)
        top: Floats = np.max(self._distances(many), axis=1)
        return top if failed.ndim > 1 else top[0]

    def best(self) -> tuple[int, int]:
        """Give the stretch that stands out most."""
        place = int(np.argmax(self._distances(self._part.failed[None, :])[0]))
        return int(self._starts[place]), int(self._stops[place])

    def _distances(self, failed: Floats) -> Floats:
        expected = self._rates(failed) * self._part.n
        variance = np.maximum(expected * (1 - self._rates(failed)), 1e-12)
        surplus, spread = _sums(failed - expected), _sums(variance)
        inside = spread[:, self._stops] - spread[:, self._starts]
        share = inside / spread[:, -1:]
        scale = np.sqrt(np.maximum(inside * (1 - share), 1e-12) * self._scattered(failed)[:, None])
        distance: Floats = np.abs(surplus[:, self._stops] - surplus[:, self._starts]) / scale
        return distance

    def _rates(self, failed: Floats) -> Floats:
        by_weekday = (failed @ self._of_weekday.T) / self._weekday_n
        return np.asarray(by_weekday[..., self._part.weekday], dtype=np.float64)

    def _scattered(self, failed: Floats) -> Floats:
        """Give how many times more than by chance alone neighbouring days differ; a change of the rate hardly counts."""
        rates = self._rates(failed)
        variance = rates * (1 - rates) * self._part.n
        counted = self._part.n > 0
        residual = np.where(variance > 0, failed - rates * self._part.n, 0.0) / np.sqrt(np.maximum(variance, 1e-12))
        steps = np.diff(residual[:, counted], axis=1)
        if steps.shape[1] == 0:
            return np.ones(len(failed))
        return np.asarray(np.maximum(np.mean(steps**2, axis=1) / 2, 1.0), dtype=np.float64)


def _sums(values: Floats) -> Floats:
    return np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)


def _refine(part: _Series, place: int, low: int, high: int, step: int) -> int:
    """Move a bound found in steps to the day that fits best."""
    if place in (0, len(part.n)):
        return place
    fit = _fit(part, low, high)
    near = [at for at in range(place - step, place + step + 1) if low + MIN_DAYS <= at <= high - MIN_DAYS]
    return max(near, key=lambda at: fit[at - low]) if near else place


def _fit(part: _Series, low: int, high: int) -> Floats:
    """Give, for every day between, the log-likelihood of a change there."""
    failed, n = (np.concatenate([[0.0], np.cumsum(values[low:high])]) for values in (part.failed, part.n))
    return _likelihood(failed, n) + _likelihood(failed[-1] - failed, n[-1] - n)


def _likelihood(failed: Floats, n: Floats) -> Floats:
    from scipy.special import xlogy

    rate = failed / np.maximum(n, 1.0)
    return np.asarray(xlogy(failed, rate) + xlogy(n - failed, 1 - rate), dtype=np.float64)


def _kept(bounds: list[int], series: _Series, min_n: int) -> list[int]:
    """Drop the bounds whose sides don't differ, the least different first."""
    while len(bounds) > 2:
        margins = [
            _margin(series, bounds[place - 1], bounds[place], bounds[place + 1], min_n)
            for place in range(1, len(bounds) - 1)
        ]
        worst = int(np.argmin(margins))
        if margins[worst] > 0:
            break
        bounds = bounds[: worst + 1] + bounds[worst + 2 :]
    return bounds


def _margin(series: _Series, low: int, place: int, high: int, min_n: int) -> float:
    """Give how far Newcombe's interval of the difference stays from zero; negative if it holds zero or a side is small."""
    sides = [_wilson(series.failed[a:b].sum(), series.n[a:b].sum()) for a, b in ((low, place), (place, high))]
    if min(place - low, high - place) < MIN_DAYS or min(series.n[low:place].sum(), series.n[place:high].sum()) < min_n:
        return -1.0
    (rate, low_end, _), (other, _, other_high) = sorted(sides, reverse=True)
    return rate - other - math.hypot(rate - low_end, other_high - other)


def _wilson(failed: float, n: float) -> tuple[float, float, float]:
    from scipy.stats import binomtest

    if not n:
        return math.nan, math.nan, math.nan
    interval = binomtest(int(failed), int(n)).proportion_ci(method="wilson")
    return failed / n, float(interval.low), float(interval.high)


def _row(series: _Series, bounds: list[int], at: int, start: datetime) -> dict[str, Any]:
    low, place, high = bounds[at - 1 : at + 2]
    fit = _fit(series, low, high)
    likely = np.flatnonzero(fit[1:-1] >= fit[place - low] - _WITHIN) + low + 1
    row: dict[str, Any] = {
        "changed_at": start + timedelta(days=place),
        "earliest": start + timedelta(days=int(likely[0])),
        "latest": start + timedelta(days=int(likely[-1])),
        "before_from": start + timedelta(days=low),
        "after_to": start + timedelta(days=high),
    }
    for name, first, last in (("before", low, place), ("after", place, high)):
        failed, n = series.failed[first:last].sum(), series.n[first:last].sum()
        rate, low_end, high_end = _wilson(failed, n)
        row |= {f"{name}_failed": int(failed), f"{name}_n": int(n), f"{name}_rate": rate}
        row |= {f"{name}_low": low_end, f"{name}_high": high_end}
    return row | {"direction": "up" if row["after_rate"] > row["before_rate"] else "down"}


def _typed(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in ("changed_at", "earliest", "latest", "before_from", "after_to"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
    counts = ("before_failed", "before_n", "after_failed", "after_n")
    return frame.astype(dict.fromkeys(counts, "int64"))
