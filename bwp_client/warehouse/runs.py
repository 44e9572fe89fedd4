"""The runs table: one row per commit group, written last. The row is the commit point and names the versions to read."""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
from deltalake import DeltaTable

from bwp_client.warehouse.engine import small_cursor, sql_type
from bwp_client.warehouse.schema import PUBLISHED, TABLES, TableName
from bwp_client.warehouse.store import Warehouse

APP_ID = "bwp.runs"
RETRY_SOURCE = "quarantine retry"
"""The source of a run that reads quarantined records again."""
_ROWS_SEARCHED = 20
"""The number of newest rows among which an earlier attempt to write the same row is searched for."""
_SETTLED_SECONDS = 2
_WRITTEN_BY_LOADS = (TableName.EVENTS, TableName.QUARANTINE, TableName.OBJECTS, TableName.OUTCOMES)

VersionMap = dict[str, int]
"""Table name to Delta version: the versions that a reader opens, the key of every cache, and part of a report's manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One commit group: its source and window, its counts, and the versions that it publishes."""

    run_id: str = field(default_factory=lambda: uuid4().hex)
    kind: str
    source: str
    started_at: datetime
    finished_at: datetime
    state: str = "finished"
    counts: dict[str, Any]
    versions: VersionMap = field(default_factory=dict)
    window_from: datetime | None = None
    window_to: datetime | None = None


def record_run(warehouse: Warehouse, run: Run, *, database: duckdb.DuckDBPyConnection | None = None) -> VersionMap:
    """Write a run's row, after everything that it publishes.

    Args:
        warehouse: The warehouse to write to.
        run: The run; its versions may name only the tables it wrote.
        database: An open DuckDB database to use.

    Returns:
        The published version of every table: the larger of this run's and the newest row's. It decreases only if the table
        lost the versions in between (see `lost_tables`). Without an earlier row, it is the newest version of the table.

    Raises:
        WarehouseError: See `Warehouse.commit`.
    """
    published: VersionMap = {}

    def rows_for(handle: DeltaTable) -> Any:
        recent = _read(warehouse, handle, connection, limit=_ROWS_SEARCHED)
        published.clear()
        for earlier in recent:
            if earlier.run_id == run.run_id:  # an earlier attempt was stored, but its response was lost
                published.update(earlier.versions)
                return None
        before = recent[0].versions if recent else None
        for name in PUBLISHED:
            published[name.value] = _published_version(warehouse, name, run.versions.get(name.value), before)
        row = {
            "run_no": handle.version() + 1,
            "run_id": run.run_id,
            "kind": run.kind,
            "source": run.source,
            "window_from": run.window_from,
            "window_to": run.window_to,
            "started_at": run.started_at,
            "finished_at": run.finished_at,
            "state": run.state,
            "counts": json.dumps(run.counts, sort_keys=True),
            "versions": json.dumps(published, sort_keys=True),
        }
        columns = ", ".join(
            f"${name}::{sql_type(TABLES[TableName.RUNS].schema.field(name).type)} as {name}" for name in row
        )
        return connection.sql(f"select {columns}", params=row).to_arrow_reader(1)

    with closing(database.cursor() if database else small_cursor()) as connection:
        warehouse.commit(TableName.RUNS, rows_for, app_id=APP_ID)
    return dict(published)


def _published_version(warehouse: Warehouse, table: TableName, own: int | None, before: VersionMap | None) -> int:
    if before is None:
        return warehouse.handle(table).version() if own is None else own
    earlier = before.get(table.value, 0)
    if own is None or own >= earlier:
        return max(own or 0, earlier)
    # Another run has published a later version meanwhile, or the table lost its later versions.
    newest = warehouse.handle(table).version()
    return min(earlier, newest)


