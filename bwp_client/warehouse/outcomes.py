"""One row per task, computed from the events alone, a month's files at a time."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from deltalake import DeltaTable

from bwp_client.errors import SourceNotFoundError
from bwp_client.warehouse.engine import connect, quoted
from bwp_client.warehouse.purge_floor import floor_transaction, purge_floor
from bwp_client.warehouse.schema import TableName
from bwp_client.warehouse.store import ROWS_PER_BATCH, DataFile, Warehouse

APP_ID = "bwp.outcomes.events_version"
"""The app transaction of the outcomes table; its version is the events version that the outcomes cover."""

ROWS_PER_SORT = 1_000_000
"""Hashes of tasks that come from DuckDB at a time."""

COMPACTION = "OPTIMIZE"
"""How the log names a commit that changes no row."""

OUTCOMES_SQL = """
with facts as (
    select task_id, task_kind, business_product_id, region, outcome, occurred_at from {events}
),
places as (
    select business_product_id, region, task_kind,
           row_number() over (order by business_product_id, region nulls first, task_kind) as place
    from (select distinct business_product_id, region, task_kind from facts)
),
grouped as (
    select f.task_id, f.task_kind,
           arg_max(p.place, row(p.region is not null, f.occurred_at, f.outcome = 'FAILED', p.place)) as place,
           max(case when f.outcome = 'FAILED' then f.occurred_at end) as failed_at,
           max(case when f.outcome = 'COMPLETED' then f.occurred_at end) as completed_at,
           count(*) as events_seen
    from facts f join places p
      on p.business_product_id = f.business_product_id and p.task_kind = f.task_kind
     and p.region is not distinct from f.region
    group by f.task_id, f.task_kind
)
select g.task_id, g.task_kind, p.business_product_id, p.region,
       case when failed_at >= coalesce(completed_at, failed_at) then 'FAILED' else 'COMPLETED' end as outcome,
       greatest(failed_at, completed_at) as occurred_at,
       strftime(greatest(failed_at, completed_at), '%Y-%m') as occurred_month,
       failed_at is not null and completed_at is not null as conflicting,
       g.events_seen
from grouped g join places p using (place)
"""
"""The definition: the latest outcome by event time, FAILED on a tie; both seen = conflicting. Of several places the
latest one whose region is known."""

_READ = ("task_id", "task_kind", "business_product_id", "region", "outcome", "occurred_at")
_TASK = "hash(task_id)"

_MONTH = "strftime(make_timestamp(epoch_us(occurred_at)), '%Y-%m')"
"""The month in UTC. Of a time with a zone it would take as long as all the rest."""

_SINGLE_SQL = f"""
select task_id, task_kind, business_product_id, region, outcome, occurred_at,
       {_MONTH} as occurred_month, false as conflicting, 1::bigint as events_seen
from {{events}} where {_TASK} not in (from repeated)
"""
"""What the definition says of a task with one event, without grouping: a fifth of the time, and no memory."""


def covered_version(outcomes: DeltaTable) -> int | None:
    """Give the events version that the outcomes cover; none when they were never made."""
    return outcomes.transaction_version(APP_ID)


def is_behind(warehouse: Warehouse) -> bool:
    """Tell whether events were stored that the outcomes don't cover yet."""
    events_version = warehouse.handle(TableName.EVENTS).version()
    return events_version > (covered_version(warehouse.handle(TableName.OUTCOMES)) or 0)


def refresh_outcomes(
    warehouse: Warehouse, *, rebuild: bool = False, connection: duckdb.DuckDBPyConnection | None = None
) -> int:
    """Bring the outcomes up to the newest events; give the outcomes table's version.

    Reads the event files added since the version covered, finds their tasks, and replaces only the months that
    those tasks were or are now in, in one commit.

    Args:
        warehouse: Whose outcomes.
        rebuild: Compute everything anew, whatever is there.
        connection: A DuckDB connection used by nobody else meanwhile; one is opened when there is none.

    Raises:
        WarehouseError: See `Warehouse.commit`.
    """
    if connection is not None:
        return _Refresh(warehouse, connection, rebuild=rebuild).run()
    with TemporaryDirectory(prefix="bwp-outcomes-") as spill, closing(connect(Path(spill))) as own:
        return _Refresh(warehouse, own, rebuild=rebuild).run()


def _is_only_compacted(events: DeltaTable, covered: int) -> bool:
    """Tell whether every commit since a version only wrote the same rows into fewer files."""
    commits = events.version() - covered
    if events.history(1)[0]["operation"] != COMPACTION:
        return False
    since = events.history(commits)
    return len(since) == commits and all(commit["operation"] == COMPACTION for commit in since)


