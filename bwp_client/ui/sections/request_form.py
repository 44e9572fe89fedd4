"""Entering what the shop knows of one request; stored by `import`, as a child process."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any

import streamlit as st

from bwp_client.metrics.queries import has_failed, list_products
from bwp_client.ui.jobs import JobStatus, jobs
from bwp_client.ui.page import Page
from bwp_client.ui.sections import job_buttons


def form(page: Page, task_id: str, known: dict[str, Any] | None) -> None:
    """Draw the form for one task, filled with what is known; what is entered takes its place."""
    known = known or {}
    zone = page.settings.deadlines.zone
    # The key changes with what is known: a form keeps what it showed first.
    with st.form(f"request-{task_id}-{hash(str(known))}", border=False):
        st.caption(f"Days of the zone {page.settings.timezone}. Never enter a shopper's data: the task ID is enough.")
        received = st.date_input("Request received on", value=_day(known.get("received_at"), zone))
        replaced_by = st.text_input("Replaced by the task", value=known.get("replaced_by") or "", max_chars=200)
        closed = st.date_input("Closed on", value=_day(known.get("closed_at"), zone))
        note = st.text_input("Note", value=known.get("note") or "", max_chars=500)
        is_new = not known and not has_failed(page.snapshot, task_id)
        product = _product_choice(page) if is_new else ""
        if st.form_submit_button("Store", disabled=job_buttons.is_running(jobs().state("import"))):
            row = {
                "task_id": task_id, "received_at": received, "replaced_by": replaced_by.strip(), "closed_at": closed,
                "note": note.strip(),
            }  # fmt: skip
            if is_new:
                row |= {"task_kind": page.choice.filters.task_kind.value, "business_product_id": product}
            store(page, [row])
    tell()


def store(page: Page, rows: list[dict[str, Any]]) -> None:
    """Start storing rows; every one has the same columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    options = {"warehouse": page.snapshot.warehouse.uri}
    job_buttons.start_job("import", options=options, settings=page.settings, file=text.getvalue())


def tell() -> None:
    """Say how the newest entry ended."""
    state = jobs().state("import")
    if state is None:
        return
    if state.status is JobStatus.RUNNING:
        st.caption("Storing; progress is shown at the top of the page.")
    elif state.status is JobStatus.FAILED:
        st.error("Nothing was stored.")
        st.text(state.text)
    else:
        st.caption(f"The newest entry: {state.result.get('stored', 0):,} requests stored.")


def _product_choice(page: Page) -> str:
    return st.selectbox(
        "Business product", ["", *products(page)], format_func=lambda product: page.names(product) or "not known"
    )


def products(page: Page) -> list[str]:
    """Give the business products there are, the largest first."""
    return list_products(page.snapshot, page.choice.filters.task_kind)


def _day(moment: Any, zone: Any) -> date | None:
    return None if moment is None else moment.astimezone(zone).date()