def unpublished(
    warehouse: Warehouse, *, besides: Collection[str] = (), stopped_before: datetime | None = None
) -> VersionMap:
    """Return the version of each table that a load wrote to after the newest run.

    There are such versions while a load runs, and after a load that was stopped before it wrote its run's row.

    Args:
        warehouse: The warehouse to read.
        besides: Names of tables to leave out.
        stopped_before: Return the versions of the other tables, too, if they were written before this time (aware): their
            writers publish sooner, so they were stopped, or the rows of the runs table were lost.

    Raises:
        RemoteError: S3 refused or failed.
    """
    tables = _WRITTEN_BY_LOADS if stopped_before is None else PUBLISHED
    now = {name: warehouse.handle(name) for name in tables if name.value not in besides}
    if not now:
        return {}
    newest = newest_run(warehouse)
    published = newest.versions if newest else {}
    return {
        name.value: handle.version()
        for name, handle in now.items()
        if handle.version() > published.get(name.value, 0)
        and (name in _WRITTEN_BY_LOADS or (stopped_before is not None and _written_at(handle) < stopped_before))
    }


def _written_at(handle: DeltaTable) -> datetime:
    """Return when the newest version was written; the end of time if Delta Lake finds no history (a "#" in the path)."""
    commits = handle.history(1)
    return datetime.fromtimestamp(commits[0]["timestamp"] / 1000, UTC) if commits else datetime.max.replace(tzinfo=UTC)


def newest_run(warehouse: Warehouse) -> Run | None:
    """Return the newest run; None in an empty warehouse.

    Raises:
        RemoteError: S3 refused or failed.
    """
    if not warehouse.exists():
        return None
    newest = _read_newest(warehouse, limit=1)
    return newest[0] if newest else None


def settled_log(warehouse: Warehouse) -> tuple[int, int] | None:
    """Return a value that changes with every run; None if the table changed a moment ago, or if it is on S3.

    Every commit creates a file in the log's folder, which changes the folder's time. Times are coarse: a second commit in the
    same instant would not change it again, so a folder that has just been changed is not settled. On S3 the value would cost
    as much as reading the run.
    """
    if warehouse.is_remote:
        return None
    try:
        status = Path(warehouse.address(TableName.RUNS), "_delta_log").stat()
    except OSError:
        return None
    is_settled = abs(time.time_ns() - status.st_mtime_ns) > _SETTLED_SECONDS * 1e9
    return (status.st_ino, status.st_mtime_ns) if is_settled else None


def list_runs(warehouse: Warehouse, *, limit: int | None = 200) -> list[Run]:
    """Return runs, newest first.

    Args:
        warehouse: The warehouse to read.
        limit: The largest number of runs; None for all.

    Raises:
        RemoteError: S3 refused or failed.
    """
    if not warehouse.exists():
        return []
    return _read_newest(warehouse, limit=limit)


def _read_newest(warehouse: Warehouse, *, limit: int | None) -> list[Run]:
    with closing(small_cursor()) as connection:
        return warehouse.retry_superseded(
            lambda: _read(warehouse, warehouse.handle(TableName.RUNS), connection, limit=limit)
        )


def _read(
    warehouse: Warehouse, handle: DeltaTable, connection: duckdb.DuckDBPyConnection, *, limit: int | None
) -> list[Run]:
    files = sorted(warehouse.data_files(handle), key=lambda item: item.highs["run_no"], reverse=True)
    newest, rows = [], 0
    for item in files:
        if limit is not None and rows >= limit:
            break
        newest.append(item)
        rows += item.rows
    source = warehouse.scan(TableName.RUNS, files=newest)
    found = connection.execute(
        f"""
        select run_id, kind, source, started_at, finished_at, state, counts, versions, window_from, window_to
        from {source} order by run_no desc limit {"all" if limit is None else int(limit)}
        """
    ).fetchall()
    return [
        Run(
            run_id=run_id,
            kind=kind,
            source=source,
            started_at=started_at,
            finished_at=finished_at,
            state=state,
            counts=json.loads(counts),
            versions=json.loads(versions),
            window_from=window_from,
            window_to=window_to,
        )
        for run_id, kind, source, started_at, finished_at, state, counts, versions, window_from, window_to in found
    ]
