"""Appends events to the events table, without duplicates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable

from bwp_client.errors import MixedDataError
from bwp_client.events import SAMPLE_TASK_ID_PREFIX
from bwp_client.warehouse.data_files import DataFile
from bwp_client.warehouse.delta_writer import ROWS_PER_BATCH
from bwp_client.warehouse.engine import TempTables, quoted, single_row, staged_rows
from bwp_client.warehouse.purge_floor import NO_FLOOR, purge_floor
from bwp_client.warehouse.schema import TableName
from bwp_client.warehouse.store import Warehouse

APP_ID = "bwp.events"
SLACK = timedelta(days=1)
"""The time before and after a record's event time in which stored duplicates of the record are searched for."""


@dataclass(frozen=True, slots=True)
class AppendCounts:
    """The fate of a batch of records; `stored + duplicate + too_old` is their number.

    Attributes:
        version: The events table's version that holds the batch.
        stored: Records appended.
        duplicate: Records that were stored before, or twice in the batch.
        replayed: Duplicates that an archive replay delivered again.
        reread: Duplicates stored before from the same offset of the same object.
        too_old: Records older than the floor of a purge that ran since they were read.
    """

    version: int
    stored: int
    duplicate: int
    replayed: int
    reread: int
    too_old: int


def append_events(
    warehouse: Warehouse,
    connection: duckdb.DuckDBPyConnection,
    staged: list[Path],
    *,
    load_id: str,
    several_tasks: bool,
    read_before: bool = False,
) -> AppendCounts:
    """Append the rows of staged files that are not stored yet; two rows are duplicates if event, type and task agree.

    Args:
        warehouse: The warehouse to write to.
        connection: The DuckDB connection that computes the rows.
        staged: Arrow files with the columns of a staged event row (see `load.derived_columns`).
        load_id: Written to each row.
        several_tasks: True if some record names several tasks, so that it has several rows. All counts are of records, and
            the rows of one record then count once.
        read_before: True if some of the objects may have been read before; their duplicates are then counted as `reread`.

    Raises:
        MixedDataError: Sample events would meet real events; nothing of the batch was stored.
        WarehouseError: See `Warehouse.commit`.
    """
    with TempTables(connection) as temp:
        batch = _Batch(warehouse, connection, temp, staged, load_id=load_id, read_before=read_before)
        version = warehouse.commit(TableName.EVENTS, batch.rows_for, app_id=APP_ID, metadata={"load_id": load_id})
        return batch.counts(version, several_tasks=several_tasks)


# A fingerprint hashes an event without `id`, `detail.eventId` and `replay-name`, which a re-delivery may change. It reveals
# suspected twins and protects nothing, so the faster MD5 is enough.
_ROWS = """
select event_id, envelope_id, nullif(idempotency_key, '') as idempotency_key, event_type,
    task_kind, outcome, task_id, business_product_id, occurred_at, occurred_month,
    nullif(event_source, '') as event_source, nullif(account, '') as account, nullif(region, '') as region,
    nullif(replay_name, '') as replay_name, nullif(api_version, '') as api_version,
    source_uri, source_offset, {load_id} as load_id,
    md5(concat_ws(chr(31), context, epoch_us(occurred_at), task_id, coalesce(idempotency_key, ''))) as fingerprint
from {staged} {condition}
"""


