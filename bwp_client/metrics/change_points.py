"""Change points: days on which the failure rate changed, and stayed changed for a week or more.

The method is circular binary segmentation (A. B. Olshen and others, 2004) on daily counts. Every segment of days is compared
with the rest of the period: the failures in it against the failures expected. The expected rate follows the weekday, so a
weekly rhythm is no change. The segment with the largest deviation is tested by simulation (`scipy.stats.monte_carlo_test`):
simulated series have the same outcomes per day, a rate that depends on the weekday alone, and the overdispersion of the real
days. Where the test is significant, each part is searched again. Finally, a change point is dropped if Newcombe's
interval of the difference between its two sides contains zero.

A steady series shows a change in at most 1 of 100 searches (`FALSE_ALARM`).
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

from bwp_client.metrics.comparison import wilson
from bwp_client.metrics.context import MetricContext

FALSE_ALARM = 0.01
RESAMPLES = 199
MIN_DAYS = 7
"""The shortest segment. A shorter deviation is an event rather than a change, and may be an effect of the weekday."""
MIN_FAILED = 5
"""Series with fewer failures than this are not searched."""
COLUMNS = (
    "changed_at", "earliest", "latest", "direction", "before_from", "before_failed", "before_n", "before_rate",
    "before_low", "before_high", "after_to", "after_failed", "after_n", "after_rate", "after_low", "after_high",
)  # fmt: skip
_MAX_STEPS = 90
_SEED = 20241101
_LIKELIHOOD_MARGIN = 3.0  # a change may lie on each day whose log-likelihood is below the best day's by this at most
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Series:
    """Counts of consecutive days, one element each; n is 0 on days without outcomes, and weekday 0 is Monday."""

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
    """Find the days on which the failure rate changed.

    Args:
        daily: `day` (datetime64[us, UTC]), `failed`, `n` (int64), one row per day with outcomes, in order.
        min_n: A change point is dropped when a side has fewer outcomes.

    Returns:
        One row per change point, the oldest first, empty when there is none. `changed_at`, and `earliest` and `latest`,
        the likely bounds of the change; `before_from` and `after_to`, the neighbouring change points or the ends of the
        data (all datetime64[us, UTC]); `direction` (`up` or `down`); for both sides `before_…` and `after_…`: `failed`, `n`
        (int64), `rate`, and its 95 % Wilson interval `low`, `high` (float64).
    """
    if len(daily) < 2 * MIN_DAYS or daily["failed"].sum() < MIN_FAILED:
        return _typed([])
    first: pd.Timestamp = daily["day"].iloc[0]
    days = (daily["day"] - first).dt.days.to_numpy()
    length = int(days[-1]) + 1
    failed, n = np.zeros(length), np.zeros(length)
    failed[days], n[days] = daily["failed"], daily["n"]
    series = _Series(failed, n, (np.arange(length) + first.weekday()) % 7)
    bounds = _significant([0, *sorted(_search(series, 0, length)), length], series, min_n)
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    return _typed([_row(series, bounds, index, start) for index in range(1, len(bounds) - 1)])


def _search(series: _Series, start: int, stop: int) -> set[int]:
    """Return the days between `start` and `stop` that may be change points; none unless the test is significant."""
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
    edges = [0, *(day for day in (left, right) if 0 < day < length), length]
    found = {start + day for day in edges[1:-1]}
    for low, high in pairwise(edges):
        if high - low < length:
            found |= _search(series, start + low, start + high)
    return found


class _Scan:
    """Compares every segment of days with the rest; in a long series, segments begin and end at steps of several days."""

    def __init__(self, part: _Series) -> None:
        self._part = part
        length = len(part.n)
        self.step = max(1, math.ceil(length / _MAX_STEPS))
        bounds = np.unique([*range(0, length, self.step), length])
        starts, stops = np.meshgrid(bounds, bounds, indexing="ij")
        long_enough = (stops - starts >= MIN_DAYS) & (length - (stops - starts) >= MIN_DAYS)
        self._starts, self._stops = starts[long_enough], stops[long_enough]
        weekdays = np.arange(7)[:, None] == part.weekday[None, :]
        self._of_weekday = weekdays.astype(np.float64)
        self._weekday_n = np.maximum(self._of_weekday @ part.n, 1.0)
        self._random = np.random.default_rng(_SEED)
        self._expected_rate = self._rates(part.failed)
        self._overdispersion = float(self._overdispersion_of(part.failed[None, :])[0])

    def resample(self, size: tuple[int, ...]) -> Floats:
        """Return simulated steady series of shape `size`: the weekday's rate, with the overdispersion of the real days."""
        n = self._part.n.astype(np.int64)
        rate = np.clip(self._expected_rate, 1e-9, 1 - 1e-9)
        busy = max(float(np.mean(n[n > 0])), 2.0) if n.any() else 2.0
        excess = (self._overdispersion - 1.0) / (busy - 1.0)
        if excess > 1e-3:
            strength = 1.0 / min(excess, 0.5) - 1.0
            rate = self._random.beta(rate * strength, (1 - rate) * strength, size=size)
        return self._random.binomial(n, rate, size=size).astype(np.float64)

    def statistic(self, failed: Floats, axis: int = -1) -> Floats:  # noqa: ARG002 - scipy passes it
        """Return the largest deviation of any segment, in standard deviations, for each series (last axis: days)."""
        many = np.atleast_2d(failed)
        top: Floats = np.max(self._distances(many), axis=1)
        return top if failed.ndim > 1 else top[0]

    def best(self) -> tuple[int, int]:
        """Return the first day of the segment with the largest deviation, and the day after its last."""
        index = int(np.argmax(self._distances(self._part.failed[None, :])[0]))
        return int(self._starts[index]), int(self._stops[index])

    def _distances(self, failed: Floats) -> Floats:
        """Return the deviation of each segment in standard deviations: shape (series, segments)."""
        expected = self._rates(failed) * self._part.n
        variance = np.maximum(expected * (1 - self._rates(failed)), 1e-12)
        surplus, spread = _sums(failed - expected), _sums(variance)
        inside = spread[:, self._stops] - spread[:, self._starts]
        share = inside / spread[:, -1:]
        scale = np.sqrt(np.maximum(inside * (1 - share), 1e-12) * self._overdispersion_of(failed)[:, None])
        distance: Floats = np.abs(surplus[:, self._stops] - surplus[:, self._starts]) / scale
        return distance

    def _rates(self, failed: Floats) -> Floats:
        by_weekday = (failed @ self._of_weekday.T) / self._weekday_n
        return np.asarray(by_weekday[..., self._part.weekday], dtype=np.float64)

    def _overdispersion_of(self, failed: Floats) -> Floats:
        """Return the overdispersion of each series: variance between neighbouring days ÷ binomial variance, at least 1.

        Differences between neighbours are used because a change of the rate hardly affects them.
        """
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


