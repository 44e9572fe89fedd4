"""Checks that the products, error codes and regions of filters occur in the data, so that a misspelt one is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from bwp_client.errors import UsageError
from bwp_client.metrics.filters import Filters
from bwp_client.metrics.queries import list_error_codes, list_known_products, list_regions
from bwp_client.warehouse.snapshot import NOT_LOOKED_UP, UNCODED, Snapshot

_MAX_SIMILAR, _MAX_NAMED = 3, 5
_MAX_LENGTH = 60


def require_known_values(snapshot: Snapshot, filters: Filters, product_names: Mapping[str, str]) -> None:
    """Check that the data name every product, error code and region of the filters.

    Args:
        snapshot: The data.
        filters: The filters to check; `(uncoded)` and `(not looked up)` are always known.
        product_names: The names of business products by ID; a name is answered with its ID.

    Raises:
        UsageError: No task has one of the values. The error names similar values, or the values that there are.
    """
    products, codes, regions = filters.business_products, filters.codes, filters.regions
    if products:
        named = {name: product for product, name in product_names.items()}
        known = list_known_products(snapshot)
        _require(products, known, "--business-product", "No task belongs to the business product", named)
    if codes:
        known = [code for code in list_error_codes(snapshot) if code not in {NOT_LOOKED_UP, UNCODED}]
        known += [UNCODED, NOT_LOOKED_UP]
        _require(codes, known, "--code", "No failed task has the error code", {})
    if regions:
        _require(regions, list_regions(snapshot), "--region", "No task has the region", {})


def _require(values: Sequence[str], known: Sequence[str], option: str, problem: str, names: Mapping[str, str]) -> None:
    unknown = next((value for value in values if value not in known), None)
    if unknown is None:
        return
    candidates = {value.casefold(): value for value in known}
    candidates |= {name.casefold(): value for name, value in names.items() if value in known}
    near = get_close_matches(unknown.casefold(), candidates, n=_MAX_SIMILAR)
    similar = list(dict.fromkeys(candidates[text] for text in near))
    if similar:
        hint = f"Did you mean {' or '.join(similar)}?"
    elif known:
        more = f" and {len(known) - _MAX_NAMED:,} more" if len(known) > _MAX_NAMED else ""
        hint = f"There are: {', '.join(known[:_MAX_NAMED])}{more}."
    else:
        hint = "There are none yet: load events first."
    raise UsageError(f"{problem} {unknown[:_MAX_LENGTH]!r} ({option}). Nothing was computed. {hint}")
