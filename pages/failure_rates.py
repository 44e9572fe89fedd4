"""The failure rates page: the share of failed tasks over time, by product, task kind and region."""

from functools import partial

import streamlit as st

from bwp_client.metrics import MetricName
from bwp_client.ui.components import draw_heading, draw_open_tab
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

page = open_page("Failure rates", is_about_period=True)
data_extent.draw_missing_data(page)
comparison = page.metric_row(MetricName.PERIOD_COMPARISON)
headline.draw_key_figures(page, comparison)
rates = page.metric(MetricName.FAILURE_RATE)
if rates.empty:
    unrated.draw_nothing_rated(page)
    st.stop()
failure_rate.draw_rate_over_time(page, rates, comparison, key="rates")
draw_heading("By business product", MetricName.PERIOD_COMPARISON)
products.draw_products(page)
draw_open_tab(
    page,
    "more",
    {
        "products": ("Products by week", products.draw_weekly_rates),
        "finished": ("Finished tasks", partial(failure_rate.draw_outcomes_over_time, rates=rates)),
        "kinds": ("Task kinds and regions", kinds_and_regions.draw_kinds_and_regions),
        "submission": ("By submission", submission_rate.draw_submission_rate),
        "rows": ("Rows", partial(failure_rate.draw_rate_table, rates=rates, comparison=comparison)),
    },
)
