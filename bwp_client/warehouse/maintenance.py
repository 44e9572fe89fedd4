"""Maintenance of the warehouse: complete outcomes, few data files, a short log, and no file that no reader needs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from deltalake import DeltaTable

from bwp_client.warehouse.covered_events import is_behind
from bwp_client.warehouse.delta_writer import NO_HOOKS, writer_properties
from bwp_client.warehouse.doubled_rows import doubled_outcomes, remove_doubled_rows
from bwp_client.warehouse.engine import small_cursor
from bwp_client.warehouse.events import APP_ID as EVENTS_WRITER
from bwp_client.warehouse.lost_tables import LostTable, losses_as_counts, lost_tables
from bwp_client.warehouse.outcomes import refresh_outcomes
from bwp_client.warehouse.purge_floor import floor_transaction, purge_floor
from bwp_client.warehouse.runs import Run, VersionMap, list_runs, newest_run, record_run, unpublished
from bwp_client.warehouse.schema import PUBLISHED, TABLES, TableName
from bwp_client.warehouse.store import Warehouse
from bwp_client.warehouse.vacuum import clean_log, remove_unreferenced, write_checkpoint

SMALL_FILE_BYTES: Final = 16 * 1024**2
COMPACTED_FILE_BYTES: Final = 64 * 1024**2
PUBLISHING_TIME: Final = timedelta(minutes=15)
"""The time within which every running writer publishes what it stored."""
COMPACTED_BY: Final = "bwp.compactedBy"
"""The table property that each compaction changes."""
SMALL_FILES: Final = 8
"""A partition with fewer small files is not compacted."""


@dataclass(slots=True)
class MaintainResult:
    """The result of `maintain`.

    Attributes:
        versions: The versions that are now published.
        compacted: For each compacted table, its number of data files before and after.
        deleted_files: The number of data files deleted.
        removed_doubles: For each table that held rows twice, the number of rows removed.
    """

    versions: VersionMap = field(default_factory=dict)
    compacted: dict[str, dict[str, int]] = field(default_factory=dict)
    deleted_files: int = 0
    removed_doubles: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the command line's JSON object."""
        return asdict(self)


