"""The outcomes table: one row per task, computed from the events alone. A refresh replaces only months with changes."""

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
from bwp_client.warehouse.covered_events import (
    VERSION,
    CoveredEvents,
    coverage_transactions,
    covered_events,
    digest_of_files,
    follow_older_rules,
)
from bwp_client.warehouse.data_files import DataFile
from bwp_client.warehouse.delta_writer import ROWS_PER_BATCH
from bwp_client.warehouse.engine import TempTables, connect, quoted
from bwp_client.warehouse.purge_floor import floor_transaction, purge_floor
from bwp_client.warehouse.schema import TableName
from bwp_client.warehouse.store import Warehouse

ROWS_PER_SORT = 1_000_000
"""The number of task hashes per batch read from DuckDB."""

ROWS_UNCHANGED = ("OPTIMIZE", "SET TBLPROPERTIES")
"""The operation names, in the table's log, of the commits of a compaction, which change no row."""

OUTCOMES_SQL = """
with facts as (
    select task_id, task_kind, business_product_id, region, outcome, occurred_at from {events}
),
origins as (
    select business_product_id, region, task_kind,
           row_number() over (order by business_product_id, region nulls first, task_kind) as origin_no
    from (select distinct business_product_id, region, task_kind from facts)
),
grouped as (
    select f.task_id, f.task_kind,
           arg_max(o.origin_no, row(o.region is not null, f.occurred_at, f.outcome = 'FAILED', o.origin_no)) as origin_no,
           max(case when f.outcome = 'FAILED' then f.occurred_at end) as failed_at,
           max(case when f.outcome = 'COMPLETED' then f.occurred_at end) as completed_at,
           count(*) as events_seen
    from facts f join origins o
      on o.business_product_id = f.business_product_id and o.task_kind = f.task_kind
     and o.region is not distinct from f.region
    group by f.task_id, f.task_kind
)
select g.task_id, g.task_kind, o.business_product_id, o.region,
       case when failed_at >= coalesce(completed_at, failed_at) then 'FAILED' else 'COMPLETED' end as outcome,
       greatest(failed_at, completed_at) as occurred_at,
       strftime(greatest(failed_at, completed_at), '%Y-%m') as occurred_month,
       failed_at is not null and completed_at is not null as conflicting,
       g.events_seen
from grouped g join origins o using (origin_no)
"""
"""The definition of the outcomes: the latest outcome by event time, FAILED on a tie; conflicting if both outcomes were seen.
Product and region come from the latest event whose region is known, else from the latest event."""

_COLUMNS = "task_id, task_kind, business_product_id, region, outcome, occurred_at"
_TASK = "hash(task_id)"

_MONTH = "strftime(make_timestamp(epoch_us(occurred_at)), '%Y-%m')"
"""The month in UTC. `strftime` of a timestamp with time zone is far slower."""

SINGLE_EVENT_SQL = f"""
select {_COLUMNS}, {_MONTH} as occurred_month, false as conflicting, 1::bigint as events_seen
from {{events}} where {_TASK} not in (from {{repeated}})
"""
"""The outcomes of tasks with one event, computed without grouping. Most tasks have one event, and grouping all tasks takes
far more time and memory; docs/performance.md says how much. A test proves that both queries agree."""


def refresh_outcomes(
    warehouse: Warehouse, *, rebuild: bool = False, connection: duckdb.DuckDBPyConnection | None = None
) -> int:
    """Make the outcomes cover the newest events.

    A refresh reads the event files added since the covered version, finds their tasks, and replaces, in one commit, only
    the months that held the outcomes of these tasks before or hold them now.

    Args:
        warehouse: The warehouse to write to.
        rebuild: Compute all outcomes again.
        connection: The DuckDB connection that computes the rows; a new one is opened when not given.

    Returns:
        The version of the outcomes table.

    Raises:
        WarehouseError: See `Warehouse.commit`.
    """
    if connection is not None:
        return _refresh(warehouse, connection, rebuild=rebuild)
    with TemporaryDirectory(prefix="bwp-outcomes-") as spill, closing(connect(Path(spill))) as own:
        return _refresh(warehouse, own, rebuild=rebuild)


def _refresh(warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, *, rebuild: bool) -> int:
    with TempTables(connection) as temp:
        refresh = _Refresh(warehouse, connection, temp, rebuild=rebuild)
        return warehouse.commit(
            TableName.OUTCOMES,
            refresh.rows_for,
            app_id=VERSION,
            app_version=lambda _: refresh.events_version,
            replace=refresh.predicate,
            app_transactions=lambda: floor_transaction(refresh.floor) | coverage_transactions(refresh.event_files),
            metadata=refresh.metadata,
        )


def _is_only_compacted(events: DeltaTable, covered: int) -> bool:
    """Return whether no commit after a version of the events changed a row."""
    commits = events.version() - covered
    newest = events.history(1)
    # Delta Lake finds no history in a folder whose name has a "#" or "?".
    if not newest or newest[0]["operation"] not in ROWS_UNCHANGED:
        return False
    since = events.history(commits)
    return len(since) == commits and all(commit["operation"] in ROWS_UNCHANGED for commit in since)


