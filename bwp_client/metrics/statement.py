"""The state in one sentence, computed, and silent where the data don't support it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True, slots=True)
class Rise:
    """A product whose rate rose, and the code that grew most there, if any did."""

    product: str
    code: str | None
    tasks: int
    tasks_before: int


def verdict(row: Any) -> str:
    """Say how a period compares: higher or lower only when Newcombe's interval leaves out zero."""
    if pd.isna(row["difference"]):
        return "too few to compare"
    if row["difference_low"] > 0:
        return "higher"
    if row["difference_high"] < 0:
        return "lower"
    return "no clear change"


def percent(value: float) -> str:
    """Give a share with one decimal, `4.1 %`."""
    return f"{value * 100:.1f} %"


def statement(row: Any, days: float, rise: Rise | None) -> str:
    """Say the failure rate, how it compares with the period before, and what the rise is made of.

    Args:
        row: The one row of a `period_comparison` frame.
        days: The period's length.
        rise: The product that stands out, if one does.
    """
    period = f"{days:.0f} days" if days >= 1 else f"{days * 24:.0f} hours"
    if not row["n"]:
        return "No task of this kind ended in this period."
    if pd.isna(row["rate"]):
        return f"{row['failed']:,} of {row['n']:,} tasks failed: too few to rate."
    text = f"Failure rate {percent(row['rate'])} ({row['low'] * 100:.1f}–{row['high'] * 100:.1f} %, n {row['n']:,})"
    said = verdict(row)
    if said in {"higher", "lower"}:
        text += f", {said} than the {period} before ({percent(row['previous_rate'])})."
    elif said == "no clear change":
        text += f", no clear change from the {period} before ({percent(row['previous_rate'])})."
    else:
        text += f"; the {period} before had too few outcomes to compare."
    if rise is not None:
        text += f" What stands out: {rise.product}"
        text += f", with {rise.code} in {rise.tasks:,} tasks after {rise.tasks_before:,}." if rise.code else "."
    return text


def find_rise(
    products: pd.DataFrame, codes_of: Callable[[str], pd.DataFrame], name_of: Callable[[str], str]
) -> Rise | None:
    """Find the product whose rate rose most beyond doubt, and the code that grew most there.

    Args:
        products: `period_comparison` rows with a column business_product_id.
        codes_of: Gives the `error_codes` frame of one product.
        name_of: Gives a product's name.
    """
    risen = products[products["difference_low"].fillna(-1.0) > 0]
    if risen.empty:
        return None
    worst = risen.sort_values("difference", ascending=False).iloc[0]
    codes = codes_of(worst["business_product_id"])
    codes = codes[~codes["code"].str.startswith("(")]
    if codes.empty:
        return Rise(name_of(worst["business_product_id"]), None, 0, 0)
    codes = codes.assign(growth=codes["tasks"] - codes["tasks_before"])
    top = codes.sort_values("growth", ascending=False).iloc[0]
    grew = top["growth"] > 0
    return Rise(
        name_of(worst["business_product_id"]),
        str(top["code"]) if grew else None,
        int(top["tasks"]),
        int(top["tasks_before"]),
    )
