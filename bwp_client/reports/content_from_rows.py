"""Computes the content of a report from the input rows that it carries, and from nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from bwp_client.metrics.export import to_rows
from bwp_client.reports.content import Content, compute_content
from bwp_client.reports.context import ReportContext
from bwp_client.reports.extract import input_files
from bwp_client.reports.quiet import is_quiet, quiet_sentence
from bwp_client.reports.spec import ReportSpec, WarehouseFacts
from bwp_client.reports.tables import TABLES, ReportTable
from bwp_client.warehouse import Run, Warehouse
from bwp_client.warehouse.data_limits import DataLimits
from bwp_client.warehouse.snapshot import Snapshot

INPUTS = "inputs"


def content_from_rows(
    spec: ReportSpec,
    facts: WarehouseFacts,
    folder: Path,
    reasons: tuple[str, ...],
    of_tables: Sequence[ReportTable] = TABLES,
) -> tuple[ReportContext, Content]:
    """Return the content of a report, and the context that it was computed in.

    Args:
        spec: The report.
        facts: The facts about the warehouse.
        folder: The folder whose subfolder `inputs` holds the rows.
        reasons: The gate's reasons for refusing the report, if it is published by force; otherwise empty.
        of_tables: The tables to compute, as for `compute_content`.

    Raises:
        SourceNotFoundError: A file of input rows is missing.
    """
    context = ReportContext(_snapshot_of(facts, folder), spec, facts)
    content = compute_content(context, of_tables)
    if not reasons and is_quiet(spec, facts, content):
        content = replace(content, statements=(*content.statements, quiet_sentence(content)))
    return context, content


def key_figures(content: Content) -> dict[str, Any]:
    """Return the field `figures` of the manifest: the row of `period_comparison`, and the coverage."""
    return to_rows(pd.DataFrame([content.headline | {"coverage": content.coverage["coverage"]}]))[0]


def as_arrow(frame: pd.DataFrame) -> pa.Table:
    """Return a table of the report as it is written to Parquet."""
    return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)


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
