"""The verdict on a period compared with the period before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd


def verdict(row: Mapping[Any, Any]) -> str:
    """Return `higher` or `lower` when Newcombe's interval leaves out zero, else `no clear change` or `too few to compare`.

    Args:
        row: A row of a `period_comparison` frame.
    """
    if pd.isna(row["difference"]):
        return "too few to compare"
    if row["difference_low"] > 0:
        return "higher"
    if row["difference_high"] < 0:
        return "lower"
    return "no clear change"
