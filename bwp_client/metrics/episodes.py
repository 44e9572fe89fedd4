"""Weeks in which a business product failed far more than in its other weeks.

Each full, rated week of a product is compared with the product's other weeks by Fisher's exact test, one-sided. It is named
only when the chance of such a week arising by luck is below 5 % over all products and weeks looked at
(Bonferroni), so that looking at many does not make one stand out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

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
    best: tuple[float, str] | None = None
    flagged: dict[str, list[bool]] = {}
    for product, frame in rated.items():
        chances = [_chance(frame, place) for place in range(len(frame))]
        flagged[product] = [
            chance * looked_at < FALSE_ALARM and failed >= MIN_FAILED
            for chance, failed in zip(chances, frame["failed"], strict=True)
        ]
        found = [chance for chance, flag in zip(chances, flagged[product], strict=True) if flag]
        if found and (best is None or min(found) < best[0]):
            best = (min(found), product)
    if best is None:
        return None
    return _around(best[1], rated[best[1]], flagged[best[1]])


def _around(product: str, frame: pd.DataFrame, flags: list[bool]) -> Episode:
    """Give the newest run of flagged weeks, and what the others were like."""
    last = max(place for place, flag in enumerate(flags) if flag)
    first = last
    while first > 0 and flags[first - 1] and _starts(frame, first) - _starts(frame, first - 1) == _WEEK:
        first -= 1
    others = frame[~pd.Series(flags, index=frame.index)]
    n = int(others["n"].sum())
    return Episode(
        business_product_id=product,
        from_time=_starts(frame, first),
        to_time=_starts(frame, last) + _WEEK,
        usual_rate=int(others["failed"].sum()) / n if n else 0.0,
        is_over=last < len(frame) - 1,
    )


def _full(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["rate"].notna() & ~frame["partial"].astype(bool)].reset_index(drop=True)


def _starts(frame: pd.DataFrame, place: int) -> datetime:
    start: datetime = frame["period_start"].iloc[place].to_pydatetime()
    return start


def _chance(frame: pd.DataFrame, place: int) -> float:
    """Give the chance of at least so many failures in this week were all failures spread over the weeks by luck."""
    failed, n = int(frame["failed"].iloc[place]), int(frame["n"].iloc[place])
    all_failed, all_n = int(frame["failed"].sum()), int(frame["n"].sum())
    ways = _log_choose(all_n, n)
    return sum(
        math.exp(_log_choose(all_failed, count) + _log_choose(all_n - all_failed, n - count) - ways)
        for count in range(failed, min(n, all_failed) + 1)
        if n - count <= all_n - all_failed
    )


def _log_choose(items: int, chosen: int) -> float:
    return math.lgamma(items + 1) - math.lgamma(chosen + 1) - math.lgamma(items - chosen + 1)
