"""What was reported, can I have it again, and what changed since?"""

import streamlit as st

from bwp_client.errors import BwpError
from bwp_client.ui import page as page_frame
from bwp_client.ui.sections.reports import listed, make, open_one, show_comparison, show_list

page = page_frame.page("Reports")
st.subheader("Make one now", anchor=False)
make(page.settings)
st.subheader("Published", anchor=False)
try:
    reports = listed(page.settings.reports_uri)
    if not reports:
        st.caption("None yet. A schedule makes them too: see docs/scheduling.md.")
        st.stop()
    show_list(reports)
    by_key = {report.key: report for report in reports}
    opened, compared = st.tabs(["Open", "Compare"])
    with opened:
        chosen = st.selectbox("Report", list(by_key), key="report", bind="query-params")
        if chosen in by_key:
            open_one(page.settings, by_key[chosen])
    with compared:
        show_comparison(page.settings, reports)
except BwpError as error:
    st.error("The reports can't be shown.")
    st.text(str(error))
