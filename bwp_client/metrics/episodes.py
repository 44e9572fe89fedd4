"""Weeks in a row in which a business product failed far more than in its other weeks.

Each run of full, rated weeks of a product, up to `MOST_WEEKS` and half of those it has, is compared with the product's
other weeks by Fisher's exact test, one-sided: a bad fortnight is looked at as a whole, for each of its weeks would make the
other look usual. The least likely run is named, and only when the chance of such a one arising by luck is below 5 % over all
products and runs looked at (Bonferroni), so that looking at many does not make one stand out. Neighbouring weeks in which the
product failed far more than in those left, too, belong to it; and it is over only where what came after, the newest days
included, failed far less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

FALSE_ALARM = 0.05
MIN_FAILED = 5
"""Fewer failures in a run than this are nobody's alarm, however unlikely."""
MOST_WEEKS = 6
_WEEK = timedelta(weeks=1)


@dataclass(frozen=True, slots=True)
class Episode:
    """Weeks in a row in which one business product stood out."""

    business_product_id: str
    from_time: datetime
    to_time: datetime
    """Where its last week ends."""
    usual_rate: float
    """The failure rate of the product's other weeks."""
    is_over: bool
    """True when what came after it clearly failed less."""


def find_episode(weekly: Mapping[str, pd.DataFrame]) -> Episode | None:
    """Find the product and the weeks that stand out most; none when luck alone could explain them.

    Args:
        weekly: `failure_rate` frames by week, by business product ID.
    """
    rated = {product: _full(frame) for product, frame in weekly.items()}
    runs = {product: _runs(frame) for product, frame in rated.items()}
    alarm = FALSE_ALARM / max(1, sum(map(len, runs.values())))
    found = [
        (chance, product, first, last)
        for product, frame in runs.items()
        for first, last, failed, chance in frame.itertuples(index=False)
        if chance < alarm and failed >= MIN_FAILED
    ]
    if not found:
        return None
    _, product, first, last = min(found)
    return _episode(product, weekly[product], *_stretched(rated[product], first, last), rated[product])


def _episode(product: str, weeks: pd.DataFrame, first: int, last: int, frame: pd.DataFrame) -> Episode:
    run, others = frame.loc[first:last], frame.drop(index=range(first, last + 1))
    to_time = _starts(frame, last) + _WEEK
    return Episode(
        business_product_id=product,
        from_time=_starts(frame, first),
        to_time=to_time,
        usual_rate=int(others["failed"].sum()) / int(others["n"].sum()),
        is_over=_chance_of_so_many(run, weeks[weeks["period_start"] >= to_time]) < FALSE_ALARM,
    )


def _stretched(frame: pd.DataFrame, first: int, last: int) -> tuple[int, int]:
    """Take in the weeks before and after a run that stand out from those left, for a run was looked for up to a length."""
    for step in (1, -1):
        while last - first < len(frame) - 2:
            edge = last if step > 0 else first
            place = edge + step
            if not 0 <= place < len(frame) or _starts(frame, place) - _starts(frame, edge) != step * _WEEK:
                break
            left = frame.drop(index=[*range(first, last + 1), place])
            if _chance_of_so_many(frame.loc[place:place], left) >= FALSE_ALARM:
                break
            first, last = min(first, place), max(last, place)
    return first, last


def _chance_of_so_many(weeks: pd.DataFrame, others: pd.DataFrame) -> float:
    """Give how likely so many failures in some weeks are by luck, against others (Fisher's exact test, one-sided)."""
    from scipy.stats import hypergeom

    failed, n = int(weeks["failed"].sum()), int(weeks["n"].sum())
    all_failed, all_n = failed + int(others["failed"].sum()), n + int(others["n"].sum())
    return float(hypergeom.sf(failed - 1, all_n, all_failed, n))


def _full(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["rate"].notna() & ~frame["partial"].astype(bool)].reset_index(drop=True)


def _runs(frame: pd.DataFrame) -> pd.DataFrame:
    """Give each run of weeks without a gap: its first and last, its failures, and how likely so many are by luck."""
    from scipy.stats import hypergeom

    weeks, starts = len(frame), frame["period_start"].tolist()
    failed, n = (np.concatenate(([0], frame[name].to_numpy(dtype=np.int64).cumsum())) for name in ("failed", "n"))
    longest = min(MOST_WEEKS, weeks // 2)
    pairs = [
        (first, last)
        for first in range(weeks)
        for last in range(first, min(first + longest, weeks))
        if starts[last] - starts[first] == (last - first) * _WEEK
    ]
    first, last = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    in_run, of = failed[last + 1] - failed[first], n[last + 1] - n[first]
    chance = hypergeom.sf(in_run - 1, n[-1], failed[-1], of)
    return pd.DataFrame({"first": first, "last": last, "failed": in_run, "chance": chance})


def _starts(frame: pd.DataFrame, place: int) -> datetime:
    start: datetime = frame["period_start"].iloc[place].to_pydatetime()
    return start
