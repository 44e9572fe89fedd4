"""Reads the IDs of a table in their normal form (`bwp_client.ids`), because older releases stored them as they came."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from bwp_client.ids import UUID_PATTERN
from bwp_client.warehouse.schema import TABLES, TableName

ID_COLUMNS: Final[dict[TableName, tuple[str, ...]]] = {
    TableName.EVENTS: ("event_id", "task_id", "business_product_id"),
    TableName.OUTCOMES: ("task_id", "business_product_id"),
    TableName.LOOKUPS: ("task_id", "business_product_id"),
    TableName.REQUESTS: ("task_id", "replaced_by", "business_product_id"),
}
"""The columns that are read in the normal form."""


def normal_id_sql(text: str) -> str:
    """Return SQL for the normal form of the ID that an SQL expression yields; it equals `bwp_client.ids.normal_id`."""
    is_normal = f"{text} = lower({text}) or not regexp_full_match({text}, '{UUID_PATTERN}')"
    return f"case when {is_normal} then {text} else lower({text}) end"


def with_normal_ids(table: TableName, relation: str) -> str:
    """Return the SQL relation of a table's rows with their IDs in the normal form.

    Requests of one task under two spellings become one: its earliest receipt, the latest of its other times, and one of its
    values in every other column.

    Args:
        table: The table.
        relation: SQL that reads the rows as they are stored.
    """
    columns = ID_COLUMNS.get(table)
    if columns is None:
        return relation
    replaced = ", ".join(f"{normal_id_sql(name)} as {name}" for name in columns)
    rows = f"(select * replace ({replaced}) from {relation})"
    if table is not TableName.REQUESTS:
        return rows
    merged = ", ".join(_merged(field) for field in TABLES[table].schema if field.name != "task_id")
    return f"(select task_id, {merged} from {rows} group by task_id)"


def _merged(field: pa.Field) -> str:
    if not pa.types.is_timestamp(field.type):
        return f"any_value({field.name}) as {field.name}"
    return f"{'min' if field.name == 'received_at' else 'max'}({field.name}) as {field.name}"


def has_other_ids(table: TableName, relation: str) -> str:
    """Return a query that yields one row if a table stores an ID that is not in the normal form, and otherwise no row."""
    conditions = " or ".join(f"{name} <> {normal_id_sql(name)}" for name in ID_COLUMNS[table])
    return f"select 1 from {relation} where {conditions} limit 1"
