"""The data health page: missing data, loads and lookups, and the next steps."""

import streamlit as st

from bwp_client.ui.components import draw_heading, draw_open_tab
from bwp_client.ui.page import open_page
from bwp_client.ui.sections import (
    archive_replays,
    data_extent,
    data_gaps,
    data_trust,
    job_buttons,
    lookups,
    quarantine,
    runs,
)

page = open_page("Data health")
draw_heading(
    "Is the picture complete?",
    notes="About the chosen period. The sections below are about all data unless they name the period.",
)
data_extent.draw_missing_data(page)
data_trust.draw_trust_lines(page)
with st.container(key="jobs"):  # not printed
    job_buttons.draw_load_and_look_up(page.settings)
sections = {
    "missing": ("Missing data", data_gaps.draw_data_gaps),
    "reasons": ("Reasons known", lookups.draw_lookups),
    "runs": ("Runs", runs.draw_runs),
    "quarantine": ("Quarantine", quarantine.draw_quarantine),
}
if not page.settings.is_sample:
    sections["archive"] = ("Archive", archive_replays.draw_archive)
draw_open_tab(page, "more", sections)
