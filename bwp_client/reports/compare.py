"""Compares two published reports: every table, row by row.

`DataFrame.compare` is not used, because it accepts only frames with equal rows and columns, and returns null both for an
unchanged cell and for a value that became null.
"""

from __future__ import annotations

import io
from typing import Any

import pandas as pd

from bwp_client.errors import UsageError
from bwp_client.metrics.export import to_rows
from bwp_client.reports.manifest import Manifest
from bwp_client.reports.published_report import PublishedReport
from bwp_client.reports.tables import TABLES
from bwp_client.reports.verify_files import changed_fields


def compare(a: PublishedReport, b: PublishedReport) -> dict[str, Any]:
    """Compare two reports.

    Returns:
        `a` and `b`: key, period, as-of time and statement of each report. `tables`: by name of each table that differs, the
        rows `added` in b, the rows `removed` from a, and the rows `changed`: the key of the row, and each column that differs
        as [value in a, value in b]. `only_in_a` and `only_in_b`: the names of tables that the other report does not have.

    Raises:
        UsageError: A table or the manifest was changed after publication.
        RemoteError: S3 refused or failed.
    """
    for report in (a, b):
        refuse_changed(report)
    in_a, in_b = ({table.name for table in TABLES if _path(table.name) in report.manifest.files} for report in (a, b))
    differences = {
        table.name: _difference(report_table(a, table.name), report_table(b, table.name), list(table.key))
        for table in TABLES
        if table.name in in_a & in_b
    }
    return {
        "a": _summary(a.manifest),
        "b": _summary(b.manifest),
        "tables": {name: rows for name, rows in differences.items() if any(rows.values())},
        "only_in_a": sorted(in_a - in_b),
        "only_in_b": sorted(in_b - in_a),
    }


def _summary(manifest: Manifest) -> dict[str, Any]:
    spec = manifest.spec
    return {
        "key": manifest.key,
        "period": spec.period.name,
        "as_of": spec.as_of.isoformat(),
        "says": list(manifest.statements),
    }


def _difference(a: pd.DataFrame, b: pd.DataFrame, key: list[str]) -> dict[str, list[dict[str, Any]]]:
    before, after = _by_key(a, key), _by_key(b, key)
    changed = []
    for name in before.keys() & after.keys():
        differing = {
            column: [before[name].get(column), after[name].get(column)]
            for column in after[name]
            if before[name].get(column) != after[name].get(column)
        }
        if differing:
            changed.append({column: after[name][column] for column in key} | differing)
    return {
        "added": [after[name] for name in after if name not in before],
        "removed": [before[name] for name in before if name not in after],
        "changed": sorted(changed, key=repr),
    }


def _by_key(frame: pd.DataFrame, key: list[str]) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {tuple(row[column] for column in key): row for row in to_rows(frame)}


def refuse_changed(report: PublishedReport) -> None:
    """Raise an error if the manifest of a report was changed.

    Raises:
        UsageError: It was.
    """
    if fields := changed_fields(report):
        raise UsageError(
            f"The manifest in {report.folder.address} was changed after publication: {', '.join(fields)}. Nothing was "
            "compared. `report rebuild --verify` lists every change."
        )


def report_table(report: PublishedReport, name: str) -> pd.DataFrame:
    """Return a table of a report with all rows and columns.

    Raises:
        UsageError: The table was changed after publication.
    """
    return pd.read_parquet(io.BytesIO(report.read(_path(name))))


def _path(name: str) -> str:
    return f"tables/{name}.parquet"
