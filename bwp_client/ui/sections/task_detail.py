"""One task: its state and deadline, why it failed, its timeline, its events and lookups as JSON, and its dossier."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
import streamlit as st

from bwp_client.deadlines import Deadline, DeadlineCalendar, Hold, judge_hold, longest_hold
from bwp_client.metrics.guidance import GuidanceTable
from bwp_client.metrics.wording import counted, day
from bwp_client.tasks import dossier
from bwp_client.tasks.history import REBUILT_NOTE, TaskHistory, read_task_history, rebuild_envelope
from bwp_client.ui import page_address
from bwp_client.ui.components import ROW_HEIGHT, SECOND_FORMAT, draw_table, time_column
from bwp_client.ui.data import CACHE_KEYS
from bwp_client.ui.jobs import is_running, jobs
from bwp_client.ui.markdown import plain, readable
from bwp_client.ui.page import PageContext, name_tab
from bwp_client.ui.sections.job_buttons import start_job
from bwp_client.ui.sections.request_form import draw_request_form
from bwp_client.ui.viewer_zone import chosen_zone
from bwp_client.warehouse.snapshot import NOT_LOOKED_UP, Snapshot

_HOLD_WARNINGS: Final = {
    Hold.MISSES: "Its holding period of {period} ends after the deadline, so this task could never be in time.",
    Hold.TOO_LONG_NOW: "Don't resubmit with the same {days}-day holding period: it would end after the deadline. "
    "Choose {longest}, the longest that still fits.",
}


def draw_task(page: PageContext, task_id: str) -> None:
    """Draw one task; for an unknown task, draw a warning and the form that enters it as a request."""
    name_tab(f"Task {readable(task_id)}")
    st.button("Back to the list", icon=":material/arrow_back:", on_click=open_task, args=("",), key="back")
    history = _history(
        snapshot=page.snapshot, task_id=task_id, calendar=page.settings.deadlines, guidance=page.guidance
    )
    if history is None:
        st.warning("We have never heard of this task.")
        st.text(task_id)
        st.text(
            "Check the ID. If it is right, the task has not ended yet, or its events were never loaded. "
            "Enter it as a request below, and the next lookups include it."
        )
        draw_request_form(page, task_id, None)
        return
    _draw_state(page, history)
    _draw_reasons(history)
    _draw_timeline(history)
    with st.container(key="dossier"):
        _draw_downloads(page, history)
    # Sections of what is folded up are not printed, by the keys of their containers (browser/print.css).
    with st.container(key="folded_events" if history.events else None):
        _draw_events(history)
    with st.container(key="folded_lookups" if history.lookups else None):
        _draw_lookups(page, history)
    with st.container(key="request"):
        st.subheader("Your record of this request", anchor=False)
        draw_request_form(page, history.task_id, history.request)


def open_task(task_id: str) -> None:
    """Show the task of an ID, or the list when the ID is empty; a callback."""
    page_address.choose({"task": filter(None, [task_id])})


@st.cache_resource(max_entries=200, show_spinner="Reading the task's events…", hash_funcs=CACHE_KEYS)
def _history(
    snapshot: Snapshot, task_id: str, calendar: DeadlineCalendar, guidance: GuidanceTable
) -> TaskHistory | None:
    return read_task_history(snapshot, task_id, calendar, guidance)


def _draw_state(page: PageContext, history: TaskHistory) -> None:
    """Draw state, days left and deadline, and a warning when the holding period reaches beyond the deadline."""
    calendar, now = page.settings.deadlines, datetime.now(UTC)
    regions = sorted({event["region"] for event in history.events if event["region"]})
    st.text(" · ".join([_product(page, history), history.task_kind.lower(), *regions]))
    figures = st.container(horizontal=True)
    figures.metric("State", history.state.capitalize(), border=True)
    deadline = history.deadline
    if deadline is None:
        figures.metric("Days left", "–", border=True)
        figures.metric("Deadline", "unknown", border=True)
        return
    days_left = calendar.days_left(deadline, now)
    is_over = history.state in {"completed", "recovered", "closed"}
    figures.metric("Days left", "–" if is_over else f"{days_left:,}", border=True)
    with figures:
        _draw_deadline(deadline, page.settings.timezone)
    if is_over:
        return
    st.text(_extension_text(deadline, days_left))
    hold = judge_hold(
        deadline, submitted_at=history.submitted_at, holding_period_days=history.holding_period_days, now=now
    )
    if hold:
        st.warning(
            _HOLD_WARNINGS[hold].format(
                days=history.holding_period_days, period=counted(history.holding_period_days or 0, "day"),
                longest=counted(longest_hold(deadline, now), "day"),
            ), icon="⚠️",
        )  # fmt: skip


def _draw_deadline(deadline: Deadline, timezone: str) -> None:
    certainty = "" if deadline.is_exact else " The real deadline may be earlier: enter when you received the request."
    st.metric(
        "Deadline",
        day(deadline.last_day),
        f"{deadline.rule}, {'exact' if deadline.is_exact else 'estimated'}",
        delta_color="off",
        delta_arrow="off",
        help=f"Counted from the moment it was {deadline.basis}, in days of {timezone}.{certainty} "
        f"If extended: {day(deadline.extended_last_day)}.",
        border=True,
    )


def _extension_text(deadline: Deadline, days_left: int) -> str:
    until = day(deadline.extended_last_day)
    if days_left < 0:
        return f"The deadline is over. An extension to {until} holds only if the shopper was told of it before."
    return f"More time is possible, until {until}, if you tell the shopper and give the reason before the deadline."


def _product(page: PageContext, history: TaskHistory) -> str:
    return page.names(history.business_product_id) if history.business_product_id else "unknown"


def _draw_reasons(history: TaskHistory) -> None:
    """Draw the error codes with their class and next action, and the whole message of each; nothing without a failure."""
    if history.state in {"completed", "waiting", "unknown"}:
        return
    st.subheader("Why it failed", anchor=False)
    draw_table(
        pd.DataFrame(
            [(code, guidance.code_class, guidance.action) for code, _, guidance in history.errors],
            columns=["Error code", "Class", "Next action"],
        ),
        hide_index=True,
        key="task_errors",
        alt="Error codes of this task with class and next action",
    )
    # As text, because a table cuts long messages, and the next action on an unknown code depends on the message.
    for code, message, _ in history.errors:
        if code != NOT_LOOKED_UP:
            st.text(f"Message of {code}: {message}" if message else f"No message came with {code}.")


def _draw_timeline(history: TaskHistory) -> None:
    """Draw the entries of the task's history in the order of time, and buttons for tasks of the same request."""
    st.subheader("Timeline", anchor=False)
    entries = history.entries()
    draw_table(
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
            "When (UTC)": time_column("When", time_format=SECOND_FORMAT, width=165, zone=chosen_zone()),
            "What": st.column_config.TextColumn(width=190),
            "Detail": st.column_config.TextColumn(width=420),
            "Who says so": st.column_config.TextColumn(width=110),
        },
        row_height=ROW_HEIGHT,
        key="timeline",
        alt="What happened to this task, in the order of time",
    )
    others = list(history.replaces)
    if history.request and history.request["replaced_by"]:
        others.append(history.request["replaced_by"])
    if others:
        st.text("Other tasks of the same request:")
        with st.container(horizontal=True):
            for other in others:
                st.button(plain(other), on_click=open_task, args=(other,), key=f"open-{other}")


