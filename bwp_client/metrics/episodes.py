"""Weeks in which a business product failed far more than in its other weeks.

Each full, rated week of a product is compared with the product's other weeks by Fisher's exact test, one-sided. It is named
only when the chance of such a week arising by luck is below 5 % over all products and weeks looked at
(Bonferroni), so that looking at many does not make one stand out. Weeks next to a named one that are unlikely by themselves
(below 5 %) belong to it: they say since when.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import pandas as pd

FALSE_ALARM = 0.05
MIN_FAILED = 5
"""Fewer failures in a week than this are nobody's alarm, however unlikely."""
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
    """True when a later full week did not stand out."""


def find_episode(weekly: Mapping[str, pd.DataFrame]) -> Episode | None:
    """Find the product and the weeks that stand out most; none when luck alone could explain them.

    Args:
        weekly: `failure_rate` frames by week, by business product ID.
    """
    rated = {product: _full(frame) for product, frame in weekly.items()}
    looked_at = sum(len(frame) for frame in rated.values())
    best: tuple[float, str, int] | None = None
    for product, frame in rated.items():
        for place, chance in enumerate(frame["chance"]):
            is_alarm = chance * looked_at < FALSE_ALARM and frame["failed"].iloc[place] >= MIN_FAILED
            if is_alarm and (best is None or chance < best[0]):
                best = (chance, product, place)
    return None if best is None else _around(best[1], rated[best[1]], best[2])


def _around(product: str, frame: pd.DataFrame, place: int) -> Episode:
    """Give the weeks in a row around the one that stood out, and what the others were like."""
    first = last = place
    while first > 0 and _belong(frame, first - 1, first):
        first -= 1
    while last < len(frame) - 1 and _belong(frame, last + 1, last):
        last += 1
    others = frame.drop(index=range(first, last + 1))
    n = int(others["n"].sum())
    return Episode(
        business_product_id=product,
        from_time=_starts(frame, first),
        to_time=_starts(frame, last) + _WEEK,
        usual_rate=int(others["failed"].sum()) / n if n else 0.0,
        is_over=last < len(frame) - 1,
    )


def _belong(frame: pd.DataFrame, place: int, neighbour: int) -> bool:
    adjacent = abs(_starts(frame, place) - _starts(frame, neighbour)) == _WEEK
    return adjacent and bool(frame["chance"].iloc[place] < FALSE_ALARM)


def _full(frame: pd.DataFrame) -> pd.DataFrame:
    full = frame[frame["rate"].notna() & ~frame["partial"].astype(bool)].reset_index(drop=True)
    all_failed, all_n = int(full["failed"].sum()), int(full["n"].sum())
    weeks = zip(full["failed"], full["n"], strict=True)
    return full.assign(chance=[_chance(int(failed), int(n), all_failed, all_n) for failed, n in weeks])


def _starts(frame: pd.DataFrame, place: int) -> datetime:
    start: datetime = frame["period_start"].iloc[place].to_pydatetime()
    return start


@lru_cache(maxsize=10_000)
def _chance(failed: int, n: int, all_failed: int, all_n: int) -> float:
    """Give the chance of at least so many failures in a week were all failures spread over the weeks by luck."""
    from scipy.stats import hypergeom

    return float(hypergeom.sf(failed - 1, all_n, all_failed, n))
