"""Removing data older than a day, physically and for good.

Order: requests, lookups, quarantine, events (with the floor), outcomes, the run's row; then the files that held the data.
Each step looks at what is there, so a purge that was stopped is finished by running it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
from deltalake import DeltaTable

from bwp_client.errors import SourceNotFoundError, UsageError
from bwp_client.warehouse import claims, events, lookups, quarantine, requests
from bwp_client.warehouse.engine import connect, one_row, quoted
from bwp_client.warehouse.maintenance import newest_versions
from bwp_client.warehouse.outcomes import refresh_outcomes
from bwp_client.warehouse.purge_floor import floor_transaction, purge_floor
from bwp_client.warehouse.runs import Run, newest_run, record_run
from bwp_client.warehouse.schema import TableName
from bwp_client.warehouse.store import ROWS_PER_BATCH, WHOLE_TABLE, DataFile, Warehouse
from bwp_client.warehouse.vacuum import (
    UNFINISHED_HOURS,
    clean_log,
    forget_old_copies,
    remove_unreferenced,
    unfinished_files,
    write_checkpoint,
)

PURGED_TEXT: Final = "(purged)"
RAW_DAYS: Final = 30
"""How long the bytes of a record that can't be read again are kept."""
PURGED: Final = (
    TableName.REQUESTS, TableName.LOOKUPS, TableName.CLAIMS, TableName.QUARANTINE, TableName.EVENTS, TableName.OUTCOMES,
)  # fmt: skip


@dataclass(slots=True)
class PurgeResult:
    """What a purge removed, in rows; `blanked` are quarantined records that stay without their bytes or excerpt."""

    before: str
    """The floor: the first UTC day that is kept."""
    requests: int = 0
    lookups: int = 0
    quarantine: int = 0
    blanked: int = 0
    events: int = 0
    outcomes: int = 0
    deleted_files: int = 0
    unfinished_files: int = 0
    """Files of no commit that may be being written; they go with the next purge once they are an hour old."""

    def as_text(self) -> str:
        """Say which rows go."""
        return (
            f"{self.events:,} events and {self.outcomes:,} outcomes older than {self.before}, {self.lookups:,} lookups, "
            f"{self.requests:,} requests, {self.quarantine:,} quarantined records, and the text of {self.blanked:,} more"
        )

    def as_json(self) -> dict[str, Any]:
        """Give the command line's JSON object."""
        return asdict(self)


def purge(
    warehouse: Warehouse,
    before: datetime,
    *,
    dry_run: bool = False,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    on_plan: Callable[[PurgeResult], None] = lambda _: None,
) -> PurgeResult:
    """Remove data older than a day from every table, and see to it that no load brings it back.

    Args:
        warehouse: Which.
        before: The start of the first UTC day that is kept.
        dry_run: Only count.
        clock: Gives the time now.
        on_plan: Told what will go, before anything does.

    Raises:
        UsageError: The day is in the future; nothing was removed.
        SourceNotFoundError: There is no warehouse.
        CommitConflictError, WarehouseError, RemoteError: Some tables may be done; run it again to finish.
    """
    started_at = clock()
    if before > started_at:
        raise UsageError(
            f"Nothing was removed: {before:%Y-%m-%d} is in the future, and everything would go. Give an earlier --before."
        )
    if not warehouse.exists():
        raise SourceNotFoundError(f"Nothing was removed: {warehouse.uri} holds nothing yet.")
    warehouse.create()
    with TemporaryDirectory(prefix="bwp-purge-") as spill:
        connection = connect(Path(spill))
        try:
            one = _Purge(warehouse, connection, before, started_at)
            one.count()
            on_plan(one.result)
            if not dry_run:
                one.run(clock)
            return one.result
        finally:
            connection.close()