def _repeated(connection: duckdb.DuckDBPyConnection, events: str) -> pa.Table:
    """Give the hashes of tasks with several events: a hash seen once is a task with one event, and most are.

    To sort 8 bytes a row takes half the CPU time of grouping them, and a fraction of the memory.
    """
    batches = connection.sql(f"select {_TASK} as task from {events}").to_arrow_reader(ROWS_PER_SORT)
    parts = [np.frombuffer(batch["task"].buffers()[1] or b"", np.uint64)[: batch.num_rows] for batch in batches]
    tasks = np.concatenate([np.zeros(0, np.uint64), *parts])
    del parts
    tasks.sort()
    several = np.unique(tasks[1:][tasks[1:] == tasks[:-1]])
    column = pa.Array.from_buffers(pa.uint64(), len(several), [None, pa.py_buffer(several)])
    return pa.Table.from_arrays([column], names=["task"])


class _Refresh:
    def __init__(self, warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, *, rebuild: bool) -> None:
        self._warehouse = warehouse
        self._connection = connection
        self._rebuild = rebuild
        self._events_version = 0
        self._floor: datetime | None = None
        self._months: list[str] = []

    def run(self) -> int:
        metadata: dict[str, str] = {}
        return self._warehouse.commit(
            TableName.OUTCOMES,
            lambda handle: self._rows(handle, metadata),
            app_id=APP_ID,
            app_version=lambda _: self._events_version,
            replace=self._predicate,
            app_transactions=lambda: floor_transaction(self._floor),
            metadata=metadata,
        )

    def _rows(self, outcomes: DeltaTable, metadata: dict[str, str]) -> Any | None:
        warehouse, connection = self._warehouse, self._connection
        self._months = []
        events = warehouse.handle(TableName.EVENTS)
        self._events_version = events.version()
        self._floor = purge_floor(events)
        metadata["events_version"] = str(self._events_version)
        covered = None if self._rebuild else covered_version(outcomes)
        if covered is not None and covered >= self._events_version:
            return None
        if covered is not None and _is_only_compacted(events, covered):
            return self._result(f"select * from {warehouse.scan(TableName.OUTCOMES, files=[])}")
        event_files = warehouse.data_files(events)
        outcome_files = warehouse.data_files(outcomes)
        added = self._added(event_files, covered)
        all_events = warehouse.scan(TableName.EVENTS, files=event_files)
        # A purge takes events away, which the files added can't tell.
        is_purged = self._floor != purge_floor(outcomes)
        if self._rebuild or is_purged or not outcome_files or len(added) == len(event_files):
            self._months = sorted({item.partition["occurred_month"] for item in outcome_files + event_files})
            return self._result(self._outcomes_of(all_events))
        if not added:
            return None
        added_events = warehouse.scan(TableName.EVENTS, files=added)
        all_outcomes = warehouse.scan(TableName.OUTCOMES, files=outcome_files)
        connection.execute(
            f"""
            create or replace temp table told_again as
            select task_id, {_MONTH} as occurred_month from {all_outcomes}
            semi join {added_events} as added using (task_id)
            """
        )
        connection.execute(
            f"""
            create or replace temp table added as
            select {", ".join(_READ)} from {added_events} anti join told_again using (task_id)
            """
        )
        if not connection.sql("from told_again limit 1").fetchall():
            return self._result(self._outcomes_of("added"))
        connection.execute(
            f"insert into added select {', '.join(_READ)} from {all_events} semi join told_again using (task_id)"
        )
        connection.execute(f"create or replace temp table renewed as {self._outcomes_of('added')}")
        self._months = [
            row[0]
            for row in connection.sql(
                "select occurred_month from renewed union select occurred_month from told_again order by 1"
            ).fetchall()
        ]
        in_months = [item for item in outcome_files if item.partition["occurred_month"] in self._months]
        kept = warehouse.scan(TableName.OUTCOMES, files=in_months)
        return self._result(
            f"""
            select * from renewed
            union all by name
            select task_id, task_kind, business_product_id, region, outcome, occurred_at,
                   {_MONTH} as occurred_month, conflicting, events_seen
            from {kept} anti join told_again using (task_id)
            """
        )

    def _outcomes_of(self, events: str) -> str:
        """Give SQL for the outcomes of events; what it reads must stay until it was run."""
        connection = self._connection
        connection.register("repeated", _repeated(connection, events))
        connection.execute(
            f"create or replace temp table several as select {', '.join(_READ)} from {events} "
            f"where {_TASK} in (from repeated)"
        )
        return f"{_SINGLE_SQL.format(events=events)} union all ({OUTCOMES_SQL.format(events='several')})"

    def _added(self, event_files: list[DataFile], covered: int | None) -> list[DataFile]:
        if covered is None:
            return event_files
        try:
            before = {
                item.path for item in self._warehouse.data_files(self._warehouse.handle(TableName.EVENTS, covered))
            }
        except SourceNotFoundError:
            # That version's log is gone (purged or cleaned): what was added since can't be told, so all is.
            return event_files
        return [item for item in event_files if item.path not in before]

    def _predicate(self) -> str | None:
        return f"occurred_month in ({', '.join(quoted(month) for month in self._months)})" if self._months else None

    def _result(self, sql: str) -> Any:
        return self._connection.sql(f"select * from ({sql})").to_arrow_reader(ROWS_PER_BATCH)
