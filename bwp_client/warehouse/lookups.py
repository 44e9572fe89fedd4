"""The lookups table: one row per answer of the API about a task, append-only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
from deltalake import DeltaTable

from bwp_client.warehouse.purge_floor import purge_floor
from bwp_client.warehouse.schema import TABLES, TableName
from bwp_client.warehouse.store import Warehouse

APP_ID: Final = "bwp.lookups"


def append_lookups(warehouse: Warehouse, answers: Sequence[tuple[Mapping[str, Any], datetime | None]]) -> int:
    """Append answers of the API, except those about tasks that a purge has removed since the tasks were listed.

    Args:
        warehouse: The warehouse to write to.
        answers: The columns of a lookups row, and the time of the task's outcome; None for a task without an outcome.

    Returns:
        The table's version that holds the answers.

    Raises:
        WarehouseError: See `Warehouse.commit`.
    """

    def rows_for(handle: DeltaTable) -> pa.Table | None:
        floor = purge_floor(handle)
        rows = [row for row, ended_at in answers if floor is None or ended_at is None or ended_at >= floor]
        return pa.Table.from_pylist(rows, schema=TABLES[TableName.LOOKUPS].schema) if rows else None

    return warehouse.commit(TableName.LOOKUPS, rows_for, app_id=APP_ID)
