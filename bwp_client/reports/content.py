"""The content of a report: its statement, charts and tables, computed from its input rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from bwp_client.charts import Theme, code_bars, code_colors, codes_over_time, rate_over_time
from bwp_client.charts.codes import describe_codes
from bwp_client.charts.rates import describe_rates
from bwp_client.metrics import MetricName
from bwp_client.metrics.attribution import cause_of
from bwp_client.metrics.baseline import Baseline, baseline_of, outside
from bwp_client.metrics.extent_wording import missing_data, product_limits, why_not_compared
from bwp_client.metrics.queries import no_denominator
from bwp_client.metrics.wording import baseline_name, rate_legend, statement
from bwp_client.reports.context import ReportContext
from bwp_client.reports.tables import TABLES


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart in both themes, with its description in words."""

    name: str
    title: str
    after: str
    """The name of the table above which the page shows the chart."""
    description: str
    light: str
    """Plotly JSON in the light theme."""
    dark: str
    """Plotly JSON in the dark theme."""
    height: int
    """The height of the chart in pixels."""


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
    figures: tuple[Figure, ...]
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


def compute_content(context: ReportContext) -> Content:
    """Return the content of a report."""
    tables = {table.name: table.compute(context) for table in TABLES if table.is_wanted(context)}
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
        figures=tuple(_figures(context, tables, headline)),
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


def _figures(context: ReportContext, tables: dict[str, pd.DataFrame], headline: Any) -> list[Figure]:
    rates, codes = tables[MetricName.FAILURE_RATE.value], tables[MetricName.ERROR_CODES.value]
    over_time = tables[MetricName.ERROR_CODES_OVER_TIME.value]
    bucket = context.spec.bucket.value
    baseline = baseline_of(headline)
    marks = outside(rates, baseline)
    colors = code_colors(codes.sort_values(["first_seen", "code"])["code"])
    figures = []
    if not rates.empty:
        figures.append(
            _figure(
                "failure_rate",
                f"Failure rate by {bucket}",
                MetricName.FAILURE_RATE,
                _about_rates(rates, bucket, baseline, marks, context.spec.min_n),
                lambda theme: rate_over_time(rates, theme, baseline=baseline.rate if baseline else None, outside=marks),
            )
        )
    if (codes["tasks"] > 0).any():
        figures.append(
            _figure(
                "error_codes",
                "Failed tasks by error code",
                MetricName.ERROR_CODES,
                describe_codes(codes),
                lambda theme: code_bars(codes, theme, colors),
            )
        )
    if not over_time.empty:
        figures.append(
            _figure(
                "error_codes_over_time",
                f"Failed tasks by error code and {bucket}",
                MetricName.ERROR_CODES_OVER_TIME,
                f"{over_time['code'].nunique()} codes over {over_time['period_start'].nunique()} periods; "
                "the numbers are in tables/error_codes_over_time.csv.",
                lambda theme: codes_over_time(over_time, theme, colors),
            )
        )
    return figures


def _about_rates(rates: pd.DataFrame, bucket: str, baseline: Baseline | None, marks: pd.Series[str], min_n: int) -> str:
    """Return the description of the chart, and the meaning of each of its marks."""
    name = None if baseline is None else baseline_name(baseline, is_explained=False)
    legend = rate_legend(rates, bucket, min_n, baseline=name, marks=marks, is_explained=False)
    return f"{describe_rates(rates, bucket)} {legend}"


def _figure(name: str, title: str, after: MetricName, description: str, draw: Any) -> Figure:
    light, dark = draw(Theme.LIGHT), draw(Theme.DARK)
    return Figure(name, title, after.value, description, _json(light), _json(dark), int(light.layout.height))


def _json(figure: Any) -> str:
    """Return a figure as JSON; equal figures give equal texts."""
    return json.dumps(
        json.loads(figure.to_json(engine="json")), sort_keys=True, ensure_ascii=True, separators=(",", ":")
    )
