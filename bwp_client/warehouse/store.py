"""The warehouse: Delta Lake tables below one folder or S3 prefix, and the one way rows are committed to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import stamina
from deltalake import (
    ColumnProperties,
    CommitProperties,
    DeltaTable,
    PostCommitHookProperties,
    Transaction,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from bwp_client import aws
from bwp_client.errors import (
    BwpError,
    CommitConflictError,
    SourceNotFoundError,
    TerminalRemoteError,
    TransientRemoteError,
    WarehouseError,
)
from bwp_client.warehouse.engine import relation
from bwp_client.warehouse.file_cache import local_copies
from bwp_client.warehouse.schema import TABLES, TableName

COMMIT_ATTEMPTS = 30
NO_HOOKS = PostCommitHookProperties(cleanup_expired_logs=False)
WHOLE_TABLE = ""
"""What `replace` gives where every row of a table without partitions is replaced."""
ROWS_PER_BATCH = 16_384
"""Rows that travel from DuckDB to the Delta writer at a time."""


def writer_properties(table: TableName) -> WriterProperties:
    """Write ranges only for the columns that the log keeps, and no dictionary where every value is another.

    Such texts have their lengths apart: a fifth less time, and smaller.
    """
    spec = TABLES[table]
    unique_texts = [name for name in spec.unique if pa.types.is_string(spec.schema.field(name).type)]
    columns = {
        name: ColumnProperties(
            dictionary_enabled=name not in spec.unique,
            encoding="DELTA_LENGTH_BYTE_ARRAY" if name in unique_texts else None,
            statistics_enabled="CHUNK" if name in spec.ranged else "NONE",
        )
        for name in (*spec.unique, *spec.ranged)
    }
    return WriterProperties(
        compression="ZSTD",
        compression_level=1,
        column_properties=columns,
        default_column_properties=ColumnProperties(statistics_enabled="NONE"),
    )


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file of a table: its path below the table and its number of rows."""

    path: str
    rows: int
    size_bytes: int
    lows: dict[str, Any]
    highs: dict[str, Any]
    partition: dict[str, str]


class Warehouse:
    """Tables below one address, on the local disk or on S3."""

    def __init__(self, uri: str) -> None:
        self.is_remote = uri.startswith("s3://")
        self.uri = uri.rstrip("/") if self.is_remote else str(Path(uri).expanduser().absolute())

    def address(self, table: TableName) -> str:
        """Give a table's own address."""
        return f"{self.uri}/{table.value}"

    def exists(self) -> bool:
        """Tell whether the warehouse was ever written to (the runs table is made last).

        Raises:
            RemoteError: S3 refused or failed.
        """
        with explained(self.uri):
            return DeltaTable.is_deltatable(self.address(TableName.RUNS), storage_options=self._options())

    def create(self) -> None:
        """Make every table that is not there yet, in a new warehouse or one that an older version made.

        Raises:
            RemoteError: S3 refused or failed.
            WarehouseError: The local folder can't be written.
        """
        # On S3 each question takes its time, and none waits for another's answer.
        with explained(self.uri), ThreadPoolExecutor(len(TABLES)) as pool:
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
                configuration={"delta.dataSkippingStatsColumns": ",".join(spec.ranged)},
                storage_options=self._options(),
            )

    def handle(self, table: TableName, version: int | None = None) -> DeltaTable:
        """Open a table at its newest version, or at the one given.

        Raises:
            SourceNotFoundError: There is no such table, or no such version any more.
            RemoteError: S3 refused or failed.
            WarehouseError: The table uses a feature that we don't read.
        """
        with explained(self.address(table), version):
            handle = DeltaTable(self.address(table), version=version, storage_options=self._options())
        if "deletionVectors" in (handle.protocol().reader_features or []):
            raise WarehouseError(
                f"{self.address(table)} has deletion vectors, written by another program; reading its files as they "
                "are would show deleted rows. Nothing was read. Rewrite it with REORG TABLE … APPLY (PURGE) there first."
            )
        return handle

    def data_files(self, handle: DeltaTable) -> list[DataFile]:
        """List the files of an opened table, with the ranges that its log keeps."""
        actions = handle.get_add_actions(flatten=True)
        columns = {name: actions.column(name).to_pylist() for name in actions.schema.names}
        files = []
        for at in range(actions.num_rows):
            row = {name: values[at] for name, values in columns.items()}
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
        """Return the SQL relation that reads a table: something to write after `from` in a DuckDB query.

        Args:
            table: Which table.
            handle: The version to read; the newest when not given.
            files: Read only these of its data files; an empty list gives a relation with the columns and no rows.

        Raises:
            SourceNotFoundError: There is no such table, or a file of that version was deleted since.
            RemoteError: S3 refused or failed.
        """
        if files is None:
            files = self.data_files(handle or self.handle(table))
        return relation(self._local_paths(table, files) if files else [], TABLES[table].schema)

    def _local_paths(self, table: TableName, files: list[DataFile]) -> list[str]:
        """Return local paths of data files; those of a warehouse on S3 are copied once into a bounded local cache."""
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
        marks: Callable[[], dict[str, int]] | None = None,
        metadata: dict[str, str] | None = None,
    ) -> int:
        """Commit rows so that nobody else's commit can lie between looking and writing.

        `rows_for` is given a handle, looks at the table through it and returns Arrow data, or None for nothing to do.
        The data is written through that same handle, never refreshed, with an app transaction: when another writer of the
        same `app_id` committed since the handle was opened, the commit fails, and all of it is done anew.

        Args:
            table: Where to.
            rows_for: Makes the rows; called again on each attempt.
            app_id: Names the writers that must not overlap.
            app_version: What the app transaction records; the version about to be written when not given.
            replace: A predicate over partitions to replace, asked for after `rows_for`; None appends.
            marks: More app transactions to record with the commit, asked for after `rows_for`.
            metadata: Text kept with the commit.

        Returns:
            The table's version that holds the rows.

        Raises:
            CommitConflictError: Others won every attempt; nothing was written.
            WarehouseError: The disk is full or can't be written; nothing was committed.
            RemoteError: S3 refused or failed; nothing was committed.
        """
        try:
            for attempt in stamina.retry_context(
                on=CommitFailedError, attempts=COMMIT_ATTEMPTS, timeout=None, wait_initial=0.02, wait_max=1.0
            ):
                handle = self.handle(table)
                with attempt, self.overtaken(table, handle), explained(self.address(table)):
                    rows = rows_for(handle)
                    if rows is None:
                        return handle.version()
                    predicate = replace() if replace else None
                    versions = {app_id: app_version(handle) if app_version else handle.version() + 1}
                    versions |= marks() if marks else {}
                    write_deltalake(
                        handle,
                        rows,
                        mode="append" if predicate is None else "overwrite",  # type: ignore[call-overload]
                        predicate=predicate or None,
                        writer_properties=writer_properties(table),
                        commit_properties=CommitProperties(
                            custom_metadata=metadata or None,
                            app_transactions=[Transaction(*one) for one in versions.items()],
                        ),
                        post_commithook_properties=NO_HOOKS,
                    )
                    return handle.version()
        except CommitFailedError as error:
            raise CommitConflictError(
                f"Other writers committed to {self.address(table)} first, {COMMIT_ATTEMPTS} times in a row. "
                "These rows were not written; start the command again: nothing is doubled."
            ) from error
        raise AssertionError("unreachable")

    @contextmanager
    def overtaken(self, table: TableName, handle: DeltaTable) -> Iterator[None]:
        """Take a file or log that is gone for a conflict, where a purge or vacuum overtook this handle."""
        try:
            yield
        except (SourceNotFoundError, duckdb.IOException) as error:
            if self.handle(table).version() > handle.version():
                raise CommitFailedError(str(error)) from error
            raise

    def _options(self) -> dict[str, str] | None:
        return aws.delta_storage_options() if self.is_remote else None


