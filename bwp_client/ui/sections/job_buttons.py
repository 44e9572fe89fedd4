"""Loading and looking up, started from a page."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from bwp_client.errors import UsageError
from bwp_client.metrics.wording import duration
from bwp_client.settings import SAMPLE_SOURCE, Settings
from bwp_client.ui.data import completed_not_looked_up
from bwp_client.ui.jobs import JobState, JobStatus, Options, jobs
from bwp_client.ui.login import is_configured
from bwp_client.ui.markdown import plain
from bwp_client.ui.page import Page
from bwp_client.ui.startup import enrich_environment


def load_and_look_up(settings: Settings) -> None:
    """Draw the two buttons with how their jobs stand."""
    left, right = st.columns(2)
    with left, st.container(border=True):
        source = _source_field(settings)
        state = jobs().state("load")
        if st.button("Load", disabled=is_running(state) or source is None, key="load"):
            start_job("load", *([source] if source else []), settings=settings)
        _tell(state, "objects")
    with right, st.container(border=True):
        st.text("Ask Buy with Prime why failed tasks failed.")
        state = jobs().state("enrich")
        if st.button("Look up errors", disabled=is_running(state), key="enrich"):
            start_job("enrich", settings=settings)
        _tell(state, "asked")


def _source_field(settings: Settings) -> str | None:
    """Draw what to load, and return it; none where nothing may be loaded from a page."""
    offered = offered_sources(settings)
    if offered is None or settings.is_sample:
        return st.text_input(
            "Load events from", value=SAMPLE_SOURCE if settings.is_sample else settings.source or "",
            disabled=settings.is_sample, placeholder="a path, s3://bucket/prefix or archive://name", key="load_source",
        )  # fmt: skip
    if offered:
        return st.selectbox("Load events from", offered, key="load_source")
    st.caption("Behind a login, pages load what BWP_SOURCE and BWP_SOURCES name; neither is set.")
    return None


def offered_sources(settings: Settings) -> list[str] | None:
    """Return the sources that a page may load: behind a login those of the settings, else any (None).

    Without a login a visitor sits at this machine and has its rights; whoever signs in has not.

    Raises:
        SettingsError: The secrets can't be read.
    """
    if not is_configured():
        return None
    own = [SAMPLE_SOURCE] if settings.is_sample else [settings.source, *settings.sources]
    return list(dict.fromkeys(source for source in own if source))


def offer_completed(page: Page) -> None:
    """Draw the button that looks up completed tasks too, with how long that may take; it may stand on a page once."""
    if st.button("Look up completed tasks too", disabled=is_running(jobs().state("enrich")), key="look_up_completed"):
        start_job("enrich", options={"completed": True}, settings=page.settings)
    tasks = completed_not_looked_up(page.snapshot)
    if tasks and not page.settings.is_sample:
        pace = page.settings.api.requests_per_second
        st.caption(
            f"{tasks:,} tasks, which takes about {duration(tasks / pace)} at {pace:g} requests a second "
            "(BWP_API__REQUESTS_PER_SECOND)."
        )


def start_job(
    kind: str, *arguments: str, settings: Settings, options: Options | None = None, file: str | None = None
) -> None:
    """Start a command of this server and run the page again; says so when it may not be, or one of its kind is running."""
    try:
        if kind == "load":
            _refuse_other_sources(arguments, settings)
        environment = enrich_environment(settings) if kind == "enrich" else None
        jobs().start(kind, *arguments, options=options, environment=environment, file=file)
    except UsageError as error:
        st.warning(plain(str(error)))
        return
    st.rerun()


def _refuse_other_sources(sources: Sequence[str], settings: Settings) -> None:
    """Refuse what the page did not offer: what a browser sends need not be what its page let it choose.

    Raises:
        UsageError: A source that may not be loaded from a page.
    """
    offered = offered_sources(settings)
    if offered is not None and not set(sources) <= set(offered):
        raise UsageError(
            "Nothing was loaded: behind a login, pages load only the sources that the settings name. The data are "
            "unchanged. Whoever runs this app can add it to BWP_SOURCES, or load it on the command line."
        )


def is_running(state: JobState | None) -> bool:
    """Tell whether a job has been started and has not ended."""
    return state is not None and state.status is JobStatus.RUNNING


def _tell(state: JobState | None, measure: str) -> None:
    if state is None:
        return
    if state.status is JobStatus.RUNNING:
        st.caption("Running; progress is shown at the top of the page.")
    elif state.status is JobStatus.FAILED:
        st.error("It failed.")
        st.text(state.text)
    elif measure == "objects":
        result = state.result
        st.caption(
            f"Done: {result.get('read', 0):,} records read, {result.get('stored', 0):,} stored, "
            f"{result.get('duplicate', 0):,} duplicate, {result.get('ignored', 0):,} ignored, "
            f"{result.get('quarantined', 0):,} quarantined."
        )
    else:
        result = state.result
        st.caption(
            f"Done: {result.get('asked', 0):,} tasks asked about, {result.get('found', 0):,} found, "
            f"{result.get('denied', 0):,} denied, {result.get('failed', 0):,} failed."
        )
