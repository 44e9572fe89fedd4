"""The form for the shop's request behind a task; an `import` job stores the entry."""

from __future__ import annotations

import csv
import io
from datetime import date, tzinfo
from typing import Any

import streamlit as st

from bwp_client.metrics.queries import has_failed, list_products
from bwp_client.metrics.wording import counted
from bwp_client.ui.jobs import is_running, jobs
from bwp_client.ui.page import PageContext
from bwp_client.ui.sections.job_buttons import draw_job_state, start_job


def draw_request_form(page: PageContext, task_id: str, known: dict[str, Any] | None) -> None:
    """Draw the form for one task.

    Args:
        page: The page.
        task_id: The task.
        known: The stored request. The form shows it, and the visitor's entry replaces it.
    """
    known = known or {}
    zone = page.settings.deadlines.zone
    # The key changes with the stored request, because a form keeps the values that it showed first.
    with st.form(f"request-{task_id}-{hash(str(known))}", border=False):
        st.caption(f"Dates in {page.settings.timezone}. Don't enter names, e-mail addresses or telephone numbers.")
        received = st.date_input("Request received on", value=_day(known.get("received_at"), zone))
        replaced_by = st.text_input("Replaced by the task", value=known.get("replaced_by") or "", max_chars=200)
        closed = st.date_input("Closed on", value=_day(known.get("closed_at"), zone))
        note = st.text_input("Note", value=known.get("note") or "", max_chars=500)
        is_new = not known and not has_failed(page.snapshot, task_id)
        product = draw_product_choice(page, "Business product") if is_new else ""
        if st.form_submit_button("Save", disabled=is_running(jobs().state("import"))):
            row = {
                "task_id": task_id, "received_at": received, "replaced_by": replaced_by.strip(), "closed_at": closed,
                "note": note.strip(),
            }  # fmt: skip
            if is_new:
                row |= {"task_kind": page.filters.task_kind.value, "business_product_id": product}
            store_requests(page, [row])
    draw_import_state()


def draw_product_choice(page: PageContext, label: str) -> str:
    """Draw the choice of a business product and return its ID; empty while it is not known."""
    products = list_products(page.snapshot, page.filters.task_kind)
    return st.selectbox(label, ["", *products], format_func=lambda product: page.names(product) or "not known")


def store_requests(page: PageContext, rows: list[dict[str, Any]]) -> None:
    """Start a job that stores requests.

    Args:
        page: The page.
        rows: Columns of `import` by name, the same in every row.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    options = {"warehouse": page.snapshot.warehouse.uri}
    start_job("import", options=options, settings=page.settings, file=text.getvalue())


def draw_import_state() -> None:
    """Draw the state of the newest job that stores requests."""
    draw_job_state(
        jobs().state("import"),
        lambda result: f"Saved: {counted(result.get('stored', 0), 'request')}.",
        running="Saving",
        failed="Not saved.",
    )


def _day(moment: Any, zone: tzinfo) -> date | None:
    return None if moment is None else moment.astimezone(zone).date()
