"""Where lookups stand, and how the runs went that asked."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from bwp_client.metrics import MetricName
from bwp_client.metrics.wording import percent
from bwp_client.ui import components
from bwp_client.ui.data import lookup_runs_of
from bwp_client.ui.markdown import plain
from bwp_client.ui.page import Page
from bwp_client.warehouse.lookup_runs import LookupRun

_STATES = {
    "not_asked": "Not asked", "pending": "Pending", "found": "Found", "not_found": "Not found", "denied": "Denied",
    "failed": "Lookup failed",
}  # fmt: skip
_RUN_STATES = {"finished": "finished", "stopped": "stopped early", "partial": "running or killed"}
_TIME_FORMAT = "DD MMM YYYY HH:mm"


def show(page: Page) -> None:
    """Show all of it."""
    _show_reasons(page)
    runs = lookup_runs_of(page.snapshot)
    if runs:
        _show_runs(page, runs)


def _unknown(page: Page) -> pd.DataFrame:
    states = components.ask(page, MetricName.LOOKUP_STATES)
    open_ones = states[states["lookup_state"] != "found"]
    return pd.DataFrame(
        {
            "Lookup": [_STATES.get(state, state) for state in open_ones["lookup_state"]],
            "Business product": [page.names(product) for product in open_ones["business_product_id"]],
            "Tasks": open_ones["tasks"],
            "Why": open_ones["reason"],
            "Last asked": open_ones["last_asked_at"],
            "Asked again": open_ones["next_attempt_at"],
        }
    )


def _show_reasons(page: Page) -> None:
    rows = components.table(page, "unknown reasons", lambda: _unknown(page))
    if not rows.num_rows:
        return
    st.caption("Failed tasks without known errors, and why; those with a time are asked about again from then on.")
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            "Tasks": components.count_column("Tasks"),
            "Lookup": st.column_config.TextColumn(width=100),
            "Why": st.column_config.TextColumn(width="medium"),
            "Last asked": st.column_config.DatetimeColumn(format=_TIME_FORMAT, timezone="UTC", width=125),
            "Asked again": st.column_config.DatetimeColumn(format=_TIME_FORMAT, timezone="UTC", width=125),
        },
        placeholder="–",
        key="lookup_states",
        alt="Failed tasks without known errors by lookup state, business product and reason",
    )


def _runs(runs: list[LookupRun]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Finished": [run.finished_at for run in runs],
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


def _show_runs(page: Page, runs: list[LookupRun]) -> None:
    st.caption(plain(said_of(runs[0])))
    st.dataframe(
        components.table(page, "lookup runs", lambda: _runs(runs)),
        hide_index=True,
        column_config={
            "Finished": st.column_config.DatetimeColumn(format=_TIME_FORMAT, timezone="UTC"),
            **{
                name: components.count_column(name)
                for name in ("Asked", "Found", "Left", "Requests", "Throttled", "Tokens")
            },
            "A second": st.column_config.NumberColumn(format="%.1f"),
        },
        placeholder="–",
        key="lookup_runs",
        alt="Runs that asked Buy with Prime, with their requests a second and how often they were throttled",
    )


def said_of(run: LookupRun) -> str:
    """Say how a run went."""
    pace = "" if run.calls_per_second is None else f", {run.calls_per_second:,.1f} a second"
    left = f" {run.not_asked:,} tasks were left." if run.not_asked else ""
    return (
        f"Newest run: {run.asked:,} tasks asked about with {run.api_calls:,} requests{pace}; asked to slow down "
        f"{run.throttled:,} times ({percent(run.throttled_share)} of requests).{left}"
    )