class _Purge:
    def __init__(
        self, warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, before: datetime, now: datetime
    ) -> None:
        self._warehouse = warehouse
        self._connection = connection
        self._now = now
        floor = purge_floor(warehouse.handle(TableName.EVENTS))
        self._before = max(before, floor) if floor else before
        self._month = f"{self._before:%Y-%m}"
        self._times = {"before": self._before, "raw_before": now - timedelta(days=RAW_DAYS)}
        self.result = PurgeResult(before=self._before.date().isoformat())

    def count(self) -> None:
        """Count what will go, by outcomes that are up to date."""
        refresh_outcomes(self._warehouse)
        self._see_gone_tasks()
        result = self.result
        for name in (TableName.REQUESTS, TableName.LOOKUPS, TableName.QUARANTINE, TableName.OUTCOMES):
            setattr(result, name.value, self._count(self._warehouse.scan(name), _GOING[name]))
        result.blanked = self._count(self._warehouse.scan(TableName.QUARANTINE), _BLANKED)
        handle = self._warehouse.handle(TableName.EVENTS)
        result.events = sum(self._going_events(item) for item in self._old_files(handle))

    def run(self, clock: Callable[[], datetime]) -> None:
        warehouse, result = self._warehouse, self.result
        result.requests = self._rewrite(TableName.REQUESTS, requests.APP_ID, _REQUESTS_LEFT)
        result.lookups = self._rewrite(TableName.LOOKUPS, lookups.APP_ID, _LOOKUPS_LEFT)
        self._rewrite(TableName.CLAIMS, claims.APP_ID, _CLAIMS_LEFT)
        result.quarantine = self._rewrite(TableName.QUARANTINE, quarantine.APP_ID, _QUARANTINE_LEFT)
        self._purge_events()
        refresh_outcomes(warehouse)
        record_run(
            warehouse,
            Run(
                kind="purge",
                source=warehouse.uri,
                started_at=self._now,
                finished_at=clock(),
                counts={name: value for name, value in result.as_json().items() if not name.endswith("_files")},
                versions=newest_versions(warehouse),
            ),
        )
        self._remove_files()

    def _see_gone_tasks(self) -> None:
        """Remember which tasks ended before the floor, and whose lookups stay; a task known to the shop alone stays."""
        outcomes = self._warehouse.scan(TableName.OUTCOMES)
        self._connection.execute(
            f"""
            create or replace temp table tasks_gone as
            select task_id from {outcomes} group by task_id having max(occurred_at) < $before
            """,
            {"before": self._before},
        )
        self._connection.execute(
            f"""
            create or replace temp table tasks_left as
            select task_id from {outcomes} where occurred_at >= $before
            union
            select task_id from {self._warehouse.scan(TableName.REQUESTS)} where task_id is not null and not {_GONE}
            """,
            {"before": self._before},
        )

    def _rewrite(self, table: TableName, app_id: str, left: str) -> int:
        """Replace a whole table by the rows that are left, if any row goes or changes; give how many went.

        The lookups table is told the floor as well: whoever is asking meanwhile sees it through the handle it appends with.
        """
        gone, changes = 0, False
        transactions = floor_transaction(self._before) if table is TableName.LOOKUPS else {}

        def rows_for(handle: DeltaTable) -> Any:
            nonlocal gone, changes
            source = self._warehouse.scan(table, handle)
            gone = self._count(source, _GOING[table])
            changes = bool(gone or self._count(source, _CHANGING.get(table, "false")))
            if changes:
                return self._stream(left.format(table=source))
            if transactions and purge_floor(handle) != self._before:
                return self._stream(f"select * from {source} where false")
            return None

        self._warehouse.commit(
            table,
            rows_for,
            app_id=app_id,
            replace=lambda: WHOLE_TABLE if changes else None,
            app_transactions=lambda: transactions,
        )
        return gone

    def _purge_events(self) -> None:
        """Drop whole months, write the cut one anew, and set the floor, all in one commit."""
        months: set[str] = set()

        def rows_for(handle: DeltaTable) -> Any:
            months.clear()
            old = self._old_files(handle)
            self.result.events = sum(self._going_events(item) for item in old)
            if not old and purge_floor(handle) == self._before:
                return None
            months.update(item.partition["occurred_month"] for item in old)
            files = self._warehouse.data_files(handle) if self._month in months else []
            cut = [item for item in files if item.partition["occurred_month"] == self._month]
            source = self._warehouse.scan(TableName.EVENTS, files=cut)
            month = f", '{self._month}' as occurred_month" if cut else ""
            return self._stream(f"select *{month} from {source} where occurred_at >= $before")

        self._warehouse.commit(
            TableName.EVENTS,
            rows_for,
            app_id=events.APP_ID,
            replace=lambda: f"occurred_month in ({', '.join(map(quoted, sorted(months)))})" if months else None,
            app_transactions=lambda: floor_transaction(self._before),
        )

    def _remove_files(self) -> None:
        warehouse, result = self._warehouse, self.result
        newest = newest_run(warehouse)
        versions = newest.versions if newest else {}
        for table in PURGED:
            read = versions.get(table.value, warehouse.handle(table).version())
            result.deleted_files += remove_unreferenced(
                warehouse, table, retention_hours=UNFINISHED_HOURS, keep={read}, replaced_at_once=True
            )
            forget_old_copies(warehouse, table)
            write_checkpoint(warehouse, table, read)
            clean_log(warehouse, table, oldest_needed=read)
            result.unfinished_files += unfinished_files(warehouse, table)

    def _old_files(self, handle: DeltaTable) -> list[DataFile]:
        return [item for item in self._warehouse.data_files(handle) if item.lows["occurred_at"] < self._before]

    def _going_events(self, item: DataFile) -> int:
        if item.highs["occurred_at"] < self._before:
            return item.rows
        source = self._warehouse.scan(TableName.EVENTS, files=[item])
        return self._count(source, "occurred_at < $before")

    def _count(self, source: str, condition: str) -> int:
        sql = f"select count(*) from {source} where {condition.format(table=source)}"
        (rows,) = one_row(self._connection, sql, self._named_in(sql))
        return int(rows)

    def _stream(self, sql: str) -> Any:
        return self._connection.sql(sql, params=self._named_in(sql)).to_arrow_reader(ROWS_PER_BATCH)

    def _named_in(self, sql: str) -> dict[str, Any]:
        return {name: time for name, time in self._times.items() if f"${name}" in sql}


