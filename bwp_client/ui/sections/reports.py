"""Published reports: the form that makes a report, the table of reports, a report with its files, and a comparison."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import pandas as pd
import streamlit as st

from bwp_client.errors import BwpError
from bwp_client.events import TaskKind
from bwp_client.reports.earlier_reports import replaced_by
from bwp_client.reports.manifest import MANIFEST, Manifest
from bwp_client.reports.period_note import describe_period
from bwp_client.settings import Settings
from bwp_client.ui.address_fields import draw_option, unknown_options
from bwp_client.ui.components import draw_table, time_column
from bwp_client.ui.data import warehouse_in_use
from bwp_client.ui.jobs import JobStatus, Options, is_running, jobs
from bwp_client.ui.markdown import plain
from bwp_client.ui.published_reports import compare_reports, published_reports, report_file, report_zip
from bwp_client.ui.sections.job_buttons import draw_job_state, start_job

REPORT_HEIGHT: Final = 900
OTHER: Final = "Other…"
PERIODS: Final = ("last-week", "last-month", "last-year", OTHER)
_MAX_KEY_LENGTH: Final = 200
_EVERYTHING: Final = "everything as ZIP"


def draw_report_form(settings: Settings) -> None:
    """Draw the form that makes a report, and the state of the newest `report` job."""
    state = jobs().state("report")
    with st.container(border=True):
        left, middle, right = st.columns(3)
        period = left.selectbox("Period", PERIODS, key="report_period")
        if period == OTHER:
            period = left.text_input(
                "Which", placeholder="2026-W47, 2026-10, 2026-10-05..2026-10-18", key="report_which"
            )
        elif described := describe_period(period, datetime.now(UTC), settings.timezone):
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


def draw_published_reports(uri: str) -> None:
    """Draw the published reports, the chosen report, and a comparison of two. It needs no data of the warehouse.

    Args:
        uri: The address of the reports.
    """
    st.subheader("Published reports", anchor=False)
    try:
        published = published_reports(uri)
        for problem in published.problems:
            st.warning(plain(problem))
        if not published.readable:
            st.caption("No reports yet. Create one above.")
            return
        draw_report_list(published.readable)
        by_key = {report.key: report for report in published.readable}
        opened, compared = st.tabs(["Open", "Compare"])
        with opened:
            for unknown in unknown_options("report", list(by_key)):
                st.warning(f"No report {plain(unknown[:_MAX_KEY_LENGTH])} was published here. The link asks for it.")
            chosen = draw_option(st.selectbox, "Report", list(by_key), key="report")
            if not unknown_options("report", list(by_key)):
                draw_report(uri, by_key[chosen])
        with compared:
            draw_report_comparison(uri, published.readable)
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
                "Outcomes (n)": [report.figures.get("n") for report in reports],
                "State": [_state(report, replaced) for report in reports],
                "Key": [report.key for report in reports],
            }
        ),
        hide_index=True,
        column_config={"As of": time_column(), "Failure rate": st.column_config.NumberColumn(format="%.1f %%")},
        placeholder="–",
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


def draw_report_comparison(uri: str, reports: list[Manifest]) -> None:
    """Draw the choice of two reports, and the rows that changed from the first report to the second.

    Args:
        uri: The address of the reports.
        reports: The reports to choose from.
    """
    by_key = {report.key: report for report in reports}
    keys = list(by_key)
    left, right = st.columns(2)
    first = left.selectbox("From", keys, index=min(1, len(keys) - 1), key="compare_a")
    second = right.selectbox("To", keys, key="compare_b")
    if first == second:
        st.caption("Choose two different reports.")
        return
    comparison = compare_reports(uri, by_key[str(first)], by_key[str(second)])
    for side in (comparison["a"], comparison["b"]):
        st.text(f"{side['period']}, as of {_minute(side['as_of'])}: {' '.join(side['says'])}")
    rows = [row for name, table in comparison["tables"].items() for row in _change_rows(name, table)]
    if not rows:
        st.caption("Nothing changed.")
        return
    draw_table(
        pd.DataFrame(rows), hide_index=True, placeholder="–", key="comparison",
        alt="Every table row that was added, removed or changed between the two reports",
    )  # fmt: skip


def _change_rows(name: str, table: dict[str, list[dict[str, Any]]]) -> list[dict[str, str]]:
    """Return a row for each added and removed row of a table, and for each changed value."""
    rows = [
        {"Table": name, "Change": change, "Row": _row_text(row), "Before": "", "After": ""}
        for change in ("added", "removed")
        for row in table[change]
    ]
    for row in table["changed"]:
        key = _row_text({column: value for column, value in row.items() if not isinstance(value, list)})
        rows += [
            {"Table": name, "Change": column, "Row": key, "Before": str(value[0]), "After": str(value[1])}
            for column, value in row.items()
            if isinstance(value, list) and len(value) == 2
        ]
    return rows


def _row_text(row: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in row.items() if value is not None)


def _per_cent(rate: Any) -> float | None:
    return None if rate is None else float(rate) * 100


def _minute(text: str) -> str:
    return f"{datetime.fromisoformat(text):%d %b %Y %H:%M} UTC"
