"""The archive on the data health page: start a load of a window, and see every replay and what came of it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from bwp_client.settings import Settings
from bwp_client.sources import Scheme, SourceAddress
from bwp_client.ui import components
from bwp_client.ui.data import replays_table, warehouse_in_use
from bwp_client.ui.jobs import JobState, JobStatus, jobs
from bwp_client.ui.sections import job_buttons

_STATES = {
    "planned": "Starting", "started": "Running", "complete": "Complete", "failed": "Failed", "cancelled": "Cancelled",
    "timed_out": "Given up", "refused": "Refused",
}  # fmt: skip


def show(settings: Settings, key: str) -> None:
    """Draw the form that starts a load from an archive, and the replays so far."""
    if settings.is_sample:
        return
    replays = replays_table(warehouse_in_use(settings).uri, key, _stamp())
    st.subheader("Archive", anchor=False)
    _form(settings, replays)
    if not replays:
        st.caption("No window of an archive was read yet.")
        return
    _table(replays)


def _form(settings: Settings, replays: list[dict[str, Any]]) -> None:
    if not (settings.archive.rule_name and settings.archive.queue_url):
        st.caption(
            "To read an EventBridge archive, set BWP_ARCHIVE__RULE_NAME and BWP_ARCHIVE__QUEUE_URL; docs/archive.md walks "
            "through it in ten minutes."
        )
        return
    address = SourceAddress.parse(settings.source or "")
    named = address.rest if address.scheme is Scheme.ARCHIVE else ""
    offered = job_buttons.offered_sources(settings)
    archives = None
    if offered is not None:
        addresses = map(SourceAddress.parse, offered)
        archives = [address.rest for address in addresses if address.scheme is Scheme.ARCHIVE]
        if not archives:
            st.caption(
                "Behind a login, pages read the archives that BWP_SOURCE and BWP_SOURCES name; neither names one."
            )
            return
    with st.form("archive", border=True):
        name, first, last = st.columns([2, 1, 1])
        if archives is None:
            known = named or (replays[0]["archive"] if replays else "")
            archive = name.text_input("Archive", value=known, key="archive_name")
        else:
            archive = name.selectbox("Archive", archives, key="archive_name")
        begin = first.date_input("First day", value=None, format="YYYY-MM-DD", key="archive_from")
        end = last.date_input("Last day", value=None, format="YYYY-MM-DD", key="archive_to")
        st.caption(
            "Whole UTC days. Without a first day it goes on from the last complete window, with three hours of overlap; "
            "without a last one it ends ten minutes ago. Your live rules hear nothing of it."
        )
        state = jobs().state("load")
        if st.form_submit_button("Replay and load", disabled=job_buttons.is_running(state)):
            if not archive.strip():
                st.warning("Name the archive.")
                return
            window = {name: str(day) for name, day in (("from", begin), ("to", end)) if day}
            job_buttons.start_job(
                "load", SourceAddress.of_archive(archive.strip()).text, options=window, settings=settings
            )
        _tell(state)


def _tell(state: JobState | None) -> None:
    """Say what the last load from an archive did; how far a running one is stands at the top of the page."""
    if state is None or state.status is not JobStatus.DONE or "received" not in state.result:
        return
    result = state.result
    st.caption(
        f"Done: {result['received']:,} messages received, {result['stored']:,} events stored, "
        f"{result['duplicate']:,} duplicate, {result['quarantined']:,} quarantined, {result['foreign']:,} of others."
    )


def _table(replays: list[dict[str, Any]]) -> None:
    complete = [one["to"] for one in replays if one["state"] == "complete"]
    if complete:
        st.caption(f"Read to {max(complete):%d %b %Y %H:%M} UTC. A window counts as read once its replay is complete.")
    rows = pd.DataFrame(replays)
    rows["state"] = rows["state"].map(_STATES)
    time = "DD MMM YYYY HH:mm"
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            "archive": st.column_config.TextColumn("Archive", width=130),
            "from": st.column_config.DatetimeColumn("From", format=time, timezone="UTC", width=125),
            "to": st.column_config.DatetimeColumn("To", format=time, timezone="UTC", width=125),
            "state": st.column_config.TextColumn("State", width=75),
            "received": components.count_column("Messages"), "stored": components.count_column("Stored"),
            "duplicate": components.count_column("Duplicate"), "quarantined": components.count_column("Quarantined"),
            "foreign": components.count_column("Of others"),
            "recorded": st.column_config.DatetimeColumn("As of", format=time, timezone="UTC", width=125),
            "replay": st.column_config.TextColumn("Replay"),
        },
        placeholder="–",
        key="replays",
        alt="Every replay with its window, state and counts",
    )  # fmt: skip


def _stamp() -> str:
    """Give a text that changes when a load begins or ends: the journal may then have more than the last run says."""
    state = jobs().state("load")
    return "" if state is None else state.status.value
