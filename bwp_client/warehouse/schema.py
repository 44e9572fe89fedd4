"""The schema of each table: its columns, its partition columns, and the columns with statistics in the commit log.

IDs are not among the statistics columns, so that a purge leaves no trace of them in the log. Every timestamp is UTC with a
time zone: a naive timestamp would raise the table's protocol version.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

UTC_US = pa.timestamp("us", "UTC")


class TableName(StrEnum):
    """Every table of a warehouse."""

    EVENTS = "events"
    OUTCOMES = "outcomes"
    LOOKUPS = "lookups"
    CLAIMS = "claims"
    REQUESTS = "requests"
    QUARANTINE = "quarantine"
    OBJECTS = "objects"
    REPLAYS = "replays"
    RUNS = "runs"


PUBLISHED = tuple(table for table in TableName if table not in (TableName.CLAIMS, TableName.RUNS))
"""The tables that readers open at the versions of a run."""


@dataclass(frozen=True, slots=True)
class TableSpec:
    """The layout of one table."""

    schema: pa.Schema
    partition_by: tuple[str, ...] = ()
    statistics_columns: tuple[str, ...] = ()
    """Columns whose minimum and maximum the log records for each file."""
    high_cardinality: tuple[str, ...] = ()
    """Columns whose values are nearly all distinct, so that dictionary encoding would only add cost."""
    later_columns: tuple[str, ...] = ()
    """Columns that a table lacks if an older release created it; its next commit adds them, and older rows hold null."""


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in columns.items()])


_T, _I = pa.string(), pa.int64()
TASK_ERRORS = pa.list_(pa.struct([pa.field("code", _T), pa.field("message", _T)]))

TABLES: dict[TableName, TableSpec] = {
    TableName.EVENTS: TableSpec(
        _schema(
            event_id=_T, envelope_id=_T, idempotency_key=_T, event_type=_T, task_kind=_T, outcome=_T, task_id=_T,
            business_product_id=_T, occurred_at=UTC_US, occurred_month=_T, event_source=_T, account=_T, region=_T,
            replay_name=_T, api_version=_T, source_uri=_T, source_offset=_I, load_id=_T, fingerprint=_T,
        ),
        partition_by=("occurred_month",),
        statistics_columns=("occurred_at",),
        high_cardinality=("event_id", "envelope_id", "idempotency_key", "task_id", "fingerprint", "source_offset"),
    ),
    TableName.OUTCOMES: TableSpec(
        _schema(
            task_id=_T, task_kind=_T, business_product_id=_T, region=_T, outcome=_T, occurred_at=UTC_US,
            occurred_month=_T, conflicting=pa.bool_(), events_seen=_I,
        ),
        partition_by=("occurred_month",),
        statistics_columns=("occurred_at",),
        high_cardinality=("task_id",),
    ),
    TableName.LOOKUPS: TableSpec(
        _schema(
            task_id=_T, task_kind=_T, business_product_id=_T, lookup_state=_T, status=_T, submitted_at=UTC_US,
            updated_at=UTC_US, holding_period_days=_I, errors=TASK_ERRORS, asked_at=UTC_US, attempt=_I,
            next_attempt_at=UTC_US, reason=_T, run_id=_T,
        ),
        statistics_columns=("asked_at",),
        high_cardinality=("task_id",),
    ),
    TableName.CLAIMS: TableSpec(
        _schema(task_id=_T, task_kind=_T, run_id=_T, expires_at=UTC_US),
    ),
    TableName.REQUESTS: TableSpec(
        _schema(
            task_id=_T, task_kind=_T, business_product_id=_T, received_at=UTC_US, replaced_by=_T, closed_at=UTC_US,
            note=_T,
        ),
        statistics_columns=("received_at",),
    ),
    TableName.QUARANTINE: TableSpec(
        _schema(
            source_uri=_T, etag=_T, offset=_I, digest=_T, reason=_T, excerpt=_T, raw=pa.binary(), load_id=_T,
            seen_at=UTC_US,
        ),
        statistics_columns=("seen_at",),
    ),
    TableName.OBJECTS: TableSpec(
        _schema(
            source_uri=_T, etag=_T, size_bytes=_I, window_from=UTC_US, window_to=UTC_US, load_id=_T, read_at=UTC_US,
        ),
        statistics_columns=("read_at",),
    ),
    TableName.REPLAYS: TableSpec(
        _schema(
            replay_name=_T, archive=_T, rule=_T, window_from=UTC_US, window_to=UTC_US, state=_T, counts=_T,
            recorded_at=UTC_US, queue=_T, queue_created_at=UTC_US,
        ),
        statistics_columns=("recorded_at",),
        later_columns=("queue", "queue_created_at"),
    ),
    TableName.RUNS: TableSpec(
        _schema(
            run_no=_I, run_id=_T, kind=_T, source=_T, window_from=UTC_US, window_to=UTC_US, started_at=UTC_US,
            finished_at=UTC_US, state=_T, counts=_T, versions=_T,
        ),
        statistics_columns=("run_no", "finished_at"),
    ),
}  # fmt: skip