_GONE = "coalesce(task_id in (select task_id from tasks_gone), false)"
_LOOKUP = "coalesce(task_id not in (select task_id from tasks_left), true)"
_OLD_RAW = "(seen_at < $raw_before and raw is not null)"
# A broken record may name a task all the same, in a path or as a text.
_NAMES_GONE = """coalesce(excerpt in (
    select excerpt from (select excerpt, unnest(regexp_split_to_array(excerpt, '["/\\s]')) as word from {table})
    where word in (select task_id from tasks_gone)
), false)"""
_BLANKED = f"seen_at >= $before and ({_OLD_RAW} or {_NAMES_GONE})"
_REPLACED_BY_GONE = "coalesce(replaced_by in (select task_id from tasks_gone), false)"

_GOING = {
    TableName.REQUESTS: _GONE,
    TableName.LOOKUPS: _LOOKUP,
    TableName.CLAIMS: _GONE,
    TableName.QUARANTINE: "seen_at < $before",
    TableName.OUTCOMES: "occurred_at < $before",
}
"""Which rows of a table go."""

_CHANGING = {TableName.QUARANTINE: _BLANKED, TableName.REQUESTS: _REPLACED_BY_GONE}
"""Which rows stay without a part of them."""

_REQUESTS_LEFT = (
    f"select * replace (case when {_REPLACED_BY_GONE} then null else replaced_by end as replaced_by) "
    f"from {{table}} where not ({_GONE})"
)
_CLAIMS_LEFT = f"select * from {{table}} where not ({_GONE})"
_LOOKUPS_LEFT = f"select * from {{table}} where not ({_LOOKUP})"
_QUARANTINE_LEFT = (
    f"select * replace (case when {_OLD_RAW} or {_NAMES_GONE} then null else raw end as raw, "
    f"case when {_NAMES_GONE} then '{PURGED_TEXT}' else excerpt end as excerpt) from {{table}} where seen_at >= $before"
)
