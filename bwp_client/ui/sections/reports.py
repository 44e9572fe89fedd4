"""Published reports: the form that makes a report, the table of reports, and a report with its files."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import pandas as pd
import streamlit as st

from bwp_client.errors import BwpError
from bwp_client.events import TaskKind
from bwp_client.reports.earlier_reports import replaced_by
from bwp_client.reports.manifest import MANIFEST, Manifest
from bwp_client.reports.period_note import describe_ended, describe_period
from bwp_client.settings import Settings
from bwp_client.ui import page_address
from bwp_client.ui.address_fields import draw_option, draw_tabs, unknown_options
from bwp_client.ui.components import draw_table, time_column
from bwp_client.ui.data import warehouse_in_use
from bwp_client.ui.jobs import JobStatus, Options, is_running, jobs
from bwp_client.ui.markdown import plain
from bwp_client.ui.published_reports import (
    list_anew,
    published_reports,
    report_file,
    report_zip,
)
from bwp_client.ui.sections.job_buttons import draw_job_state, start_job
from bwp_client.ui.sections.report_comparison import MAX_KEY_LENGTH, draw_report_comparison
from bwp_client.ui.viewer_zone import UTC_ZONE, chosen_zone

REPORT_HEIGHT: Final = 900
OTHER: Final = "Other…"
PERIODS: Final = {
    "last-week": "Last week", "last-month": "Last month", "last-quarter": "Last quarter", "last-year": "Last year",
    OTHER: OTHER,
}  # fmt: skip
"""The label of each period that the form offers."""
_EVERYTHING: Final = "everything as ZIP"


def draw_report_form(settings: Settings) -> None:
    """Draw the form that makes a report, and the state of the newest `report` job."""
    state = jobs().state("report")
    with st.container(border=True):
        left, middle, right = st.columns(3)
        period = left.selectbox("Period", list(PERIODS), key="report_period", format_func=PERIODS.__getitem__)
        if period == OTHER:
            period = left.text_input(
                "Which", placeholder="2026-W47, 2026-10, 2026-Q3, 2026-10-05..2026-10-18", key="report_which"
            )
        else:
            period, described = _described_period(period, settings)
            left.caption(plain(described))
        kind = middle.selectbox("Task kind", [item.value for item in TaskKind], key="report_kind")
        is_forced = right.checkbox(
            "Make it even if data are missing",
            key="report_force",
            help="The report then says on page 1 what is missing.",
        )
        if st.button("Create report", disabled=is_running(state) or not period, key="report_make"):
            options: Options = {
                "period": str(period).strip(), "task-kind": str(kind), "out": settings.reports_uri,
                "warehouse": warehouse_in_use(settings).uri, "force": is_forced,
            }  # fmt: skip
            start_job("report", options=options, settings=settings)
        if state is not None and state.status is JobStatus.DONE and state.result.get("state") == "refused":
            st.warning("The checks refused the report; earlier reports are untouched.")
            for reason in state.result.get("reasons", []):
                st.text(reason)
        else:
            draw_job_state(
                state, lambda result: f"{result.get('key')}: {result.get('state')}.", failed="No report was made."
            )
            if state is not None and state.status is JobStatus.DONE and (made := state.result.get("key")):
                st.button("Open it", key="report_open", on_click=_open_report, args=(str(made),))


def _described_period(name: str, settings: Settings) -> tuple[str, str]:
    """Return the period to make a report of, and a sentence about it.

    Args:
        name: `last-week` or the like, counted in the chosen zone.
        settings: Its time zone is named where its days differ from those of UTC.
    """
    now, zone = datetime.now(UTC), chosen_zone()
    if zone != UTC_ZONE and (ended := describe_ended(name, now, zone)):
        return ended[0].name, ended[1].replace(name, PERIODS[name], 1)
    described = describe_period(name, now, settings.timezone) or ""
    return name, described.replace(name, PERIODS[name], 1)


def _open_report(key: str) -> None:
    """Show a report below; a callback."""
    list_anew()
    page_address.choose({"report": [key], "view": []})


def draw_published_reports(uri: str, names: Callable[[str], str] = str, *, is_below_form: bool = False) -> None:
    """Draw the published reports, the chosen report, and a comparison of two. It needs no data of the warehouse.

    Args:
        uri: The address of the reports.
        names: Returns a product's name; by default its ID.
        is_below_form: Whether the form that makes a report is drawn above.
    """
    st.subheader("Published reports", anchor=False)
    try:
        published = published_reports(uri)
        for problem in published.problems:
            st.warning(plain(problem))
        if not published.readable:
            st.caption("No reports yet. Create one above." if is_below_form else "No reports yet.")
            return
        draw_report_list(published.readable)
        by_key = {report.key: report for report in published.readable}
        opened, compared = draw_tabs({"open": "Open", "compare": "Compare"}, key="view").values()
        with opened:
            for unknown in unknown_options("report", list(by_key)):
                st.warning(f"No report {plain(unknown[:MAX_KEY_LENGTH])} was published here. The link asks for it.")
            chosen = draw_option(st.selectbox, "Report", list(by_key), key="report", is_lasting=False)
            if not unknown_options("report", list(by_key)):
                draw_report(uri, by_key[chosen])
        with compared:
            draw_report_comparison(uri, published.readable, names)
    except BwpError as error:
        st.error("The reports can't be shown.")
        st.text(str(error))


def draw_report_list(reports: list[Manifest]) -> None:
    """Draw the published reports with their key figures."""
    replaced = replaced_by(reports)
    draw_table(
        pd.DataFrame(
            {
                "Period": [report.spec.period.name for report in reports],
                "Report": [report.spec.report_name for report in reports],
                "As of": [report.spec.as_of for report in reports],
                "Failure rate": [_per_cent(report.figures.get("rate")) for report in reports],
                "Failed": [report.figures.get("failed") for report in reports],
                "Finished": [report.figures.get("n") for report in reports],
                "State": [_state(report, replaced) for report in reports],
                "Key": [report.key for report in reports],
            }
        ),
        hide_index=True,
        column_config={
            "As of": time_column("As of", zone=chosen_zone()),
            "Failure rate": st.column_config.NumberColumn(format="%.1f %%"),
        },
        placeholder="–",
        percentages=["Failure rate"],
        key="reports",
        alt="Published reports with period, as-of, failure rate, counts and state",
    )


def _state(report: Manifest, replaced: Mapping[str, str]) -> str:
    if report.key in replaced:
        return f"replaced by {replaced[report.key]}"
    return "published by force" if report.reasons else "published"


def draw_report(uri: str, manifest: Manifest) -> None:
    """Draw a report in a frame that has no access to this app, and offer its files.

    Args:
        uri: The address of the reports.
        manifest: The report.
    """
    key = manifest.key
    page = report_file(uri, key, "report.html")
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    path = left.selectbox("File", [_EVERYTHING, *manifest.files, MANIFEST], key="report_file")
    if path == _EVERYTHING:
        right.download_button(
            "Download", partial(report_zip, uri, manifest), f"{key}.zip", on_click="ignore", key="report_zip"
        )
    else:
        text = manifest.to_bytes if path == MANIFEST else partial(report_file, uri, key, str(path))
        name = f"{key}_{str(path).replace('/', '_')}"
        right.download_button("Download", text, name, on_click="ignore", key="report_download")
    st.caption(plain(manifest.pictures))
    # A data: address has an origin of its own, so the report's page can't access this app, whoever wrote the page.
    st.iframe(f"data:text/html;base64,{base64.b64encode(page).decode()}", height=REPORT_HEIGHT, alt=f"The report {key}")


def _per_cent(rate: Any) -> float | None:
    return None if rate is None else float(rate) * 100