def publish_what_is_left(
    warehouse: Warehouse, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> list[LostTable]:
    """Publish the tables as they are if some lost rows, with outcomes of the events that are left; return these tables.

    Raises:
        WarehouseError: The tables can't be written; nothing was changed.
        RemoteError: S3 refused or failed.
    """
    started_at = clock()
    lost = lost_tables(warehouse)
    if lost:
        warehouse.create()
        _restore_purge_floor(warehouse)
        refresh_outcomes(warehouse)
        counts = {"rebuilt": False} | losses_as_counts(lost)
        _publish(warehouse, newest_versions(warehouse), counts, started_at=started_at, finished_at=clock())
    return lost


def _restore_purge_floor(warehouse: Warehouse) -> None:
    """Record in the events the highest floor that events, outcomes or lookups have; a lost events table lost its own."""
    tables = (TableName.EVENTS, TableName.OUTCOMES, TableName.LOOKUPS)
    floors = warehouse.retry_superseded(lambda: [purge_floor(warehouse.handle(table)) for table in tables])
    highest = max((floor for floor in floors if floor), default=None)
    if highest is None or floors[0] == highest:
        return
    with closing(small_cursor()) as connection:
        no_rows = warehouse.scan(TableName.EVENTS, files=[])
        warehouse.commit(
            TableName.EVENTS,
            lambda _: connection.sql(f"from {no_rows}").to_arrow_reader(),
            app_id=EVENTS_WRITER,
            app_transactions=lambda: floor_transaction(highest),
        )


def bring_up_to_date(warehouse: Warehouse, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> VersionMap:
    """Refresh the outcomes; publish them and the rows that a stopped writer left unpublished; return the published versions.

    Raises:
        WarehouseError: The tables can't be written; nothing was changed.
        RemoteError: S3 refused or failed.
    """
    started_at = clock()
    stopped_before = started_at - PUBLISHING_TIME
    if not is_behind(warehouse) and not unpublished(warehouse, stopped_before=stopped_before):
        run = newest_run(warehouse)
        return run.versions if run else {}
    outcomes = refresh_outcomes(warehouse)
    versions = unpublished(warehouse, stopped_before=stopped_before) | {TableName.OUTCOMES.value: outcomes}
    return _publish(warehouse, versions, {"rebuilt": False}, started_at=started_at, finished_at=clock())


def maintain(
    warehouse: Warehouse,
    *,
    rebuild: bool = False,
    retain_hours: int,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> MaintainResult:
    """Refresh the outcomes, compact the tables, write checkpoints, delete files that no reader needs, and publish a run.

    Rows that a table holds twice are removed first.

    Readers read the versions that a run names. Maintenance does not delete files and log entries that the newest run
    needs, or a run younger than the retention.

    Args:
        warehouse: The warehouse to maintain.
        rebuild: Compute the outcomes again from all events, as also happens where a table held rows twice.
        retain_hours: How long replaced files stay; at least 1.
        clock: Returns the time now, in UTC.

    Raises:
        CommitConflictError: Other writers won every attempt to commit; stored data stay as they were.
        WarehouseError: The tables can't be written; stored data stay as they were.
        RemoteError: S3 refused or failed; stored data stay as they were.
    """
    started_at, result = clock(), MaintainResult()
    warehouse.create()
    result.removed_doubles = {table.value: rows for table, rows in remove_doubled_rows(warehouse).items()}
    rebuild = rebuild or bool(result.removed_doubles) or doubled_outcomes(warehouse) > 0
    refresh_outcomes(warehouse, rebuild=rebuild)
    for table in TableName:
        if files := compact(warehouse, table):
            result.compacted[table.value] = {"files_before": files[0], "files_after": files[1]}
    # Compaction makes a new version of the events. The outcomes must record that they cover this version too.
    refresh_outcomes(warehouse)
    needed = _versions_needed(warehouse, since=clock() - timedelta(hours=retain_hours))
    for table in TableName:
        result.deleted_files += remove_unreferenced(warehouse, table, retention_hours=retain_hours, keep=needed[table])
        newest = warehouse.handle(table).version()
        write_checkpoint(warehouse, table, newest)
        clean_log(warehouse, table, oldest_needed=min(needed[table], default=newest))
    result.versions = newest_versions(warehouse)
    run = newest_run(warehouse)
    if rebuild or run is None or run.versions != result.versions or result.deleted_files:
        counts = {"rebuilt": rebuild} | result.as_json()
        del counts["versions"]
        result.versions = _publish(warehouse, result.versions, counts, started_at=started_at, finished_at=clock())
    return result


def _publish(
    warehouse: Warehouse,
    versions: VersionMap,
    counts: dict[str, Any],
    *,
    started_at: datetime,
    finished_at: datetime,
) -> VersionMap:
    run = Run(
        kind="maintain",
        source=warehouse.uri,
        started_at=started_at,
        finished_at=finished_at,
        counts=counts,
        versions=versions,
    )
    return record_run(warehouse, run)


def newest_versions(warehouse: Warehouse) -> VersionMap:
    """Return the newest version, published or not, of every table that readers open."""
    return {table.value: warehouse.handle(table).version() for table in PUBLISHED}


def compact(warehouse: Warehouse, table: TableName) -> tuple[int, int] | None:
    """Merge a table's small files without changing a row; loads may run meanwhile.

    Returns:
        The number of data files before and after; None if no partition has enough small files.

    Raises:
        CommitConflictError: Other writers replaced the same files on every attempt; nothing was changed.
        WarehouseError: The table can't be written; nothing was changed.
        RemoteError: S3 refused or failed; nothing was changed.
    """

    def attempt(handle: DeltaTable) -> tuple[int, int] | None:
        files = warehouse.data_files(handle)
        small = Counter(tuple(item.partition.values()) for item in files if item.size_bytes < SMALL_FILE_BYTES)
        crowded = sorted(values for values, count in small.items() if count >= SMALL_FILES)
        if not crowded:
            return None
        months = [(name, "in", [values[0] for values in crowded]) for name in TABLES[table].partition_by]
        # Of two compactions at once, Delta Lake commits both, and every row is there twice (a test in
        # `tests/warehouse/test_delta_conflicts.py` fails when a release mends it). A change of the metadata makes a
        # compaction fail that another process began before; one that begins later reads the files of this compaction.
        handle.alter.set_table_properties(
            {COMPACTED_BY: uuid4().hex}, raise_if_not_exists=False, post_commithook_properties=NO_HOOKS
        )
        handle.optimize.compact(
            partition_filters=months or None,
            target_size=COMPACTED_FILE_BYTES,
            writer_properties=writer_properties(table),
            post_commithook_properties=NO_HOOKS,
        )
        return len(files), len(warehouse.data_files(handle))

    return warehouse.retry_conflicts(table, attempt)


def _versions_needed(warehouse: Warehouse, *, since: datetime) -> dict[TableName, set[int]]:
    """Return the versions that readers may hold: those of the newest run, and of every run that finished since a time."""
    needed: dict[TableName, set[int]] = defaultdict(set)
    for index, run in enumerate(list_runs(warehouse, limit=None)):
        if index and run.finished_at < since:
            break
        for name, version in run.versions.items():
            needed[TableName(name)].add(version)
    return needed
