"""The requests table: the shop's own requests, one row per task; a later import overrides the columns that it has."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from bwp_client.errors import MixedDataError
from bwp_client.events import SAMPLE_TASK_ID_PREFIX
from bwp_client.warehouse.delta_writer import ROWS_PER_BATCH, WHOLE_TABLE
from bwp_client.warehouse.engine import connect, quoted, single_row
from bwp_client.warehouse.runs import Run, record_run
from bwp_client.warehouse.schema import TABLES, TableName
from bwp_client.warehouse.store import Warehouse

APP_ID: Final = "bwp.requests"
_SCHEMA: Final = TABLES[TableName.REQUESTS].schema


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """The fate of the imported requests: read = stored + unchanged."""

    read: int
    stored: int
    unchanged: int


def import_requests(
    warehouse: Warehouse,
    rows: pa.Table,
    given: tuple[str, ...],
    *,
    source: str,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ImportCounts:
    """Store requests in one commit, and publish them.

    In the row of a known task only the given columns are replaced. Two concurrent imports do not lose each other's rows.

    Args:
        warehouse: The warehouse to write to; created if it does not exist.
        rows: The columns of the requests table, one row per task.
        given: The columns to store; the others stay as they are.
        source: The name of the run's source.
        clock: Returns the time now, in UTC.

    Raises:
        MixedDataError: Sample tasks would meet real tasks; nothing was stored.
        WarehouseError: See `Warehouse.commit`.
    """
    started_at = clock()
    warehouse.create()
    with closing(connect()) as connection:
        merge = _Merge(warehouse, connection, rows, given)
        version = warehouse.commit(TableName.REQUESTS, merge.rows_for, app_id=APP_ID, replace=lambda: WHOLE_TABLE)
    counts = ImportCounts(rows.num_rows, merge.stored, rows.num_rows - merge.stored)
    record_run(
        warehouse,
        Run(
            kind="import",
            source=source,
            started_at=started_at,
            finished_at=clock(),
            counts={"read": counts.read, "stored": counts.stored, "duplicate": counts.unchanged},
            versions={TableName.REQUESTS.value: version},
        ),
    )
    return counts


class _Merge:
    """Merges imported rows with the stored ones; `rows_for` merges them anew on each attempt to commit."""

    def __init__(
        self, warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, rows: pa.Table, given: tuple[str, ...]
    ) -> None:
        connection.register("incoming", rows)
        self.stored = 0
        self._warehouse = warehouse
        self._connection = connection
        self._given = given

    def rows_for(self, handle: DeltaTable) -> Any | None:
        """Return all rows of the table after the import; None if nothing would change."""
        stored = self._warehouse.scan(TableName.REQUESTS, handle)
        self._refuse_mixture(stored)
        others = [name for name in _SCHEMA.names if name != "task_id"]
        columns = ", ".join(f"{'i' if name in self._given else 's'}.{name}" for name in others)
        differs = " or ".join(f"(m.{name} is distinct from s.{name})" for name in others)
        self._connection.execute(
            f"""
            create or replace temp table stored as select * from {stored};
            create or replace temp table merged as
            select i.task_id, {columns} from incoming i left join stored s on s.task_id = i.task_id;
            """
        )
        (self.stored,) = single_row(
            self._connection,
            f"""
            select count(*) from merged m left join stored s on s.task_id = m.task_id
            where s.task_id is null or {differs}
            """,
        )
        if not self.stored:
            return None
        named = ", ".join(_SCHEMA.names)
        return self._connection.sql(
            f"""
            select {named} from merged
            union all
            select {named} from stored where task_id not in (select task_id from merged)
            """
        ).to_arrow_reader(ROWS_PER_BATCH)

    def _refuse_mixture(self, stored: str) -> None:
        is_sample = f"starts_with(lower(task_id), {quoted(SAMPLE_TASK_ID_PREFIX)})"
        outcomes = self._warehouse.handle(TableName.OUTCOMES)
        known = self._warehouse.scan(TableName.OUTCOMES, files=self._warehouse.data_files(outcomes)[:1])
        some, every = single_row(
            self._connection,
            f"""
            select bool_or({is_sample}), bool_and({is_sample}) from (
                select task_id from incoming
                union all (select task_id from {stored} limit 1)
                union all (select task_id from {known} limit 1)
            )
            """,
        )
        if some and not every:
            raise MixedDataError(
                "Sample tasks and real tasks may not meet in one warehouse. Nothing was imported. "
                "Give --warehouse another address for one of the two."
            )
