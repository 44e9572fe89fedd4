"""Makes a report in a folder: first the input rows, then page and tables from them alone, then pictures and manifest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bwp_client.metrics.export import to_csv
from bwp_client.metrics.filter_values import require_known_values
from bwp_client.metrics.guidance import GuidanceTable
from bwp_client.reports.chart_figures import Figure, draw_figures
from bwp_client.reports.chromium import BrowserChoice, Pictures, take_pictures
from bwp_client.reports.code_identity import current_code
from bwp_client.reports.content import Content
from bwp_client.reports.content_from_rows import INPUTS, as_arrow, content_from_rows, key_figures
from bwp_client.reports.context import ReportContext
from bwp_client.reports.extract import extract_rows, gather_facts, run_as_of
from bwp_client.reports.gate import refusal_reasons
from bwp_client.reports.manifest import DESCRIPTION, MANIFEST, SIGNATURE, FileEntry, Manifest
from bwp_client.reports.render import render_report
from bwp_client.reports.signing import fingerprint
from bwp_client.reports.spec import ReportSpec, WarehouseFacts
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.product_names import product_names as names_of
from bwp_client.warehouse.snapshot import Snapshot

PAGE = "report.html"
STEPS = 5
FORCED_SUFFIX = "_forced"
"""The suffix of the key of a report published by force; a report without force can still be published for the same day."""
OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Draft:
    """A report in a folder, not published yet."""

    folder: Path
    manifest: Manifest
    reasons: tuple[str, ...]
    """The gate's reasons for refusing the report; empty if it may be published."""


def build(
    warehouse: Warehouse,
    spec: ReportSpec,
    folder: Path,
    *,
    product_names: dict[str, str],
    guidance: GuidanceTable,
    browser: BrowserChoice,
    force: bool = False,
    signing_key: Ed25519PrivateKey | None = None,
    waits_for_data: bool = False,
    less_full: str = "",
    identity: dict[str, str] | None = None,
    on_progress: OnProgress = lambda _done, _total, _text: None,
) -> Draft:
    """Make a report of the state of the warehouse at the as-of time.

    Args:
        warehouse: The data.
        spec: The report to make.
        folder: An empty folder.
        product_names: The configured names by business product ID.
        guidance: Class and next action by error code.
        browser: The browser that makes PDF and PNG, from `find_browser`.
        force: Print the gate's reasons on page one, because the report is published all the same.
        signing_key: The key that signs the manifest.
        waits_for_data: Refuse a report as long as the data don't reach beyond the end of its period.
        less_full: The key of an earlier report whose place this one takes if its data reach beyond the period's end.
        identity: Digests of the warehouse and of the configured texts, for the manifest.
        on_progress: Called with the number of finished steps, the number of steps, and the next step.

    Raises:
        SourceNotFoundError: Nothing was loaded at the as-of time, or those versions were purged.
        UsageError: The data name no such product, error code or region.
        RemoteError: S3 refused or failed.
    """
    on_progress(0, STEPS, "reading the tables")
    snapshot = Snapshot(warehouse, run_as_of(warehouse, spec.as_of))
    require_known_values(snapshot, spec.filters, names_of(warehouse.uri, product_names))
    on_progress(1, STEPS, "taking the rows")
    extract_rows(snapshot, spec, folder / INPUTS)
    facts = gather_facts(snapshot, spec, product_names, guidance)
    if less_full and facts.reach_beyond(spec.period.to_time):
        spec = replace(spec, replaces=less_full)
    on_progress(2, STEPS, "computing the tables")
    _, content, figures = compose(spec, facts, folder, (), current_code())
    on_progress(3, STEPS, "making pictures")
    pictures = take_pictures(folder / PAGE, {figure.name: figure.light for figure in figures}, browser)
    reasons = refusal_reasons(spec, facts, content, pictures.faults, waits_for_data=waits_for_data)
    if reasons and force:
        _, content, figures = compose(spec, facts, folder, reasons, current_code())
        pictures = take_pictures(folder / PAGE, {figure.name: figure.light for figure in figures}, browser)
    on_progress(4, STEPS, "writing the manifest")
    manifest = _finish(spec, facts, content, folder, pictures, reasons if force else (), identity or {}, signing_key)
    return Draft(folder, manifest, reasons)


def compose(
    spec: ReportSpec, facts: WarehouseFacts, folder: Path, reasons: tuple[str, ...], code: dict[str, Any]
) -> tuple[ReportContext, Content, tuple[Figure, ...]]:
    """Make page and tables from the input rows in the folder, and from nothing else.

    Args:
        spec: The report.
        facts: The facts about the warehouse.
        folder: The folder whose subfolder `inputs` holds the rows; page and tables are written to it.
        reasons: The gate's reasons for refusing the report, if it is published by force; otherwise empty.
        code: The code that the page names as the one that made the report.

    Raises:
        SourceNotFoundError: A file of input rows is missing.
    """
    context, content = content_from_rows(spec, facts, folder, reasons)
    tables = folder / "tables"
    tables.mkdir(exist_ok=True)
    for name, frame in content.tables.items():
        (tables / f"{name}.csv").write_text(to_csv(frame), encoding="utf-8", newline="")
        pq.write_table(as_arrow(frame), tables / f"{name}.parquet", compression="zstd")
    figures = draw_figures(context, content)
    (folder / PAGE).write_text(
        render_report(spec, facts, content, figures, code, reasons), encoding="utf-8", newline=""
    )
    return context, content, figures


def _finish(
    spec: ReportSpec,
    facts: WarehouseFacts,
    content: Content,
    folder: Path,
    pictures: Pictures,
    reasons: tuple[str, ...],
    identity: dict[str, str],
    signing_key: Ed25519PrivateKey | None,
) -> Manifest:
    """Write the pictures, the description, and the manifest of all files in the folder with its signature."""
    for path, text in pictures.files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(text)
    manifest = Manifest(
        key=f"{spec.key}{FORCED_SUFFIX if reasons else ''}",
        spec=spec,
        facts=facts,
        code=current_code(),
        reasons=reasons,
        statements=content.statements,
        figures=key_figures(content),
        pictures=pictures.note,
        partial=content.partial,
        files={},
        identity=identity,
        signed_by=fingerprint(signing_key.public_key()) if signing_key else "",
    )
    (folder / DESCRIPTION).write_bytes(manifest.description())
    manifest = replace(manifest, files=_entries(folder))
    (folder / MANIFEST).write_bytes(manifest.to_bytes())
    if signing_key:
        (folder / SIGNATURE).write_bytes(signing_key.sign(manifest.to_bytes()))
    return manifest


def _entries(folder: Path) -> dict[str, FileEntry]:
    entries = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MANIFEST:
            rows = pq.read_metadata(path).num_rows if path.suffix == ".parquet" else None
            entries[path.relative_to(folder).as_posix()] = FileEntry.of(path.read_bytes(), rows)
    return {
        name: replace(item, rows=entries[name.replace(".csv", ".parquet")].rows) if name.endswith(".csv") else item
        for name, item in entries.items()
    }
