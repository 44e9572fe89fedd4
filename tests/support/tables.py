"""Looks at a warehouse's tables without the product's own queries, and runs the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bwp_client.warehouse import TableName, Warehouse

OUTCOME_COLUMNS = (
    "task_id", "task_kind", "business_product_id", "region", "outcome", "occurred_at", "conflicting", "events_seen",
)  # fmt: skip


def rows(warehouse: Warehouse, table: TableName, *columns: str) -> list[tuple[Any, ...]]:
    """Give a table's rows, sorted, through Delta Lake's own reader."""
    found = warehouse.handle(table).to_pyarrow_table(columns=list(columns))
    return sorted(zip(*(found.column(name).to_pylist() for name in columns), strict=True), key=repr)


def outcomes(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return rows(warehouse, TableName.OUTCOMES, *OUTCOME_COLUMNS)


def fingerprints(warehouse: Warehouse) -> list[str]:
    """Give the fingerprints of all stored events, doubles included."""
    return [row[0] for row in rows(warehouse, TableName.EVENTS, "fingerprint")]


def reasons(warehouse: Warehouse) -> list[str]:
    return [row[0] for row in rows(warehouse, TableName.QUARANTINE, "reason")]


def clean_env(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BWP_")}
    return kept | changes


def command(
    *arguments: str | Path, cwd: Path, python: tuple[str, ...] = ("-m", "bwp_client"), **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own; `python` is how it is started."""
    return subprocess.run(
        [sys.executable, *python, *map(str, arguments)],
        cwd=cwd,
        env=clean_env(**env),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def command_json(*arguments: str | Path, cwd: Path, allowed: tuple[int, ...] = (0,), **env: str) -> Any:
    done = command(*arguments, cwd=cwd, **env)
    assert done.returncode in allowed, done.stderr
    return json.loads(done.stdout)
