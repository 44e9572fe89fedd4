"""The reports page: make a report, open a published report, compare two reports."""

import streamlit as st

from bwp_client.errors import BwpError
from bwp_client.ui.markdown import plain
from bwp_client.ui.page import open_page
from bwp_client.ui.published_reports import published_reports
from bwp_client.ui.sections.reports import draw_report, draw_report_comparison, draw_report_form, draw_report_list

page = open_page("Reports")
uri = page.settings.reports_uri
st.subheader("Make a report now", anchor=False)
draw_report_form(page.settings)
st.subheader("Published reports", anchor=False)
try:
    published = published_reports(uri)
    for problem in published.problems:
        st.warning(plain(problem))
    if not published.readable:
        st.caption("No report was published yet. A schedule can make reports too: see docs/scheduling.md.")
        st.stop()
    draw_report_list(published.readable)
    by_key = {report.key: report for report in published.readable}
    opened, compared = st.tabs(["Open", "Compare"])
    with opened:
        chosen = st.selectbox("Report", list(by_key), key="report", bind="query-params")
        if chosen in by_key:
            draw_report(uri, by_key[chosen])
    with compared:
        draw_report_comparison(uri, published.readable)
except BwpError as error:
    st.error("The reports can't be shown.")
    st.text(str(error))
