"""The rules by which a purge removes or changes rows; the rule of each table is `purge_sql/<table>.sql`."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

import duckdb
from deltalake import DeltaTable
from jinja2 import Environment, PackageLoader, StrictUndefined

from bwp_client.warehouse.delta_writer import ROWS_PER_BATCH
from bwp_client.warehouse.engine import TempTables, single_row
from bwp_client.warehouse.normal_ids import normal_id_sql
from bwp_client.warehouse.schema import TABLES, TableName
from bwp_client.warehouse.store import Warehouse

PURGED_TEXT: Final = "(purged)"
RAW_DAYS: Final = 30
"""Days after which a purge blanks the stored bytes of a quarantined record whose source can't be read again."""


class PurgeRules:
    """Classifies the rows of requests, lookups, claims and quarantine by the outcomes at the time of construction.

    Args:
        warehouse: The warehouse that is purged.
        connection: The DuckDB connection that computes the rows.
        temp: Holds the lists of tasks.
        before: The floor.
        now: The time of the purge.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        connection: duckdb.DuckDBPyConnection,
        temp: TempTables,
        *,
        before: datetime,
        now: datetime,
    ) -> None:
        self._warehouse = warehouse
        self._connection = connection
        self._raw_before = now - timedelta(days=RAW_DAYS)
        self._before = before
        outcomes = warehouse.scan(TableName.OUTCOMES)
        self._removed_tasks = temp.create(
            "removed_tasks",
            f"select task_id from {outcomes} group by task_id having max(occurred_at) < $before",
            {"before": before},
        )
        # A task that only a request names is not removed.
        self._known_tasks = temp.create(
            "known_tasks",
            f"""
            select task_id from {outcomes} where occurred_at >= $before
            union
            select task_id from {warehouse.scan(TableName.REQUESTS)}
            where task_id is not null and task_id not in (select task_id from {self._removed_tasks})
            """,
            {"before": before},
        )

    def count(self, table: TableName, handle: DeltaTable | None = None) -> tuple[int, int]:
        """Return the numbers of rows to remove and of rows to change, in the handle's version or, without one, the newest."""
        removed, changed = single_row(
            self._connection,
            f"""
            select count(*) filter (is_removed), count(*) filter (is_changed and not is_removed)
            from ({self._classified(table, handle)})
            """,
            self._parameters(table),
        )
        return int(removed), int(changed)

    def rows_left(self, table: TableName, handle: DeltaTable) -> Any:
        """Return the rows that the purge leaves, changed where necessary, as Arrow data in the table's columns."""
        columns = ", ".join(f'"{name}"' for name in TABLES[table].schema.names)
        sql = f"select {columns} from ({self._classified(table, handle)}) where not is_removed"
        return self._connection.sql(sql, params=self._parameters(table)).to_arrow_reader(ROWS_PER_BATCH)

    def _classified(self, table: TableName, handle: DeltaTable | None) -> str:
        """Return SQL for a table's rows, changed where necessary, with the columns is_removed and is_changed (bool) added."""
        template = _templates().get_template(f"{table.value}.sql")
        return template.render(
            table=self._warehouse.scan(table, handle),
            removed_tasks=self._removed_tasks,
            known_tasks=self._known_tasks,
            purged_text=PURGED_TEXT,
            normal_id=normal_id_sql,
        )

    def _parameters(self, table: TableName) -> dict[str, datetime]:
        is_quarantine = table is TableName.QUARANTINE
        return {"before": self._before, "raw_before": self._raw_before} if is_quarantine else {}


@cache
def _templates() -> Environment:
    return Environment(  # noqa: S701 - the templates make SQL, not HTML
        loader=PackageLoader("bwp_client.warehouse", "purge_sql"), undefined=StrictUndefined
    )
