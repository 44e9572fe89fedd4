"""The warehouse: Delta Lake tables below one folder or S3 prefix. `Warehouse.commit` is the only way to write rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import duckdb
import pyarrow as pa
from deltalake import (
    ColumnProperties,
    CommitProperties,
    DeltaTable,
    PostCommitHookProperties,
    Transaction,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError

from bwp_client import aws
from bwp_client.errors import CommitConflictError, SourceNotFoundError, WarehouseError
from bwp_client.warehouse.engine import relation
from bwp_client.warehouse.file_cache import local_copies
from bwp_client.warehouse.schema import TABLES, TableName
from bwp_client.warehouse.storage_errors import storage_errors

COMMIT_ATTEMPTS = 30
T = TypeVar("T")
NO_HOOKS = PostCommitHookProperties(cleanup_expired_logs=False)
WHOLE_TABLE = ""
"""The predicate that `replace` returns to replace every row of a table without partitions."""
ROWS_PER_BATCH = 16_384
"""The number of rows per batch that the Delta writer reads from DuckDB."""


def writer_properties(table: TableName) -> WriterProperties:
    """Return the Parquet writer properties of a table.

    Only the statistics columns get a minimum and maximum. High-cardinality columns get no dictionary; their texts are encoded
    as lengths and bytes in separate blocks, which is faster to write and compresses better.
    """
    spec = TABLES[table]
    texts = [name for name in spec.high_cardinality if pa.types.is_string(spec.schema.field(name).type)]
    columns = {
        name: ColumnProperties(
            dictionary_enabled=name not in spec.high_cardinality,
            encoding="DELTA_LENGTH_BYTE_ARRAY" if name in texts else None,
            statistics_enabled="CHUNK" if name in spec.statistics_columns else "NONE",
        )
        for name in (*spec.high_cardinality, *spec.statistics_columns)
    }
    return WriterProperties(
        compression="ZSTD",
        compression_level=1,
        column_properties=columns,
        default_column_properties=ColumnProperties(statistics_enabled="NONE"),
    )


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file of a table, as the table's log describes it.

    Attributes:
        path: The path below the table's address, URL-encoded.
        rows: The number of rows.
        size_bytes: The size of the file.
        lows: The minimum of each statistics column.
        highs: The maximum of each statistics column.
        partition: The value of each partition column.
    """

    path: str
    rows: int
    size_bytes: int
    lows: dict[str, Any]
    highs: dict[str, Any]
    partition: dict[str, str]


def _write(
    table: TableName,
    handle: DeltaTable,
    rows: Any,
    predicate: str | None,
    versions: dict[str, int],
    metadata: dict[str, str] | None,
) -> None:
    """Commit rows through a handle: append them without a predicate, else replace the rows that it selects."""
    lacks_columns = not {item.name for item in handle.schema().fields}.issuperset(TABLES[table].later_columns)
    write_deltalake(
        handle,
        rows,
        mode="append" if predicate is None else "overwrite",  # type: ignore[call-overload]
        predicate=predicate or None,
        schema_mode="merge" if lacks_columns else None,
        writer_properties=writer_properties(table),
        commit_properties=CommitProperties(
            custom_metadata=metadata or None,
            app_transactions=[Transaction(name, version) for name, version in versions.items()],
        ),
        post_commithook_properties=NO_HOOKS,
    )


