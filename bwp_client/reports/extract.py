"""The input rows of a report: read from the warehouse once, and published as Parquet files beside the report.

The files hold the outcomes of the reported products, and, of the reported task kind, the newest lookup of each task and the
requests. The tasks that replaced a reported task, or were replaced by it, are there too, even of another kind or product.
Only failed tasks, and tasks that a lookup or a request names, have their ID in the files; the ID of every other task is
null, because figures only count it. Error messages and notes are left out, because no figure needs them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bwp_client.errors import SourceNotFoundError
from bwp_client.metrics.guidance import GuidanceTable
from bwp_client.metrics.wording import minute
from bwp_client.reports.spec import ReportSpec, WarehouseFacts
from bwp_client.settings import SAMPLE_WAREHOUSE
from bwp_client.warehouse import TABLES, Run, TableName, Warehouse, list_runs
from bwp_client.warehouse.outcomes import OUTCOMES_SQL
from bwp_client.warehouse.product_names import distinct_names, product_names
from bwp_client.warehouse.snapshot import Snapshot

ROWS_PER_GROUP = 131_072

_IS_REPORTED_PRODUCT = """
  ($all_products or o.business_product_id is null or array_contains($business_products, o.business_product_id))
"""
_IS_REPORTED = f"o.task_kind = $task_kind and {_IS_REPORTED_PRODUCT}"

# Tasks that replaced reported tasks, or were replaced by them, whatever their kind and product: a task's recovery and the
# beginning of its deadline depend on them.
_RELATED = """
        with reported as (
            select task_id from named_outcomes o where {is_reported}
            union select task_id from tasks o where {is_reported}
            union select task_id from request_facts o
            where {is_reported} and (o.business_product_id is not null or o.task_id not in (
                select task_id from named_outcomes o where not {is_reported_product}
            ))
        ),
        related as (
            select task_id from replacements where later_id in (select task_id from reported)
            union select later_id from replacements where task_id in (select task_id from reported)
        )
"""

_SQL = {
    TableName.OUTCOMES: _RELATED
    + """
        , named as (
            select task_id from lookups union select task_id from requests union select replaced_by from requests
        )
        select case when o.task_id in (select task_id from related) then o.task_id
                    when o.task_kind <> $task_kind then null
                    when o.outcome = 'FAILED' or o.task_id in (select task_id from named where task_id is not null)
                    then o.task_id end as task_id,
               o.task_kind, o.business_product_id, o.region, o.outcome, o.occurred_at,
               strftime(o.occurred_at, '%Y-%m') as occurred_month, o.conflicting,
               o.events_seen
        from outcomes o where {is_reported_product} or o.task_id in (select task_id from related)
        """,
    TableName.LOOKUPS: _RELATED
    + """
        select task_id, task_kind, business_product_id, lookup_state, status, submitted_at, updated_at,
               holding_period_days,
               list_transform(errors, lambda e: {{'code': e.code, 'message': cast(null as varchar)}}) as errors,
               asked_at, attempt, next_attempt_at, reason, cast(null as varchar) as run_id
        from tasks o where {is_reported} or o.task_id in (select task_id from related)
        """,
    # Many requests of the list name no kind; request_facts infers it.
    TableName.REQUESTS: _RELATED
    + """
        select task_id, task_kind, business_product_id, received_at, replaced_by, closed_at,
               cast(null as varchar) as note
        from requests where task_id in (select task_id from reported union select task_id from related)
        """,
}

_COUNT_SQL = """
select outcome, count(*) from {outcomes} o
where {is_reported} and occurred_at >= $from_time and occurred_at < $to_time
  and ($all_regions or array_contains($regions, coalesce(region, '')))
group by outcome order by outcome
"""

_EVENTS_OF_TASKS_IN_PERIOD = """
(select * from events semi join (
    select distinct task_id from events where occurred_at >= $from_time and occurred_at < $to_time
) using (task_id))
"""


def run_as_of(warehouse: Warehouse, as_of: datetime) -> Run:
    """Return the newest run that had finished at the as-of time.

    Raises:
        SourceNotFoundError: No run had finished.
        RemoteError: S3 refused or failed.
    """
    for limit in (200, 1_000_000):
        for run in list_runs(warehouse, limit=limit):
            if run.finished_at <= as_of:
                return run
    raise SourceNotFoundError(
        f"The warehouse {warehouse.uri} held nothing as of {minute(as_of)}: no load had finished by then. "
        "No report was made. Load events first, or take a later --as-of."
    )


def first_counted_event_at(warehouse: Warehouse) -> datetime | None:
    """Return the time of the first counted event, from the statistics in the table's log; None without a counted event.

    Raises:
        RemoteError: S3 refused or failed.
    """
    if not warehouse.exists():
        return None
    files = warehouse.data_files(warehouse.handle(TableName.OUTCOMES))
    return min((item.lows["occurred_at"] for item in files if item.lows.get("occurred_at")), default=None)


def extract_rows(snapshot: Snapshot, spec: ReportSpec, folder: Path) -> dict[TableName, Path]:
    """Write the input rows, sorted by all columns, so that equal rows give equal bytes.

    Returns:
        The Parquet file of each table.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return {name: _write(snapshot, name, spec, folder / f"{name.value}.parquet") for name in _SQL}


