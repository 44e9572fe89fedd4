"""One consistent picture of the warehouse: every table at the versions of one run, summed up in memory.

What is held: counts of tasks by day and by hour, every failed task as a row with its codes, the newest lookups, how long
looked-up tasks took, and what the shop knows of its requests.
Never the events. A snapshot is never changed, so threads may share it; each query takes its own cursor.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from bwp_client.errors import SourceNotFoundError
from bwp_client.warehouse.engine import connect, one_row, relation
from bwp_client.warehouse.outcomes import covered_version
from bwp_client.warehouse.runs import Run, VersionMap, newest_run
from bwp_client.warehouse.schema import TABLES, TableName
from bwp_client.warehouse.store import Warehouse

MEMORY_LIMIT = "2GB"

UNCODED = "(uncoded)"
NOT_LOOKED_UP = "(not looked up)"

_SUMMARIES = """
create table product_kinds as
select business_product_id, task_kind, count(*) as tasks,
       count(*) filter (outcome = 'FAILED') as failed,
       bool_or(outcome = 'COMPLETED' or conflicting) as has_denominator,
       max(occurred_at) as last_at
from outcomes group by business_product_id, task_kind;

create view exact_counts as
select o.occurred_at as bucket_start, o.business_product_id, o.task_kind, coalesce(o.region, '') as region, o.outcome,
       p.has_denominator, 1 as tasks
from outcomes o join product_kinds p using (business_product_id, task_kind);

create table product_hourly_counts as
select make_timestamptz(epoch_us(bucket_start) - epoch_us(bucket_start) % 3600000000) as bucket_start,
       business_product_id, task_kind, region, outcome, has_denominator, count(*) as tasks
from exact_counts
group by all;

create table hourly_counts as
select bucket_start, cast(null as varchar) as business_product_id, task_kind, region, outcome, has_denominator,
       cast(sum(tasks) as bigint) as tasks
from product_hourly_counts group by all;

create table daily_counts as
select cast(date_trunc('day', bucket_start) as timestamptz) as bucket_start, business_product_id, task_kind, region,
       outcome, has_denominator, cast(sum(tasks) as bigint) as tasks
from product_hourly_counts group by all;

create table tasks as
select * from lookups
qualify row_number() over (
    partition by task_id, task_kind
    order by case when lookup_state = 'found' then 1 else 0 end desc, asked_at desc, attempt desc
) = 1;

create table failed_tasks as
select o.task_id, o.task_kind, o.business_product_id, coalesce(o.region, '') as region, o.occurred_at, o.conflicting,
       o.events_seen, p.has_denominator, coalesce(t.lookup_state, 'not_asked') as lookup_state, t.status,
       t.submitted_at, t.updated_at, t.holding_period_days, t.errors, t.asked_at, t.next_attempt_at, t.reason, case
           when coalesce(t.lookup_state, 'not_asked') <> 'found' then ['{not_looked_up}']
           when coalesce(len(t.errors), 0) = 0 then ['{uncoded}']
           else list_sort(list_distinct(
               list_transform(t.errors, lambda e: coalesce(nullif(trim(e.code), ''), '{uncoded}'))))
       end as codes
from outcomes o
join product_kinds p using (business_product_id, task_kind)
left join tasks t on t.task_id = o.task_id and t.task_kind = o.task_kind
where o.outcome = 'FAILED';

create table failed_codes as
select unnest(codes) as code, array_to_string(codes, ' + ') as code_set, len(codes) as codes_in_set,
       task_id, task_kind, business_product_id, region, occurred_at, has_denominator
from failed_tasks;

create table timed_tasks as
select o.task_id, o.task_kind, o.business_product_id, coalesce(o.region, '') as region, o.outcome, o.occurred_at,
       least(t.submitted_at, o.occurred_at) as submitted_at,
       greatest(epoch_us(o.occurred_at) - epoch_us(t.submitted_at), 0) / 1e6 as seconds
