"""The trends page: whether the failure rate rises, why, and since which day."""

import streamlit as st

from bwp_client.metrics import MetricName
from bwp_client.ui.page import open_page
from bwp_client.ui.sections import data_extent, headline, trends, unrated

page = open_page("Trends", is_about_period=True)
data_extent.draw_missing_data(page)
headline.draw_sentences(page, page.metric_row(MetricName.PERIOD_COMPARISON))
trends.draw_comparison(page)
if page.snapshot.span() is None:
    st.stop()
trends.draw_contributions(page)
bucket, rates = trends.rates_over_all_data(page)
if rates.empty:
    unrated.draw_nothing_rated(page)
    st.stop()
trends.draw_change_points(page, rates, bucket=bucket)
trends.draw_more(page)
