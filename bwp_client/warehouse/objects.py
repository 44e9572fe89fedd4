"""The ledger of objects read, and the quarantine: both append rows that are not there yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable

from bwp_client.warehouse.engine import one_row, quoted, register_staged
from bwp_client.warehouse.schema import TableName
from bwp_client.warehouse.store import ROWS_PER_BATCH, Warehouse

OBJECTS_APP_ID = "bwp.objects"
QUARANTINE_APP_ID = "bwp.quarantine"


class ObjectsRead:
    """Which objects were already read, for a window that covers the one asked for; kept in DuckDB, however many."""

    def __init__(
        self,
        warehouse: Warehouse,
        connection: duckdb.DuckDBPyConnection,
        *,
        window_from: datetime | None,
        window_to: datetime | None,
    ) -> None:
        """Look at the ledger once.

        Args:
            warehouse: Whose ledger.
            connection: A DuckDB connection used by nobody else meanwhile.
            window_from: The begin of the window asked for.
            window_to: The end of it.
        """
        self._connection = connection
        connection.execute(
            f"""
            create or replace temp table objects_read as
            select distinct source_uri, etag, size_bytes from {warehouse.scan(TableName.OBJECTS)}
            where (window_from is null or window_from <= $from) and (window_to is null or window_to >= $to)
            """,
            {"from": window_from, "to": window_to},
        )

    def among(self, uris: list[str]) -> set[tuple[str, str, int]]:
        """Give (uri, etag, size) of what was read of some objects."""
        rows = self._connection.execute(
            "select source_uri, etag, size_bytes from objects_read where source_uri between $first and $last",
            {"first": min(uris), "last": max(uris)},
        ).fetchall()
        return set(rows)


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
    """Write which objects, as (uri, etag, size), were read; give the table's version."""
    uris, etags, sizes = (list(column) for column in zip(*items, strict=True)) if items else ([], [], [])

    def rows_for(_: DeltaTable) -> Any:
        if not items:
            return None
        # Through DuckDB, for building a table from Python rows would make pyarrow import pandas.
        return connection.sql(
            """
            select source_uri, etag, size_bytes, $from::timestamptz as window_from, $to::timestamptz as window_to,
                   $load_id as load_id, $read_at::timestamptz as read_at
            from (select unnest($uris::varchar[]) as source_uri, unnest($etags::varchar[]) as etag,
                         unnest($sizes::bigint[]) as size_bytes)
            """,
            params={
                "uris": uris,
                "etags": etags,
                "sizes": sizes,
                "from": window_from,
                "to": window_to,
                "load_id": load_id,
                "read_at": read_at,
            },
        ).to_arrow_reader(ROWS_PER_BATCH)

    return warehouse.commit(TableName.OBJECTS, rows_for, app_id=OBJECTS_APP_ID)


def append_quarantine(
    warehouse: Warehouse,
    connection: duckdb.DuckDBPyConnection,
    staged: list[Path],
    *,
    load_id: str,
    seen_at: datetime,
) -> int:
    """Store quarantined records that are not there yet (source, etag, offset and digest agree); give the version."""

    def rows_for(handle: DeltaTable) -> Any:
        if not staged:
            return None
        register_staged(connection, "staged_refused", staged)
        existing = warehouse.scan(TableName.QUARANTINE, handle)
        connection.execute(
            f"""
            create or replace temp table refused as
            select distinct on (source_uri, etag, "offset", digest) * from (
                select source_uri, etag, "offset", digest, reason, excerpt, raw from staged_refused
            ) anti join (select source_uri, etag, "offset", digest from {existing}) as existing
              using (source_uri, etag, "offset", digest)
            """
        )
        if one_row(connection, "select count(*) from refused") == (0,):
            return None
        return connection.sql(
            f"""
            select source_uri, etag, "offset", digest, reason, excerpt, nullif(raw, ''::blob) as raw,
                   {quoted(load_id)} as load_id,
                   to_timestamp({seen_at.timestamp()!r}) as seen_at
            from refused
            """
        ).to_arrow_reader(ROWS_PER_BATCH)

    return warehouse.commit(TableName.QUARANTINE, rows_for, app_id=QUARANTINE_APP_ID)