def input_files(folder: Path) -> dict[TableName, Path]:
    """Return the Parquet file of each table."""
    return {name: folder / f"{name.value}.parquet" for name in _SQL}


def gather_facts(
    snapshot: Snapshot, spec: ReportSpec, configured_names: dict[str, str], guidance: GuidanceTable
) -> WarehouseFacts:
    """Return the facts about the warehouse that a report states in addition to its input rows."""
    warehouse, versions = snapshot.warehouse, snapshot.versions
    quarantine = warehouse.handle(TableName.QUARANTINE, versions.get(TableName.QUARANTINE.value, 0))
    known = {row[0] for row in snapshot.rows("select business_product_id from product_kinds")}
    names = distinct_names(product_names(warehouse.uri, configured_names), known)
    events = OUTCOMES_SQL.format(events=_EVENTS_OF_TASKS_IN_PERIOD)
    return WarehouseFacts(
        run_id=snapshot.run.run_id,
        run_finished_at=snapshot.run.finished_at,
        versions=dict(sorted(versions.items())),
        events_not_yet_counted=snapshot.events_not_yet_counted,
        quarantined=sum(item.rows for item in warehouse.data_files(quarantine)),
        counted=count_outcomes(snapshot, spec),
        from_events=count_outcomes(snapshot, spec, f"({events})"),
        is_sample=warehouse.uri == Warehouse(SAMPLE_WAREHOUSE).uri,
        product_names={product: names[product] for product in sorted(known & set(names))},
        begins_at=snapshot.limits.first_event_at,
        guidance={code: [item.code_class, item.action] for code, item in sorted(guidance.by_code.items())},
        newest_event_at=snapshot.limits.newest_event_at,
        reaches_to=snapshot.limits.reaches_to,
        purged_before=snapshot.limits.purged_before,
    )


def count_outcomes(snapshot: Snapshot, spec: ReportSpec, outcomes: str = "outcomes") -> dict[str, int]:
    """Count the period's tasks by outcome without the metrics, as a check on the metrics.

    Args:
        snapshot: The data.
        spec: The report.
        outcomes: A table or subquery with the columns of the outcomes table.
    """
    sql = _COUNT_SQL.format(outcomes=outcomes, is_reported=_IS_REPORTED)
    return {"COMPLETED": 0, "FAILED": 0} | dict(snapshot.rows(sql, _parameters(spec, sql)))


def _write(snapshot: Snapshot, name: TableName, spec: ReportSpec, path: Path) -> Path:
    schema = TABLES[name].schema
    sql = f"{_SQL[name].format(is_reported=_IS_REPORTED, is_reported_product=_IS_REPORTED_PRODUCT)} order by all"
    times = [item.name for item in schema if pa.types.is_timestamp(item.type)]
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=3,
        use_dictionary=[item.name for item in schema if pa.types.is_string(item.type) and item.name != "task_id"],
        column_encoding=dict.fromkeys(times, "DELTA_BINARY_PACKED"),
    ) as writer:
        for table in _groups(snapshot, sql, _parameters(spec, sql)):
            writer.write_table(table.cast(schema), row_group_size=ROWS_PER_GROUP)
    return path


def _groups(snapshot: Snapshot, sql: str, parameters: dict[str, Any]) -> Iterator[pa.Table]:
    """Yield the rows of a query in tables of `ROWS_PER_GROUP` rows each; the last table holds the remaining rows.

    DuckDB's batches differ in size, but the row groups of a file must be the same size each time.
    """
    buffered: list[pa.Table] = []
    count = 0
    for batch in snapshot.batches(sql, parameters, ROWS_PER_GROUP):
        buffered.append(pa.Table.from_batches([batch]))
        count += batch.num_rows
        while count >= ROWS_PER_GROUP:
            table = pa.concat_tables(buffered)
            yield table.slice(0, ROWS_PER_GROUP)
            buffered, count = [table.slice(ROWS_PER_GROUP)], count - ROWS_PER_GROUP
    if buffered:
        yield pa.concat_tables(buffered)


def _parameters(spec: ReportSpec, sql: str) -> dict[str, Any]:
    filters = spec.filters
    values = {
        "task_kind": filters.task_kind.value,
        "from_time": filters.from_time,
        "to_time": filters.to_time,
        "all_products": filters.business_products is None,
        "business_products": list(filters.business_products or ("",)),
        "all_regions": filters.regions is None,
        "regions": list(filters.regions or ("",)),
    }
    return {name: value for name, value in values.items() if f"${name}" in sql}
