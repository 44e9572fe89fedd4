"""Buttons that start a load or a lookup, and the state of the newest job below each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from bwp_client.errors import UsageError
from bwp_client.metrics.queries import count_completed_not_looked_up
from bwp_client.metrics.wording import counted, duration
from bwp_client.settings import SAMPLE_SOURCE, Settings
from bwp_client.ui.data import cached
from bwp_client.ui.jobs import JobState, JobStatus, Options, is_running, jobs
from bwp_client.ui.login import is_configured
from bwp_client.ui.markdown import plain
from bwp_client.ui.page import PageContext
from bwp_client.ui.startup import enrich_environment


def draw_load_and_look_up(settings: Settings) -> None:
    """Draw the buttons that load events and look up errors, each with the state of its newest job."""
    left, right = st.columns(2)
    with left, st.container(border=True):
        source = _draw_source(settings)
        state = jobs().state("load")
        if st.button("Load", disabled=is_running(state) or source is None, key="load"):
            start_job("load", *([source] if source else []), settings=settings)
        draw_job_state(state, _load_result)
    with right, st.container(border=True):
        st.text("Ask Buy with Prime for the reasons of failed tasks.")
        state = jobs().state("enrich")
        if st.button("Look up errors", disabled=is_running(state), key="enrich"):
            start_job("enrich", settings=settings)
        draw_job_state(state, _lookup_result)


def _draw_source(settings: Settings) -> str | None:
    """Draw the choice of source and return it; None when no source may be loaded from a page."""
    offered = offered_sources(settings)
    if offered is None or settings.is_sample:
        return st.text_input(
            "Load events from", value=SAMPLE_SOURCE if settings.is_sample else settings.source or "",
            disabled=settings.is_sample, placeholder="a path, s3://bucket/prefix or archive://name", key="load_source",
        )  # fmt: skip
    if offered:
        return st.selectbox("Load events from", offered, key="load_source")
    st.caption("Behind a login, pages load only the sources in BWP_SOURCE and BWP_SOURCES; neither is set.")
    return None


def offered_sources(settings: Settings) -> list[str] | None:
    """Return the sources that a page may load: behind a login the sources in the settings, otherwise any source (None).

    Without a login, visitors sit at this machine and can load any source on its command line; behind a login they can't.

    Raises:
        SettingsError: The secrets can't be read.
    """
    if not is_configured():
        return None
    configured = [SAMPLE_SOURCE] if settings.is_sample else [settings.source, *settings.sources]
    return list(dict.fromkeys(source for source in configured if source))


def draw_look_up_completed(page: PageContext) -> None:
    """Draw the button that looks up completed tasks, and the expected time of the lookups; at most once on a page."""
    with st.container(key="jobs_of_completed"):  # not printed
        if st.button(
            "Look up completed tasks too", disabled=is_running(jobs().state("enrich")), key="look_up_completed"
        ):
            start_job("enrich", options={"completed": True}, settings=page.settings)
        tasks = cached(page.snapshot, "completed not looked up", lambda: count_completed_not_looked_up(page.snapshot))
        if tasks and not page.settings.is_sample:
            rate = page.settings.api.requests_per_second
            st.caption(
                f"{counted(tasks, 'task')}, which takes about {duration(tasks / rate)} at {rate:g} requests a second "
                "(BWP_API__REQUESTS_PER_SECOND)."
            )


def start_job(
    kind: str, *arguments: str, settings: Settings, options: Options | None = None, file: str | None = None
) -> None:
    """Start a command as a child process and run the page again; draw a warning when it may not start.

    Args:
        kind: The command.
        arguments: Its arguments.
        settings: Decide which sources a page may load, and where sample errors are looked up.
        options: Its options.
        file: Text of a CSV file that becomes its first argument.
    """
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
    """Refuse sources that the page did not offer: a browser can send a source that was not among the choices.

    Raises:
        UsageError: A source may not be loaded from a page.
    """
    offered = offered_sources(settings)
    if offered is not None and not set(sources) <= set(offered):
        raise UsageError(
            "Nothing was loaded: behind a login, pages load only the sources that the settings name. The data are "
            "unchanged. Whoever runs this app can add the source to BWP_SOURCES, or load it on the command line."
        )


def draw_job_state(
    state: JobState | None,
    result_text: Callable[[dict[str, Any]], str],
    *,
    running: str = "Running",
    failed: str = "It failed.",
) -> None:
    """Draw the state of the newest job of a kind; nothing when there was none.

    Args:
        state: The job's state.
        result_text: Returns the command's result in words.
        running: The text while the job runs.
        failed: The text when the job failed; the error message follows.
    """
    if state is None:
        return
    if state.status is JobStatus.RUNNING:
        st.caption(f"{running}; progress is shown at the top of the page.")
    elif state.status is JobStatus.FAILED:
        st.error(failed)
        st.text(state.text)
    else:
        st.caption(plain(result_text(state.result)))


def _load_result(result: dict[str, Any]) -> str:
    return (
        f"Done: {counted(result.get('read', 0), 'record')} read, {result.get('stored', 0):,} stored, "
        f"{result.get('duplicate', 0):,} duplicate, {result.get('ignored', 0):,} ignored, "
        f"{result.get('quarantined', 0):,} quarantined."
    )


def _lookup_result(result: dict[str, Any]) -> str:
    return (
        f"Done: {counted(result.get('asked', 0), 'task')} asked about, {result.get('found', 0):,} found, "
        f"{result.get('denied', 0):,} denied, {result.get('failed', 0):,} failed."
    )
