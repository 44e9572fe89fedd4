"""What a higher or lower failure rate is made of: the product, the codes and the day, as far as the data support it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from bwp_client.metrics.catalog import MetricName
from bwp_client.metrics.comparison import verdict
from bwp_client.metrics.filters import Filters
from bwp_client.warehouse.snapshot import NOT_LOOKED_UP

MOST = 0.5
"""A product or a code set is named when it makes up more than this share of the change."""
MIN_WEEKS = 8
MIN_MORE = 5
"""Fewer tasks more or less than this are nobody's cause."""
FEWEST_EXPECTED = 5
"""Code sets of which a period should hold fewer tasks than this are tested as one (W. G. Cochran, 1954)."""
ALPHA = 0.05
_EXACT = 1e-12
_CHANCE = 3.8414588207  # the square of the normal distribution's 97.5 % point


@dataclass(frozen=True, slots=True)
class Cause:
    """What makes up most of a change; what can't be told is None."""

    business_product_id: str | None = None
    code_set: str | None = None
    since: datetime | None = None
    is_spread: bool = False
    """True when there are several products, the reasons are known, and none of either makes up most of it."""
    is_mix: bool = False
    """True when more or fewer outcomes came from products that fail more: no product itself failed more or less."""
    may_be_requests: bool = False
    """True when more or fewer requests alone could look like this: see `moved_alike`."""


def change_search_period(filters: Filters) -> Filters:
    """Return the filters over this period and the one before, in whole weeks and at least eight of them.

    Changes of the rate are searched in it: a short period alone holds too few days.
    """
    start = min(filters.before_time, filters.to_time - MIN_WEEKS * timedelta(weeks=1))
    return filters.with_(from_time=start - timedelta(days=start.weekday()))


def cause_of(
    ask: Callable[[MetricName, Filters], pd.DataFrame],
    filters: Filters,
    comparison: Mapping[Any, Any],
    products: pd.DataFrame,
) -> Cause | None:
    """Find what makes up most of the change of a period, asking for what that takes; see `find_cause`.

    Args:
        ask: Computes a metric with these filters.
        filters: The period's.
        comparison: The one row of its `period_comparison` frame.
        products: `period_comparison` rows with a column business_product_id.
    """

    def narrowed(filters: Filters, product: str | None) -> Filters:
        return filters if product is None else filters.with_(business_products=(product,))

    return find_cause(
        comparison,
        products,
        lambda product: ask(MetricName.CONTRIBUTORS, narrowed(filters, product)),
        lambda product: ask(MetricName.CHANGE_POINTS, narrowed(change_search_period(filters), product)),
    )


def find_cause(
    comparison: Mapping[Any, Any],
    products: pd.DataFrame,
    contributors_of: Callable[[str | None], pd.DataFrame],
    changes_of: Callable[[str | None], pd.DataFrame],
) -> Cause | None:
    """Find what makes up most of the change; none when there is no clear change.

    Args:
        comparison: The one row of a `period_comparison` frame.
        products: `period_comparison` rows with a column business_product_id.
        contributors_of: Gives the `contributors` frame of a product, of all for None.
        changes_of: Gives the `change_points` frame of a product, of all for None.
    """
    said = verdict(comparison)
    if said not in {"higher", "lower"}:
        return None
    sign = 1 if said == "higher" else -1
    parts = contributors_of(None)
    by_product = parts[parts["part"] == "product"]
    change = sign * float(comparison["difference"])
    product = _lead_product(by_product, products, said, sign, change)
    if product is None and sign * by_product["mix_effect"].sum() > MOST * change:
        return Cause(is_mix=True)
    own = parts if product is None else contributors_of(product)
    code_set, alike = _lead_code_set(own, sign), may_be_requests(comparison, own)
    if product is None and code_set is None:
        return Cause(is_spread=len(by_product) > 1 and _are_codes_known(parts, sign), may_be_requests=alike)
    return Cause(product, code_set, _since(changes_of(product), said), may_be_requests=alike)


def may_be_requests(comparison: Mapping[Any, Any], contributors: pd.DataFrame) -> bool:
    """Tell whether more or fewer requests alone could look like this change.

    They move failures first and completions later, so all outcomes go the same way as the failures; and all codes do.

    Args:
        comparison: The one row of a `period_comparison` frame.
        contributors: The `contributors` frame of the same tasks, or of the product that makes up most of the change.
    """
    failures = comparison["failed"] - comparison["previous_failed"]
    return bool(failures * (comparison["n"] - comparison["previous_n"]) > 0) and moved_alike(contributors)


