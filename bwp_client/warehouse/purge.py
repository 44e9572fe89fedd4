"""The purge: removes data older than a day from every table, and deletes the files that held the data.

Order: requests, lookups, claims, quarantine, events (with the floor), outcomes, the run's row; then the files. Each step
starts from the table's current rows, so a second purge finishes a purge that was stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
from deltalake import DeltaTable

from bwp_client.errors import BwpError, SourceNotFoundError, UsageError
from bwp_client.warehouse import claims, events, lookups, quarantine, requests
from bwp_client.warehouse.data_files import DataFile
from bwp_client.warehouse.delta_writer import ROWS_PER_BATCH, WHOLE_TABLE
from bwp_client.warehouse.engine import TempTables, connect, quoted, single_row
from bwp_client.warehouse.maintenance import newest_versions
from bwp_client.warehouse.outcomes import refresh_outcomes
from bwp_client.warehouse.purge_floor import floor_transaction, newest_purge_floor, purge_floor
from bwp_client.warehouse.purge_rules import PurgeRules
from bwp_client.warehouse.runs import Run, newest_run, record_run
from bwp_client.warehouse.schema import TableName
from bwp_client.warehouse.store import Warehouse
from bwp_client.warehouse.vacuum import (
    UNFINISHED_HOURS,
    clean_log,
    forget_old_copies,
    remove_unreferenced,
    unfinished_files,
    write_checkpoint,
)

PURGED: Final = (
    TableName.REQUESTS, TableName.LOOKUPS, TableName.CLAIMS, TableName.QUARANTINE, TableName.EVENTS, TableName.OUTCOMES,
)  # fmt: skip


@dataclass(slots=True)
class PurgeResult:
    """The numbers of rows that a purge removed.

    Attributes:
        before: The floor: the first UTC day that stays.
        requests: Rows removed from the requests table; `lookups`, `quarantine`, `events` and `outcomes` likewise.
        blanked: Quarantined records that lost their bytes or their excerpt, and stay.
        deleted_files: Data files deleted.
        unfinished_files: Young files that no commit names, which a writer may still be writing; a purge at least one
            hour later deletes them.
    """

    before: str
    requests: int = 0
    lookups: int = 0
    quarantine: int = 0
    blanked: int = 0
    events: int = 0
    outcomes: int = 0
    deleted_files: int = 0
    unfinished_files: int = 0

    def as_text(self) -> str:
        """Return a phrase with the number of rows of each table that a purge removes."""
        return (
            f"{self.events:,} events and {self.outcomes:,} outcomes older than {self.before}, {self.lookups:,} lookups, "
            f"{self.requests:,} requests, {self.quarantine:,} quarantined records, and the text of {self.blanked:,} more"
        )

    def as_json(self) -> dict[str, Any]:
        """Return the command line's JSON object."""
        return asdict(self)


def purge(
    warehouse: Warehouse,
    before: datetime,
    *,
    dry_run: bool = False,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    on_plan: Callable[[PurgeResult], None] = lambda _: None,
) -> PurgeResult:
    """Remove data older than a day from every table, and prevent loads from storing the data again.

    Args:
        warehouse: The warehouse to purge.
        before: The start of the first UTC day that stays.
        dry_run: Count the rows, and remove nothing.
        clock: Returns the time now, in UTC.
        on_plan: Called with the counts before anything is removed.

    Raises:
        UsageError: The day is in the future; nothing was removed.
        SourceNotFoundError: There is no warehouse.
        CommitConflictError, WarehouseError, RemoteError: Some tables may be purged; another purge finishes the work.
    """
    started_at = clock()
    if before > started_at:
        raise UsageError(
            f"Nothing was removed: {before:%Y-%m-%d} is in the future, and everything would go. Give an earlier --before."
        )
    if not warehouse.exists():
        raise SourceNotFoundError(f"Nothing was removed: {warehouse.uri} holds nothing yet.")
    warehouse.create()
    with (
        TemporaryDirectory(prefix="bwp-purge-") as spill,
        closing(connect(Path(spill))) as connection,
        TempTables(connection) as temp,
    ):
        steps = _Purge(warehouse, connection, temp, before, started_at)
        steps.count()
        on_plan(steps.result)
        if not dry_run:
            steps.run(clock)
        return steps.result


