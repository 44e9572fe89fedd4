"""Progress bars of running jobs; the page runs again when a job has brought new data."""

from __future__ import annotations

from typing import Final

import streamlit as st

from bwp_client.settings import Settings
from bwp_client.ui.data import version_key
from bwp_client.ui.jobs import jobs
from bwp_client.ui.markdown import plain

BUSY_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 15.0
LABELS: Final = {
    "load": "Loading events",
    "enrich": "Looking up errors",
    "import": "Storing requests",
    "report": "Making a report",
}


def draw_job_progress(settings: Settings, shown_version: str) -> None:
    """Draw a bar for each running job, and run the page again once the data or the running jobs have changed.

    Args:
        settings: Name the warehouse that is watched.
        shown_version: `version_key` of the data that the page shows; empty when there is none.
    """
    has_work = bool(jobs().running()) or not shown_version

    @st.fragment(run_every=BUSY_SECONDS if has_work else IDLE_SECONDS)
    def watch() -> None:
        if version_key(settings) != shown_version:
            st.rerun(scope="app")
        running = jobs().running()
        for state in running:
            st.progress(state.share, text=plain(f"{LABELS.get(state.kind, state.kind)}: {state.text}"))
        if has_work and not running and shown_version:
            st.rerun(scope="app")

    watch()
