"""Published reports on a page: the list, one of them opened in place, its files, a comparison, and making one now."""

from __future__ import annotations

import base64
import io
import zipfile
from datetime import datetime
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from bwp_client.errors import BwpError
from bwp_client.events import TaskKind
from bwp_client.reports.compare import compare
from bwp_client.reports.manifest import MANIFEST, Manifest
from bwp_client.reports.store import open_store
from bwp_client.settings import Settings
from bwp_client.ui.data import warehouse_in_use
from bwp_client.ui.jobs import JobState, JobStatus, Options, jobs
from bwp_client.ui.markdown import plain
from bwp_client.ui.sections.job_buttons import is_running, start_job

HEIGHT = 900
OTHER = "another"
PERIODS = ("last-week", "last-month", "last-year", OTHER)
LIST_SECONDS = 5.0
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@st.cache_data(ttl=LIST_SECONDS, show_spinner=False)
def _keys(uri: str) -> list[str]:
    return open_store(uri).published()


@st.cache_resource(max_entries=500, show_spinner=False)
def _manifest(uri: str, key: str) -> Manifest:
    """Read a manifest; a publication never changes."""
    return open_store(uri).manifest(key)


@st.cache_data(max_entries=4, show_spinner="Fetching the report…")
def _file(uri: str, key: str, path: str) -> bytes:
    return open_store(uri).read(_manifest(uri, key), path)


def listed(uri: str) -> list[Manifest]:
    """Give the published reports, the newest as-of first; one that can't be read is named and left out.

    Raises:
        RemoteError: S3 refused or failed.
    """
    found = []
    for key in _keys(uri):
        try:
            found.append(_manifest(uri, key))
        except BwpError as error:
            st.warning(plain(f"{key} can't be shown: {error}"))
    return sorted(found, key=lambda item: (item.spec.as_of, item.key), reverse=True)


def make(settings: Settings) -> None:
    """Draw the form that makes a report now, and how the newest such job stands."""
    state = jobs().state("report")
    with st.container(border=True):
        left, middle, right = st.columns(3)
        chosen = left.selectbox("Period", PERIODS, key="report_period")
        if chosen == OTHER:
            chosen = left.text_input(
                "Which", placeholder="2026-W47, 2026-10, 2026-10-05..2026-10-18", key="report_which"
            )
        kind = middle.selectbox("Task kind", [item.value for item in TaskKind], key="report_kind")
        is_forced = right.checkbox(
            "Publish even if the checks refuse it", key="report_force", help="The reasons are printed on page one."
        )
        if st.button("Make a report", disabled=is_running(state) or not chosen, key="report_make"):
            options: Options = {
                "period": str(chosen).strip(), "task-kind": str(kind), "out": settings.reports_uri,
                "warehouse": warehouse_in_use(settings).uri, "force": is_forced,
            }  # fmt: skip
            start_job("report", options=options, settings=settings)
        _tell(state)


def _tell(state: JobState | None) -> None:
    if state is None:
        return
    if state.status is JobStatus.RUNNING:
        st.caption("Running; progress is shown at the top of the page.")
    elif state.status is JobStatus.FAILED:
        st.error("No report was made.")
        st.text(state.text)
    elif state.result.get("state") == "refused":
        st.warning("The checks refused it; earlier reports are untouched.")
        for reason in state.result.get("reasons", []):
            st.text(reason)
    else:
        st.caption(plain(f"{state.result.get('key')}: {state.result.get('state')}."))