from outcomes o join tasks t on t.task_id = o.task_id and t.task_kind = o.task_kind
where t.lookup_state = 'found' and t.submitted_at is not null;
"""


class Snapshot:
    """The warehouse as one run left it."""

    def __init__(self, warehouse: Warehouse, run: Run, rows: Mapping[TableName, Path] | None = None) -> None:
        """Read the tables at the run's versions and sum them up.

        Args:
            warehouse: Whose tables.
            run: Which versions.
            rows: Parquet files to read in place of the tables, as a report carries them; a table without one is empty.

        Raises:
            SourceNotFoundError: A version is gone (vacuumed or purged): take a newer run.
            RemoteError: S3 refused or failed.
        """
        self.warehouse = warehouse
        self.run = run
        self._rows = rows
        self.made: dict[Hashable, Any] = {}
        """What readers made of it and want to keep as long as it lives."""
        self._connection = connect(memory_limit=MEMORY_LIMIT)
        if rows is not None:
            # One thread: sums of fractions come out the same to the last digit, and so does a report made of them.
            self._connection.execute("set threads = 1")
        with self._gone_is_told():
            for name in (TableName.EVENTS, TableName.OUTCOMES, TableName.LOOKUPS, TableName.REQUESTS):
                self._view(name, run.versions.get(name.value, 0))
            self._connection.execute(_SUMMARIES.replace("{uncoded}", UNCODED).replace("{not_looked_up}", NOT_LOOKED_UP))
            self._connection.execute((files("bwp_client.warehouse") / "requests.sql").read_text(encoding="utf-8"))
            first, last = one_row(self._cursor(), "select min(occurred_at), max(occurred_at) from outcomes")
        newest = run.versions.get(TableName.OUTCOMES.value, 0)
        self._events_covered = covered_version(warehouse.handle(TableName.OUTCOMES, newest)) if rows is None else None
        self._span = None if first is None else (first, last)

    @classmethod
    def newest(cls, warehouse: Warehouse) -> Snapshot:
        """Open the newest run's picture.

        Raises:
            SourceNotFoundError: Nothing was loaded yet.
        """
        run = newest_run(warehouse)
        if run is None:
            raise SourceNotFoundError(
                f"The warehouse {warehouse.uri} holds nothing yet. Load events first: python -m bwp_client load SOURCE."
            )
        return cls(warehouse, run)

    @property
    def versions(self) -> VersionMap:
        """The version of every table that is read."""
        return self.run.versions

    @property
    def events_not_yet_counted(self) -> int:
        """Events stored after the outcomes were last brought up to date."""
        newest = self.versions.get(TableName.EVENTS.value, 0)
        if self._rows is not None or newest <= (self._events_covered or 0):
            return 0
        files = self.warehouse.data_files(self.warehouse.handle(TableName.EVENTS, newest))
        ((counted,),) = self.rows("select coalesce(sum(events_seen), 0)::bigint from outcomes")
        return max(0, sum(item.rows for item in files) - int(counted))

    def frame(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Run a query on a cursor of its own; times come as UTC."""
        with self._gone_is_told():
            return self._cursor().execute(sql, dict(parameters or {})).df()

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run a query on a cursor of its own and give plain rows."""
        with self._gone_is_told():
            return self._cursor().execute(sql, dict(parameters or {})).fetchall()

    def batches(self, sql: str, parameters: Mapping[str, Any], rows_per_batch: int) -> Iterator[pa.RecordBatch]:
        """Run a query and give its rows as they come, for results too large to hold."""
        with self._gone_is_told():
            yield from self._cursor().sql(sql, params=dict(parameters)).to_arrow_reader(rows_per_batch)

    def span(self) -> tuple[datetime, datetime] | None:
        """Give the first and last event time that is counted; none when there is none."""
        return self._span

    @contextmanager
    def _gone_is_told(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.IOException, SourceNotFoundError) as error:
            raise SourceNotFoundError(
                f"Files of this picture of {self.warehouse.uri} are not there any more, since old data was purged or "
                "cleaned up. Nothing was changed. Take a newer run: start the command again, or load the page anew."
            ) from error

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        return self._connection.cursor()

    def _view(self, name: TableName, version: int) -> None:
        if self._rows is None:
            source = self.warehouse.scan(name, self.warehouse.handle(name, version))
        else:
            source = relation([str(self._rows[name])] if name in self._rows else [], TABLES[name].schema)
        self._connection.execute(f"create view {name.value} as select * from {source}")


def open_snapshot(warehouse: str | Path) -> Snapshot:
    """Open the newest picture of a warehouse.

    Args:
        warehouse: A folder or an `s3://` prefix.

    Raises:
        SourceNotFoundError: Nothing was loaded there yet.
        RemoteError: S3 refused or failed.
    """
    return Snapshot.newest(Warehouse(str(warehouse)))
