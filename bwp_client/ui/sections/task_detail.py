"""Everything known of one task: where it stands, why, its timeline, its events as JSON, and its dossier."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from bwp_client.deadlines import Deadline, Hold, judge_hold
from bwp_client.tasks import dossier
from bwp_client.tasks.history import REBUILT_NOTE, TaskHistory, read_task_history, rebuild_envelope
from bwp_client.ui import components
from bwp_client.ui.data import version_key
from bwp_client.ui.jobs import jobs
from bwp_client.ui.markdown import plain
from bwp_client.ui.page import Page
from bwp_client.ui.sections import job_buttons, request_form
from bwp_client.warehouse.snapshot import NOT_LOOKED_UP, Snapshot

_HOLD = {
    Hold.MISSES: "it ends after the deadline, so this task could never be in time.",
    Hold.TOO_LONG_NOW: "submitted again today with the same one, it would still be held when the deadline passes. "
    "Use a shorter one.",
}


def show(page: Page, task_id: str) -> None:
    """Draw one task."""
    st.button("Back to the list", icon=":material/arrow_back:", on_click=open_task, args=("",), key="back")
    history = _history(page.snapshot, version_key(page.settings), task_id, repr(page.settings.deadlines), page)
    if history is None:
        st.warning("Nothing is known of this task: no event, no lookup, no request names it.")
        st.text(task_id)
        st.text(
            "Check the ID. If it is right, its outcome is still to come, or its events were never loaded. "
            "Enter it as a request below, and it is looked up with the next lookups."
        )
        request_form.form(page, task_id, None)
        return
    _head(page, history)
    _reasons(history)
    _timeline(history)
    _downloads(page, history)
    _records(page, history)
    st.subheader("What the shop knows", anchor=False)
    request_form.form(page, history.task_id, history.request)


def open_task(task_id: str) -> None:
    """Show one task, or the list for no task; for callbacks."""
    st.session_state["task"] = task_id


def open_chosen(table: str, task_ids: list[str]) -> None:
    """Show the task whose row was chosen in a table; for callbacks."""
    rows = st.session_state[table]["selection"]["rows"]
    if rows:
        open_task(task_ids[rows[0]])


@st.cache_resource(max_entries=200, show_spinner="Reading the task's events…")
def _history(
    _snapshot: Snapshot,
    key: str,  # noqa: ARG001 - part of the cache key
    task_id: str,
    calendar_key: str,  # noqa: ARG001 - part of the cache key
    _page: Page,
) -> TaskHistory | None:
    return read_task_history(_snapshot, task_id, _page.settings.deadlines, _page.guidance)


def _head(page: Page, history: TaskHistory) -> None:
    calendar, now = page.settings.deadlines, datetime.now(UTC)
    regions = sorted({event["region"] for event in history.events if event["region"]})
    st.text(" · ".join([_product(page, history), history.task_kind.lower(), *regions]))
    state, left, last = st.columns(3)
    state.metric("State", history.state.capitalize(), border=True)
    deadline = history.deadline
    if deadline is None:
        left.metric("Days left", "–", border=True)
        last.metric("Deadline", "unknown", border=True)
        return
    is_over = history.state in {"completed", "recovered", "closed"}
    left.metric("Days left", "–" if is_over else f"{calendar.days_left(deadline, now):,}", border=True)
    surer = "" if deadline.is_exact else "; the true deadline is this day or an earlier one"
    last.metric(
        "Deadline",
        f"{deadline.last_day.day} {deadline.last_day:%b %Y}",
        f"{deadline.rule}, {'exact' if deadline.is_exact else 'at the latest'}",
        delta_color="off",
        delta_arrow="off",
        help=f"Counted from the moment it was {deadline.basis}{surer}; days of the zone {page.settings.timezone}. "
        f"If extended: {deadline.extended_last_day:%d %b %Y}.",
        border=True,
    )
    if not is_over:
        st.text(_extension(deadline, calendar.days_left(deadline, now)))
    hold = judge_hold(
        deadline, submitted_at=history.submitted_at, holding_period_days=history.holding_period_days, now=now
    )
    if hold and not is_over:
        st.warning(f"Its holding period of {history.holding_period_days} days: {_HOLD[hold]}", icon="⚠️")


def _extension(deadline: Deadline, days_left: int) -> str:
    until = f"{deadline.extended_last_day.day} {deadline.extended_last_day:%b %Y}"
    if days_left < 0:
        return f"The deadline is over. An extension to {until} holds only if the shopper was told of it before."
    return f"What can't be done by then may be extended to {until}, if the shopper is told before the deadline."


def _product(page: Page, history: TaskHistory) -> str:
    return page.names(history.business_product_id) if history.business_product_id else "unknown"


def _reasons(history: TaskHistory) -> None:
    if history.state in {"completed", "waiting", "unknown"}:
        return
    st.subheader("Why it failed", anchor=False)
    st.dataframe(
        pd.DataFrame(
            [(code, known.code_class, known.action) for code, _, known in history.errors],
            columns=["Error code", "Class", "Next action"],
        ),
        hide_index=True,
        key="task_errors",
        alt="Error codes of this task with class and next action",
    )
    # Whole, for a message is what an unknown code's next action hangs on, and a table would cut it.
    for code, message, _ in history.errors:
        if code != NOT_LOOKED_UP:
            st.text(f"Message of {code}: {message}" if message else f"No message came with {code}.")


def _timeline(history: TaskHistory) -> None:
    st.subheader("Timeline", anchor=False)
    entries = history.entries()
    st.dataframe(
        pd.DataFrame(
            {
                "When (UTC)": pd.to_datetime([entry.at for entry in entries], utc=True),
                "What": [entry.title for entry in entries],
                "Detail": [entry.detail for entry in entries],
                "Who says so": [entry.source for entry in entries],
            }
        ),
        hide_index=True,
        column_config={
            "When (UTC)": st.column_config.DatetimeColumn(format="DD MMM YYYY HH:mm:ss", timezone="UTC", width=150),
            "What": st.column_config.TextColumn(width=190),
            "Detail": st.column_config.TextColumn(width=420),
            "Who says so": st.column_config.TextColumn(width=110),
        },
        key="timeline",
        alt="What happened to this task, in the order of time",
    )
    named = [
        *history.replaces,
        *([history.request["replaced_by"]] if history.request and history.request["replaced_by"] else []),
    ]
    if named:
        st.text("The same matter under other task IDs:")
        with st.container(horizontal=True):
            for other in named:
                st.button(plain(other), on_click=open_task, args=(other,), key=f"open-{other}")


def _records(page: Page, history: TaskHistory) -> None:
    st.subheader("Events", anchor=False)
    st.caption(REBUILT_NOTE)
    for event in history.events:
        with st.expander(f"{event['event_type']}, {event['occurred_at']:%d %b %Y %H:%M:%S} UTC"):
            st.code(json.dumps(rebuild_envelope(event), indent=2, ensure_ascii=False), language=None, wrap_lines=True)
            st.text(f"Read from {event['source_uri']}, place {event['source_offset']}.")
    if not history.events:
        st.text("None was loaded.")
    st.subheader("Lookups", anchor=False)
    for lookup in history.lookups:
        state = str(lookup["lookup_state"]).replace("_", " ")
        with st.expander(plain(f"{state}, {lookup['asked_at']:%d %b %Y %H:%M:%S} UTC")):
            st.code(json.dumps(lookup, indent=2, ensure_ascii=False, default=_text), language=None, wrap_lines=True)
    if not history.lookups:
        st.text("It was never looked up.")
    answer = history.answer
    if answer is None or answer["lookup_state"] != "found":
        running = job_buttons.is_running(jobs().state("enrich"))
        if st.button("Look it up now", disabled=running, key="look_up_task"):
            job_buttons.start_job("enrich", options={"task": history.task_id}, settings=page.settings)


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _downloads(page: Page, history: TaskHistory) -> None:
    def content() -> dict[str, Any]:
        return dossier.build_dossier(
            history,
            product_name=_product(page, history),
            zone=page.settings.timezone,
            as_of=page.snapshot.run.finished_at,
            now=datetime.now(UTC),
            versions=page.snapshot.versions,
        )

    name = "".join(mark if mark.isalnum() or mark == "-" else "_" for mark in history.task_id)[:80]
    with st.container(horizontal=True):
        st.download_button(
            "Dossier (HTML)", lambda: dossier.as_html(content()), f"task-{name}.html", "text/html", on_click="ignore",
            key="dossier_html",
        )  # fmt: skip
        st.download_button(
            "Dossier (JSON)", lambda: dossier.as_json(content()), f"task-{name}.json", "application/json",
            on_click="ignore", key="dossier_json",
        )  # fmt: skip
    st.caption(f"The dossier says what is known of this task, what that proves and what not; {components.as_of(page)}.")
