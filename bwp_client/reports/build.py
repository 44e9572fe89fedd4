"""Makes a report in a folder: first the input rows, then page and tables from them alone, then pictures and manifest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bwp_client.metrics.export import to_csv, to_rows
from bwp_client.metrics.filter_values import require_known_values
from bwp_client.metrics.guidance import GuidanceTable
from bwp_client.reports.chromium import BrowserChoice, Pictures, take_pictures
from bwp_client.reports.content import Content, compute_content
from bwp_client.reports.context import ReportContext
from bwp_client.reports.extract import extract_rows, gather_facts, input_files, run_as_of
from bwp_client.reports.gate import refusal_reasons
from bwp_client.reports.manifest import MANIFEST, FileEntry, Manifest, current_code, describe_file
from bwp_client.reports.quiet import is_quiet, quiet_sentence
from bwp_client.reports.render import render
from bwp_client.reports.spec import ReportSpec, WarehouseFacts
from bwp_client.warehouse import Run, Warehouse
from bwp_client.warehouse.data_limits import DataLimits
from bwp_client.warehouse.product_names import product_names as names_of
from bwp_client.warehouse.snapshot import Snapshot

INPUTS = "inputs"
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
    on_progress(2, STEPS, "computing the tables")
    content = compose(spec, facts, folder, ())
    on_progress(3, STEPS, "making pictures")
    pictures = take_pictures(folder / PAGE, {figure.name: figure.light for figure in content.figures}, browser)
    reasons = refusal_reasons(spec, facts, content, pictures.faults)
    if reasons and force:
        compose(spec, facts, folder, reasons)
        pictures = take_pictures(folder / PAGE, {figure.name: figure.light for figure in content.figures}, browser)
    on_progress(4, STEPS, "writing the manifest")
    return Draft(folder, _finish(spec, facts, content, folder, pictures, reasons if force else ()), reasons)


def compose(spec: ReportSpec, facts: WarehouseFacts, folder: Path, reasons: tuple[str, ...]) -> Content:
    """Make page and tables from the input rows in the folder, and from nothing else.

    Raises:
        SourceNotFoundError: A file of input rows is missing.
    """
    content = compute_content(ReportContext(_snapshot_of(facts, folder), spec, facts))
    if not reasons and is_quiet(spec, facts, content):
        content = replace(content, statements=(*content.statements, quiet_sentence(content)))
    tables = folder / "tables"
    tables.mkdir(exist_ok=True)
    for name, frame in content.tables.items():
        (tables / f"{name}.csv").write_text(to_csv(frame), encoding="utf-8", newline="")
        pq.write_table(_arrow(frame), tables / f"{name}.parquet", compression="zstd")
    (folder / PAGE).write_text(render(spec, facts, content, current_code(), reasons), encoding="utf-8", newline="")
    return content


def _finish(
    spec: ReportSpec,
    facts: WarehouseFacts,
    content: Content,
    folder: Path,
    pictures: Pictures,
    reasons: tuple[str, ...],
) -> Manifest:
    """Write the pictures, then the manifest of all files in the folder."""
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
        figures=to_rows(pd.DataFrame([content.headline | {"coverage": content.coverage["coverage"]}]))[0],
        pictures=pictures.note,
        partial=content.partial,
        files=_entries(folder),
    )
    (folder / MANIFEST).write_bytes(manifest.to_bytes())
    return manifest


def _entries(folder: Path) -> dict[str, FileEntry]:
    entries = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MANIFEST:
            rows = pq.read_metadata(path).num_rows if path.suffix == ".parquet" else None
            entries[path.relative_to(folder).as_posix()] = describe_file(path, rows)
    return {
        name: replace(item, rows=entries[name.replace(".csv", ".parquet")].rows) if name.endswith(".csv") else item
        for name, item in entries.items()
    }


def _snapshot_of(facts: WarehouseFacts, folder: Path) -> Snapshot:
    run = Run(
        run_id=facts.run_id,
        kind="report",
        source="",
        started_at=facts.run_finished_at,
        finished_at=facts.run_finished_at,
        counts={},
        versions=facts.versions,
    )
    limits = DataLimits(facts.begins_at, facts.newest_event_at, facts.reaches_to, facts.purged_before)
    is_known = facts.newest_event_at is not None  # not in the manifests of earlier versions
    rows = input_files(folder / INPUTS)
    return Snapshot(Warehouse(str(folder / INPUTS)), run, rows, limits if is_known else None)


def _arrow(frame: pd.DataFrame) -> Any:
    return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
