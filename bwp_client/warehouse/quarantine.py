"""The quarantine table: records that could not be read, once each."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable

from bwp_client.redaction import without_secrets
from bwp_client.warehouse.delta_writer import ROWS_PER_BATCH, WHOLE_TABLE
from bwp_client.warehouse.engine import TempTables, connect, quoted, single_row, staged_rows
from bwp_client.warehouse.lost_tables import lost_tables_named
from bwp_client.warehouse.runs import Run, record_run
from bwp_client.warehouse.schema import TableName
from bwp_client.warehouse.store import Warehouse

APP_ID = "bwp.quarantine"

RecordKey = tuple[str, str, int, str]
"""Source URI, ETag, offset and digest of a quarantined record: unique together."""

_KEY_COLUMNS = 'source_uri, etag, "offset", digest'
_IS_MESSAGE = "starts_with(source_uri, 'archive://')"
_MESSAGE = f"""
case when {_IS_MESSAGE} and raw is not null then
    md5(split_part(source_uri, '/', 3) || replace(hex(raw), hex(split_part(source_uri, '/', 4)), '')) end
"""
"""The same text for the same record of an archive in every replay: SQS may deliver a message several times, in batches with
addresses of their own, and messages of two replays differ in the name of the replay, the fourth part of the address."""


def append_quarantine(
    warehouse: Warehouse,
    connection: duckdb.DuckDBPyConnection,
    staged: list[Path],
    *,
    load_id: str,
    seen_at: datetime,
) -> int:
    """Append the quarantined records that are not stored yet; a record of an archive is stored once, whatever its replays.

    Args:
        warehouse: The warehouse to write to.
        connection: The DuckDB connection that computes the rows.
        staged: Arrow files of quarantined records.
        load_id: Written to each row.
        seen_at: Written to each row.

    Returns:
        The table's version that holds the records.

    Raises:
        WarehouseError: See `Warehouse.commit`.
    """
    with TempTables(connection) as temp:
        records = temp.register("staged_quarantine", staged_rows(staged)) if staged else ""

        def rows_for(handle: DeltaTable) -> Any:
            if not records:
                return None
            existing = warehouse.scan(TableName.QUARANTINE, handle)
            new = temp.create(
                "quarantined",
                f"""
                select distinct on (source_uri, etag, case when {_IS_MESSAGE} then 0 else "offset" end, digest) *
                from (select {_KEY_COLUMNS}, reason, excerpt, raw, {_MESSAGE} as message from {records})
                anti join (select {_KEY_COLUMNS} from {existing}) as existing using ({_KEY_COLUMNS})
                """,
            )
            if single_row(connection, f"select count(message) from {new}") != (0,):
                connection.execute(
                    f"""
                    delete from {new} where message in (
                        select stored.message from (select source_uri, {_MESSAGE} as message from {existing}) as stored
                        where stored.source_uri <> {new}.source_uri
                    )
                    """
                )
            if single_row(connection, f"select count(*) from {new}") == (0,):
                return None
            return connection.sql(
                f"""
                select {_KEY_COLUMNS}, reason, excerpt, nullif(raw, ''::blob) as raw, {quoted(load_id)} as load_id,
                       to_timestamp({seen_at.timestamp()!r}) as seen_at
                from {new}
                """
            ).to_arrow_reader(ROWS_PER_BATCH)

        return warehouse.commit(TableName.QUARANTINE, rows_for, app_id=APP_ID)


def list_quarantined(warehouse: Warehouse, *, version: int | None = None, limit: int = 200) -> list[dict[str, Any]]:
    """Return the newest quarantined records, newest first.

    Args:
        warehouse: The warehouse to read.
        version: The version of the table to read; the newest when not given.
        limit: The largest number of records.

    Returns:
        seen_at (datetime, UTC), reason, source_uri, offset (int), excerpt (redacted) and digest of each record.

    Raises:
        SourceNotFoundError: There is no warehouse yet.
        DamagedTableError: The table lost rows.
        RemoteError: S3 refused or failed.
    """
    with lost_tables_named(warehouse):
        rows = warehouse.retry_superseded(
            lambda: _query(
                warehouse,
                warehouse.handle(TableName.QUARANTINE, version),
                f"""
                select seen_at, reason, source_uri, "offset", excerpt, digest
                from {{table}} order by seen_at desc, source_uri, "offset" limit {int(limit)}
                """,
            )
        )
    # Excerpts that an earlier release stored may hold secrets that it did not recognise.
    return [row | {"excerpt": without_secrets(row["excerpt"])} for row in rows]


def quarantine_keys(warehouse: Warehouse, handle: DeltaTable) -> set[RecordKey]:
    """Return the keys of all records of an opened quarantine table."""
    return {record_key(row) for row in _query(warehouse, handle, f"select {_KEY_COLUMNS} from {{table}}")}


def records_with_bytes(warehouse: Warehouse, handle: DeltaTable) -> list[dict[str, Any]]:
    """Return source_uri, etag, offset, digest and raw (bytes) of the records whose bytes an opened table holds."""
    return _query(warehouse, handle, f"select {_KEY_COLUMNS}, raw from {{table}} where raw is not null")


def record_key(row: dict[str, Any]) -> RecordKey:
    """Return the key of a row with the columns source_uri, etag, offset and digest."""
    return row["source_uri"], row["etag"], row["offset"], row["digest"]


def remove_quarantined(
    warehouse: Warehouse,
    keys: Collection[RecordKey],
    *,
    source: str,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Remove records that could be read after all, in one commit, and publish that as a run.

    Args:
        warehouse: The warehouse to write to.
        keys: The records to remove; at least one.
        source: The name of the run's source.
        clock: Returns the time now, in UTC.

    Raises:
        WarehouseError: See `Warehouse.commit`.
    """
    started_at = clock()
    uris, etags, offsets, digests = (list(column) for column in zip(*sorted(keys), strict=True))
    with closing(connect()) as connection:
        connection.execute(
            """
            create temp table resolved as select unnest($uris::varchar[]) as source_uri, unnest($etags::varchar[]) as etag,
                unnest($offsets::bigint[]) as "offset", unnest($digests::varchar[]) as digest
            """,
            {"uris": uris, "etags": etags, "offsets": offsets, "digests": digests},
        )

        def rows_for(handle: DeltaTable) -> Any:
            table = warehouse.scan(TableName.QUARANTINE, handle)
            return connection.sql(f"select * from {table} anti join resolved using ({_KEY_COLUMNS})").to_arrow_reader(
                ROWS_PER_BATCH
            )

        version = warehouse.commit(TableName.QUARANTINE, rows_for, app_id=APP_ID, replace=lambda: WHOLE_TABLE)
    record_run(
        warehouse,
        Run(
            kind="quarantine",
            source=source,
            started_at=started_at,
            finished_at=clock(),
            counts={"resolved": len(keys)},
            versions={TableName.QUARANTINE.value: version},
        ),
    )


def _query(warehouse: Warehouse, handle: DeltaTable, sql: str) -> list[dict[str, Any]]:
    with closing(connect()) as connection:
        cursor = connection.execute(sql.format(table=warehouse.scan(TableName.QUARANTINE, handle)))
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
