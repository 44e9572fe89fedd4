"""The loader: every record of a source ends as stored, duplicate, ignored or quarantined, and the counts add up.

Order of a commit group: events, quarantine, objects, outcomes, and the run's row last. After a crash between any two of
them, the next load completes the group: it finds the events stored, and reads objects again that are not recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from uuid import uuid4

from bwp_client.errors import ArchivedObjectError, BwpError, ObjectNotFoundError, UsageError, WarehouseError
from bwp_client.events import FUTURE_TOLERANCE
from bwp_client.load.results import CommitGroup, LoadProgress, LoadResult
from bwp_client.load.staged import MAX_BATCH_ROWS, TOO_OLD, StagedBatch, StagingJob, TimeWindow, Unreadable
from bwp_client.load.workers import stage_all
from bwp_client.sources import Source, SourceObject
from bwp_client.warehouse import Run, TableName, Warehouse, record_run, unpublished
from bwp_client.warehouse.covered_events import is_behind
from bwp_client.warehouse.engine import connect
from bwp_client.warehouse.events import append_events
from bwp_client.warehouse.objects import ObjectsRead, archived_etag, record_objects
from bwp_client.warehouse.outcomes import refresh_outcomes
from bwp_client.warehouse.purge_floor import newest_purge_floor
from bwp_client.warehouse.quarantine import append_quarantine
from bwp_client.warehouse.temp_folders import owned, remove_abandoned_folders
from bwp_client.workarounds import hand_back_freed_memory, keep_freed_memory

ROWS_PER_PASS = 250_000
"""The most rows that are deduplicated at a time, which bounds memory."""
DATABASE_MEMORY = "400MB"
"""The memory of DuckDB before it spills to disk; the Delta writer needs as much again."""
OBJECTS_PER_LOOKUP = 10_000
"""Objects listed before they are looked up in the table of objects read."""
ROWS_PER_GROUP = 1_000_000
"""Rows after which a long load publishes a commit group."""
ARCHIVED_PER_GROUP = 100_000
"""Newly archived objects after which it does so."""
QUARANTINE_ROWS_PER_GROUP = 150_000
"""Quarantine rows after which it does so: they are stored at once, each with its excerpt."""


_STAGING = "bwp-load-"


def load(
    warehouse: Warehouse,
    source: Source,
    *,
    label: str | None = None,
    window_from: datetime | None = None,
    window_to: datetime | None = None,
    reread: bool = False,
    keep_raw: bool = False,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    on_progress: Callable[[LoadProgress], None] = lambda _: None,
    on_refused: Callable[[list[Path]], None] = lambda _: None,
    on_archived: Callable[[SourceObject], None] = lambda _: None,
) -> LoadResult:
    """Load every object of a source that was not read before.

    Args:
        warehouse: The warehouse to write to; created if it does not exist.
        source: The source to read.
        label: The source's name in the runs table, if not its own label.
        window_from: Keep only events from this time on (aware).
        window_to: Keep only events before this time (aware).
        reread: Read every object, also those that were read before.
        keep_raw: Keep the bytes of refused records, because their source cannot be read again.
        clock: Returns the current time.
        on_progress: Called after each object and each commit.
        on_refused: Called with the staged files of quarantine rows after these are stored.
        on_archived: Called with each object that was not read because it is in an archive storage class.

    Raises:
        UsageError: The window is empty, or objects may not be read; all others are stored.
        RemoteError: S3 refused or failed; what was committed before stays.
        WarehouseError: The warehouse can't be written; what was committed before stays.
    """
    if window_from and window_to and window_to <= window_from:
        raise UsageError("Nothing was loaded: the window's end is not after its start. Swap --from and --to.")
    keep_freed_memory()
    warehouse.create()
    remove_abandoned_folders(Path(gettempdir()), _STAGING)
    with TemporaryDirectory(prefix=owned(_STAGING)) as folder:
        return _Load(
            warehouse,
            source,
            label or source.label,
            Path(folder),
            window_from,
            window_to,
            clock,
            on_progress,
            on_refused,
            on_archived,
            reread=reread,
        ).run(keep_raw=keep_raw)


class _Load:
    def __init__(
        self,
        warehouse: Warehouse,
        source: Source,
        label: str,
        folder: Path,
        window_from: datetime | None,
        window_to: datetime | None,
        clock: Callable[[], datetime],
        on_progress: Callable[[LoadProgress], None],
        on_refused: Callable[[list[Path]], None],
        on_archived: Callable[[SourceObject], None],
        *,
        reread: bool,
    ) -> None:
        self._warehouse = warehouse
        self._source = source
        self._folder = folder
        self._window_from, self._window_to = window_from, window_to
        self._clock = clock
        self._on_progress, self._on_refused, self._on_archived = on_progress, on_refused, on_archived
        self._result = LoadResult(load_id=uuid4().hex, source=label)
        self._reread = reread
        self._group = CommitGroup(started_at=clock(), reread=reread)
        self._groups = 0
        self._published_bytes = 0
        self._waiting: list[tuple[StagedBatch, Callable[[], None]]] = []
        self._connection = connect(folder / "spill", memory_limit=DATABASE_MEMORY)
        self._listed_objects = self._listed_bytes = 0
        self._read_before = False
        self._unreadable: list[Unreadable] = []
        self._reported_archived: set[str] = set()
        self._first_archived = ""

    def run(self, *, keep_raw: bool) -> LoadResult:
        try:
            window = TimeWindow(_micros(self._window_from), _micros(self._window_to))
            latest_us = _micros(self._clock() + FUTURE_TOLERANCE) or 0
            self._report()
            try:
                floor = newest_purge_floor(self._warehouse)
                job = StagingJob(self._source, self._folder, window, latest_us, _micros(floor) or 0, keep_raw)
                for result, release in stage_all(self._unread(), job):
                    if isinstance(result, Unreadable):
                        self._set_aside(result)
                    else:
                        self._accept(result, release)
            except RuntimeError as error:
                raise WarehouseError(
                    f"Loading stopped: {error}. What was committed before stays; load again, nothing is doubled."
                ) from error
            self._append_waiting()
            self._publish(last=True)
        finally:
            self._connection.close()
        if self._unreadable:
            raise self._unreadable_error()
        return self._result

    def _unread(self) -> Iterator[SourceObject]:
        """Yield the objects that were not read before; the whole source is listed, so that no late key is missed."""
        items = self._source.objects()
        with closing(self._connection.cursor()) as connection:
            ledger = None
            while listed := list(islice(items, OBJECTS_PER_LOOKUP)):
                ledger = ledger or ObjectsRead(
                    self._warehouse, connection, window_from=self._window_from, window_to=self._window_to
                )
                read = ledger.among([item.uri for item in listed])
                unread = [item for item in listed if self._reread or (item.uri, item.etag, item.size_bytes) not in read]
                reported = {
                    item.uri for item in unread if (item.uri, archived_etag(item.etag), item.size_bytes) in read
                }
                self._reported_archived |= reported
                known = {uri for uri, _, _ in read} - reported
                self._read_before = self._read_before or any(item.uri in known for item in unread)
                self._listed_objects += len(unread)
                self._listed_bytes += sum(item.size_bytes for item in unread)
                yield from unread

    def _set_aside(self, found: Unreadable) -> None:
        """Take note of an object that could not be read.

        An archived or a deleted object is no failure, because no retry of the load would read it.
        """
        if isinstance(found.error, ObjectNotFoundError):
            self._result.add_deleted(found.item.uri)
            return
        if not isinstance(found.error, ArchivedObjectError):
            self._unreadable.append(found)
            return
        self._on_archived(found.item)
        self._result.archived += 1
        if found.item.uri in self._reported_archived:
            return
        self._result.newly_archived += 1
        self._first_archived = self._first_archived or found.item.uri
        self._group.archived.append(found.item)
        if len(self._group.archived) >= ARCHIVED_PER_GROUP:
            self._append_waiting()
            self._publish(last=False)

    def _accept(self, batch: StagedBatch, release: Callable[[], None]) -> None:
        self._waiting.append((batch, release))
        rows = sum(waiting.rows for waiting, _ in self._waiting)
        quarantine_rows = sum(waiting.quarantine_rows for waiting, _ in self._waiting)
        if max(rows, quarantine_rows) > ROWS_PER_PASS - MAX_BATCH_ROWS:  # another batch might be too much
            self._append_waiting()
        group = self._group
        if (
            group.stored + group.duplicate.total() >= ROWS_PER_GROUP
            or group.quarantine_rows >= QUARANTINE_ROWS_PER_GROUP
        ):
            self._publish(last=False)

    def _append_waiting(self) -> None:
        """Store the events of the waiting batches at once; their objects are then finished."""
        group = self._group
        staged = [batch.events for batch, _ in self._waiting if batch.events]
        if staged:
            appended = append_events(
                self._warehouse,
                self._connection,
                staged,
                load_id=self._result.load_id,
                several_tasks=any(batch.several_tasks for batch, _ in self._waiting),
                read_before=self._read_before,
            )
            group.versions[TableName.EVENTS.value] = appended.version
            group.stored += appended.stored
            group.duplicate["replay"] += appended.replayed
            group.duplicate["same object again"] += appended.reread
            group.duplicate["redelivery"] += appended.duplicate - appended.replayed - appended.reread
            if appended.too_old:
                group.ignored[TOO_OLD] += appended.too_old
        for batch, release in self._waiting:
            for item, counts in batch.finished:
                group.add(item, counts)
                self._result.objects += 1
            if batch.quarantine:
                group.quarantine.append(batch.quarantine)
                group.quarantine_rows += batch.quarantine_rows
            if batch.events:
                batch.events.unlink()
            release()
        self._waiting.clear()
        self._report()

    def _publish(self, *, last: bool) -> None:
        """Write quarantine, objects, outcomes and the run's row, in this order."""
        group, warehouse = self._group, self._warehouse
        if group.objects or group.stored or group.duplicate.total() or group.quarantine or group.archived:
            self._write_quarantine_and_objects()
        elif not last or not (is_behind(warehouse) or unpublished(warehouse)):
            return
        if last:
            hand_back_freed_memory()
            with closing(self._connection.cursor()) as connection:
                group.versions[TableName.OUTCOMES.value] = refresh_outcomes(warehouse, connection=connection)
            # A load that was stopped before its run's row leaves stored events: they are published with this row.
            group.versions |= unpublished(warehouse, besides=group.versions)
        self._record_run("finished" if last and not self._unreadable else "partial")
        self._result.add_group(group)
        self._on_refused(group.quarantine)
        for path in group.quarantine:
            path.unlink()
        self._published_bytes += group.size_bytes
        self._group = CommitGroup(started_at=self._clock(), reread=self._reread)

    def _write_quarantine_and_objects(self) -> None:
        group, load_id = self._group, self._result.load_id
        group.versions[TableName.QUARANTINE.value] = append_quarantine(
            self._warehouse, self._connection, group.quarantine, load_id=load_id, seen_at=self._clock()
        )
        group.versions[TableName.OBJECTS.value] = record_objects(
            self._warehouse,
            self._connection,
            [(item.uri, item.etag, item.size_bytes) for item in group.objects]
            + [(item.uri, archived_etag(item.etag), item.size_bytes) for item in group.archived],
            window_from=self._window_from,
            window_to=self._window_to,
            load_id=load_id,
            read_at=self._clock(),
        )

    def _record_run(self, state: str) -> None:
        self._groups += 1
        record_run(
            self._warehouse,
            Run(
                run_id=f"{self._result.load_id}-{self._groups}",
                kind="load",
                source=self._result.source,
                started_at=self._group.started_at,
                finished_at=self._clock(),
                state=state,
                counts=self._group.counts(),
                versions=self._group.versions,
                window_from=self._window_from,
                window_to=self._window_to,
            ),
            database=self._connection,
        )

    def _report(self) -> None:
        group, result = self._group, self._result
        self._on_progress(
            LoadProgress(
                objects_done=result.objects,
                objects_total=self._listed_objects,
                bytes_done=self._published_bytes + group.size_bytes,
                bytes_total=self._listed_bytes,
                read=result.read + group.read,
            )
        )

    def _unreadable_error(self) -> BwpError:
        first, others = self._unreadable[0].error, len(self._unreadable) - 1
        text = f" ({others} more objects could not be read either.)" if others else ""
        if self._result.newly_archived:  # named here, since later loads take them for reported
            text += (
                f" ({self._result.newly_archived} objects are in an archive storage class and must be restored before they "
                f"can be read, such as {self._first_archived}.)"
            )
        if self._result.deleted:
            name = self._result.deleted_names[0]
            text += f" ({self._result.deleted:,} objects were deleted after they were listed, such as {name}.)"
        return type(first)(f"{first}{text}") if text else first


def _micros(time: datetime | None) -> int | None:
    return None if time is None else round(time.timestamp() * 1_000_000)
