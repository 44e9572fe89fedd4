"""Marks the periods whose failure rate differs from a baseline by more than chance explains.

Each rated period is compared with the baseline's counts by Fisher's exact test (the hypergeometric distribution), above and
below. The level is divided by the number of periods (Bonferroni): by chance alone, at most 1 chart of 20 has any mark. The
baseline is the period before. If that period has too few outcomes, the baseline of each period is the other periods shown, so
that periods can also be marked without a period before.
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
    """The counts that periods are compared with.

    Attributes:
        failed: Failed tasks.
        n: All outcomes.
        is_before: True for the period before; False for the other periods shown.
    """

    failed: int
    n: int
    is_before: bool

    @property
    def rate(self) -> float:
        """Failed ÷ n."""
        return self.failed / self.n


def baseline_of(comparison: Mapping[Any, Any]) -> Baseline | None:
    """Return the baseline; None when neither the period before nor this period has enough outcomes to rate.

    Args:
        comparison: The only row of a `period_comparison` frame.
    """
    if pd.notna(comparison["previous_rate"]):
        return Baseline(int(comparison["previous_failed"]), int(comparison["previous_n"]), is_before=True)
    if pd.notna(comparison["rate"]):
        return Baseline(int(comparison["failed"]), int(comparison["n"]), is_before=False)
    return None


def outside(frame: pd.DataFrame, baseline: Baseline | None) -> pd.Series[str]:
    """Mark the periods whose rate differs from the baseline beyond chance.

    Args:
        frame: A `failure_rate` frame: `failed`, `n` (int64), `rate` (float64).
        baseline: From `baseline_of`.

    Returns:
        `above`, `below` or the empty text for each row of the frame, with its index.
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
