"""The tasks page: the worklist, or the task that the URL or the visitor names."""

import streamlit as st

from bwp_client.ui.address_fields import draw_text
from bwp_client.ui.page import open_page
from bwp_client.ui.sections import data_extent, pasted_tasks, task_detail, worklist
from bwp_client.ui.sections.worklist_narrowing import narrowing_texts
from bwp_client.ui.viewer_zone import draw_zone_switch

page = open_page("Tasks", narrowing_texts)
with st.container(horizontal=True):
    task_id = draw_text("One task", key="task", placeholder="Paste a task ID to see its timeline")
    if not draw_zone_switch(page.settings):
        st.stop()
if task_id:
    task_detail.draw_task(page, task_id)
    st.stop()
data_extent.draw_warnings(page)
worklist.draw_worklist(page)
data_extent.draw_small_limits(page)
pasting = st.expander("Paste task IDs to see and look up", key="pasting", on_change="rerun")
if pasting.open or st.session_state.get("pasted"):
    with pasting:
        pasted_tasks.draw_pasted_tasks(page)
instructions = st.expander("Import the shop's list of requests", key="import_instructions", on_change="rerun")
if instructions.open:
    instructions.text(
        "Import a CSV file that says when requests were received, replaced or closed; only the column task_id must be there:"
    )
    instructions.code("python -m bwp_client import requests.csv", language=None, wrap_lines=True)
    instructions.text("To enter one request, open its task and fill in the form there.")
