"""The content of a report: its statement and tables, computed from its input rows. `chart_figures` draws its charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from bwp_client.metrics import MetricName
from bwp_client.metrics.attribution import cause_of
from bwp_client.metrics.extent_wording import missing_data, product_limits, why_not_compared
from bwp_client.metrics.queries import no_denominator
from bwp_client.metrics.wording import statement
from bwp_client.reports.context import ReportContext
from bwp_client.reports.tables import TABLES, ReportTable


@dataclass(frozen=True, slots=True)
class Heard:
    """The counted events of the report's products and regions up to the run, of every task kind."""

    first_at: datetime | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a report before it is laid out."""

    statements: tuple[str, ...]
    """A sentence on the failure rate, or on failed tasks that no rate includes."""
    headline: dict[str, Any]
    """The row of `period_comparison`."""
    coverage: dict[str, Any]
    """The row of `coverage`."""
    tables: dict[str, pd.DataFrame]
    """Frames by the name of the `ReportTable`."""
    newest_event_at: datetime | None
    """The newest counted event of the report's products up to the run."""
    heard: Heard
    outcomes: dict[str, int]
    """The number of tasks of the period by outcome, as the metrics count them, for rated and unrated products."""
    partial: tuple[str, ...]
    """A clause for each end of the period for which data are missing; empty if the data cover the period."""
    not_compared: str | None
    """A clause with the reason why nothing is compared with the period before; None if it is compared."""
    notes: tuple[str, ...]
    """Sentences on business products whose data cover a part of the period only."""


def compute_content(context: ReportContext, of_tables: Sequence[ReportTable] = TABLES) -> Content:
    """Return the content of a report.

    Args:
        context: The specification, the input rows and the facts.
        of_tables: The tables to compute. The statement and the figures need all but `change_points`.
    """
    tables = {table.name: table.compute(context) for table in of_tables if table.is_wanted(context)}
    (headline,) = tables[MetricName.PERIOD_COMPARISON.value].to_dict("records")
    (coverage,) = tables[MetricName.COVERAGE.value].to_dict("records")
    unrated = int(tables["not_rated"]["failed"].sum())
    # A choice of codes narrows the failures of every table, but the tables of the warehouse are counted without it.
    with_any_code = context.filters.with_(codes=None)
    rated = context.metric(MetricName.FAILURE_RATE, with_any_code)
    failed = int(rated["failed"].sum()) + int(no_denominator(context.snapshot, with_any_code)["failed"].sum())
    filters = context.filters
    extent = context.data.extent(filters.from_time, filters.to_time)
    not_compared = why_not_compared(context.data.extent(filters.before_time, filters.from_time))
    newest_event_at, heard = _heard(context)
    return Content(
        statements=_statements(context, headline, tables["by_product"], unrated, not_compared),
        headline={str(name): value for name, value in headline.items()},
        coverage={str(name): value for name, value in coverage.items()},
        tables=tables,
        newest_event_at=newest_event_at,
        heard=heard,
        outcomes={"COMPLETED": int(rated["completed"].sum()), "FAILED": failed},
        partial=tuple(missing_data(extent)),
        not_compared=not_compared,
        notes=tuple(product_limits(extent, context.facts.name)),
    )


def _heard(context: ReportContext) -> tuple[datetime | None, Heard]:
    """Return the newest event of the report's products, and the events of its products and regions."""
    rows = context.snapshot.rows(
        """
        select business_product_id, coalesce(region, ''), min(occurred_at), max(occurred_at) from outcomes
        where occurred_at <= $run_finished_at group by all
        """,
        {"run_finished_at": context.facts.run_finished_at},
    )
    products, regions = context.spec.business_products, context.spec.regions
    of_products = [row for row in rows if products is None or row[0] in products]
    selected = [row for row in of_products if regions is None or row[1] in regions]
    return max((row[3] for row in of_products), default=None), Heard(
        first_at=min((row[2] for row in selected), default=None),
        last_at=max((row[3] for row in selected), default=None),
    )


def _statements(
    context: ReportContext, headline: Any, products: pd.DataFrame, unrated: int, not_compared: str | None
) -> tuple[str, ...]:
    if not headline["n"] and unrated:
        return (
            f"{unrated:,} failed, and no rate can be given: no COMPLETED event was ever loaded for these products.",
        )
    filters = context.filters
    cause = cause_of(context.metric, filters, headline, products)
    return (statement(headline, filters.to_time - filters.from_time, cause, context.facts.name, not_compared),)
