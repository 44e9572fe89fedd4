"""EventBridge archives: a form that replays and loads a window, and every replay with its result."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import pandas as pd
import streamlit as st

from bwp_client.metrics.wording import counted, minute
from bwp_client.settings import Settings
from bwp_client.sources import Scheme, SourceAddress
from bwp_client.ui.components import count_column, draw_table, time_column
from bwp_client.ui.data import version_key, warehouse_in_use
from bwp_client.ui.jobs import JobState, JobStatus, is_running, jobs
from bwp_client.ui.markdown import plain
from bwp_client.ui.page import PageContext
from bwp_client.ui.sections.job_buttons import offered_sources, start_job
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.replays import list_replays

_STATES: Final = {
    "planned": "Starting", "started": "Running", "complete": "Complete", "failed": "Failed", "cancelled": "Cancelled",
    "timed_out": "Given up", "refused": "Refused",
}  # fmt: skip
_COUNTS: Final = ("received", "stored", "duplicate", "quarantined", "foreign")


def draw_archive(page: PageContext) -> None:
    """Draw the form that starts a load from an archive, and the replays so far."""
    settings = page.settings
    state = jobs().state("load")
    # A load records its replays before any run names them, so the list is read again when a load begins or ends.
    replays = _replays(
        uri=warehouse_in_use(settings).uri,
        version=version_key(settings),
        load_state="" if state is None else state.status.value,
    )
    _draw_form(settings, replays, state)
    if replays:
        _draw_replays(replays)
    else:
        st.caption("No window of an archive was read yet.")


@st.cache_data(max_entries=4, ttl=10, show_spinner=False)
def _replays(uri: str, version: str, load_state: str) -> list[dict[str, Any]]:  # noqa: ARG001 - parts of the cache key
    """Return every archive replay in its newest state, the newest window first; counts are None while it runs."""
    return [
        {
            "archive": replay.archive,
            "from": replay.window_from,
            "to": replay.window_to,
            "state": replay.state.value,
            **{name: None if replay.state.is_open else replay.counts.get(name) for name in _COUNTS},
            "recorded": replay.recorded_at,
            "replay": replay.replay_name,
        }
        for replay in list_replays(Warehouse(uri))
    ]


def _draw_form(settings: Settings, replays: list[dict[str, Any]], state: JobState | None) -> None:
    if not (settings.archive.rule_name and settings.archive.queue_url):
        st.caption(
            "To read an EventBridge archive, set BWP_ARCHIVE__RULE_NAME and BWP_ARCHIVE__QUEUE_URL; docs/archive.md walks "
            "through it in ten minutes."
        )
        return
    offered = offered_sources(settings)
    archives = None if offered is None else [name for source in offered if (name := _archive_name(source))]
    if archives is not None and not archives:
        st.caption(
            "Behind a login, pages read only the archives in BWP_SOURCE and BWP_SOURCES; neither names an archive."
        )
        return
    with st.form("archive", border=True):
        archive, begin, end = _draw_fields(settings, replays, archives)
        st.caption(
            "Whole UTC days. Without a first day, the replay continues from the last complete window with three hours of "
            "overlap; without a last day, it ends ten minutes ago. Your live rules do not receive these events."
        )
        if st.form_submit_button("Replay and load", disabled=is_running(state)):
            if not archive:
                st.warning("Name the archive.")
                return
            window = {name: str(day) for name, day in (("from", begin), ("to", end)) if day}
            start_job("load", SourceAddress.of_archive(archive).text, options=window, settings=settings)
        _draw_result(state)


def _draw_fields(
    settings: Settings, replays: list[dict[str, Any]], archives: list[str] | None
) -> tuple[str, date | None, date | None]:
    """Draw the fields and return the archive's name, the first day and the last day."""
    name, first, last = st.columns([2, 1, 1])
    if archives is None:
        known = _archive_name(settings.source or "") or (replays[0]["archive"] if replays else "")
        archive = name.text_input("Archive", value=known, key="archive_name")
    else:
        archive = name.selectbox("Archive", archives, key="archive_name")
    begin = first.date_input("First day", value=None, format="YYYY-MM-DD", key="archive_from")
    end = last.date_input("Last day", value=None, format="YYYY-MM-DD", key="archive_to")
    return (archive or "").strip(), begin, end


def _archive_name(source: str) -> str:
    """Return the archive that an address names; empty for an address of another kind."""
    address = SourceAddress.parse(source)
    return address.rest if address.scheme is Scheme.ARCHIVE else ""


def _draw_result(state: JobState | None) -> None:
    """Draw the result of the newest load if it read an archive; the frame of the page shows a running load."""
    if state is None or state.status is not JobStatus.DONE or "received" not in state.result:
        return
    result = state.result
    st.caption(
        f"Done: {counted(result['received'], 'message')} received, {counted(result['stored'], 'event')} stored, "
        f"{result['duplicate']:,} duplicate, {result['quarantined']:,} quarantined, "
        f"{counted(result['foreign'], 'foreign message')}."
    )
    for line in result.get("attention", []):
        st.warning(plain(line))


def _draw_replays(replays: list[dict[str, Any]]) -> None:
    complete = [replay["to"] for replay in replays if replay["state"] == "complete"]
    if complete:
        st.caption(f"Read to {minute(max(complete))}. A window counts as read once its replay is complete.")
    rows = pd.DataFrame(replays)
    rows["state"] = rows["state"].map(_STATES)
    draw_table(
        rows,
        hide_index=True,
        column_config={
            "archive": st.column_config.TextColumn("Archive", width=130), "from": time_column("From", width=125),
            "to": time_column("To", width=125), "state": st.column_config.TextColumn("State", width=75),
            "received": count_column("Messages"), "stored": count_column("Stored"),
            "duplicate": count_column("Duplicate"), "quarantined": count_column("Quarantined"),
            "foreign": count_column("Foreign"), "recorded": time_column("As of", width=125),
            "replay": st.column_config.TextColumn("Replay"),
        },
        placeholder="–",
        key="replays",
        alt="Every replay with its window, state and counts",
    )  # fmt: skip
