"""The claims table: the tasks that each run of `enrich` is looking up, so that other runs leave these tasks out.

Every commit replaces the whole small table. A commit fails if another run committed since the table was read; then the run
chooses its tasks again. Claims need no lock, so they work on S3 as on a local disk.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from typing import Final

import pyarrow as pa
from deltalake import DeltaTable

from bwp_client.warehouse.delta_writer import WHOLE_TABLE
from bwp_client.warehouse.engine import small_cursor
from bwp_client.warehouse.schema import TABLES, TableName
from bwp_client.warehouse.store import Warehouse

APP_ID: Final = "bwp.claims"

TaskKey = tuple[str, str]
"""A task's ID and kind."""

Held = Mapping[TaskKey, datetime]
"""Tasks claimed by other runs, with the time at which each claim expires."""


def commit_claims(
    warehouse: Warehouse,
    run_id: str,
    *,
    choose: Callable[[Held], Collection[TaskKey]],
    clock: Callable[[], datetime],
    lease: timedelta,
) -> None:
    """Replace the claims of one run; the unexpired claims of other runs stay.

    Args:
        warehouse: The warehouse whose tasks are claimed.
        run_id: The run.
        choose: Returns the tasks to claim; called again whenever another run committed first.
        clock: Returns the time now, in UTC; called first in each attempt. The claims expire one lease later.
        lease: How long the claims hold.

    Raises:
        WarehouseError: See `Warehouse.commit`; no new claim is held.
    """
    schema = TABLES[TableName.CLAIMS].schema

    def rows_for(handle: DeltaTable) -> pa.Table:
        now = clock()
        with closing(small_cursor()) as connection:
            rows = connection.execute(
                f"""
                select {", ".join(schema.names)} from {warehouse.scan(TableName.CLAIMS, handle)}
                where run_id <> $run_id and expires_at > $now
                """,
                {"run_id": run_id, "now": now},
            ).fetchall()
        others = [dict(zip(schema.names, row, strict=True)) for row in rows]
        claimed = choose({(row["task_id"], row["task_kind"]): row["expires_at"] for row in others})
        own = [
            {"task_id": task_id, "task_kind": task_kind, "run_id": run_id, "expires_at": now + lease}
            for task_id, task_kind in claimed
        ]
        return pa.Table.from_pylist(others + own, schema=schema)

    warehouse.commit(TableName.CLAIMS, rows_for, app_id=APP_ID, replace=lambda: WHOLE_TABLE)
