"""Attribution of a change of the failure rate to a product, to error codes and to a day, as far as the data support it."""

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
"""A change by fewer tasks than this is attributed to nothing."""
MIN_EXPECTED = 5
"""Code sets with a smaller expected count in a period are pooled for the test (W. G. Cochran, 1954)."""
ALPHA = 0.05
_ROUNDING = 1e-12
_Z_SQUARED = 3.8414588207  # the square of the normal distribution's 97.5 % point


@dataclass(frozen=True, slots=True)
class Cause:
    """The cause of most of a change.

    Attributes:
        business_product_id: The product that makes up most of the change; None if no product does.
        code_set: The code set that makes up most of the change; None if no code set does, or if too few tasks were looked up.
        since: The day on which the change began; None if no change point is found.
        is_spread: True if several products have outcomes, the codes are known, and neither a product nor a code set makes up
            most of the change.
        is_mix: True if the change comes from the mix: more or fewer outcomes came from products that fail more often, and no
            product itself failed more or less often.
        may_be_requests: True if a change of the number of requests alone could explain the change; see the function.
    """

    business_product_id: str | None = None
    code_set: str | None = None
    since: datetime | None = None
    is_spread: bool = False
    is_mix: bool = False
    may_be_requests: bool = False


def change_search_period(filters: Filters) -> Filters:
    """Return the filters with a longer period, in which change points are searched.

    The longer period covers this period and the period before, extended to whole weeks and to at least eight weeks: a short
    period alone has too few days.
    """
    start = min(filters.before_time, filters.to_time - MIN_WEEKS * timedelta(weeks=1))
    return filters.with_(from_time=start - timedelta(days=start.weekday()))


