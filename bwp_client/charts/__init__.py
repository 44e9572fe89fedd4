"""Plotly figures drawn from metric frames: pure functions, used by pages, notebooks and reports."""

from bwp_client.charts.codes import code_bars, code_colors, codes_over_time
from bwp_client.charts.compared_rates import compared_rates
from bwp_client.charts.failure_timeline import failure_dots
from bwp_client.charts.rates import outcomes_over_time, rate_over_time, rates_by_product
from bwp_client.charts.theme import Theme
from bwp_client.charts.trends import contributions, rate_with_changes, time_to_outcome, weekday_hour

__all__ = [
    "Theme",
    "code_bars",
    "code_colors",
    "codes_over_time",
    "compared_rates",
    "contributions",
    "failure_dots",
    "outcomes_over_time",
    "rate_over_time",
    "rate_with_changes",
    "rates_by_product",
    "time_to_outcome",
    "weekday_hour",
]
