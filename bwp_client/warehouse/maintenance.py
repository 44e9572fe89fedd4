"""Care of the warehouse: few files, a short log, and nothing kept that nobody reads."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from deltalake import DeltaTable

from bwp_client.warehouse.outcomes import refresh_outcomes
from bwp_client.warehouse.runs import Run, VersionMap, list_runs, newest_run, record_run
from bwp_client.warehouse.schema import PUBLISHED, TABLES, TableName
from bwp_client.warehouse.store import NO_HOOKS, Warehouse, writer_properties
from bwp_client.warehouse.vacuum import clean_log, remove_unreferenced, write_checkpoint

SMALL_FILE_BYTES: Final = 16 * 1024**2
COMPACTED_FILE_BYTES: Final = 64 * 1024**2
SMALL_FILES: Final = 8
"""Fewer small files in one partition are not worth writing anew."""


@dataclass(slots=True)
class MaintainResult:
    """What `maintain` did."""

    versions: VersionMap = field(default_factory=dict)
    compacted: dict[str, dict[str, int]] = field(default_factory=dict)
    """Table to its number of data files before and after, where it was worth it."""
    deleted_files: int = 0

    def as_json(self) -> dict[str, Any]:
        """Give the command line's JSON object."""
        return {"versions": self.versions, "compacted": self.compacted, "deleted_files": self.deleted_files}


def maintain(
    warehouse: Warehouse,
    *,
    rebuild: bool = False,
    retain_hours: int,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> MaintainResult:
    """Bring the outcomes up to date, compact, checkpoint, delete what no reader needs, and publish that as a run.

    Readers read the versions that a run names. Nothing goes that the newest run needs, or one younger than the retention.

    Args:
        warehouse: Which.
        rebuild: Compute the outcomes anew from all events.
        retain_hours: How long files stay that were replaced; at least 1.
        clock: Gives the time now.

    Raises:
        CommitConflictError: Others won every attempt to commit; what is stored stays.
        WarehouseError: The tables can't be written; what is stored stays.
        RemoteError: S3 refused or failed; what is stored stays.
    """
    started_at, result = clock(), MaintainResult()
    warehouse.create()
    refresh_outcomes(warehouse, rebuild=rebuild)
    for table in TableName:
        if done := compact(warehouse, table):
            result.compacted[table.value] = {"files_before": done[0], "files_after": done[1]}
    # Tells the outcomes that the events were only compacted; otherwise they would look behind.
    refresh_outcomes(warehouse)
    kept = _versions_kept(warehouse, since=clock() - timedelta(hours=retain_hours))
    for table in TableName:
        result.deleted_files += remove_unreferenced(warehouse, table, retention_hours=retain_hours, keep=kept[table])
        newest = warehouse.handle(table).version()
        write_checkpoint(warehouse, table, newest)
        clean_log(warehouse, table, oldest_kept=min(kept[table], default=newest))
    result.versions = newest_versions(warehouse)
    run = newest_run(warehouse)
    if rebuild or run is None or run.versions != result.versions or result.deleted_files:
        counts = {"rebuilt": rebuild, "compacted": result.compacted, "deleted_files": result.deleted_files}
        result.versions = record_run(
            warehouse,
            Run(
                kind="maintain",
                source=warehouse.uri,
                started_at=started_at,
                finished_at=clock(),
                counts=counts,
                versions=result.versions,
            ),
        )
    return result


def newest_versions(warehouse: Warehouse) -> VersionMap:
    """Give the newest version, published or not, of every table that readers read."""
    return {table.value: warehouse.handle(table).version() for table in PUBLISHED}


def compact(warehouse: Warehouse, table: TableName) -> tuple[int, int] | None:
    """Write a table's many small files into few; no row changes, and loads may go on meanwhile.

    Returns:
        The number of data files before and after; none when it is not worth it.

    Raises:
        CommitConflictError: Others replaced the same files on every attempt; nothing was changed.
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
        handle.optimize.compact(
            partition_filters=months or None,
            target_size=COMPACTED_FILE_BYTES,
            writer_properties=writer_properties(table),
            post_commithook_properties=NO_HOOKS,
        )
        return len(files), len(warehouse.data_files(handle))

    return warehouse.retry_conflicts(table, attempt)


def _versions_kept(warehouse: Warehouse, *, since: datetime) -> dict[TableName, set[int]]:
    """Give the versions that readers may hold: those of the newest run, and of every run since then."""
    kept: dict[TableName, set[int]] = defaultdict(set)
    for place, run in enumerate(list_runs(warehouse, limit=_ALL_RUNS)):
        if place and run.finished_at < since:
            break
        for name, version in run.versions.items():
            kept[TableName(name)].add(version)
    return kept


_ALL_RUNS: Final = 10_000_000
