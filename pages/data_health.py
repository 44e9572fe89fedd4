"""The data health page: missing data, loads and lookups, and the next steps."""

import streamlit as st

from bwp_client.metrics import MetricName
from bwp_client.ui.components import draw_heading, draw_meanings
from bwp_client.ui.data import version_key
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
draw_heading("Is the picture complete?", MetricName.GAPS, MetricName.COVERAGE)
st.caption("About the chosen period. The sections below are about all data unless they name the period.")
data_extent.draw_missing_data(page)
data_trust.draw_trust_lines(page)
job_buttons.draw_load_and_look_up(page.settings)
data_gaps.draw_data_gaps(page)
lookups.draw_lookup_states(page)
lookups.draw_unknown_reasons(page)
lookups.draw_lookup_runs(page)
archive_replays.draw_archive(page.settings, version_key(page.settings))
runs.draw_runs(page)
quarantine.draw_quarantine(page)
draw_meanings(MetricName.COVERAGE, MetricName.LOOKUP_STATES)
