"""Lookups as rows of plain dicts, written to a warehouse without asking anybody."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from bwp_client.warehouse import TABLES, Run, TableName, Warehouse, record_run
from support.events import PRODUCT

ASKED_AT = datetime(2026, 5, 19, tzinfo=UTC)


def looked_up(
    task: str,
    *,
    state: str = "found",
    status: str = "FAILED",
    kind: str = "DELETION",
    errors: list[str | None] | None = None,
    message: str = "made up",
    **columns: Any,
) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(TABLES[TableName.LOOKUPS].schema.names)
    task_errors = [{"code": code, "message": message} for code in errors or []]
    row |= {
        "task_id": task, "task_kind": kind, "business_product_id": PRODUCT, "lookup_state": state, "status": status,
        "errors": task_errors, "asked_at": ASKED_AT, "attempt": 1, "run_id": "run-1",
    }  # fmt: skip
    return row | columns


def store_lookups(warehouse: Warehouse, lookups: list[dict[str, Any]], *, finished_at: datetime = ASKED_AT) -> None:
    """Write lookups and publish them as a run of their own."""
    rows = pa.Table.from_pylist(lookups, schema=TABLES[TableName.LOOKUPS].schema)
    version = warehouse.commit(TableName.LOOKUPS, lambda _: rows, app_id="bwp.lookups")
    record_run(
        warehouse,
        Run(
            kind="enrich",
            source="made up",
            started_at=finished_at,
            finished_at=finished_at,
            counts={"asked": len(lookups)},
            versions={"lookups": version},
        ),
    )