def _refine(part: _Series, bound: int, low: int, high: int, step: int) -> int:
    """Return the day near a bound of a segment at which a change fits best."""
    if bound in (0, len(part.n)):
        return bound
    fit = _fit(part, low, high)
    near = [day for day in range(bound - step, bound + step + 1) if low + MIN_DAYS <= day <= high - MIN_DAYS]
    return max(near, key=lambda day: fit[day - low]) if near else bound


def _fit(part: _Series, low: int, high: int) -> Floats:
    """Return the log-likelihood of a change at each day from `low` to `high`, both included."""
    failed, n = (np.concatenate([[0.0], np.cumsum(values[low:high])]) for values in (part.failed, part.n))
    return _likelihood(failed, n) + _likelihood(failed[-1] - failed, n[-1] - n)


def _likelihood(failed: Floats, n: Floats) -> Floats:
    from scipy.special import xlogy

    rate = failed / np.maximum(n, 1.0)
    return np.asarray(xlogy(failed, rate) + xlogy(n - failed, 1 - rate), dtype=np.float64)


def _significant(bounds: list[int], series: _Series, min_n: int) -> list[int]:
    """Return the bounds whose two sides differ; the others are dropped one by one, the smallest difference first."""
    while len(bounds) > 2:
        margins = [
            _margin(series, bounds[index - 1], bounds[index], bounds[index + 1], min_n)
            for index in range(1, len(bounds) - 1)
        ]
        worst = int(np.argmin(margins))
        if margins[worst] > 0:
            break
        bounds = bounds[: worst + 1] + bounds[worst + 2 :]
    return bounds


def _margin(series: _Series, low: int, day: int, high: int, min_n: int) -> float:
    """Return the distance of Newcombe's interval of the difference from zero.

    It is negative if the interval holds zero, or if a side has too few days or outcomes.
    """
    sides = [wilson(int(series.failed[a:b].sum()), int(series.n[a:b].sum())) for a, b in ((low, day), (day, high))]
    if min(day - low, high - day) < MIN_DAYS or min(series.n[low:day].sum(), series.n[day:high].sum()) < min_n:
        return -1.0
    (rate, low_end, _), (other, _, other_high) = sorted(sides, reverse=True)
    return rate - other - math.hypot(rate - low_end, other_high - other)


def _row(series: _Series, bounds: list[int], index: int, start: datetime) -> dict[str, Any]:
    low, day, high = bounds[index - 1 : index + 2]
    fit = _fit(series, low, high)
    likely = np.flatnonzero(fit[1:-1] >= fit[day - low] - _LIKELIHOOD_MARGIN) + low + 1
    row: dict[str, Any] = {
        "changed_at": start + timedelta(days=day),
        "earliest": start + timedelta(days=int(likely[0])),
        "latest": start + timedelta(days=int(likely[-1])),
        "before_from": start + timedelta(days=low),
        "after_to": start + timedelta(days=high),
    }
    for name, first, last in (("before", low, day), ("after", day, high)):
        failed, n = series.failed[first:last].sum(), series.n[first:last].sum()
        rate, low_end, high_end = wilson(int(failed), int(n))
        row |= {f"{name}_failed": int(failed), f"{name}_n": int(n), f"{name}_rate": rate}
        row |= {f"{name}_low": low_end, f"{name}_high": high_end}
    return row | {"direction": "up" if row["after_rate"] > row["before_rate"] else "down"}


def _typed(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in ("changed_at", "earliest", "latest", "before_from", "after_to"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
    counts = ("before_failed", "before_n", "after_failed", "after_n")
    return frame.astype(dict.fromkeys(counts, "int64"))
