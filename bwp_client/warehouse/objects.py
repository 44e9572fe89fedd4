"""The objects table: which objects of a source have been read, and for which window."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

import duckdb
from deltalake import DeltaTable

from bwp_client.warehouse.delta_writer import ROWS_PER_BATCH
from bwp_client.warehouse.engine import TempTables, connect
from bwp_client.warehouse.schema import TableName
from bwp_client.warehouse.store import Warehouse

APP_ID = "bwp.objects"
_ARCHIVED = "archived:"


def archived_etag(etag: str) -> str:
    """Return the ETag under which an object in an archive storage class is recorded: it was reported, but not read."""
    return f"{_ARCHIVED}{etag}"


class ObjectsRead:
    """The objects already read for a window that covers the wanted one.

    The list is held in DuckDB, because there may be millions of objects, and lives as long as the connection.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        connection: duckdb.DuckDBPyConnection,
        *,
        window_from: datetime | None,
        window_to: datetime | None,
    ) -> None:
        """Read the objects table once.

        Args:
            warehouse: The warehouse whose objects table is read.
            connection: The DuckDB connection that holds the list.
            window_from: The begin of the wanted window; None for all past.
            window_to: The end of the wanted window; None for all future.
        """
        self._connection = connection
        self._table = warehouse.retry_superseded(
            lambda: TempTables(connection).create(
                "objects_read",
                f"""
                select distinct source_uri, etag, size_bytes from {warehouse.scan(TableName.OBJECTS)}
                where (window_from is null or window_from <= $from) and (window_to is null or window_to >= $to)
                """,
                {"from": window_from, "to": window_to},
            )
        )

    def among(self, uris: list[str]) -> set[tuple[str, str, int]]:
        """Return (URI, ETag, size in bytes) of the objects already read from the first to the last given URI.

        Objects that were reported as archived are among them, with their `archived_etag`.
        """
        rows = self._connection.execute(
            f"select source_uri, etag, size_bytes from {self._table} where source_uri between $first and $last",
            {"first": min(uris), "last": max(uris)},
        ).fetchall()
        return set(rows)


def has_read_below(warehouse: Warehouse, prefix: str) -> bool:
    """Return whether an object whose URI begins with a prefix was read."""
    with closing(connect()) as connection:
        found = warehouse.retry_superseded(
            lambda: connection.execute(
                f"select 1 from {warehouse.scan(TableName.OBJECTS)} where starts_with(source_uri, $prefix) limit 1",
                {"prefix": prefix},
            ).fetchone()
        )
    return found is not None


Window = tuple[datetime | None, datetime | None]
"""The begin and the end of a window that was read; None for all past and for all future."""


def windows_read(warehouse: Warehouse, objects: Collection[tuple[str, str]]) -> dict[tuple[str, str], list[Window]]:
    """Return the windows for which objects were read, without those that another one covers.

    Args:
        warehouse: The warehouse whose objects table is read.
        objects: URI and ETag of each object; those that were never read to their end are left out.
    """
    uris, etags = (list(column) for column in zip(*sorted(objects), strict=True)) if objects else ([], [])
    with closing(connect()) as connection:
        rows = warehouse.retry_superseded(
            lambda: connection.execute(
                f"""
                select distinct source_uri, etag, window_from, window_to from {warehouse.scan(TableName.OBJECTS)}
                semi join (select unnest($uris::varchar[]) as source_uri, unnest($etags::varchar[]) as etag)
                    using (source_uri, etag)
                order by all
                """,
                {"uris": uris, "etags": etags},
            ).fetchall()
        )
    found: dict[tuple[str, str], list[Window]] = {}
    for uri, etag, window_from, window_to in rows:
        found.setdefault((uri, etag), []).append((window_from, window_to))
    return {
        key: [window for window in windows if not any(_covers(other, window) for other in windows if other != window)]
        for key, windows in found.items()
    }


def _covers(window: Window, other: Window) -> bool:
    (window_from, window_to), (other_from, other_to) = window, other
    begins_before = window_from is None or (other_from is not None and window_from <= other_from)
    return begins_before and (window_to is None or (other_to is not None and window_to >= other_to))


def record_objects(
    warehouse: Warehouse,
    connection: duckdb.DuckDBPyConnection,
    items: Sequence[tuple[str, str, int]],
    *,
    window_from: datetime | None,
    window_to: datetime | None,
    load_id: str,
    read_at: datetime,
) -> int:
    """Append objects that were read.

    Args:
        warehouse: The warehouse to write to.
        connection: The DuckDB connection that makes the rows.
        items: (URI, ETag, size in bytes) of each object.
        window_from: The begin of the window that was read; None for all past.
        window_to: The end of the window that was read; None for all future.
        load_id: Written to each row.
        read_at: Written to each row.

    Returns:
        The table's version that holds the objects.

    Raises:
        WarehouseError: See `Warehouse.commit`.
    """
    uris, etags, sizes = (list(column) for column in zip(*items, strict=True)) if items else ([], [], [])

    def rows_for(_: DeltaTable) -> Any:
        if not items:
            return None
        # Made by DuckDB, because building an Arrow table from Python rows imports pandas.
        return connection.sql(
            """
            select source_uri, etag, size_bytes, $from::timestamptz as window_from, $to::timestamptz as window_to,
                   $load_id as load_id, $read_at::timestamptz as read_at
            from (select unnest($uris::varchar[]) as source_uri, unnest($etags::varchar[]) as etag,
                         unnest($sizes::bigint[]) as size_bytes)
            """,
            params={
                "uris": uris, "etags": etags, "sizes": sizes, "from": window_from, "to": window_to, "load_id": load_id,
                "read_at": read_at,
            },
        ).to_arrow_reader(ROWS_PER_BATCH)  # fmt: skip

    return warehouse.commit(TableName.OBJECTS, rows_for, app_id=APP_ID)
