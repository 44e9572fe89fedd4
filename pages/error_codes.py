"""The error codes page: the reasons why tasks fail, or the one reason that the URL names."""

import streamlit as st

from bwp_client.charts import code_bars, codes_over_time
from bwp_client.charts.codes import describe_codes
from bwp_client.metrics import MetricName
from bwp_client.metrics.wording import counted
from bwp_client.ui import page_address
from bwp_client.ui.components import code_palette, draw_chart, draw_open_tab, theme
from bwp_client.ui.drill_down import ERROR_CODE, filters_of_code, filters_of_period_and_code
from bwp_client.ui.page import open_page
from bwp_client.ui.sections import code_detail, data_extent, error_codes, products

page = open_page("Error codes", is_about_period=True)
if found := page_address.values(ERROR_CODE):
    code_detail.draw_code(page, found[-1])
    st.stop()
data_extent.draw_missing_data(page)
coverage = page.metric_row(MetricName.COVERAGE)
codes = page.metric(MetricName.ERROR_CODES)
if not coverage["failed"]:
    st.info("No task of this kind failed in this period.")
    st.stop()
if coverage["found"] < coverage["failed"]:
    st.warning(
        f"The errors are known for {coverage['found']:,} of {coverage['failed']:,} failed tasks; the others are shown as "
        "“not looked up”. Look up errors on the data health page.",
        icon="⚠️",
    )
palette = code_palette(page)
draw_chart(
    page,
    "Failed tasks by error code",
    lambda: code_bars(codes, theme(), palette),
    notes=f"A task with two codes counts under each. n {counted(coverage['failed'], 'failed task')}.",
    alt=lambda: describe_codes(codes),
    data=lambda: codes,
    key="codes",
    on_click=filters_of_code,
)
over_time = page.metric(MetricName.ERROR_CODES_OVER_TIME)
draw_chart(
    page,
    f"Failed tasks by error code and {page.bucket}",
    lambda: codes_over_time(over_time, theme(), palette, page.bucket),
    notes=f"A task with two codes counts under each. n {counted(coverage['failed'], 'failed task')}.",
    alt=lambda: (
        f"Failed tasks by error code over {over_time['period_start'].nunique()} periods. {describe_codes(codes)}"
    ),
    data=lambda: over_time,
    key="codes_over_time",
    on_click=filters_of_period_and_code(page, page.bucket),
)
draw_open_tab(
    page,
    "more",
    {
        "codes": ("Every code", error_codes.draw_every_code),
        "actions": ("What to do", error_codes.draw_actions),
        "products": ("By business product", products.draw_codes_by_product),
        "together": ("Codes that come together", error_codes.draw_code_sets),
    },
)