class _Purge:
    """One purge: counts the rows to remove, then removes them table by table."""

    def __init__(
        self,
        warehouse: Warehouse,
        connection: duckdb.DuckDBPyConnection,
        temp: TempTables,
        before: datetime,
        now: datetime,
    ) -> None:
        self._warehouse = warehouse
        self._connection = connection
        self._temp = temp
        self._now = now
        floor = newest_purge_floor(warehouse)
        self._before = max(before, floor) if floor else before
        self._purged: list[TableName] = []
        self._month = f"{self._before:%Y-%m}"
        refresh_outcomes(warehouse)
        self.result = PurgeResult(before=self._before.date().isoformat())

    def count(self) -> None:
        """Count the rows that the purge will remove."""
        self._warehouse.retry_superseded(self._count)

    def _count(self) -> None:
        warehouse, result = self._warehouse, self.result
        self._rules = PurgeRules(warehouse, self._connection, self._temp, before=self._before, now=self._now)
        result.requests, _ = self._rules.count(TableName.REQUESTS)
        result.lookups, _ = self._rules.count(TableName.LOOKUPS)
        result.quarantine, result.blanked = self._rules.count(TableName.QUARANTINE)
        result.outcomes = self._count_older(warehouse.scan(TableName.OUTCOMES))
        result.events = self._count_events(self._old_files(warehouse.handle(TableName.EVENTS)))

    def run(self, clock: Callable[[], datetime]) -> None:
        """Remove the rows, publish the new versions as a run, and delete the files that held the rows.

        Raises:
            BwpError: Its message names the tables that are purged and those that are not.
        """
        try:
            self._purge_tables()
            self._record(clock)
            self._delete_files()
        except BwpError as error:
            error.args = (f"{error} {self._state_text()}",)
            raise

    def _purge_tables(self) -> None:
        result = self.result
        result.requests = self._rewrite(TableName.REQUESTS, requests.APP_ID)
        # A running `enrich` reads the floor from the handle through which it appends lookups.
        result.lookups = self._rewrite(TableName.LOOKUPS, lookups.APP_ID, floor=self._before)
        self._rewrite(TableName.CLAIMS, claims.APP_ID)
        result.quarantine = self._rewrite(TableName.QUARANTINE, quarantine.APP_ID)
        self._purge_events()
        self._purged.append(TableName.EVENTS)
        refresh_outcomes(self._warehouse)
        self._purged.append(TableName.OUTCOMES)

    def _state_text(self) -> str:
        """Return sentences about a purge that failed: what it has done, what is left, and the next step."""
        left = [table.value for table in PURGED if table not in self._purged]
        purged = ", ".join(table.value for table in self._purged)
        return (
            f"The purge is not complete. Purged: {purged or 'no table'}; not purged: {', '.join(left) or 'no table'}. Old "
            f"data files may still be there. Run purge --before {self.result.before} again: it completes the work."
        )

    def _record(self, clock: Callable[[], datetime]) -> None:
        warehouse, result = self._warehouse, self.result
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

    def _rewrite(self, table: TableName, app_id: str, *, floor: datetime | None = None) -> int:
        """Replace a whole table by the rows that the purge leaves, if it removes or changes any row.

        Args:
            table: The table.
            app_id: The app transaction of its writers.
            floor: Recorded in the table's log.

        Returns:
            The number of rows removed.
        """
        removed, changed = 0, 0

        def rows_for(handle: DeltaTable) -> Any:
            nonlocal removed, changed
            removed, changed = self._rules.count(table, handle)
            if removed or changed:
                return self._rules.rows_left(table, handle)
            if floor and purge_floor(handle) != floor:
                return self._connection.sql(f"from {self._warehouse.scan(table, files=[])}").to_arrow_reader()
            return None

        self._warehouse.commit(
            table,
            rows_for,
            app_id=app_id,
            replace=lambda: WHOLE_TABLE if removed or changed else None,
            app_transactions=lambda: floor_transaction(floor),
        )
        self._purged.append(table)
        return removed

    def _purge_events(self) -> None:
        """Drop whole months, rewrite the month that the floor cuts, and set the floor, all in one commit."""
        months: set[str] = set()

        def rows_for(handle: DeltaTable) -> Any:
            months.clear()
            old = self._old_files(handle)
            self.result.events = self._count_events(old)
            if not old and purge_floor(handle) == self._before:
                return None
            months.update(item.partition["occurred_month"] for item in old)
            files = self._warehouse.data_files(handle) if self._month in months else []
            cut = [item for item in files if item.partition["occurred_month"] == self._month]
            source = self._warehouse.scan(TableName.EVENTS, files=cut)
            month = f", '{self._month}' as occurred_month" if cut else ""
            return self._connection.sql(
                f"select *{month} from {source} where occurred_at >= $before", params={"before": self._before}
            ).to_arrow_reader(ROWS_PER_BATCH)

        self._warehouse.commit(
            TableName.EVENTS,
            rows_for,
            app_id=events.APP_ID,
            replace=lambda: f"occurred_month in ({', '.join(map(quoted, sorted(months)))})" if months else None,
            app_transactions=lambda: floor_transaction(self._before),
        )

    def _delete_files(self) -> None:
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

    def _count_events(self, files: list[DataFile]) -> int:
        whole = [item for item in files if item.highs["occurred_at"] < self._before]
        cut = [item for item in files if item.highs["occurred_at"] >= self._before]
        in_cut = self._count_older(self._warehouse.scan(TableName.EVENTS, files=cut)) if cut else 0
        return sum(item.rows for item in whole) + in_cut

    def _count_older(self, source: str) -> int:
        sql = f"select count(*) from {source} where occurred_at < $before"
        (rows,) = single_row(self._connection, sql, {"before": self._before})
        return int(rows)
