"""What changed between two published reports: every table, row by row."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd

from bwp_client.metrics.export import to_rows
from bwp_client.reports.manifest import Manifest
from bwp_client.reports.store import ReportStore
from bwp_client.reports.tables import TABLES

Published = tuple[ReportStore, Manifest]


def compare(a: Published, b: Published) -> dict[str, Any]:
    """Compare two reports.

    Returns:
        `a` and `b`: what each is. `tables`: by table, rows `added` in b, `removed` from a, and `changed`: the row's key with
        each column that differs as [a, b]. Tables that only one of them has are named in `only_in_a` and `only_in_b`.

    Raises:
        UsageError: A table was changed since it was published.
        RemoteError: S3 refused or failed.
    """
    present = [{table.name for table in TABLES if _path(table.name) in manifest.files} for _, manifest in (a, b)]
    tables = {
        table.name: _difference(_read(a, table.name), _read(b, table.name), list(table.key))
        for table in TABLES
        if table.name in present[0] & present[1]
    }
    return {
        "a": _head(a[1]),
        "b": _head(b[1]),
        "tables": {name: found for name, found in tables.items() if any(found.values())},
        "only_in_a": sorted(present[0] - present[1]),
        "only_in_b": sorted(present[1] - present[0]),
    }


def _head(manifest: Manifest) -> dict[str, Any]:
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


def _read(published: Published, name: str) -> pd.DataFrame:
    store, manifest = published
    return pd.read_parquet(io.BytesIO(store.read(manifest, _path(name))))


def _path(name: str) -> str:
    return f"tables/{name}.parquet"
