"""The requests table: the shop's own requests, one row per task. A later import replaces the columns of its file only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from bwp_client.errors import MixedDataError, UsageError
from bwp_client.events import SAMPLE_TASK_ID_PREFIX
from bwp_client.warehouse.delta_writer import ROWS_PER_BATCH, WHOLE_TABLE
from bwp_client.warehouse.engine import connect, quoted, single_row
from bwp_client.warehouse.runs import Run, record_run
from bwp_client.warehouse.schema import TABLES, TableName
from bwp_client.warehouse.store import Warehouse

APP_ID: Final = "bwp.requests"
_SCHEMA: Final = TABLES[TableName.REQUESTS].schema


MAX_PROBLEMS_NAMED: Final = 20
CIRCLE: Final = "replaced_by leads in a circle back to the task itself"
_CLOSED_TOO_EARLY: Final = "closed_at is before the received_at that was imported before"
_RECEIVED_TOO_LATE: Final = "received_at is after the closed_at that was imported before"


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """The fate of the imported requests: read = stored + unchanged.

    Attributes:
        without_event: Requests of tasks without any event so far; such a task waits, or its ID is wrong.
        contradicting: Requests that name another task kind or business product than the events of their task.
        contradiction: The first of them in words, such as `in line 3 the task_kind is RETRIEVAL, and the events say
            DELETION`; empty without any.
    """

    read: int
    stored: int
    unchanged: int
    without_event: int
    contradicting: int = 0
    contradiction: str = ""

    def as_json(self) -> dict[str, int]:
        """Return the JSON object of the command line."""
        return {"read": self.read, "stored": self.stored, "unchanged": self.unchanged}


def wrong_lines(problems: Sequence[tuple[int, str]]) -> UsageError:
    """Return the error that names the wrong lines of a file; none of its requests is stored.

    Args:
        problems: The line and the problem, at least one.
    """
    count = len(problems)
    shown = "\n".join(f"  line {line}: {problem}" for line, problem in sorted(problems)[:MAX_PROBLEMS_NAMED])
    more = f"\n  … and {count - MAX_PROBLEMS_NAMED:,} more" if count > MAX_PROBLEMS_NAMED else ""
    return UsageError(
        f"{'A line is' if count == 1 else f'{count:,} lines are'} wrong:\n{shown}{more}\n"
        "Nothing was imported, not the other lines either. Correct the file and start the command again."
    )


def replacement_circles(later_of: Mapping[str, str]) -> list[set[str]]:
    """Return the circles among tasks of which each names the task that replaced it."""
    circles: list[set[str]] = []
    seen: set[str] = set()
    for start in later_of:
        path: dict[str, None] = {}
        task = start
        while task in later_of and task not in seen and task not in path:
            path[task] = None
            task = later_of[task]
        if task in path:
            tasks = list(path)
            circles.append(set(tasks[tasks.index(task) :]))
        seen.update(path)
    return circles


def import_requests(
    warehouse: Warehouse,
    rows: pa.Table,
    given: tuple[str, ...],
    *,
    source: str,
    lines: Mapping[str, int] | None = None,
    is_worklist: bool = False,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ImportCounts:
    """Store requests in one commit, and publish them.

    In the row of a known task only the given columns are replaced. Two concurrent imports do not lose each other's rows.

    Args:
        warehouse: The warehouse to write to; created if it does not exist.
        rows: The columns of the requests table, one row per task.
        given: The columns to store; the others stay as they are.
        source: The name of the run's source.
        lines: The line of each task in the imported file, for messages.
        is_worklist: True if the rows are those of a downloaded worklist. Others may have changed requests since then, so an
            empty cell of it clears nothing, and a row without any entry is not stored. If task B replaced task A, the
            worklist shows A's time of receipt for B; it is not stored as B's own.
        clock: Returns the time now, in UTC.

    Raises:
        UsageError: A request contradicts what was imported before; nothing was stored.
        MixedDataError: Sample tasks would meet real tasks; nothing was stored.
        WarehouseError: See `Warehouse.commit`.
    """
    started_at = clock()
    warehouse.create()
    with closing(connect()) as connection:
        merge = _Merge(warehouse, connection, rows, given, lines or {}, is_worklist=is_worklist)
        version = warehouse.commit(TableName.REQUESTS, merge.rows_for, app_id=APP_ID, replace=lambda: WHOLE_TABLE)
        contradicting, contradiction = warehouse.retry_superseded(merge.contradictions_of_events)
    unchanged = rows.num_rows - merge.stored
    counts = ImportCounts(rows.num_rows, merge.stored, unchanged, merge.without_event, contradicting, contradiction)
    record_run(
        warehouse,
        Run(
            kind="import",
            source=source,
            started_at=started_at,
            finished_at=clock(),
            counts={"read": counts.read, "stored": counts.stored, "duplicate": counts.unchanged},
            versions={TableName.REQUESTS.value: version},
        ),
    )
    return counts


class _Merge:
    """Merges imported rows with the stored ones; `rows_for` merges them anew on each attempt to commit."""

    def __init__(
        self,
        warehouse: Warehouse,
        connection: duckdb.DuckDBPyConnection,
        rows: pa.Table,
        given: tuple[str, ...],
        lines: Mapping[str, int],
        *,
        is_worklist: bool,
    ) -> None:
        connection.register("incoming", rows)
        self._is_worklist = is_worklist
        self.stored = self.without_event = 0
        self._lines = lines
        self._warehouse = warehouse
        self._connection = connection
        self._given = given

    def rows_for(self, handle: DeltaTable) -> Any | None:
        """Return all rows of the table after the import; None if nothing would change."""
        stored = self._warehouse.scan(TableName.REQUESTS, handle)
        self._refuse_mixture(stored)
        others = [name for name in _SCHEMA.names if name != "task_id"]
        columns = ", ".join(f"{self._value_of(name)} as {name}" for name in others)
        differs = " or ".join(f"(m.{name} is distinct from s.{name})" for name in others)
        self._connection.execute(
            f"""
            create or replace temp table stored as select * from {stored};
            create or replace temp table merged as
            with recursive inherited as (
                select replaced_by as task_id, received_at from stored where replaced_by is not null
                union
                select s.replaced_by, i.received_at from inherited i join stored s on s.task_id = i.task_id
                where s.replaced_by is not null
            )
            select i.task_id, {columns} from incoming i left join stored s on s.task_id = i.task_id;
            """
        )
        if self._is_worklist:
            has_no_entry = " and ".join(f"{name} is null" for name in others)
            self._connection.execute(
                f"delete from merged where {has_no_entry} and task_id not in (select task_id from stored)"
            )
        self._refuse_contradictions()
        (self.without_event,) = single_row(
            self._connection,
            f"select count(*) from incoming anti join {self._warehouse.scan(TableName.OUTCOMES)} as known using (task_id)",
        )
        (self.stored,) = single_row(
            self._connection,
            f"""
            select count(*) from merged m left join stored s on s.task_id = m.task_id
            where s.task_id is null or {differs}
            """,
        )
        if not self.stored:
            return None
        named = ", ".join(_SCHEMA.names)
        return self._connection.sql(
            f"""
            select {named} from merged
            union all
            select {named} from stored where task_id not in (select task_id from merged)
            """
        ).to_arrow_reader(ROWS_PER_BATCH)

    def _value_of(self, name: str) -> str:
        """Return the SQL of a column's value after the import, of the incoming row `i` and the stored row `s`."""
        if name not in self._given:
            return f"s.{name}"
        if not self._is_worklist:
            return f"i.{name}"
        if name != "received_at":
            return f"coalesce(i.{name}, s.{name})"
        of_earlier_task = "(i.task_id, i.received_at) in (select (task_id, received_at) from inherited)"
        return f"coalesce(case when not {of_earlier_task} then i.received_at end, s.received_at)"

    def contradictions_of_events(self) -> tuple[int, str]:
        """Return the number of requests that name another kind or product than their events do, and the first in words."""
        of_column = " union all ".join(
            f"""
            select i.task_id, '{name}', i.{name} as listed, min(k.{name}) from incoming i join known k using (task_id)
            where i.{name} is not null and k.{name} <> '' group by 1, 2, 3 having bool_and(k.{name} <> i.{name})
            """
            for name in ("task_kind", "business_product_id")
        )
        outcomes = self._warehouse.scan(TableName.OUTCOMES)
        found = self._connection.execute(
            f"""
            with known as (
                select task_id, task_kind, business_product_id from {outcomes} semi join incoming using (task_id)
            )
            {of_column}
            """
        ).fetchall()
        if not found:
            return 0, ""
        task, name, listed, known = min(found, key=lambda row: self._lines.get(row[0], 0))
        line = f"in line {self._lines[task]} " if task in self._lines else ""
        return len({task for task, *_ in found}), f"{line}the {name} is {listed}, and the events say {known}"

    def _refuse_contradictions(self) -> None:
        """Refuse requests that only together with those stored before are closed before their receipt, or in a circle."""
        problems = self._connection.execute(
            f"""
            select m.task_id, case when i.received_at is null then '{_CLOSED_TOO_EARLY}' else '{_RECEIVED_TOO_LATE}' end
            from merged m join incoming i on i.task_id = m.task_id
            where m.closed_at < m.received_at and $is_dated
            """,
            {"is_dated": bool({"received_at", "closed_at"} & set(self._given))},
        ).fetchall()
        edges = self._connection.execute(
            """
            select task_id, replaced_by, is_imported from (
                select task_id, replaced_by, true as is_imported from merged
                union all
                select task_id, replaced_by, false from stored where task_id not in (select task_id from merged)
            ) where replaced_by is not null
            """
        ).fetchall()
        imported = {task for task, _, is_imported in edges if is_imported} if "replaced_by" in self._given else set()
        for circle in replacement_circles({task: later for task, later, _ in edges}) if imported else ():
            if new := circle & imported:
                first = min(new, key=lambda task: self._lines.get(task, 0))
                problems.append((first, f"with what was imported before, {CIRCLE}"))
        if problems:
            raise wrong_lines([(self._lines.get(task, 0), problem) for task, problem in problems])

    def _refuse_mixture(self, stored: str) -> None:
        is_sample = f"starts_with(lower(task_id), {quoted(SAMPLE_TASK_ID_PREFIX)})"
        outcomes = self._warehouse.handle(TableName.OUTCOMES)
        known = self._warehouse.scan(TableName.OUTCOMES, files=self._warehouse.data_files(outcomes)[:1])
        some, every = single_row(
            self._connection,
            f"""
            select bool_or({is_sample}), bool_and({is_sample}) from (
                select task_id from incoming
                union all (select task_id from {stored} limit 1)
                union all (select task_id from {known} limit 1)
            )
            """,
        )
        if some and not every:
            raise MixedDataError(
                "Sample tasks and real tasks may not meet in one warehouse. Nothing was imported. "
                "Give --warehouse another address for one of the two."
            )
