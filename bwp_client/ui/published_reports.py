"""The published reports for pages, newest first, and the files and ZIP of each, cached because reports never change."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

from bwp_client.errors import BwpError
from bwp_client.reports.compare import compare
from bwp_client.reports.manifest import MANIFEST, SIGNATURE, Manifest
from bwp_client.reports.period_comparison import PeriodComparison, compare_periods
from bwp_client.reports.published_report import open_published
from bwp_client.reports.store import open_store

LIST_SECONDS: Final = 5.0
_ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class PublishedReports:
    """The reports at an address.

    Attributes:
        readable: The manifests of the reports, newest as-of time first.
        problems: A sentence for each report that can't be read.
    """

    readable: list[Manifest]
    problems: list[str]


def published_reports(uri: str) -> PublishedReports:
    """Return the reports at an address.

    Raises:
        RemoteError: S3 refused or failed.
    """
    readable, problems = [], []
    for key in _keys(uri):
        try:
            readable.append(_manifest(uri, key))
        except BwpError as error:
            problems.append(f"{key} can't be shown: {error}")
    newest_first = sorted(readable, key=lambda report: (report.spec.as_of, report.key), reverse=True)
    return PublishedReports(newest_first, problems)


def list_anew() -> None:
    """Let the next call of `published_reports` see a report that was published a moment ago."""
    _keys.clear()


@st.cache_data(ttl=LIST_SECONDS, show_spinner=False)
def _keys(uri: str) -> list[str]:
    return open_store(uri).published()


@st.cache_resource(max_entries=500, show_spinner=False)
def _manifest(uri: str, key: str) -> Manifest:
    return open_store(uri).manifest(key)


@st.cache_data(max_entries=4, show_spinner="Fetching the report…")
def report_file(uri: str, key: str, path: str) -> bytes:
    """Return a file of a report.

    Args:
        uri: The address of the reports.
        key: The report.
        path: The file's path in the report.

    Raises:
        BwpError: The file can't be read, or is not what was published.
    """
    return open_store(uri).read(_manifest(uri, key), path)


def report_zip(uri: str, manifest: Manifest) -> bytes:
    """Return all files of a report, its manifest and its signature as a ZIP; arguments and errors as for `report_file`."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in manifest.files:
            text = report_file(uri, manifest.key, path)
            archive.writestr(zipfile.ZipInfo(path, _ZIP_TIME), text, zipfile.ZIP_DEFLATED)
        if manifest.signed_by:
            archive.writestr(zipfile.ZipInfo(SIGNATURE, _ZIP_TIME), open_store(uri).signature(manifest))
        archive.writestr(zipfile.ZipInfo(MANIFEST, _ZIP_TIME), manifest.to_bytes(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def compare_report_periods(uri: str, first: Manifest, second: Manifest) -> PeriodComparison:
    """Return the second report against the first, as documented at `reports.period_comparison`."""
    return compare_periods(*(open_published(f"{uri}/{manifest.key}") for manifest in (first, second)))


def compare_reports(uri: str, first: Manifest, second: Manifest) -> dict[str, Any]:
    """Return the differences of two reports at an address, as documented at `reports.compare.compare`."""
    return compare(*(open_published(f"{uri}/{manifest.key}") for manifest in (first, second)))
