"""Draws the charts of a report's page from its tables."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bwp_client.charts import Theme, code_bars, code_colors, codes_over_time, rate_over_time
from bwp_client.charts.codes import describe_codes
from bwp_client.charts.rate_descriptions import describe_rates
from bwp_client.metrics import MetricName
from bwp_client.metrics.baseline import Baseline, baseline_of, outside
from bwp_client.metrics.wording import baseline_name, rate_legend
from bwp_client.reports.content import Content
from bwp_client.reports.context import ReportContext


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


def draw_figures(context: ReportContext, content: Content) -> tuple[Figure, ...]:
    """Return the charts of a report, in both themes."""
    tables, headline = content.tables, content.headline
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
    return tuple(figures)


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
