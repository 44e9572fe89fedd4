"""Appending events without doubles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable

from bwp_client.errors import MixedDataError
from bwp_client.events import SAMPLE_TASK_ID_PREFIX
from bwp_client.warehouse.engine import one_row, quoted, register_staged
from bwp_client.warehouse.purge_floor import NO_FLOOR, purge_floor
from bwp_client.warehouse.schema import TableName
from bwp_client.warehouse.store import ROWS_PER_BATCH, DataFile, Warehouse

APP_ID = "bwp.events"
SLACK = timedelta(days=1)
"""How far from a record's own time an earlier copy of it is looked for."""


@dataclass(frozen=True, slots=True)
class AppendCounts:
    """What became of a batch of records; `stored + duplicate + too_old` is their number."""

    version: int
    stored: int
    duplicate: int
    replayed: int
    """Of the duplicates, those that an archive replay delivered again."""
    reread: int
    """Of the duplicates, those stored before from the same place of the same object."""
    too_old: int
    """Older than the floor of a purge that was done since the records were read."""


def append_events(
    warehouse: Warehouse,
    connection: duckdb.DuckDBPyConnection,
    staged: list[Path],
    *,
    load_id: str,
    several_tasks: bool,
    read_before: bool = False,
) -> AppendCounts:
    """Store the rows of staged files that are not stored yet; two rows are one when event, type and task agree.

    Args:
        warehouse: Where to.
        connection: A DuckDB connection used by nobody else meanwhile.
        staged: Arrow files with the columns of a staged event row (see `sources.context`).
        load_id: Written to each row.
        several_tasks: Some record gave several rows; records are then counted apart from rows.
        read_before: Some of the objects may have been read before; duplicates for that reason are then told apart.

    Raises:
        MixedDataError: Sample events would meet real ones; nothing of the batch was stored.
        WarehouseError: See `Warehouse.commit`.
    """
    register_staged(connection, "staged_records", staged)
    connection.execute(_STAGED)
    _find_copies(connection)
    earliest, latest, rows = one_row(connection, "select min(occurred_at), max(occurred_at), count(*) from staged")
    low, high = earliest - SLACK, latest + SLACK
    floor = NO_FLOOR

    def rows_for(handle: DeltaTable) -> Any:
        nonlocal floor
        floor = purge_floor(handle) or NO_FLOOR
        connection.execute("create or replace temp table reread (row_no bigint)")
        # Most rows stay: those that don't are told apart by a short list.
        connection.execute(
            "create or replace temp table dropped as "
            "from copies union select row_no from staged where occurred_at < $floor",
            {"floor": floor},
        )
        files = warehouse.data_files(handle)
        _refuse_mixture(warehouse, connection, files)
        near = [item for item in files if item.highs["occurred_at"] >= low and item.lows["occurred_at"] <= high]
        existing = warehouse.scan(TableName.EVENTS, files=near)
        if near:
            connection.execute(
                f"""
                insert into dropped
                select row_no from staged anti join dropped using (row_no)
                semi join (
                    select event_id, event_type, task_id from {existing}
                    where occurred_at between $low and $high
                ) as existing using (event_id, event_type, task_id)
                """,
                {"low": low, "high": high},
            )
        if near and read_before:
            connection.execute(
                f"""
                create or replace temp table reread as
                select row_no from staged semi join dropped using (row_no)
                semi join {existing} as existing using (event_id, event_type, task_id, source_uri, source_offset)
                """
            )
        (gone,) = one_row(connection, "select count(*) from dropped")
        if gone == rows:
            return None
        chosen = "anti join dropped using (row_no)" if gone else ""
        return connection.sql(_ROWS.format(load_id=quoted(load_id), chosen=chosen)).to_arrow_reader(ROWS_PER_BATCH)

    version = warehouse.commit(TableName.EVENTS, rows_for, app_id=APP_ID, metadata={"load_id": load_id})
    # The rows of a record follow each other; its offset does not tell it, for those in a wrapper all have the wrapper's.
    record = "distinct row_no - place_in_record" if several_tasks else "*"
    records, stored = rows, rows - one_row(connection, "select count(*) from dropped")[0]
    if several_tasks:
        records, stored = one_row(
            connection,
            f"""
            select count({record}), count({record}) filter (dropped.row_no is null)
            from staged left join dropped using (row_no)
            """,
        )
    too_old, again, replayed = one_row(
        connection,
        f"""
        select count({record}) filter (occurred_at < $floor),
               count({record}) filter (reread.row_no is not null and occurred_at >= $floor),
               count({record}) filter (replay_name <> '' and reread.row_no is null and occurred_at >= $floor)
        from staged semi join dropped using (row_no) left join reread using (row_no)
        """,
        {"floor": floor},
    )
    duplicate = records - stored - too_old
    again = min(again, duplicate)
    return AppendCounts(version, stored, duplicate, min(replayed, duplicate - again), again, too_old)


_STAGED = """
create or replace temp view staged as
select coalesce(nullif(idempotency_key, ''), envelope_id) as event_id, * from staged_records
"""

# A fingerprint is what an event says, leaving out `id`, `detail.eventId` and `replay-name`, which a re-delivery may change:
# over the digest of what it shares with others and what is its own. It shows suspected twins and guards nothing, so MD5 will
# do: it takes half the time of SHA-256, which was a tenth of all of loading.
_ROWS = """
select event_id, envelope_id, nullif(idempotency_key, '') as idempotency_key, event_type,
    task_kind, outcome, task_id, business_product_id, occurred_at, occurred_month,
    nullif(event_source, '') as event_source, nullif(account, '') as account, nullif(region, '') as region,
    nullif(replay_name, '') as replay_name, nullif(api_version, '') as api_version,
    source_uri, source_offset, {load_id} as load_id,
    md5(concat_ws(chr(31), context, epoch_us(occurred_at), task_id, coalesce(idempotency_key, ''))) as fingerprint
from staged {chosen}
"""


def _find_copies(connection: duckdb.DuckDBPyConnection) -> None:
    """Find the copies within a batch; the first of them is none. Only rows whose hash is seen twice are compared."""
    connection.execute("create or replace temp table hashed as select row_no, hash(event_id) as key from staged")
    connection.execute(
        """
        create or replace temp table copies as
        select row_no from (
            select row_no, row_number() over (partition by event_id, event_type, task_id order by row_no) as place
            from staged semi join (
                select row_no from hashed semi join (select key from hashed group by key having count(*) > 1) using (key)
            ) using (row_no)
        ) where place > 1
        """
    )


def _refuse_mixture(warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, files: list[DataFile]) -> None:
    is_sample = f"starts_with(task_id, {quoted(SAMPLE_TASK_ID_PREFIX)})"
    some, every = one_row(connection, f"select bool_or({is_sample}), bool_and({is_sample}) from staged")
    if files:
        source = warehouse.scan(TableName.EVENTS, files=files[:1])
        (stored,) = one_row(connection, f"select {is_sample} from {source} limit 1")
        some, every = some or stored, every and stored
    if some and not every:
        raise MixedDataError(
            "Sample events and real events may not meet in one warehouse. Nothing of this batch was stored. "
            "Give --warehouse another place for one of the two."
        )