def repeated_tasks(connection: duckdb.DuckDBPyConnection, events: str) -> pa.Table:
    """Return the hashes of tasks with several events, as one column `task` (uint64).

    A hash that occurs once is a task with one event. Sorting 8 bytes per row is faster than `group by … having count(*) > 1`
    and needs a fraction of its memory.
    """
    batches = connection.sql(f"select {_TASK} as task from {events}").to_arrow_reader(ROWS_PER_SORT)
    parts = [np.frombuffer(batch["task"].buffers()[1] or b"", np.uint64)[: batch.num_rows] for batch in batches]
    tasks = np.concatenate([np.zeros(0, np.uint64), *parts])
    del parts
    tasks.sort()
    repeated = np.unique(tasks[1:][tasks[1:] == tasks[:-1]])
    column = pa.Array.from_buffers(pa.uint64(), len(repeated), [None, pa.py_buffer(repeated)])
    return pa.Table.from_arrays([column], names=["task"])


class _Refresh:
    """One refresh; `rows_for` computes everything again on each attempt to commit."""

    def __init__(
        self, warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, temp: TempTables, *, rebuild: bool
    ) -> None:
        self._warehouse = warehouse
        self._connection = connection
        self._temp = temp
        self._rebuild = rebuild
        self._months: list[str] = []
        self.events_version = 0
        self.event_files: list[DataFile] = []
        self.floor: datetime | None = None
        self.metadata: dict[str, str] = {}

    def rows_for(self, outcomes: DeltaTable) -> Any | None:
        """Return the outcomes of the months to replace; None if the table covers all events already."""
        warehouse = self._warehouse
        self._months = []
        events = warehouse.handle(TableName.EVENTS)
        self.events_version = events.version()
        self.floor = purge_floor(events)
        self.metadata["events_version"] = str(self.events_version)
        self.event_files = event_files = warehouse.data_files(events)
        covered = None if self._rebuild else covered_events(outcomes)
        if covered and follow_older_rules(warehouse, outcomes, covered):
            covered = None
        if covered and covered.are(events, event_files):
            return None
        before = self._files_before(covered, events)
        if covered and before is not None and _is_only_compacted(events, covered.version):
            return self._stream(f"from {warehouse.scan(TableName.OUTCOMES, files=[])}")
        outcome_files = warehouse.data_files(outcomes)
        added = [item for item in event_files if item.path not in (before or ())]
        # A purge removes events, but the added files do not show which events it removed.
        is_purged = self.floor != purge_floor(outcomes)
        if before is None or is_purged or not outcome_files or len(added) == len(event_files):
            self._months = sorted({item.partition["occurred_month"] for item in outcome_files + event_files})
            return self._stream(self._outcomes_of(warehouse.scan(TableName.EVENTS, files=event_files)))
        if not added:
            return self._stream(f"from {warehouse.scan(TableName.OUTCOMES, files=[])}")
        return self._stream(self._changed(event_files, added, outcome_files))

    def predicate(self) -> str | None:
        """Return the predicate of the months to replace; None to append."""
        return f"occurred_month in ({', '.join(quoted(month) for month in self._months)})" if self._months else None

    def _changed(self, event_files: list[DataFile], added: list[DataFile], outcome_files: list[DataFile]) -> str:
        """Return SQL for the outcomes of the months that added events change."""
        warehouse, temp = self._warehouse, self._temp
        all_events, added_events = (warehouse.scan(TableName.EVENTS, files=files) for files in (event_files, added))
        known = temp.create(
            "known",
            f"""
            select task_id, {_MONTH} as occurred_month from {warehouse.scan(TableName.OUTCOMES, files=outcome_files)}
            semi join {added_events} as added using (task_id)
            """,
        )
        touched = temp.create("touched", f"select {_COLUMNS} from {added_events} anti join {known} using (task_id)")
        if not self._connection.sql(f"from {known} limit 1").fetchall():
            return self._outcomes_of(touched)
        self._connection.execute(
            f"insert into {touched} select {_COLUMNS} from {all_events} semi join {known} using (task_id)"
        )
        recomputed = temp.create("recomputed", self._outcomes_of(touched))
        months = f"select occurred_month from {recomputed} union select occurred_month from {known} order by 1"
        self._months = [month for (month,) in self._connection.sql(months).fetchall()]
        in_months = [item for item in outcome_files if item.partition["occurred_month"] in self._months]
        return f"""
            select * from {recomputed}
            union all by name
            select {_COLUMNS}, {_MONTH} as occurred_month, conflicting, events_seen
            from {warehouse.scan(TableName.OUTCOMES, files=in_months)} anti join {known} using (task_id)
        """

    def _outcomes_of(self, events: str) -> str:
        """Return SQL that computes outcomes from a relation of events; the relation must exist until the SQL has run."""
        repeated = self._temp.register("repeated", repeated_tasks(self._connection, events))
        several = self._temp.create("several", f"select {_COLUMNS} from {events} where {_TASK} in (from {repeated})")
        single = SINGLE_EVENT_SQL.format(events=events, repeated=repeated)
        return f"{single} union all ({OUTCOMES_SQL.format(events=several)})"

    def _files_before(self, covered: CoveredEvents | None, events: DeltaTable) -> set[str] | None:
        """Return the paths of the covered event files; None if the covered version is not in the table's log.

        The log of that version may have been cleaned up, or the table may have lost that version. Then all outcomes are
        computed again, because it is unknown which events are new, and which are gone.
        """
        if covered is None or covered.version >= events.version():
            return None
        try:
            files = self._warehouse.data_files(self._warehouse.handle(TableName.EVENTS, covered.version))
        except SourceNotFoundError:
            return None
        return {item.path for item in files} if covered.digest in (None, digest_of_files(files)) else None

    def _stream(self, sql: str) -> Any:
        return self._connection.sql(f"from ({sql})").to_arrow_reader(ROWS_PER_BATCH)