def show_list(reports: list[Manifest]) -> None:
    """Show the published reports."""
    st.dataframe(
        pd.DataFrame(
            {
                "Period": [item.spec.period.name for item in reports],
                "Report": [item.spec.report_name for item in reports],
                "As of": [item.spec.as_of for item in reports],
                "Failure rate": [_percent(item.figures.get("rate")) for item in reports],
                "Failed": [item.figures.get("failed") for item in reports],
                "Outcomes (n)": [item.figures.get("n") for item in reports],
                "State": ["published by force" if item.reasons else "published" for item in reports],
                "Key": [item.key for item in reports],
            }
        ),
        hide_index=True,
        column_config={
            "As of": st.column_config.DatetimeColumn(format="DD MMM YYYY HH:mm", timezone="UTC"),
            "Failure rate": st.column_config.NumberColumn(format="%.1f %%"),
        },
        placeholder="–",
        key="reports",
        alt="Published reports with period, as-of, failure rate, counts and state",
    )


def open_one(settings: Settings, manifest: Manifest) -> None:
    """Show a report in place, in a frame that has no access to this app, and offer its files."""
    uri, key = settings.reports_uri, manifest.key
    page = _file(uri, key, "report.html")
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    path = left.selectbox("File", ["everything as ZIP", *manifest.files, MANIFEST], key="report_file")
    if path == "everything as ZIP":
        right.download_button(
            "Download", partial(_zip, uri, manifest), f"{key}.zip", on_click="ignore", key="report_zip"
        )
    else:
        text = manifest.to_bytes if path == MANIFEST else partial(_file, uri, key, str(path))
        name = f"{key}_{str(path).replace('/', '_')}"
        right.download_button("Download", text, name, on_click="ignore", key="report_download")
    st.caption(plain(manifest.pictures))
    # A data: address is an origin of its own, so even a page that somebody else put there reaches nothing of this app.
    st.iframe(
        f"data:text/html;base64,{base64.b64encode(page).decode()}", height=HEIGHT, alt=f"The report {manifest.key}"
    )


def show_comparison(settings: Settings, reports: list[Manifest]) -> None:
    """Choose two reports and show what changed from the one to the other."""
    keys = [item.key for item in reports]
    left, right = st.columns(2)
    a = left.selectbox("From", keys, index=min(1, len(keys) - 1), key="compare_a")
    b = right.selectbox("To", keys, key="compare_b")
    if a == b:
        st.caption("Choose two different reports.")
        return
    store = open_store(settings.reports_uri)
    found = compare((store, _manifest(settings.reports_uri, str(a))), (store, _manifest(settings.reports_uri, str(b))))
    for side in ("a", "b"):
        st.text(f"{found[side]['period']}, as of {_day(found[side]['as_of'])}: {' '.join(found[side]['says'])}")
    rows = [row for name, table in found["tables"].items() for row in _changes(name, table)]
    if not rows:
        st.caption("Nothing changed.")
        return
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, placeholder="–", key="comparison",
        alt="Every row of a table that came, went or changed between the two reports",
    )  # fmt: skip


def _changes(name: str, table: dict[str, list[dict[str, Any]]]) -> list[dict[str, str]]:
    rows = [
        {"Table": name, "Change": change, "Row": _text(row), "Before": "", "After": ""}
        for change in ("added", "removed")
        for row in table[change]
    ]
    for row in table["changed"]:
        key = {column: value for column, value in row.items() if not isinstance(value, list)}
        for column, value in row.items():
            if isinstance(value, list) and len(value) == 2:
                rows.append(
                    {
                        "Table": name,
                        "Change": column,
                        "Row": _text(key),
                        "Before": str(value[0]),
                        "After": str(value[1]),
                    }
                )
    return rows


def _text(row: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in row.items() if value is not None)


def _zip(uri: str, manifest: Manifest) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in manifest.files:
            archive.writestr(zipfile.ZipInfo(path, _ZIP_TIME), _file(uri, manifest.key, path), zipfile.ZIP_DEFLATED)
        archive.writestr(zipfile.ZipInfo(MANIFEST, _ZIP_TIME), manifest.to_bytes(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _percent(rate: Any) -> float | None:
    return None if rate is None else float(rate) * 100


def _day(text: str) -> str:
    return f"{datetime.fromisoformat(text):%d %b %Y %H:%M} UTC"
