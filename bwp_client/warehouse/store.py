"""The warehouse: Delta Lake tables below one folder or S3 prefix. `Warehouse.commit` is the only way to write rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import duckdb
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from bwp_client import aws
from bwp_client.addresses import folder_address
from bwp_client.errors import (
    CommitConflictError,
    DamagedFileError,
    SourceNotFoundError,
    SupersededError,
    TransientRemoteError,
    WarehouseError,
)
from bwp_client.warehouse.cause_of_error import damage_behind
from bwp_client.warehouse.damage import damaged_log, names_damaged_log, refuse_foreign
from bwp_client.warehouse.data_files import DataFile, list_data_files, local_paths, superseded
from bwp_client.warehouse.delta_writer import create_table, write_rows
from bwp_client.warehouse.engine import relation
from bwp_client.warehouse.normal_ids import with_normal_ids
from bwp_client.warehouse.schema import TABLES, TableName
from bwp_client.warehouse.storage_errors import storage_errors
from bwp_client.warehouse.warehouse_address import warehouse_address

COMMIT_ATTEMPTS = 30
_PAUSES_SECONDS: Final = (0.05, 0.1, 0.2, 0.4)
"""The pauses before a table is opened or read again that another process changed meanwhile."""
T = TypeVar("T")


class Warehouse:
    """The tables below one address, on the local disk or on S3."""

    def __init__(self, uri: str) -> None:
        """Take a path, `file:///path` or `s3://bucket/prefix`.

        Raises:
            UsageError: A warehouse can't be at the address; see `warehouse_address`.
        """
        self.uri = warehouse_address(uri)
        self.is_remote = self.uri.startswith("s3://")

    def address(self, table: TableName) -> str:
        """Return the address of a table."""
        return f"{self.uri}/{table.value}"

    def exists(self) -> bool:
        """Return whether the warehouse was ever written to; the runs table is created last.

        Raises:
            UsageError: A file is at the address.
            RemoteError: S3 refused or failed.
        """
        return self.has(TableName.RUNS)

    def create(self) -> None:
        """Create every missing table, in a new warehouse or in one that an older version of this program created.

        Raises:
            UsageError: A file is at the address.
            RemoteError: S3 refused or failed.
            WarehouseError: The local folder can't be written.
        """
        folder_address(self.uri, "the warehouse")
        # On S3 each table costs round trips that do not depend on one another.
        with storage_errors(self.uri), ThreadPoolExecutor(len(TABLES)) as pool:
            if not self.is_remote:
                # Delta Lake's error would not say why the folder can't be made.
                Path(self.uri).mkdir(parents=True, exist_ok=True)
            list(pool.map(self._create, [table for table in TABLES if table is not TableName.RUNS]))
            self._create(TableName.RUNS)

    def _create(self, table: TableName) -> None:
        create_table(table, self.address(table), self._options())

    def handle(self, table: TableName, version: int | None = None) -> DeltaTable:
        """Open a table at its newest version, or at the given one.

        Raises:
            SourceNotFoundError: The table or the version does not exist (any more).
            RemoteError: S3 refused or failed.
            DamagedTableError: The table's log lacks files, or another program wrote the table.
        """
        handle = self._newest(table) if version is None else self._opened(table, version)
        refuse_foreign(table, self.address(table), handle)
        return handle

    def _opened(self, table: TableName, version: int | None = None) -> DeltaTable:
        with storage_errors(self.address(table), version):
            return DeltaTable(self.address(table), version=version, storage_options=self._options())

    def _newest(self, table: TableName) -> DeltaTable:
        for pause in (*_PAUSES_SECONDS, None):
            try:
                return self._opened(table)
            except SourceNotFoundError as error:
                # Without a log, there is no table. With one, another process may have cleaned the log meanwhile.
                if not self.has(table) or isinstance(error.__cause__, TableNotFoundError):
                    raise
                if pause is None:
                    raise damaged_log(self.address(table)) from error
                time.sleep(pause)
            except (WarehouseError, TransientRemoteError) as error:
                if names_damaged_log(error.__cause__):
                    raise damaged_log(self.address(table)) from error
                raise
        raise AssertionError("unreachable")

    def has(self, table: TableName) -> bool:
        """Return whether a table exists.

        Raises:
            UsageError: A file is at the address.
            RemoteError: S3 refused or failed.
        """
        folder_address(self.uri, "the warehouse")
        with storage_errors(self.address(table)):
            return DeltaTable.is_deltatable(self.address(table), storage_options=self._options())

    def data_files(self, handle: DeltaTable) -> list[DataFile]:
        """Return the data files of an opened table, with the statistics that its log holds."""
        return list_data_files(handle)

    def scan(
        self,
        table: TableName,
        handle: DeltaTable | None = None,
        files: list[DataFile] | None = None,
        *,
        as_stored: bool = False,
    ) -> str:
        """Return the SQL relation that reads a table, for the `from` clause of a DuckDB query; IDs have their normal form.

        Args:
            table: Which table.
            handle: The version to read; the newest when not given.
            files: The data files to read; all when not given. With an empty list, the relation has columns and no rows.
            as_stored: Whether to read IDs as they are stored.

        Raises:
            SourceNotFoundError: There is no such table.
            SupersededError: A file was deleted since its version was opened, and newer versions do without it.
            DamagedFileError: A file is missing, or has another size than the table's log says.
            RemoteError: S3 refused or failed.
        """
        if files is None:
            files = self.data_files(handle or self.handle(table))
        spec = TABLES[table]
        paths = self._local_paths(table, files) if files else []
        rows = relation(paths, spec.schema, may_lack_columns=bool(spec.later_columns))
        is_normal = all(item.has_normal_ids for item in files)
        return rows if as_stored or is_normal else with_normal_ids(table, rows)

    def _local_paths(self, table: TableName, files: list[DataFile]) -> list[str]:
        try:
            return local_paths(table, self.address(table), files)
        except DamagedFileError as error:
            if all(item.path != error.path for item in self.data_files(self.handle(table))):
                raise superseded(self.uri) from error
            raise

    def retry_superseded(self, read: Callable[[], T]) -> T:
        """Call `read`, which opens the newest versions, again while another process deletes the files that it reads.

        Raises:
            SupersededError: Files were deleted at every attempt.
            DamagedFileError: A data file is damaged.
            SourceNotFoundError: A table does not exist (any more).
        """
        for pause in (*_PAUSES_SECONDS, None):
            try:
                with self.damage_named():
                    return read()
            except SupersededError:
                if pause is None:
                    raise
                time.sleep(pause)
        raise AssertionError("unreachable")

    @contextmanager
    def damage_named(self, versions: Mapping[str, int] | None = None) -> Iterator[None]:
        """Raise an error that names the file, in place of an error of DuckDB or Delta Lake that a data file caused.

        Args:
            versions: The version of each table that the block reads; the newest when not given.

        Raises:
            SupersededError: A file was deleted while it was read, and newer versions do without it.
            DamagedFileError: A data file is missing, cut or unreadable.
            WarehouseError: DuckDB's temporary folder can't be written.
        """
        try:
            yield
        except CommitFailedError:
            raise
        except (duckdb.Error, DeltaError, OSError) as error:
            if cause := damage_behind(error, self, versions or {}):
                raise cause from error
            raise

    def commit(
        self,
        table: TableName,
        rows_for: Callable[[DeltaTable], Any | None],
        *,
        app_id: str,
        app_version: Callable[[DeltaTable], int] | None = None,
        replace: Callable[[], str | None] | None = None,
        app_transactions: Callable[[], dict[str, int]] | None = None,
        metadata: dict[str, str] | None = None,
    ) -> int:
        """Commit rows such that no other writer's commit can come between reading the table and writing to it.

        `rows_for` reads the table through a handle and returns Arrow data, or None when there is nothing to write. The data
        is written through that same handle, never refreshed, with an app transaction: if another writer of the same
        `app_id` committed after the handle was opened, the commit fails and everything is repeated with a new handle.

        Args:
            table: The table to write to.
            rows_for: Returns the rows; called again on each attempt.
            app_id: The app transaction shared by writers whose commits must not overlap.
            app_version: Returns the version that the app transaction records; by default the version to be written.
            replace: Returns the predicate over partitions whose rows are replaced, or None to append; called after
                `rows_for`.
            app_transactions: Returns further app transactions to record with the commit; called after `rows_for`.
            metadata: Custom metadata of the commit; may be filled by `rows_for`.

        Returns:
            The table's version that holds the rows.

        Raises:
            CommitConflictError: Other writers won every attempt; nothing was written.
            WarehouseError: The disk is full or can't be written; nothing was committed.
            RemoteError: S3 refused or failed; nothing was committed.
        """

        def attempt(handle: DeltaTable) -> int:
            rows = rows_for(handle)
            if rows is None:
                return handle.version()
            predicate = replace() if replace else None
            versions = {app_id: app_version(handle) if app_version else handle.version() + 1}
            versions |= app_transactions() if app_transactions else {}
            write_rows(table, handle, rows, predicate, versions, metadata)
            return handle.version()

        return self.retry_conflicts(table, attempt)

    def retry_conflicts(self, table: TableName, attempt: Callable[[DeltaTable], T]) -> T:
        """Call `attempt` with a new handle of the table until no other writer's commit conflicts with it.

        A file or log entry that is missing because a purge or a vacuum superseded the handle counts as a conflict too.

        Raises:
            CommitConflictError: Other writers won every attempt; nothing was written.
            WarehouseError: The table can't be written; nothing was committed.
            RemoteError: S3 refused or failed; nothing was committed.
        """
        import stamina.instrumentation  # here, since it imports asyncio, which readers of the warehouse never need

        # By default stamina logs each retry as a warning. Two writers that meet are nothing to warn of.
        stamina.instrumentation.set_on_retry_hooks([])
        try:
            for retry in stamina.retry_context(
                on=CommitFailedError, attempts=COMMIT_ATTEMPTS, timeout=None, wait_initial=0.02, wait_max=1.0
            ):
                handle = self.handle(table)
                with (
                    retry,
                    self._conflict_if_superseded(table, handle),
                    storage_errors(self.address(table)),
                    self.damage_named(),
                ):
                    return attempt(handle)
        except CommitFailedError as error:
            raise CommitConflictError(
                f"Other writers committed to {self.address(table)} first, {COMMIT_ATTEMPTS} times in a row. "
                "Nothing was written; start the command again: nothing is doubled."
            ) from error
        raise AssertionError("unreachable")

    @contextmanager
    def _conflict_if_superseded(self, table: TableName, handle: DeltaTable) -> Iterator[None]:
        try:
            yield
        except SupersededError as error:
            raise CommitFailedError(str(error)) from error
        except SourceNotFoundError as error:
            if self.handle(table).version() > handle.version():
                raise CommitFailedError(str(error)) from error
            raise

    def _options(self) -> dict[str, str] | None:
        return aws.delta_storage_options() if self.is_remote else None
