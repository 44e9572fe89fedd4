"""The main script: page settings, login, navigation, what every page needs, then the page."""

import streamlit as st

from bwp_client.ui import login
from bwp_client.ui import page as page_frame
from bwp_client.workarounds import page_slots

st.set_page_config(page_title="Data deletion failures", page_icon="🗑️", layout="wide")
is_admitted = login.admit()
if "pages" not in st.session_state:  # finding seven files anew would take a tenth of every run
    st.session_state.pages = [
        st.Page("../../pages/overview.py", title="Overview", icon=":material/monitoring:", default=True),
        st.Page("../../pages/failure_rates.py", title="Failure rates", icon=":material/show_chart:"),
        st.Page("../../pages/error_codes.py", title="Error codes", icon=":material/error:"),
        st.Page("../../pages/trends.py", title="Trends", icon=":material/trending_up:"),
        st.Page("../../pages/tasks.py", title="Tasks", icon=":material/checklist:"),
        st.Page("../../pages/reports.py", title="Reports", icon=":material/description:"),
        st.Page("../../pages/data_health.py", title="Data health", icon=":material/health_and_safety:"),
    ]
chosen = st.navigation(st.session_state.pages, position="sidebar" if is_admitted else "hidden")
if is_admitted:
    with page_slots:
        login.signed_in()
        page_frame.prepare()
        chosen.run()
else:
    page_frame.forget()
