"""Words for the part of a period that the data cover, the same on pages, on the command line and in reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from bwp_client.metrics.catalog import MetricName
from bwp_client.metrics.comparison import products_not_compared
from bwp_client.metrics.extent import Extent, SelectedData
from bwp_client.metrics.filters import Filters
from bwp_client.metrics.wording import day, moment
from bwp_client.warehouse.snapshot import Snapshot

_MAX_NAMED = 5
_COMPARING = {
    MetricName.PERIOD_COMPARISON, MetricName.COMPARISON_BY_PRODUCT, MetricName.CONTRIBUTORS, MetricName.ERROR_CODES,
    MetricName.CODE_SETS,
}  # fmt: skip
_DAYS_OF_A_YEAR = (365, 366)


def notes_on(snapshot: Snapshot, name: MetricName, filters: Filters, name_of: Callable[[str], str] = str) -> list[str]:
    """Return sentences on what a metric's figures lack, because the data don't cover the period or the period before.

    Args:
        snapshot: The data.
        name: The metric; `waiting` is of all periods, so it lacks nothing.
        filters: The filters of the metric.
        name_of: Returns a product's name; by default its ID.
    """
    if name is MetricName.WAITING:
        return []
    data = SelectedData.of(snapshot, filters)
    extent = data.extent(filters.from_time, filters.to_time)
    notes = [*map(sentence, missing_data(extent)), *product_limits(extent, name_of)]
    days = (filters.to_time - filters.from_time).days
    if name is MetricName.DISCLOSURE and days not in _DAYS_OF_A_YEAR:
        notes.append(f"The disclosure is of {days:,} days, not of a year.")
    if name in _COMPARING:
        notes += _notes_on_comparison(data, name, filters, name_of)
    return notes


def _notes_on_comparison(
    data: SelectedData, name: MetricName, filters: Filters, name_of: Callable[[str], str]
) -> list[str]:
    reason = why_not_compared(data.extent(filters.before_time, filters.from_time))
    if reason:
        return [f"Nothing is compared with the period before: {reason}."]
    products = sorted(products_not_compared(data, filters)) if name is MetricName.COMPARISON_BY_PRODUCT else []
    if not products:
        return []
    named = ", ".join(map(name_of, products[:_MAX_NAMED]))
    more = f" and {len(products) - _MAX_NAMED:,} more" if len(products) > _MAX_NAMED else ""
    return [f"Not compared, because their data begin later than the period before: {named}{more}."]


def missing_data(extent: Extent) -> list[str]:
    """Return a clause for each end of a period for which data are missing; empty if the data cover the period.

    The clauses have no capital and no full stop: `the data of this period begin on 15 Oct 2026, as older data were purged`.
    """
    if extent.is_without_events:
        return ["no event was loaded yet"]
    data = "the data of the selected tasks" if extent.is_selection else "the data of this period"
    if extent.has_none:
        data = "this period has no data: they"
    clauses = []
    if extent.begins_at is not None:
        older = "older data were purged" if extent.is_purged else "no older event was loaded"
        clauses.append(f"{data} begin on {day(extent.begins_at)}, as {older}")
    if extent.ends_at is not None and not (extent.has_none and clauses):
        newer = "the period was still running" if extent.is_running else "no later event was loaded"
        clauses.append(f"{data} end on {moment(extent.ends_at)} UTC, as {newer}")
    return clauses


def product_limits(extent: Extent, name_of: Callable[[str], str]) -> list[str]:
    """Return a sentence for each kind of limit that the data of single business products have within a period.

    Args:
        extent: How far the data cover the period.
        name_of: Returns a product's name.
    """
    limits: dict[str, list[tuple[str, datetime]]] = {
        "Business products whose first event came within the period": [
            (item.business_product_id, item.begins_at) for item in extent.products if item.begins_at
        ],
        "Business products whose newest event came before the period's end": [
            (item.business_product_id, item.ends_at) for item in extent.products if item.ends_at
        ],
        "Business products whose first COMPLETED event came later, so that their earlier failures have no denominator": [
            (item.business_product_id, item.completed_from) for item in extent.products if item.completed_from
        ],
    }
    return [f"{kind}: {_named(products, name_of)}." for kind, products in limits.items() if products]


def why_not_compared(before: Extent) -> str | None:
    """Return a clause with the reason why nothing is compared with the period before; None if it can be compared.

    Args:
        before: How far the data cover the period before.
    """
    if before.begins_at is None:
        return None
    older = "older data were purged" if before.is_purged else "no older event was loaded"
    data = "the data of the selected tasks" if before.is_selection else "the data"
    return f"{data} begin on {day(before.begins_at)}, as {older}"


def sentence(clause: str) -> str:
    """Return a clause as a sentence."""
    return f"{clause[0].upper()}{clause[1:]}."


def _named(products: Sequence[tuple[str, datetime]], name_of: Callable[[str], str]) -> str:
    named = ", ".join(f"{name_of(product)} on {day(at)}" for product, at in products[:_MAX_NAMED])
    more = len(products) - _MAX_NAMED
    return named if more <= 0 else f"{named} and {more:,} more"