def _draw_events(history: TaskHistory) -> None:
    st.subheader("Events", anchor=False)
    st.caption(REBUILT_NOTE)
    for event in history.events:
        with st.expander(f"{event['event_type']}, {_second(event['occurred_at'])}"):
            st.code(json.dumps(rebuild_envelope(event), indent=2, ensure_ascii=False), language=None, wrap_lines=True)
            st.text(f"Source: {event['source_uri'].rpartition('/')[2]}, byte {event['source_offset']:,}.")
    if not history.events:
        st.text("No event was loaded.")


def _draw_lookups(page: PageContext, history: TaskHistory) -> None:
    """Draw every lookup as JSON, and a button that starts a lookup, unless the task was found."""
    st.subheader("Lookups", anchor=False)
    for lookup in history.lookups:
        state = str(lookup["lookup_state"]).replace("_", " ")
        with st.expander(plain(f"{state}, {_second(lookup['asked_at'])}")):
            st.code(json.dumps(lookup, indent=2, ensure_ascii=False, default=_text), language=None, wrap_lines=True)
    if not history.lookups:
        st.text("This task was never looked up.")
    answer = history.answer
    if answer is None or answer["lookup_state"] != "found":
        running = is_running(jobs().state("enrich"))
        if st.button("Look it up now", disabled=running, key="look_up_task"):
            start_job("enrich", options={"task": history.task_id}, settings=page.settings)


def _second(time: datetime) -> str:
    """Return a time to the second in the chosen zone."""
    zone = chosen_zone()
    local = time.astimezone(zone)
    return f"{day(local)} {local:%H:%M:%S} {zone}"


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _draw_downloads(page: PageContext, history: TaskHistory) -> None:
    """Offer the task's dossier as HTML and JSON; each file is made when its button is clicked."""

    def content() -> dict[str, Any]:
        return dossier.build_dossier(
            history,
            product_name=_product(page, history),
            zone=page.settings.timezone,
            as_of=page.snapshot.run.finished_at,
            now=datetime.now(UTC),
            versions=page.snapshot.versions,
        )

    name = "".join(letter if letter.isalnum() or letter == "-" else "_" for letter in history.task_id)[:80]
    with st.container(horizontal=True):
        st.download_button(
            "Dossier (HTML)", lambda: dossier.as_html(content()), f"task-{name}.html", "text/html", on_click="ignore",
            key="dossier_html",
        )  # fmt: skip
        st.download_button(
            "Dossier (JSON)", lambda: dossier.as_json(content()), f"task-{name}.json", "application/json",
            on_click="ignore", key="dossier_json",
        )  # fmt: skip
    st.caption(
        f"The dossier holds the history of this task, and states what it proves and does not prove; {page.as_of}."
    )