def moved_alike(contributors: pd.DataFrame) -> bool:
    """Tell whether all codes grew or shrank by the same factor, as far as can be told (Pearson's chi-squared test).

    Failures come sooner than completions, so a surge of requests raises the rate for a while though no request became more
    likely to fail. It multiplies every code alike; a cause of another kind seldom does. What is not looked up tells nothing.

    Args:
        contributors: A `contributors` frame.
    """
    from scipy.stats import chi2_contingency

    sets = contributors[contributors["part"] == "code_set"]
    if not sets["previous_failed"].sum():
        return False  # nothing failed before: more requests make nothing of nothing
    counts = sets.loc[sets["code_set"] != NOT_LOOKED_UP, ["failed", "previous_failed"]].to_numpy(dtype=float)
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / max(counts.sum(), 1)
    is_rare = expected.min(axis=1, initial=np.inf) < FEWEST_EXPECTED
    table = np.vstack([counts[~is_rare], counts[is_rare].sum(axis=0, keepdims=True)])
    table = table[table.sum(axis=1) > 0]
    if len(table) < 2 or not table.sum(axis=0).all():
        return True
    return bool(chi2_contingency(table, correction=False).pvalue >= ALPHA)


def _lead_product(by_product: pd.DataFrame, products: pd.DataFrame, said: str, sign: int, change: float) -> str | None:
    """Give the product whose own rate makes up most of the change, if it clearly changed by itself."""
    if len(by_product) < 2:
        return None
    lead = by_product.iloc[int((sign * by_product["rate_effect"]).argmax())]
    own = products[products["business_product_id"] == lead["business_product_id"]]
    if sign * lead["rate_effect"] <= MOST * change + _EXACT or own.empty or verdict(own.iloc[0]) != said:
        return None
    return str(lead["business_product_id"])


def _lead_code_set(parts: pd.DataFrame, sign: int) -> str | None:
    """Give the set of codes that makes up most of the change, if it moved beyond luck whatever is not looked up."""
    known, hidden = _code_sets(parts)
    if known.empty:
        return None
    lead = known.iloc[int((sign * known["contribution"]).argmax())]
    # At worst, all that was not looked up on the side with fewer failures had these codes.
    failed = lead["failed"] + (hidden["failed"] if sign < 0 else 0)
    before = lead["previous_failed"] + (hidden["previous_failed"] if sign > 0 else 0)
    n, n_before = lead["n"], lead["previous_n"]
    spread = failed * n_before**2 + before * n**2
    if sign * (failed - before) < MIN_MORE or (failed * n_before - before * n) ** 2 <= _CHANCE * spread:
        return None
    if sign * (failed / n - before / n_before) <= MOST * _change(parts, sign) + _EXACT:
        return None
    return str(lead["code_set"])


def _are_codes_known(parts: pd.DataFrame, sign: int) -> bool:
    """Tell whether no set of codes makes up most of the change, whatever is not looked up."""
    known, hidden = _code_sets(parts)
    n = parts.loc[parts["part"] == "code_set", ["n", "previous_n"]].max()
    most = float((sign * known["contribution"]).max()) if len(known) else 0.0
    may_be = hidden["failed"] / n["n"] if sign > 0 else hidden["previous_failed"] / n["previous_n"]
    return bool(most + may_be <= MOST * _change(parts, sign))


def _code_sets(parts: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Give the rows of codes that are known, and how many failed tasks were not looked up, now and before."""
    sets = parts[(parts["part"] == "code_set") & parts["contribution"].notna()]
    is_hidden = sets["code_set"] == NOT_LOOKED_UP
    return sets[~is_hidden], sets.loc[is_hidden, ["failed", "previous_failed"]].sum()


def _change(parts: pd.DataFrame, sign: int) -> float:
    return sign * float(parts.loc[parts["part"] == "code_set", "contribution"].sum())


def _since(changes: pd.DataFrame, said: str) -> datetime | None:
    """Give the day of the newest change, if it goes the way of the whole one."""
    if changes.empty:
        return None
    newest = changes.iloc[-1]
    if newest["direction"] != ("up" if said == "higher" else "down"):
        return None
    day: datetime = newest["changed_at"].to_pydatetime()
    return day
