"""The main script: page settings, login, navigation, the page's context, then the page."""

import streamlit as st

from bwp_client.ui import login, page
from bwp_client.workarounds import page_slots

st.set_page_config(page_title="Data deletion failures", page_icon="🗑️", layout="wide")
settings = login.admit()
if "pages" not in st.session_state:  # st.Page searches for the file, which takes too long to repeat in every run
    st.session_state.pages = [
        st.Page("../../pages/overview.py", title="Overview", icon=":material/monitoring:", default=True),
        st.Page("../../pages/failure_rates.py", title="Failure rates", icon=":material/show_chart:"),
        st.Page("../../pages/error_codes.py", title="Error codes", icon=":material/error:"),
        st.Page("../../pages/trends.py", title="Trends", icon=":material/trending_up:"),
        st.Page("../../pages/tasks.py", title="Tasks", icon=":material/checklist:"),
        st.Page("../../pages/reports.py", title="Reports", icon=":material/description:"),
        st.Page("../../pages/data_health.py", title="Data health", icon=":material/health_and_safety:"),
    ]
chosen = st.navigation(st.session_state.pages, position="hidden" if settings is None else "sidebar")
if settings is None:
    page.clear()
else:
    with page_slots:
        login.draw_visitor()
        page.prepare(settings)
        chosen.run()
