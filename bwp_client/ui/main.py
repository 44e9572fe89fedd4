"""The main script: page settings, login, navigation, the page's context, then the page."""

from functools import partial
from typing import Final

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from bwp_client.settings import Settings
from bwp_client.ui import login, page
from bwp_client.ui.sharing import end_page
from bwp_client.workarounds import page_slots

REPORTS: Final = "reports"
GLOSSARY: Final = "glossary"


def draw_without_data(chosen: StreamlitPage, settings: Settings) -> None:
    """Draw the published reports, or the glossary, on their page: they need no data."""
    if chosen.url_path == GLOSSARY:
        chosen.run()
    if chosen.url_path == REPORTS:
        from bwp_client.ui.sections.reports import draw_published_reports

        draw_published_reports(settings.reports_uri)


st.set_page_config(page_title=page.APP_NAME, page_icon="🗑️", layout="wide")
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
        st.Page("../../pages/glossary.py", title="Glossary", icon=":material/dictionary:"),
    ]
chosen = st.navigation(st.session_state.pages, position="hidden")
if settings is None:
    page.clear()
else:
    with page_slots:
        page.draw_navigation(st.session_state.pages)
        login.draw_visitor()
        page.prepare(settings, partial(draw_without_data, chosen, settings))
        try:
            chosen.run()
        finally:
            end_page()
