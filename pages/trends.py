"""The trends page: whether the failure rate rises, why, and since which day."""

import streamlit as st

from bwp_client.charts import outcomes_over_time
from bwp_client.charts.rate_descriptions import describe_outcomes
from bwp_client.metrics import Bucket, MetricName
from bwp_client.ui.components import draw_chart, theme
from bwp_client.ui.page import open_page
from bwp_client.ui.sections import compare, data_extent, headline, trends, unrated

page = open_page("Trends")
data_extent.draw_missing_data(page)
headline.draw_sentences(page, page.metric_row(MetricName.PERIOD_COMPARISON))
trends.draw_comparison(page)
if page.snapshot.span() is None:
    st.stop()
compare.draw_compare(page)
trends.draw_contributions(page)
weekly = page.metric(MetricName.FAILURE_RATE, page.filters_of_all_data, Bucket.WEEK)
if weekly.empty:
    unrated.draw_nothing_rated(page)
    st.stop()
trends.draw_change_points(page, weekly)
draw_chart(
    page,
    "Failed and completed tasks by week, all data",
    lambda: outcomes_over_time(weekly, theme()),
    notes="Lighter: partial week. More failures with an unchanged rate mean more requests. "
    f"n {int(weekly['n'].sum()):,} finished tasks.",
    alt=lambda: describe_outcomes(weekly, "week"),
    data=lambda: weekly,
    key="trend_outcomes",
)
trends.draw_more(page)
