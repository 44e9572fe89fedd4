"""What every page has: title, freshness, the sample banner, running jobs, and clear screens when there is no data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import streamlit as st

from bwp_client.errors import BwpError
from bwp_client.metrics.guidance import GuidanceTable, read_guidance
from bwp_client.settings import Settings
from bwp_client.ui.data import Names, current_snapshot, version_key, warehouse_in_use
from bwp_client.ui.filters import NARROWING, Choice, sidebar
from bwp_client.ui.jobs import JobStatus, jobs
from bwp_client.ui.markdown import plain
from bwp_client.warehouse.snapshot import Snapshot

GO_TO = "go_to"
"""Where a callback puts the page to go to and its own parameters; only the script itself can go there."""
TASKS_PAGE = "../../pages/tasks.py"
_KEY = "page"
_JOBS = {
    "load": "Loading events",
    "enrich": "Looking up errors",
    "import": "Storing requests",
    "report": "Making a report",
}


@dataclass(frozen=True, slots=True)
class Page:
    """What a page draws from."""

    settings: Settings
    snapshot: Snapshot
    names: Names
    choice: Choice
    guidance: GuidanceTable
    asked: str
    """What tells this page from others made of the same data: its filters, and settings that change what it says."""


def forget() -> None:
    """Take away what pages draw from: no page shows anything without it."""
    st.session_state.pop(_KEY, None)


def prepare() -> None:
    """Read settings, data and filters once per run, before the page."""
    forget()
    try:
        settings = Settings.load()
        guidance = read_guidance(settings.error_codes_file)
        snapshot = current_snapshot(settings)
    except BwpError as error:
        st.title("Nothing can be shown")
        st.error("The data or a setting can't be read.")
        st.text(str(error))
        st.stop()
    _watch(version_key(settings))
    if settings.is_sample:
        _sample_banner()
    if snapshot is None:
        _nothing_yet(settings)
        st.stop()
    names = Names(settings)
    choice = sidebar(snapshot, names, min_n=settings.min_n)
    if choice is None:
        st.stop()
    if GO_TO in st.session_state:
        target, query = st.session_state.pop(GO_TO)
        # The filters are bound to the URL and go there again by themselves.
        st.switch_page(target, query_params=query)
    asked = f"{choice!r} {settings.min_n} {settings.product_names} {settings.error_codes_file}"
    st.session_state[_KEY] = Page(settings, snapshot, names, choice, guidance, asked)


def page(title: str) -> Page:
    """Draw a page's head and give what it draws from; a page run without the router stops here."""
    prepared = st.session_state.get(_KEY)
    if not isinstance(prepared, Page):
        st.error("Open the app at its main address.")
        st.stop()
    st.title(title, anchor=False)
    st.caption(_freshness(prepared))
    _tell_filters(prepared)
    return prepared


def _tell_filters(prepared: Page) -> None:
    """Say which filters narrow the page, for they stay when one goes from page to page; offer to take them away."""
    filters = prepared.choice.filters
    chosen = [
        *(f"product {prepared.names(product)}" for product in filters.business_products or ()),
        *(f"error code {code}" for code in filters.codes or ()),
        *(f"region {region}" for region in filters.regions or ()),
    ]
    if chosen:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.text(f"Only {', '.join(chosen)}.")
            st.button("Show all", on_click=_show_all, key="show_all")


def _show_all() -> None:
    for key in NARROWING:
        if key in st.session_state:
            st.session_state[key] = []


def _freshness(prepared: Page) -> str:
    snapshot = prepared.snapshot
    span = snapshot.span()
    finished = snapshot.run.finished_at
    parts = [f"Data to {span[1]:%d %b %Y %H:%M} UTC" if span else "No privacy events yet", f"updated {ago(finished)}"]
    if waiting := snapshot.events_not_yet_counted:
        parts.append(f"{waiting:,} events not yet counted")
    return " · ".join(parts) + " · all times UTC"


def ago(time: datetime) -> str:
    """Say how long ago a moment was."""
    minutes = max(0, int((datetime.now(UTC) - time).total_seconds() // 60))
    if minutes < 1:
        return "just now"
    if minutes < 120:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 60 * 48 else f"{minutes // 1440} days ago"


def _sample_banner() -> None:
    with st.expander(
        "Sample data: every shop, task and failure here is made up. Connect your own", icon=":material/science:"
    ):
        st.markdown(
            "Load events from a folder or from S3, then start the app again; they go to `./warehouse` and this sample "
            "is not shown any more. Credentials let it look up why tasks failed."
        )
        st.code(
            "python -m bwp_client load s3://your-bucket/your-prefix\n"
            'export BWP_API__CREDENTIALS=\'{"*": {"client_id": "…", "client_secret": "…"}}\'\n'
            "python -m bwp_client enrich\nmake run",
            language=None,
            wrap_lines=True,
        )


def _nothing_yet(settings: Settings) -> None:
    state = jobs().state("load")
    if state is not None and state.status is JobStatus.FAILED:
        st.title("Loading failed", anchor=False)
        st.error("No events could be loaded.")
        st.text(state.text)
        return
    if (state is not None and state.status is JobStatus.RUNNING) or settings.is_sample:
        st.title("Loading sample data" if settings.is_sample else "Loading", anchor=False)
        st.write("The first charts appear here in a few seconds.")
        return
    st.title("No events yet", anchor=False)
    st.text(f"The warehouse {warehouse_in_use(settings).uri} holds nothing yet. Load archived events first:")
    st.code("python -m bwp_client load s3://your-bucket/your-prefix", language=None, wrap_lines=True)


def _watch(shown: str) -> None:
    """Show running jobs, and run the page again when they have brought new data."""
    has_work = bool(jobs().running()) or not shown

    @st.fragment(run_every=1.0 if has_work else 15.0)
    def watch() -> None:
        if version_key(Settings.load()) != shown:
            st.rerun(scope="app")
        running = jobs().running()
        for state in running:
            label = {"load": "Loading events", "enrich": "Looking up errors", "import": "Storing requests"}.get(
                state.kind, state.kind
            )
            st.progress(state.share, text=plain(f"{label}: {state.text}"))
        if has_work and not running and shown:
            st.rerun(scope="app")

    watch()
