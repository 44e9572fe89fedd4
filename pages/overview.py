"""The overview page: the failure rate and its change, the reasons, the tasks to act on today, and doubts about the data."""

from bwp_client.metrics import MetricName
from bwp_client.ui.components import draw_heading, draw_meanings
from bwp_client.ui.page import open_page
from bwp_client.ui.sections import (
    data_extent,
    data_trust,
    error_codes,
    failure_rate,
    headline,
    products,
    today,
    unrated,
)

page = open_page("Overview")
data_extent.draw_missing_data(page)
comparison = page.metric_row(MetricName.PERIOD_COMPARISON)
headline.draw_sentences(page, comparison)
headline.draw_figures(page, comparison)
rates = page.metric(MetricName.FAILURE_RATE)
if not rates.empty:
    failure_rate.draw_rate_over_time(page, rates, comparison, key="overview_rate")
error_codes.draw_top_codes(page)
draw_heading("Where it fails", MetricName.FAILURE_RATE, MetricName.PERIOD_COMPARISON)
if products.comparison_by_product(page).empty:
    unrated.draw_unrated(page)
else:
    products.draw_products(page)
today.draw_today(page)
data_trust.draw_trust(page)
draw_meanings(MetricName.FAILURE_RATE, MetricName.PERIOD_COMPARISON, MetricName.ERROR_CODES, MetricName.COVERAGE)
