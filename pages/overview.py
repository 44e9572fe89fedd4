"""The overview page: the headline, what is due, the failure rate, its reasons, and the tasks to do today."""

from bwp_client.metrics import MetricName
from bwp_client.ui.page import open_page
from bwp_client.ui.sections import (
    data_extent,
    data_trust,
    error_codes,
    failure_rate,
    failure_timeline,
    headline,
    today,
    unrated,
)

page = open_page("Overview", is_about_period=True)
data_extent.draw_warnings(page)
headline.draw_headline(page, page.metric_row(MetricName.PERIOD_COMPARISON))
today.draw_tiles(page)
rates = page.metric(MetricName.FAILURE_RATE)
if rates.empty:
    unrated.draw_unrated(page)
    failure_timeline.draw_failures(page, None, key="overview_rate")
else:
    failure_rate.draw_rate_with_period_before(page, rates, key="overview_rate")
data_extent.draw_small_limits(page)
error_codes.draw_top_codes(page)
today.draw_first_tasks(page)
data_trust.draw_trust(page)