class _Batch:
    """The rows of staged files, and the rows to drop; `rows_for` finds the rows to drop anew on each attempt to commit."""

    def __init__(
        self,
        warehouse: Warehouse,
        connection: duckdb.DuckDBPyConnection,
        temp: TempTables,
        staged: list[Path],
        *,
        load_id: str,
        read_before: bool,
    ) -> None:
        self._warehouse = warehouse
        self._connection = connection
        self._temp = temp
        self._load_id = load_id
        self._read_before = read_before
        records = temp.register("staged_records", staged_rows(staged))
        self._staged = f"(select coalesce(nullif(idempotency_key, ''), envelope_id) as event_id, * from {records})"
        self._copies = self._find_copies()
        earliest, latest, self._rows = single_row(
            connection, f"select min(occurred_at), max(occurred_at), count(*) from {self._staged}"
        )
        self._low, self._high = earliest - SLACK, latest + SLACK
        self._floor = NO_FLOOR
        self._dropped = self._reread = ""

    def rows_for(self, handle: DeltaTable) -> Any | None:
        """Return the rows that the table does not hold yet, in its columns; None if it holds all of them."""
        files = self._warehouse.data_files(handle)
        self._refuse_mixture(files)
        self._floor = purge_floor(handle) or NO_FLOOR
        # Most rows are stored, so a list of the dropped rows is shorter than a list of the stored rows.
        self._dropped = self._temp.create(
            "dropped",
            f"from {self._copies} union select row_no from {self._staged} where occurred_at < $floor",
            {"floor": self._floor},
        )
        self._drop_stored(files)
        (dropped,) = single_row(self._connection, f"select count(*) from {self._dropped}")
        if dropped == self._rows:
            return None
        condition = f"anti join {self._dropped} using (row_no)" if dropped else ""
        sql = _ROWS.format(load_id=quoted(self._load_id), staged=self._staged, condition=condition)
        return self._connection.sql(sql).to_arrow_reader(ROWS_PER_BATCH)

    def counts(self, version: int, *, several_tasks: bool) -> AppendCounts:
        """Return the number of records by their fate, after the commit of a version."""
        # Rows of a record have consecutive numbers. An offset identifies no record: all records of a wrapper share an offset.
        record = "distinct row_no - row_in_record" if several_tasks else "*"
        if several_tasks:
            records, stored = single_row(
                self._connection,
                f"""
                select count({record}), count({record}) filter (dropped.row_no is null)
                from {self._staged} left join {self._dropped} as dropped using (row_no)
                """,
            )
        else:
            (dropped,) = single_row(self._connection, f"select count(*) from {self._dropped}")
            records, stored = self._rows, self._rows - dropped
        too_old, reread, replayed = single_row(
            self._connection,
            f"""
            select count({record}) filter (occurred_at < $floor),
                   count({record}) filter (reread.row_no is not null and occurred_at >= $floor),
                   count({record}) filter (replay_name <> '' and reread.row_no is null and occurred_at >= $floor)
            from {self._staged} semi join {self._dropped} using (row_no)
            left join {self._reread} as reread using (row_no)
            """,
            {"floor": self._floor},
        )
        duplicate = records - stored - too_old
        reread = min(reread, duplicate)
        return AppendCounts(version, stored, duplicate, min(replayed, duplicate - reread), reread, too_old)

    def _find_copies(self) -> str:
        """Create a table of the rows that repeat an earlier row of the batch. Only rows whose hash repeats are compared."""
        hashed = self._temp.create("hashed", f"select row_no, hash(event_id) as key from {self._staged}")
        return self._temp.create(
            "copies",
            f"""
            select row_no from (
                select row_no, row_number() over (partition by event_id, event_type, task_id order by row_no) as occurrence
                from {self._staged} semi join (
                    select row_no from {hashed}
                    semi join (select key from {hashed} group by key having count(*) > 1) using (key)
                ) using (row_no)
            ) where occurrence > 1
            """,
        )

    def _drop_stored(self, files: list[DataFile]) -> None:
        """Drop the rows that are stored already; list the dropped rows that were read before from the same offset."""
        near = [
            item for item in files if item.highs["occurred_at"] >= self._low and item.lows["occurred_at"] <= self._high
        ]
        existing = self._warehouse.scan(TableName.EVENTS, files=near)
        if near:
            self._connection.execute(
                f"""
                insert into {self._dropped}
                select row_no from {self._staged} anti join {self._dropped} using (row_no)
                semi join (
                    select event_id, event_type, task_id from {existing}
                    where occurred_at between $low and $high
                ) as existing using (event_id, event_type, task_id)
                """,
                {"low": self._low, "high": self._high},
            )
        self._reread = self._temp.create(
            "reread",
            f"""
            select row_no from {self._staged} semi join {self._dropped} using (row_no)
            semi join {existing} as existing using (event_id, event_type, task_id, source_uri, source_offset)
            """
            if near and self._read_before
            else "select null::bigint as row_no where false",
        )

    def _refuse_mixture(self, files: list[DataFile]) -> None:
        is_sample = f"starts_with(task_id, {quoted(SAMPLE_TASK_ID_PREFIX)})"
        some, every = single_row(
            self._connection, f"select bool_or({is_sample}), bool_and({is_sample}) from {self._staged}"
        )
        if files:
            source = self._warehouse.scan(TableName.EVENTS, files=files[:1])
            (stored,) = single_row(self._connection, f"select {is_sample} from {source} limit 1")
            some, every = some or stored, every and stored
        if some and not every:
            raise MixedDataError(
                "Sample events and real events may not meet in one warehouse. Nothing of this batch was stored. "
                "Give --warehouse another address for one of the two."
            )
