"""Runs: one row per finished commit group, written last: it is the commit point and names the versions to read."""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import duckdb
from deltalake import DeltaTable

from bwp_client.warehouse.engine import small_cursor, sql_type
from bwp_client.warehouse.schema import PUBLISHED, TABLES, TableName
from bwp_client.warehouse.store import Warehouse

APP_ID = "bwp.runs"
_LOOKED_AT = 20
"""Newest rows among which an earlier attempt to write the same one is looked for."""
_WRITTEN_BY_LOADS = (TableName.EVENTS, TableName.QUARANTINE, TableName.OBJECTS, TableName.OUTCOMES)

VersionMap = dict[str, int]
"""Table name to Delta version: what a reader reads, the key of every cache, and part of a report's manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one commit group did."""

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
    """Write the run's row last; give the version map that it publishes.

    Versions never go back: each is the larger of this run's and the newest row's.

    Args:
        warehouse: Where to.
        run: What to write.
        database: One that is open already.

    Raises:
        WarehouseError: See `Warehouse.commit`.
    """
    published: VersionMap = {}

    def rows_for(handle: DeltaTable) -> Any:
        recent = _read(warehouse, handle, connection, limit=_LOOKED_AT)
        published.clear()
        for one in recent:
            if one.run_id == run.run_id:  # an earlier attempt was stored, and its answer lost
                published.update(one.versions)
                return None
        before = recent[0].versions if recent else {}
        for name in PUBLISHED:
            published[name.value] = max(run.versions.get(name.value, 0), before.get(name.value, 0))
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


def unpublished(warehouse: Warehouse, *, besides: Collection[str] = ()) -> VersionMap:
    """Give the tables that a load writes and that are newer than the newest run says, with their versions.

    There are some while a load runs, and after one that was stopped before it could write its run's row.

    Args:
        warehouse: Whose tables.
        besides: Tables that need not be looked at.

    Raises:
        RemoteError: S3 refused or failed.
    """
    now = {name.value: warehouse.handle(name).version() for name in _WRITTEN_BY_LOADS if name.value not in besides}
    if not now:
        return {}
    newest = newest_run(warehouse)
    published = newest.versions if newest else {}
    return {name: version for name, version in now.items() if version > published.get(name, 0)}


def newest_run(warehouse: Warehouse) -> Run | None:
    """Give the newest finished run; none in a warehouse that holds nothing yet.

    Raises:
        RemoteError: S3 refused or failed.
    """
    if not warehouse.exists():
        return None
    with closing(small_cursor()) as connection:
        return _newest(warehouse, warehouse.handle(TableName.RUNS), connection)


def list_runs(warehouse: Warehouse, *, limit: int = 200) -> list[Run]:
    """Give the newest runs, newest first."""
    if not warehouse.exists():
        return []
    with closing(small_cursor()) as connection:
        return _read(warehouse, warehouse.handle(TableName.RUNS), connection, limit=limit)


def _newest(warehouse: Warehouse, handle: DeltaTable, connection: duckdb.DuckDBPyConnection) -> Run | None:
    found = _read(warehouse, handle, connection, limit=1)
    return found[0] if found else None


def _read(warehouse: Warehouse, handle: DeltaTable, connection: duckdb.DuckDBPyConnection, *, limit: int) -> list[Run]:
    files = sorted(warehouse.data_files(handle), key=lambda item: item.highs["run_no"], reverse=True)
    newest, rows = [], 0
    for item in files:
        if rows >= limit:
            break
        newest.append(item)
        rows += item.rows
    source = warehouse.scan(TableName.RUNS, files=newest)
    found = connection.execute(
        f"""
        select run_id, kind, source, started_at, finished_at, state, counts, versions, window_from, window_to
        from {source} order by run_no desc limit {int(limit)}
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
