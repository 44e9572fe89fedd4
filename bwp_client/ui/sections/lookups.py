"""Failed tasks whose errors are not known, and the newest runs that asked Buy with Prime."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from bwp_client.metrics import MetricName
from bwp_client.metrics.wording import counted, percent
from bwp_client.ui.components import count_column, draw_heading, draw_table, time_column
from bwp_client.ui.data import cached, to_arrow
from bwp_client.ui.markdown import plain
from bwp_client.ui.page import PageContext, time_since
from bwp_client.ui.sections.runs import newest_first
from bwp_client.warehouse import list_runs
from bwp_client.warehouse.lookup_runs import LookupRun, lookup_runs

MAX_RUNS = 10
_STATES = {
    "found": "Found", "not_asked": "Not yet asked", "pending": "Still processing", "not_found": "Not found",
    "denied": "No permission", "failed": "Call failed",
}  # fmt: skip
_RUN_STATES = {"finished": "finished", "stopped": "stopped early", "partial": "running or killed"}
_COUNTS = ("Asked", "Found", "Left", "Requests", "Throttled", "Tokens")


def draw_lookups(page: PageContext) -> None:
    """Draw for how many failed tasks the reason is known, why the others are not, and the newest runs that asked."""
    _draw_lookup_states(page)
    _draw_unknown_reasons(page)
    _draw_lookup_runs(page)


def _draw_lookup_states(page: PageContext) -> None:
    """Draw the number of failed tasks of the period by lookup state."""
    coverage = page.metric_row(MetricName.COVERAGE)
    draw_heading("Reasons known", MetricName.LOOKUP_STATES, notes="Failed tasks in the chosen period.")
    with st.container(horizontal=True):
        for state, label in _STATES.items():
            st.metric(label, f"{coverage['lookup_failed' if state == 'failed' else state]:,}", border=True)


def _draw_unknown_reasons(page: PageContext) -> None:
    """Draw the failed tasks without known errors, with the reasons; nothing when all errors are known."""
    rows = page.cached_table("unknown reasons", lambda: _unknown_reasons(page))
    if not rows.num_rows:
        return
    st.caption(
        "Failed tasks whose errors are not known, and why. Tasks with a time under “Asked again” are looked up again from "
        "then on."
    )
    draw_table(
        rows,
        hide_index=True,
        column_config={
            "Tasks": count_column("Tasks"),
            "Lookup": st.column_config.TextColumn(width=100),
            "Why": st.column_config.TextColumn(width="medium"),
            "Last asked": time_column(width=125),
            "Asked again": time_column(width=125),
        },
        placeholder="–",
        key="lookup_states",
        alt="Failed tasks without known errors by lookup state, business product and reason",
    )


def _unknown_reasons(page: PageContext) -> pd.DataFrame:
    """Return one row per lookup state, product and reason: Tasks (int), two UTC times, the rest as text."""
    states = page.metric(MetricName.LOOKUP_STATES)
    unknown = states[states["lookup_state"] != "found"]
    return pd.DataFrame(
        {
            "Lookup": [_STATES.get(state, state) for state in unknown["lookup_state"]],
            "Business product": [page.names(product) for product in unknown["business_product_id"]],
            "Tasks": unknown["tasks"],
            "Why": unknown["reason"],
            "Last asked": unknown["last_asked_at"],
            "Asked again": unknown["next_attempt_at"],
        }
    )


def _draw_lookup_runs(page: PageContext) -> None:
    """Draw the newest runs that asked Buy with Prime; nothing when there was none."""
    runs = cached(
        page.snapshot, "lookup runs",
        lambda: newest_first(lookup_runs(list_runs(page.snapshot.warehouse)))[:MAX_RUNS],
    )  # fmt: skip
    if not runs:
        return
    st.caption(plain(lookup_run_text(runs[0])))
    draw_table(
        to_arrow(_run_rows(runs)),  # not cached, because the ages change
        hide_index=True,
        column_config={
            "Finished": time_column("Finished"),
            **{name: count_column(name) for name in _COUNTS},
            "A second": st.column_config.NumberColumn(format="%.1f"),
        },
        placeholder="–",
        name_column="Finished",
        key="lookup_runs",
        alt="Runs that asked Buy with Prime, with their requests a second and how often they were throttled",
    )


def _run_rows(runs: list[LookupRun]) -> pd.DataFrame:
    """Return one row per run: Finished (UTC time), Age (text), counts (int), A second (float), State (text)."""
    return pd.DataFrame(
        {
            "Finished": [run.finished_at for run in runs],
            "Age": [time_since(run.finished_at) for run in runs],
            "Asked": [run.asked for run in runs],
            "Found": [run.found for run in runs],
            "Left": [run.not_asked for run in runs],
            "Requests": [run.api_calls for run in runs],
            "A second": [run.calls_per_second for run in runs],
            "Throttled": [run.throttled for run in runs],
            "Tokens": [run.tokens for run in runs],
            "State": [_RUN_STATES.get(run.state, run.state) for run in runs],
        }
    )


def lookup_run_text(run: LookupRun) -> str:
    """Return a sentence with the run's tasks and API calls, their pace, and the number of throttled calls."""
    pace = "" if run.calls_per_second is None else f", {run.calls_per_second:,.1f} a second"
    left = (
        f" {counted(run.not_asked, 'task')} {'was' if run.not_asked == 1 else 'were'} not asked about."
        if run.not_asked
        else ""
    )
    return (
        f"Newest run: {counted(run.asked, 'task')} asked about with {counted(run.api_calls, 'request')}{pace}; asked to slow "
        f"down {counted(run.throttled, 'time')} ({percent(run.throttled_share)} of requests).{left}"
    )
