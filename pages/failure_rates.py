"""The failure rates page: the share of failed tasks over time, by product, task kind and region."""

import streamlit as st

from bwp_client.metrics import MetricName
from bwp_client.ui.components import draw_heading, draw_meanings
from bwp_client.ui.page import open_page
from bwp_client.ui.sections import (
    data_extent,
    failure_rate,
    headline,
    kinds_and_regions,
    products,
    submission_rate,
    unrated,
)

page = open_page("Failure rates")
data_extent.draw_missing_data(page)
comparison = page.metric_row(MetricName.PERIOD_COMPARISON)
headline.draw_figures(page, comparison)
rates = page.metric(MetricName.FAILURE_RATE)
if rates.empty:
    unrated.draw_nothing_rated(page)
    st.stop()
failure_rate.draw_rate_over_time(page, rates, comparison, key="rates")
failure_rate.draw_outcomes_over_time(page, rates)
draw_heading("By business product", MetricName.PERIOD_COMPARISON)
products.draw_products(page)
products.draw_weekly_rates(page)
kinds_and_regions.draw_kinds_and_regions(page)
submission_rate.draw_submission_rate(page)
failure_rate.draw_rate_table(page, rates, comparison)
draw_meanings(MetricName.FAILURE_RATE, MetricName.PERIOD_COMPARISON, MetricName.SUBMISSION_RATE)
