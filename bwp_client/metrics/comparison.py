"""The comparison of a period with the period before: when it is made, and its verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from bwp_client.metrics.context import MetricContext
from bwp_client.metrics.extent import SelectedData
from bwp_client.metrics.filters import Filters

NOT_COMPARED = "not compared"
_OF_PERIOD_BEFORE = [
    "previous_rate",
    "previous_low",
    "previous_high",
    "difference",
    "difference_low",
    "difference_high",
]
_EFFECTS = ["mix_effect", "rate_effect", "contribution"]


def is_period_before_cut(data: SelectedData, filters: Filters) -> bool:
    """Return whether data are missing at the beginning of the period before, so that nothing is compared with it."""
    return data.extent_of_all(filters.before_time, filters.from_time).begins_at is not None


def products_not_compared(data: SelectedData, filters: Filters) -> frozenset[str]:
    """Return the business products of whose period before data are missing."""
    return frozenset(product for product in data.spans if is_period_before_cut(data.of_product(product), filters))


def with_covered_comparison(frame: pd.DataFrame, context: MetricContext) -> pd.DataFrame:
    """Return a `period_comparison` or `comparison_by_product` frame without comparisons with a period that the data cut."""
    if "business_product_id" in frame:
        is_cut = frame["business_product_id"].isin(products_not_compared(context.data, context.filters))
    else:
        is_cut = pd.Series(is_period_before_cut(context.data, context.filters), index=frame.index)
    masked = {name: frame[name].astype("float64").mask(is_cut) for name in _OF_PERIOD_BEFORE}
    return frame.assign(**masked)


def with_covered_effects(frame: pd.DataFrame, context: MetricContext) -> pd.DataFrame:
    """Return a `contributors` frame; without effects if the data cut the period before."""
    if not is_period_before_cut(context.data, context.filters):
        return frame
    return frame.assign(**dict.fromkeys(_EFFECTS, float("nan")))


def wilson(failed: int, n: int) -> tuple[float, float, float]:
    """Return failed ÷ n with its 95 % Wilson interval (E. B. Wilson, 1927); NaN without outcomes."""
    from scipy.stats import binomtest

    if not n:
        return math.nan, math.nan, math.nan
    interval = binomtest(failed, n).proportion_ci(method="wilson")
    return failed / n, float(interval.low), float(interval.high)


def difference_of(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> dict[str, float]:
    """Return the difference of two rates with Newcombe's 95 % interval (R. G. Newcombe, 1998, method 10).

    Args:
        before: `rate` and its Wilson interval `low`, `high`; null where it is not rated.
        after: The same of the other side.

    Returns:
        `difference`, `difference_low` and `difference_high`; NaN where a side is not rated.
    """
    values = [before[name] for name in ("rate", "low", "high")] + [after[name] for name in ("rate", "low", "high")]
    if any(pd.isna(value) for value in values):
        return dict.fromkeys(("difference", "difference_low", "difference_high"), math.nan)
    rate, low, high, other, other_low, other_high = map(float, values)
    return {
        "difference": other - rate,
        "difference_low": other - rate - math.hypot(other - other_low, high - rate),
        "difference_high": other - rate + math.hypot(other_high - other, rate - low),
    }


def verdict(row: Mapping[Any, Any], *, is_cut: bool = False) -> str:
    """Return `higher` or `lower` when Newcombe's interval leaves out zero, else `no clear change` or `too few to compare`.

    Args:
        row: A row of a `period_comparison` frame.
        is_cut: The data cut the period before; the result is `not compared`.
    """
    if is_cut:
        return NOT_COMPARED
    if pd.isna(row["difference"]):
        return "too few to compare"
    if row["difference_low"] > 0:
        return "higher"
    if row["difference_high"] < 0:
        return "lower"
    return "no clear change"
