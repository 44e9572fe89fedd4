"""A snapshot: the warehouse at the versions of one run, summarised in memory.

It holds counts of tasks by day and by hour, every failed task as a row with its codes, the latest lookups, the durations of
looked-up tasks, and the shop's requests; never the events. `summaries.sql` and `requests.sql` make its tables. A snapshot
never changes, so threads may share it; each query uses its own cursor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, TypeVar

import duckdb
import pandas as pd
import pyarrow as pa

from bwp_client.errors import DamagedFileError, DamagedTableError, SourceNotFoundError, SupersededError
from bwp_client.warehouse.covered_events import covered_events
from bwp_client.warehouse.data_files import first_of_wrong_size, superseded
from bwp_client.warehouse.data_limits import DataLimits, find_limits
from bwp_client.warehouse.engine import connect, quoted, relation, single_row
from bwp_client.warehouse.lost_tables import refuse_lost_tables
from bwp_client.warehouse.purge_floor import purge_floor
from bwp_client.warehouse.runs import Run, VersionMap, newest_run
from bwp_client.warehouse.schema import TABLES, TableName
from bwp_client.warehouse.store import Warehouse

MEMORY_LIMIT = "2GB"
_ATTEMPTS: Final = 10
T = TypeVar("T")

UNCODED = "(uncoded)"
NOT_LOOKED_UP = "(not looked up)"


class Snapshot:
    """The warehouse at the versions of one run."""

    def __init__(
        self,
        warehouse: Warehouse,
        run: Run,
        rows: Mapping[TableName, Path] | None = None,
        limits: DataLimits | None = None,
    ) -> None:
        """Read the tables at the run's versions and summarise them.

        Args:
            warehouse: The warehouse to read.
            run: The run whose versions are read.
            rows: Parquet files to read instead of the tables, as in a report; a table without a file is empty.
            limits: The limits of the data from which the files were taken; by default those of the rows read.

        Raises:
            SourceNotFoundError: A version does not exist any more (vacuumed or purged): take a newer run.
            RemoteError: S3 refused or failed.
        """
        self.warehouse = warehouse
        self.run = run
        self._rows = rows
        self._connection = connect(memory_limit=MEMORY_LIMIT)
        if rows is not None:
            # One thread adds fractions in the same order each time, so that a rebuilt report has the same last digits.
            self._connection.execute("set threads = 1")
        with self._damage_named():
            for name in (TableName.EVENTS, TableName.OUTCOMES, TableName.LOOKUPS, TableName.REQUESTS):
                self._view(name, run.versions.get(name.value, 0))
            names = {"uncoded": quoted(UNCODED), "not_looked_up": quoted(NOT_LOOKED_UP)}
            names["run_finished_at"] = quoted(run.finished_at.isoformat())
            self._connection.execute(_sql("summaries.sql").format(**names))
            self._connection.execute(_sql("requests.sql"))
            first, last = single_row(self._cursor(), "select min(first_at), max(last_at) from product_kinds")
            newest = run.versions.get(TableName.OUTCOMES.value, 0)
            outcomes = warehouse.handle(TableName.OUTCOMES, newest) if rows is None else None
            self._events_covered = None if outcomes is None else covered_events(outcomes)
            floor = None if outcomes is None else purge_floor(outcomes)
            self.limits = limits or find_limits(self._cursor(), run.finished_at, floor)
        self._span = None if first is None else (first, last)

    @classmethod
    def newest(cls, warehouse: Warehouse) -> Snapshot:
        """Open the snapshot of the newest run.

        Raises:
            SourceNotFoundError: Nothing was loaded yet.
            DamagedTableError: A table lost rows or files.
            RemoteError: S3 refused or failed.
        """
        return compute_from_newest(warehouse, lambda snapshot: snapshot)

    @property
    def versions(self) -> VersionMap:
        """The version of each table."""
        return self.run.versions

    @property
    def events_not_yet_counted(self) -> int:
        """The number of events stored after the outcomes were last refreshed."""
        newest = self.versions.get(TableName.EVENTS.value, 0)
        if self._rows is not None or newest <= (self._events_covered.version if self._events_covered else 0):
            return 0
        files = self.warehouse.data_files(self.warehouse.handle(TableName.EVENTS, newest))
        ((counted,),) = self.rows("select coalesce(sum(events_seen), 0)::bigint from outcomes")
        return max(0, sum(item.rows for item in files) - int(counted))

    def refuse_damaged_files(self) -> None:
        """Look for each data file of every table, without reading it.

        Raises:
            DamagedFileError: A file is missing, or has another size than its table's log says.
            SourceNotFoundError: A newer run replaced the files.
            RemoteError: S3 refused or failed.
        """
        with self._damage_named():
            for table in TableName:
                version = self.versions.get(table.value)
                if version == 0 or (table is TableName.CLAIMS and not self.warehouse.has(table)):
                    continue  # an older release may not have created the table
                files = self.warehouse.data_files(self.warehouse.handle(table, version))
                if damage := first_of_wrong_size(table, self.warehouse.address(table), files):
                    raise damage

    def frame(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Run a query on its own cursor; return its result with the query's columns, times as datetime64[us, UTC]."""
        with self._damage_named():
            return self._cursor().execute(sql, dict(parameters or {})).df()

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run a query on its own cursor; return its rows as tuples."""
        with self._damage_named():
            return self._cursor().execute(sql, dict(parameters or {})).fetchall()

    def batches(self, sql: str, parameters: Mapping[str, Any], rows_per_batch: int) -> Iterator[pa.RecordBatch]:
        """Run a query and yield its rows in batches, for results too large to hold in memory."""
        with self._damage_named():
            yield from self._cursor().sql(sql, params=dict(parameters)).to_arrow_reader(rows_per_batch)

    def span(self) -> tuple[datetime, datetime] | None:
        """Return the first and last time of an outcome; None if there is no outcome."""
        return self._span

    @contextmanager
    def _damage_named(self) -> Iterator[None]:
        if self._rows is not None:
            yield
            return
        try:
            with self.warehouse.damage_named(self.versions):
                yield
        except (SourceNotFoundError, SupersededError, DamagedTableError) as error:
            newest = newest_run(self.warehouse)
            if newest is not None and newest.run_id != self.run.run_id:
                raise SourceNotFoundError(
                    f"Files of this snapshot of {self.warehouse.uri} are not there any more, since a newer run replaced "
                    "them. Nothing was changed. Take a newer run: start the command again, or load the page anew."
                ) from error
            refuse_lost_tables(self.warehouse)
            # A newer version that no run names may do without the file, but readers read the version of a run.
            if isinstance(error.__cause__, DamagedFileError):
                raise error.__cause__ from None
            raise

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        return self._connection.cursor()

    def _view(self, name: TableName, version: int) -> None:
        if self._rows is None and version == 0:
            source = relation([], TABLES[name].schema)  # an older release may not have created the table
        elif self._rows is None:
            source = self.warehouse.scan(name, self.warehouse.handle(name, version))
        else:
            source = relation([str(self._rows[name])] if name in self._rows else [], TABLES[name].schema)
        self._connection.execute(f"create view {name.value} as select * from {source}")


def compute_from_newest(warehouse: Warehouse, compute: Callable[[Snapshot], T]) -> T:
    """Call `compute` with the snapshot of the newest run, and return its result.

    If a newer run replaced the files of the snapshot meanwhile, `compute` is called again with a new snapshot.

    Raises:
        SourceNotFoundError: Nothing was loaded yet.
        DamagedTableError: A table lost rows or files.
        SupersededError: Newer runs replaced the files at every attempt.
        RemoteError: S3 refused or failed.
    """
    for _ in range(_ATTEMPTS):
        run = newest_run(warehouse)
        if run is None:
            refuse_lost_tables(warehouse)
            raise SourceNotFoundError(
                f"The warehouse {warehouse.uri} holds nothing yet. Load events first: python -m bwp_client load SOURCE."
            )
        try:
            return compute(Snapshot(warehouse, run))
        except SupersededError:
            continue
        except SourceNotFoundError:
            newest = newest_run(warehouse)
            if newest is None or newest.run_id == run.run_id:
                raise
    raise superseded(warehouse.uri)


def _sql(name: str) -> str:
    return (files("bwp_client.warehouse") / name).read_text(encoding="utf-8")


def open_snapshot(warehouse: str | Path) -> Snapshot:
    """Open the newest snapshot of a warehouse.

    Args:
        warehouse: A folder or an `s3://` prefix.

    Raises:
        SourceNotFoundError: Nothing was loaded there yet.
        RemoteError: S3 refused or failed.
    """
    return Snapshot.newest(Warehouse(str(warehouse)))
