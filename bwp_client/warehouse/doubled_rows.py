"""Finds rows that a table holds twice, and removes the second of each.

In earlier releases, two runs of `maintain` at once could compact the same files. Delta Lake committed both compactions, so
that every row of these files was there twice. Only tables that such a release created are searched: it takes about as long
as reading them.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
from deltalake import DeltaTable

from bwp_client.warehouse import events, lookups, objects, quarantine, replays, requests, runs
from bwp_client.warehouse.data_files import is_of_older_release
from bwp_client.warehouse.delta_writer import ROWS_PER_BATCH, WHOLE_TABLE
from bwp_client.warehouse.engine import TempTables, connect, quoted, single_row
from bwp_client.warehouse.schema import TABLES, TableName
from bwp_client.warehouse.store import Warehouse

_KEYS: Final[dict[TableName, tuple[str, ...]]] = {
    TableName.EVENTS: ("event_id", "event_type", "task_id"),
    TableName.OUTCOMES: ("task_id", "task_kind"),
    TableName.LOOKUPS: ("task_id", "task_kind", "run_id", "attempt", "asked_at", "lookup_state", "status", "reason"),
    TableName.REQUESTS: ("task_id",),
    TableName.QUARANTINE: ("source_uri", "etag", '"offset"', "digest"),
    TableName.OBJECTS: ("source_uri", "etag", "size_bytes", "window_from", "window_to", "load_id", "read_at"),
    TableName.REPLAYS: ("replay_name", "state", "recorded_at"),
    TableName.RUNS: ("run_no", "run_id"),
}
"""The columns that no two rows of a table share. The rows of `claims` end by themselves."""
_WRITERS: Final[dict[TableName, str]] = {
    TableName.EVENTS: events.APP_ID,
    TableName.LOOKUPS: lookups.APP_ID,
    TableName.REQUESTS: requests.APP_ID,
    TableName.QUARANTINE: quarantine.APP_ID,
    TableName.OBJECTS: objects.APP_ID,
    TableName.REPLAYS: replays.APP_ID,
    TableName.RUNS: runs.APP_ID,
}
"""The app transaction of the writers of each table; the outcomes are computed anew instead."""
_MONTH: Final = "strftime(make_timestamp(epoch_us(occurred_at)), '%Y-%m')"


def doubled_outcomes(warehouse: Warehouse) -> int:
    """Return the number of outcomes that the newest version of the table holds twice.

    Raises:
        WarehouseError: See `Warehouse.retry_superseded`.
        RemoteError: S3 refused or failed.
    """
    with TemporaryDirectory(prefix="bwp-doubled-") as spill, closing(connect(Path(spill))) as connection:
        return warehouse.retry_superseded(
            lambda: _count(warehouse, connection, TableName.OUTCOMES, warehouse.handle(TableName.OUTCOMES))
        )


def remove_doubled_rows(warehouse: Warehouse) -> dict[TableName, int]:
    """Remove the second of each doubled row from every table but the outcomes; return the numbers of removed rows.

    Raises:
        WarehouseError: See `Warehouse.commit`; a table is repaired or unchanged.
        RemoteError: S3 refused or failed; a table is repaired or unchanged.
    """
    removed = {}
    with (
        TemporaryDirectory(prefix="bwp-doubled-") as spill,
        closing(connect(Path(spill))) as connection,
        TempTables(connection) as temp,
    ):
        for table in _WRITERS:
            if count := _Repair(warehouse, connection, temp, table).run():
                removed[table] = count
    return removed


def _count(warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, table: TableName, handle: DeltaTable) -> int:
    if not is_of_older_release(handle):
        return 0
    (count,) = single_row(
        connection,
        f"""
        select coalesce(sum(equal_rows - 1), 0)::bigint from (
            select count(*) as equal_rows from {warehouse.scan(table, handle, as_stored=True)} group by {_hash(table)}
        ) where equal_rows > 1
        """,
    )
    return int(count)


def _hash(table: TableName) -> str:
    """Return SQL for the hash of a row's key, which takes far less memory than the key."""
    return f"hash({', '.join(_KEYS[table])})"


class _Repair:
    """The repair of one table; `rows_for` computes everything again on each attempt to commit."""

    def __init__(
        self, warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, temp: TempTables, table: TableName
    ) -> None:
        self._warehouse = warehouse
        self._connection = connection
        self._temp = temp
        self._table = table
        self._removed = 0
        self._months: list[str] = []

    def run(self) -> int:
        """Commit the rows that stay, if any is doubled; return the number of removed rows."""
        self._warehouse.commit(self._table, self._rows_for, app_id=_WRITERS[self._table], replace=self._predicate)
        return self._removed

    def _rows_for(self, handle: DeltaTable) -> Any | None:
        warehouse, table = self._warehouse, self._table
        self._removed = _count(warehouse, self._connection, table, handle)
        if not self._removed:
            return None
        files = warehouse.data_files(handle)
        if TABLES[table].partition_by:
            self._months = self._months_with_doubles(warehouse.scan(table, files=files, as_stored=True))
            files = [item for item in files if item.partition["occurred_month"] in self._months]
        month = f", {_MONTH} as occurred_month" if TABLES[table].partition_by else ""
        rows = f"""
            select *{month} from {warehouse.scan(table, files=files, as_stored=True)}
            qualify row_number() over (partition by {", ".join(_KEYS[table])}) = 1
        """
        return self._connection.sql(rows).to_arrow_reader(ROWS_PER_BATCH)

    def _months_with_doubles(self, rows: str) -> list[str]:
        key = _hash(self._table)
        repeated = self._temp.create("repeated", f"select {key} as key from {rows} group by {key} having count(*) > 1")
        months = (
            f"select distinct {_MONTH} as month from {rows} where {key} in (select key from {repeated}) order by month"
        )
        return [month for (month,) in self._connection.sql(months).fetchall()]

    def _predicate(self) -> str | None:
        if not self._removed:
            return None
        return f"occurred_month in ({', '.join(map(quoted, self._months))})" if self._months else WHOLE_TABLE
