"""Pasted task IDs: each task's outcome and lookup, and buttons that add unknown tasks to the requests and look up others."""

from __future__ import annotations

import re
from typing import Final

import pandas as pd
import streamlit as st

from bwp_client.metrics.queries import UNKNOWN_TASK, known_tasks
from bwp_client.metrics.wording import counted
from bwp_client.ui.components import draw_table, how_to_open, time_column
from bwp_client.ui.data import CACHE_KEYS
from bwp_client.ui.drill_down import Opening
from bwp_client.ui.jobs import is_running, jobs
from bwp_client.ui.page import PageContext
from bwp_client.ui.sections.job_buttons import start_job
from bwp_client.ui.sections.request_form import draw_import_state, draw_product_choice, store_requests
from bwp_client.ui.sections.task_detail import open_task
from bwp_client.ui.viewer_zone import chosen_zone
from bwp_client.warehouse.snapshot import Snapshot

MAX_TASKS: Final = 1000


def draw_pasted_tasks(page: PageContext) -> None:
    """Draw the field for task IDs, and the tasks of these IDs."""
    text = st.text_area(
        "Task IDs", key="pasted", placeholder="One a line, or with commas or spaces between", height=120
    )
    task_ids = tuple(dict.fromkeys(part for part in re.split(r"[\s,;]+", text or "") if part))
    if not task_ids:
        return
    if len(task_ids) > MAX_TASKS:
        st.caption(f"The first {MAX_TASKS:,} of {len(task_ids):,} are shown.")
    tasks = _known_tasks(snapshot=page.snapshot, task_ids=task_ids[:MAX_TASKS])
    tasks = tasks.assign(product=[page.names(product) for product in tasks["business_product_id"].fillna("")])
    _draw_tasks(tasks)
    unknown = tasks.loc[tasks["known"] == UNKNOWN_TASK, "task_id"].tolist()
    st.caption(
        f"n {counted(len(tasks), 'task')}, {len(unknown):,} of them unknown here. {how_to_open('its timeline', 'see')}"
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if unknown:
            _draw_add_to_requests(page, unknown)
        # Only known ones, because others end the lookup, and whatever was pasted could be read in the list of processes.
        known = tasks.loc[tasks["known"] != UNKNOWN_TASK, "task_id"].tolist()
        if st.button("Look up errors", disabled=not known or is_running(jobs().state("enrich")), key="look_up_pasted"):
            start_job("enrich", options={"task": known}, settings=page.settings)
    draw_import_state()


def _draw_tasks(tasks: pd.DataFrame) -> None:
    draw_table(
        tasks[["task_id", "known", "at", "lookup_state", "codes", "product"]],
        hide_index=True,
        column_config={
            "task_id": st.column_config.TextColumn("Task ID", width=255), "known": "Outcome",
            "at": time_column("When", zone=chosen_zone()), "lookup_state": "Lookup", "codes": "Error codes",
            "product": "Business product",
        },
        placeholder="–",
        opening=Opening(tasks["task_id"].tolist(), open_task),
        key="pasted_rows",
        alt="The pasted tasks with outcome, lookup and error codes",
    )  # fmt: skip


def _draw_add_to_requests(page: PageContext, unknown: list[str]) -> None:
    product = draw_product_choice(page, "Business product of the unknown ones")
    if st.button(f"Add {len(unknown):,} to the requests", disabled=is_running(jobs().state("import"))):
        kind = page.filters.task_kind.value
        store_requests(page, [{"task_id": task, "task_kind": kind, "business_product_id": product} for task in unknown])


@st.cache_data(max_entries=20, show_spinner="Looking for the tasks…", hash_funcs=CACHE_KEYS)
def _known_tasks(snapshot: Snapshot, task_ids: tuple[str, ...]) -> pd.DataFrame:
    return known_tasks(snapshot, task_ids)
