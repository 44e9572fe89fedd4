"""The reports page: make a report, open a published report, compare two reports."""

import streamlit as st

from bwp_client.ui.page import open_page
from bwp_client.ui.sections.reports import draw_published_reports, draw_report_form
from bwp_client.ui.viewer_zone import draw_zone_switch

page = open_page("Reports")
if not draw_zone_switch(page.settings):
    st.stop()
with st.container(key="new_report"):  # not printed
    st.subheader("New report", anchor=False)
    draw_report_form(page.settings)
draw_published_reports(page.settings.reports_uri, page.names, is_below_form=True)
