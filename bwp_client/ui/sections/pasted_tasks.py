"""Task IDs pasted into the page: what is known of each, and looking up those that are not known."""

from __future__ import annotations

import re
from functools import partial

import pandas as pd
import streamlit as st

from bwp_client.metrics.queries import UNKNOWN_TASK, known_tasks
from bwp_client.ui.data import version_key
from bwp_client.ui.jobs import jobs
from bwp_client.ui.page import Page
from bwp_client.ui.sections import job_buttons, request_form
from bwp_client.ui.sections.task_detail import open_chosen
from bwp_client.warehouse.snapshot import Snapshot

MAX_PASTED = 1000


def show(page: Page) -> None:
    """Draw the field and what is known of the tasks in it."""
    text = st.text_area(
        "Task IDs", key="pasted", placeholder="One a line, or with commas or spaces between", height=120
    )
    wanted = tuple(dict.fromkeys(part for part in re.split(r"[\s,;]+", text or "") if part))
    if not wanted:
        return
    if len(wanted) > MAX_PASTED:
        st.caption(f"The first {MAX_PASTED:,} of {len(wanted):,} are shown.")
    rows = _known(page.snapshot, version_key(page.settings), wanted[:MAX_PASTED])
    rows = rows.assign(product=[page.names(product) for product in rows["business_product_id"].fillna("")])
    st.dataframe(
        rows[["task_id", "known", "at", "lookup_state", "codes", "product"]],
        hide_index=True,
        column_config={
            "task_id": st.column_config.TextColumn("Task ID", width=255), "known": "Outcome",
            "at": st.column_config.DatetimeColumn("When (UTC)", format="DD MMM YYYY HH:mm", timezone="UTC"),
            "lookup_state": "Lookup", "codes": "Error codes", "product": "Business product",
        },
        placeholder="–",
        on_select=partial(open_chosen, "pasted_rows", rows["task_id"].tolist()),
        selection_mode="single-row",
        key="pasted_rows",
        alt="The pasted tasks with outcome, lookup and error codes",
    )  # fmt: skip
    unknown = rows.loc[rows["known"] == UNKNOWN_TASK, "task_id"].tolist()
    st.caption(f"n {len(rows):,} tasks, {len(unknown):,} of them unknown here. Tick a row to see its timeline.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if unknown:
            product = st.selectbox(
                "Business product of the unknown ones",
                ["", *request_form.products(page)],
                format_func=lambda product: page.names(product) or "not known",
            )
            if st.button(
                f"Add {len(unknown):,} to the requests", disabled=job_buttons.is_running(jobs().state("import"))
            ):
                kind = page.choice.filters.task_kind.value
                request_form.store(
                    page, [{"task_id": task, "task_kind": kind, "business_product_id": product} for task in unknown]
                )
        if st.button("Look up errors", disabled=job_buttons.is_running(jobs().state("enrich")), key="look_up_pasted"):
            job_buttons.start_job("enrich", options={"task": rows["task_id"].tolist()}, settings=page.settings)
    request_form.tell()


@st.cache_data(max_entries=20, show_spinner="Looking for the tasks…")
def _known(_snapshot: Snapshot, key: str, wanted: tuple[str, ...]) -> pd.DataFrame:  # noqa: ARG001
    return known_tasks(_snapshot, wanted)
