"""Creates tables, and writes rows through a handle: Parquet properties, app transactions, columns that a table lacks."""

from __future__ import annotations

from typing import Any

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

from bwp_client.warehouse.data_files import HAS_NORMAL_IDS
from bwp_client.warehouse.schema import TABLES, TableName

NO_HOOKS = PostCommitHookProperties(cleanup_expired_logs=False)
WHOLE_TABLE = "true"
"""The predicate that `replace` returns to replace every row of a table.

An overwrite without a predicate does not conflict with a compaction that another process commits meanwhile: the compacted
rows would stay beside the new ones. `tests/warehouse/test_delta_conflicts.py` fails when a release of Delta Lake mends it.
"""
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


def create_table(table: TableName, address: str, storage_options: dict[str, str] | None) -> None:
    """Create a table at an address, if there is none."""
    spec = TABLES[table]
    if not DeltaTable.is_deltatable(address, storage_options=storage_options):
        DeltaTable.create(
            address,
            spec.schema,
            mode="ignore",
            partition_by=list(spec.partition_by),
            configuration={"delta.dataSkippingStatsColumns": ",".join(spec.statistics_columns), **HAS_NORMAL_IDS},
            raise_if_key_not_exists=False,
            storage_options=storage_options,
        )


def write_rows(
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
        predicate=predicate,
        schema_mode="merge" if lacks_columns else None,
        writer_properties=writer_properties(table),
        commit_properties=CommitProperties(
            custom_metadata=metadata or None,
            app_transactions=[Transaction(name, version) for name, version in versions.items()],
        ),
        post_commithook_properties=NO_HOOKS,
    )
