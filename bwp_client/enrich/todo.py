"""The tasks to ask about in one run, in their order, read a few hundred at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from bwp_client.api import Lookup, TaskRef
from bwp_client.errors import MixedDataError, SettingsError
from bwp_client.events import SAMPLE_TASK_ID_PREFIX, TaskKind
from bwp_client.settings import ApiSettings
from bwp_client.warehouse import TABLES, TableName, Warehouse
from bwp_client.warehouse.engine import one_row, relation

if TYPE_CHECKING:
    import duckdb

_ROWS_AT_A_TIME: Final = 500


@dataclass(frozen=True, slots=True)
class Todo:
    """One task to ask about, and what its latest lookup said."""

    task: TaskRef
    attempts: int
    lookup_state: str | None
    reason: str | None

    def is_old_news(self, lookup: Lookup) -> bool:
        """Tell whether a task that could not be asked about is where it was: that is not stored over and over."""
        return lookup.attempt == 0 and (self.lookup_state, self.reason) == (lookup.lookup_state, lookup.reason)


class TodoList:
    """What one run asks about.

    Args:
        warehouse: Whose tasks; its newest lookups count, published or not.
        connection: Holds the list meanwhile.
        now: Which tasks are due again.
        completed: Take completed tasks too.
        retry_failed: Take tasks whose lookup ended for good without an answer.
        limit: Take at most so many.

    Raises:
        SourceNotFoundError: Nothing was loaded yet.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        connection: duckdb.DuckDBPyConnection,
        *,
        now: datetime,
        completed: bool,
        retry_failed: bool,
        limit: int | None,
    ) -> None:
        self._connection = connection
        sources = {}
        for table in (TableName.LOOKUPS, TableName.OUTCOMES):
            handle = warehouse.handle(table)
            files_of_table = warehouse.readable(table, warehouse.data_files(handle))
            sources[table.value] = relation(files_of_table, TABLES[table].schema)
            if table is TableName.LOOKUPS:
                self.lookups_version = handle.version()
        sql = (files("bwp_client.enrich") / "todo.sql").read_text(encoding="utf-8")
        connection.execute(sql.format(**sources), {"now": now, "completed": completed, "retry_failed": retry_failed})
        (self.found,) = one_row(connection, "select count(*) from todo")
        self.total: int = self.found if limit is None else min(self.found, limit)

    def __iter__(self) -> Iterator[Todo]:
        for first in range(1, self.total + 1, _ROWS_AT_A_TIME):
            last = min(first + _ROWS_AT_A_TIME - 1, self.total)
            rows = self._connection.execute(
                """
                select task_id, task_kind, business_product_id, attempts, lookup_state, reason
                from todo where place between $first and $last order by place
                """,
                {"first": first, "last": last},
            ).fetchall()
            for task_id, task_kind, product, attempts, state, reason in rows:
                yield Todo(TaskRef(TaskKind(task_kind), task_id, product or ""), attempts, state, reason)

    def refuse_where_every_call_is_wrong(self, api: ApiSettings) -> None:
        """Look at the list before the first call.

        Raises:
            MixedDataError: Sample tasks, and an API that is not on this machine.
            SettingsError: No credential at all.
        """
        if not self.total:
            return
        (samples,) = one_row(
            self._connection,
            "select count(*) from todo where place <= $total and starts_with(lower(task_id), $prefix)",
            {"total": self.total, "prefix": SAMPLE_TASK_ID_PREFIX},
        )
        if samples and not api.is_on_loopback:
            raise MixedDataError(
                f"{samples:,} of the tasks to ask about are sample tasks, and BWP_API__ENDPOINT is not on this machine. "
                "Nothing was asked. Start the sandbox and point BWP_API__ENDPOINT at it, or use a warehouse of your own."
            )
        if not api.credentials:
            raise SettingsError(
                f"There is no API credential, and there are {self.total:,} tasks to ask about. Nothing was asked. Set "
                'BWP_API__CREDENTIALS to JSON: {"*": {"client_id": "…", "client_secret": "…"}}, or name business '
                "products in place of *. They are made in the merchant console under Settings, API credentials."
            )