def cause_of(
    ask: Callable[[MetricName, Filters], pd.DataFrame],
    filters: Filters,
    comparison: Mapping[Any, Any],
    products: pd.DataFrame,
) -> Cause | None:
    """Compute the metrics that `find_cause` needs, and return its result.

    Args:
        ask: Computes a metric with the given filters.
        filters: The filters of the period.
        comparison: The only row of the period's `period_comparison` frame.
        products: The period's `comparison_by_product` frame.
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
    """Return the cause of most of the change; None when there is no clear change.

    Args:
        comparison: The only row of a `period_comparison` frame.
        products: A `comparison_by_product` frame.
        contributors_of: Returns the `contributors` frame of a product; of all products for None.
        changes_of: Returns the `change_points` frame of a product; of all products for None.
    """
    direction = verdict(comparison)
    if direction not in {"higher", "lower"}:
        return None
    sign = 1 if direction == "higher" else -1
    parts = contributors_of(None)
    by_product = parts[parts["part"] == "product"]
    change = sign * float(comparison["difference"])
    product = _lead_product(by_product, products, direction, sign, change)
    if product is None and sign * by_product["mix_effect"].sum() > MOST * change:
        return Cause(is_mix=True)
    own = parts if product is None else contributors_of(product)
    code_set, is_like_requests = _lead_code_set(own, sign), may_be_requests(comparison, own)
    if product is None and code_set is None:
        is_spread = len(by_product) > 1 and _is_no_code_set_leading(parts, sign)
        return Cause(is_spread=is_spread, may_be_requests=is_like_requests)
    return Cause(product, code_set, _since(changes_of(product), direction), may_be_requests=is_like_requests)


def may_be_requests(comparison: Mapping[Any, Any], contributors: pd.DataFrame) -> bool:
    """Return whether a change of the number of requests alone could explain the change of the failure rate.

    Such a change moves failures first and completions later. It needs failures and all outcomes that rise or fall together,
    and codes that change in proportion.

    Args:
        comparison: The only row of a `period_comparison` frame.
        contributors: The `contributors` frame of the same tasks, or of the product that makes up most of the change.
    """
    failures = comparison["failed"] - comparison["previous_failed"]
    return bool(failures * (comparison["n"] - comparison["previous_n"]) > 0) and codes_moved_in_proportion(contributors)


def codes_moved_in_proportion(contributors: pd.DataFrame) -> bool:
    """Return whether the data are compatible with all codes growing or shrinking by one factor (Pearson's chi-squared test).

    Failures come sooner than completions, so a surge of requests raises the rate for a while though no request became more
    likely to fail. A surge multiplies every code by the same factor; other causes seldom do. Tasks that were not looked up
    are left out.

    Args:
        contributors: A `contributors` frame: `part`, `code_set` (str), `failed`, `previous_failed` (int64).
    """
    from scipy.stats import chi2_contingency

    sets = contributors[contributors["part"] == "code_set"]
    if not sets["previous_failed"].sum():
        return False  # without a failure in the period before, no factor explains the failures
    counts = sets.loc[sets["code_set"] != NOT_LOOKED_UP, ["failed", "previous_failed"]].to_numpy(dtype=float)
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / max(counts.sum(), 1)
    is_rare = expected.min(axis=1, initial=np.inf) < MIN_EXPECTED
    table = np.vstack([counts[~is_rare], counts[is_rare].sum(axis=0, keepdims=True)])
    table = table[table.sum(axis=1) > 0]
    if len(table) < 2 or not table.sum(axis=0).all():
        return True
    return bool(chi2_contingency(table, correction=False).pvalue >= ALPHA)


def _lead_product(
    by_product: pd.DataFrame, products: pd.DataFrame, direction: str, sign: int, change: float
) -> str | None:
    """Return the product whose own rate makes up most of the change, if that rate clearly changed in this direction."""
    if len(by_product) < 2:
        return None
    lead = by_product.iloc[int((sign * by_product["rate_effect"]).argmax())]
    own = products[products["business_product_id"] == lead["business_product_id"]]
    if (
        sign * lead["rate_effect"] <= MOST * change + _ROUNDING
        or own.empty
        or verdict(own.iloc[0].to_dict()) != direction
    ):
        return None
    return str(lead["business_product_id"])


def _lead_code_set(parts: pd.DataFrame, sign: int) -> str | None:
    """Return the set of codes that makes up most of the change, if chance can't explain its change.

    Both must be true for all possible codes of the tasks that were not looked up.
    """
    known, hidden = _code_sets(parts)
    if known.empty:
        return None
    lead = known.iloc[int((sign * known["contribution"]).argmax())]
    # In the worst case, every task not looked up in the period with fewer failures had these codes.
    failed = lead["failed"] + (hidden["failed"] if sign < 0 else 0)
    before = lead["previous_failed"] + (hidden["previous_failed"] if sign > 0 else 0)
    n, n_before = lead["n"], lead["previous_n"]
    spread = failed * n_before**2 + before * n**2
    if sign * (failed - before) < MIN_MORE or (failed * n_before - before * n) ** 2 <= _Z_SQUARED * spread:
        return None
    if sign * (failed / n - before / n_before) <= MOST * _change(parts, sign) + _ROUNDING:
        return None
    return str(lead["code_set"])


def _is_no_code_set_leading(parts: pd.DataFrame, sign: int) -> bool:
    """Return whether no set of codes makes up most of the change, for all possible codes of the tasks not looked up."""
    known, hidden = _code_sets(parts)
    n = parts.loc[parts["part"] == "code_set", ["n", "previous_n"]].max()
    most = float((sign * known["contribution"]).max()) if len(known) else 0.0
    may_be = hidden["failed"] / n["n"] if sign > 0 else hidden["previous_failed"] / n["previous_n"]
    return bool(most + may_be <= MOST * _change(parts, sign))


def _code_sets(parts: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Return the rows of known codes, and the numbers of failed tasks not looked up: `failed` and `previous_failed`."""
    sets = parts[(parts["part"] == "code_set") & parts["contribution"].notna()]
    is_hidden = sets["code_set"] == NOT_LOOKED_UP
    return sets[~is_hidden], sets.loc[is_hidden, ["failed", "previous_failed"]].sum()


def _change(parts: pd.DataFrame, sign: int) -> float:
    return sign * float(parts.loc[parts["part"] == "code_set", "contribution"].sum())


def _since(changes: pd.DataFrame, direction: str) -> datetime | None:
    """Return the day of the newest change point if its direction is that of the whole change, else None."""
    if changes.empty:
        return None
    newest = changes.iloc[-1]
    if newest["direction"] != ("up" if direction == "higher" else "down"):
        return None
    day: datetime = newest["changed_at"].to_pydatetime()
    return day
