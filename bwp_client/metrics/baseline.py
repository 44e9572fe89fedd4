"""Periods whose failure rate lies outside the baseline: further from it than luck explains.

Each rated period is compared with the baseline's counts by Fisher's exact test (the hypergeometric distribution), above and
below. A period is marked only where luck would mark any of all those shown in at most one chart of twenty (Bonferroni). The
baseline is the period before; where that has too few outcomes, the other periods shown, so that an empty baseline is no
silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

FALSE_ALARM = 0.05
ABOVE, BELOW = "above", "below"


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the periods shown are compared with."""

    failed: int
    n: int
    is_before: bool
    """True for the period before; False for the other periods shown."""

    @property
    def rate(self) -> float:
        """Failed ÷ n."""
        return self.failed / self.n


def baseline_of(comparison: Mapping[Any, Any]) -> Baseline | None:
    """Give the baseline; none when neither the period before nor this one has enough outcomes to rate.

    Args:
        comparison: The one row of a `period_comparison` frame.
    """
    if pd.notna(comparison["previous_rate"]):
        return Baseline(int(comparison["previous_failed"]), int(comparison["previous_n"]), is_before=True)
    if pd.notna(comparison["rate"]):
        return Baseline(int(comparison["failed"]), int(comparison["n"]), is_before=False)
    return None


def outside(frame: pd.DataFrame, baseline: Baseline | None) -> pd.Series[str]:
    """Tell for each period whether its rate lies `above` or `below` the baseline beyond luck; else the empty text.

    Args:
        frame: A `failure_rate` frame.
        baseline: From `baseline_of`.
    """
    from scipy.stats import hypergeom

    marks = pd.Series("", index=frame.index, dtype="str")
    rated = frame[frame["rate"].notna()]
    if baseline is None or rated.empty:
        return marks
    failed, n = rated["failed"], rated["n"]
    all_failed, all_n = (
        baseline.failed + (failed if baseline.is_before else 0),
        baseline.n + (n if baseline.is_before else 0),
    )
    level = FALSE_ALARM / 2 / len(rated)
    marks[rated.index[hypergeom.sf(failed - 1, all_n, all_failed, n) < level]] = ABOVE
    marks[rated.index[hypergeom.cdf(failed, all_n, all_failed, n) < level]] = BELOW
    return marks