class explained:  # noqa: N801 - reads as a word in a with statement
    """Turn the storage layer's errors into ours, with what state the data is in."""

    def __init__(self, address: str, version: int | None = None) -> None:
        self._address = address
        self._version = version

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is None or isinstance(error, BwpError | CommitFailedError):
            return
        if self._version is not None and _is_gone(error):
            raise SourceNotFoundError(
                f"{self._address}: version {self._version} is not there any more, since old data was purged or cleaned up. "
                "Take a newer run: start the command again, or load the page anew."
            ) from error
        if isinstance(error, TableNotFoundError):
            raise SourceNotFoundError(
                f"{self._address} is not there. Load events first: python -m bwp_client load SOURCE."
            ) from error
        if not isinstance(error, DeltaError | OSError):
            return
        text = str(error)
        if self._address.startswith("s3://"):
            if any(word in text for word in ("403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch")):
                raise TerminalRemoteError(
                    f"S3 refused {self._address}. Nothing was committed. The app needs s3:ListBucket, s3:GetObject, "
                    "s3:PutObject and s3:DeleteObject there."
                ) from error
            if "NoSuchBucket" in text or _is_gone(error):
                raise SourceNotFoundError(
                    f"{self._address}: the bucket, the table or that version of it does not exist."
                ) from error
            raise TransientRemoteError(
                f"S3 failed on {self._address} ({type(error).__name__}). Nothing was committed; "
                "start the command again."
            ) from error
        if _is_gone(error):
            raise SourceNotFoundError(f"{self._address}: that version is not there any more.") from error
        raise WarehouseError(
            f"The warehouse at {self._address} can't be used ({type(error).__name__}: {text[:200]}). Nothing was committed. "
            "Check free space and permissions, then start the command again."
        ) from error


_GONE = ("invalid table version", "not found", "no files in log segment", "specified end version", "no files found")


def _is_gone(error: BaseException) -> bool:
    """Tell whether a version, a file of the log or a data file is not there."""
    text = str(error).lower()
    return isinstance(error, TableNotFoundError) or any(words in text for words in _GONE)