class Warehouse:
    """The tables below one address, on the local disk or on S3."""

    def __init__(self, uri: str) -> None:
        self.is_remote = uri.startswith("s3://")
        self.uri = uri.rstrip("/") if self.is_remote else str(Path(uri).expanduser().absolute())

    def address(self, table: TableName) -> str:
        """Return the address of a table."""
        return f"{self.uri}/{table.value}"

    def exists(self) -> bool:
        """Return whether the warehouse was ever written to; the runs table is created last.

        Raises:
            RemoteError: S3 refused or failed.
        """
        with storage_errors(self.uri):
            return DeltaTable.is_deltatable(self.address(TableName.RUNS), storage_options=self._options())

    def create(self) -> None:
        """Create every missing table, in a new warehouse or in one that an older version of this program created.

        Raises:
            RemoteError: S3 refused or failed.
            WarehouseError: The local folder can't be written.
        """
        # On S3 each table costs round trips that do not depend on one another.
        with storage_errors(self.uri), ThreadPoolExecutor(len(TABLES)) as pool:
            list(pool.map(self._create, [table for table in TABLES if table is not TableName.RUNS]))
            self._create(TableName.RUNS)

    def _create(self, table: TableName) -> None:
        spec = TABLES[table]
        if not DeltaTable.is_deltatable(self.address(table), storage_options=self._options()):
            DeltaTable.create(
                self.address(table),
                spec.schema,
                mode="ignore",
                partition_by=list(spec.partition_by),
                configuration={"delta.dataSkippingStatsColumns": ",".join(spec.statistics_columns)},
                storage_options=self._options(),
            )

    def handle(self, table: TableName, version: int | None = None) -> DeltaTable:
        """Open a table at its newest version, or at the given one.

        Raises:
            SourceNotFoundError: The table or the version does not exist (any more).
            RemoteError: S3 refused or failed.
            WarehouseError: The table has deletion vectors, which this program does not read.
        """
        with storage_errors(self.address(table), version):
            handle = DeltaTable(self.address(table), version=version, storage_options=self._options())
        if "deletionVectors" in (handle.protocol().reader_features or []):
            raise WarehouseError(
                f"{self.address(table)} has deletion vectors, written by another program; reading its files as they "
                "are would show deleted rows. Nothing was read. Rewrite it with REORG TABLE … APPLY (PURGE) there first."
            )
        return handle

    def data_files(self, handle: DeltaTable) -> list[DataFile]:
        """Return the data files of an opened table, with the statistics that its log holds."""
        actions = handle.get_add_actions(flatten=True)
        columns = {name: actions.column(name).to_pylist() for name in actions.schema.names}
        files = []
        for index in range(actions.num_rows):
            row = {name: values[index] for name, values in columns.items()}
            files.append(
                DataFile(
                    path=row["path"],
                    rows=row["num_records"] or 0,
                    size_bytes=row["size_bytes"],
                    lows={k.removeprefix("min."): v for k, v in row.items() if k.startswith("min.")},
                    highs={k.removeprefix("max."): v for k, v in row.items() if k.startswith("max.")},
                    partition={k.removeprefix("partition."): v for k, v in row.items() if k.startswith("partition.")},
                )
            )
        return files

    def scan(self, table: TableName, handle: DeltaTable | None = None, files: list[DataFile] | None = None) -> str:
        """Return the SQL relation that reads a table, for the `from` clause of a DuckDB query.

        Args:
            table: Which table.
            handle: The version to read; the newest when not given.
            files: The data files to read; all when not given. With an empty list, the relation has columns and no rows.

        Raises:
            SourceNotFoundError: There is no such table, or a file of that version was deleted since.
            RemoteError: S3 refused or failed.
        """
        if files is None:
            files = self.data_files(handle or self.handle(table))
        spec = TABLES[table]
        paths = self._local_paths(table, files) if files else []
        return relation(paths, spec.schema, may_lack_columns=bool(spec.later_columns))

    def _local_paths(self, table: TableName, files: list[DataFile]) -> list[str]:
        """Return local paths of data files; files on S3 are copied once into a bounded local cache."""
        if self.is_remote:
            return local_copies(self.address(table), [(item.path, item.size_bytes) for item in files])
        return [f"{self.address(table)}/{unquote(item.path)}" for item in files]

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
            _write(table, handle, rows, predicate, versions, metadata)
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
                with retry, self._conflict_if_superseded(table, handle), storage_errors(self.address(table)):
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
        except (SourceNotFoundError, duckdb.IOException) as error:
            if self.handle(table).version() > handle.version():
                raise CommitFailedError(str(error)) from error
            raise

    def _options(self) -> dict[str, str] | None:
        return aws.delta_storage_options() if self.is_remote else None
