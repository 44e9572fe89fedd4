"""The work queue of one run: the tasks to ask about, in order of urgency, read a few hundred at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from bwp_client.api import Lookup, TaskRef
from bwp_client.deadlines import last_day
from bwp_client.enrich.named_tasks import unknown_tasks, unknown_text
from bwp_client.enrich.options import EnrichOptions
from bwp_client.errors import MixedDataError, SettingsError, UsageError
from bwp_client.events import SAMPLE_TASK_ID_PREFIX, TaskKind
from bwp_client.ids import normal_id
from bwp_client.settings import ANY_PRODUCT, Settings
from bwp_client.warehouse import TableName, Warehouse
from bwp_client.warehouse.claims import TaskKey
from bwp_client.warehouse.engine import connect, quoted, single_row
from bwp_client.warehouse.purge_floor import NO_FLOOR, purge_floor

if TYPE_CHECKING:
    import duckdb

_ROWS_AT_A_TIME: Final = 500
_MAX_PRODUCTS: Final = 20


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One task to ask about, with its latest lookup.

    Attributes:
        task: The task; the business product may be empty for a request from the shop's list.
        attempts: The number of calls about the task so far.
        lookup_state: The state of the latest lookup; None when there is none.
        reason: The reason of the latest lookup; None when there is none.
        occurred_at: When the task ended; None for a task without an event.
        position: The position in the queue, from 1.
    """

    task: TaskRef
    attempts: int
    lookup_state: str | None
    reason: str | None
    occurred_at: datetime | None
    position: int

    @property
    def key(self) -> TaskKey:
        """The task's ID and kind, which identify it."""
        return (self.task.task_id, self.task.task_kind.value)

    def is_unchanged_by(self, lookup: Lookup) -> bool:
        """Return whether no query was sent and the state is the same as before; such a lookup is not stored again."""
        return lookup.attempt == 0 and (self.lookup_state, self.reason) == (lookup.lookup_state, lookup.reason)


class WorkQueue:
    """The tasks that one run asks about.

    Args:
        warehouse: The warehouse with the tasks; its newest lookups count, published or not.
        connection: Holds the queue in temporary tables.
        settings: The API's credentials, and the rules for deadlines.
        options: Which tasks to ask about.
        run_id: The ID of this run, whose own answers are not read from the table.
        now: The present; a task is due again if its next attempt is at this time or earlier.

    Attributes:
        products: The business products with events, the largest first.
        found: The number of tasks to ask about, without the limit.
        total: The number of tasks that this run asks about.
        unknown: The named tasks that are neither among the outcomes nor in the shop's list.
        lookups_version: The version of the lookups table that the queue was made from.

    Raises:
        SourceNotFoundError: No event was loaded yet.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        connection: duckdb.DuckDBPyConnection,
        settings: Settings,
        options: EnrichOptions,
        *,
        run_id: str,
        now: datetime,
    ) -> None:
        self._warehouse = warehouse
        self._connection = connection
        self._settings = settings
        self._run_id = run_id
        self._named = len(set(map(normal_id, options.tasks)))
        outcomes = warehouse.scan(TableName.OUTCOMES)
        self.products = self._products(outcomes)
        lookups = warehouse.handle(TableName.LOOKUPS)
        lookup_files = warehouse.data_files(lookups)
        self.lookups_version = lookups.version()
        self._seen_files = {item.path for item in lookup_files}
        sql = (files("bwp_client.enrich") / "work_queue.sql").read_text(encoding="utf-8")
        connection.execute(
            sql.format(
                outcomes=outcomes,
                requests=warehouse.scan(TableName.REQUESTS),
                lookups=warehouse.scan(TableName.LOOKUPS, files=lookup_files),
            ),
            {
                "now": now,
                "completed": options.completed,
                "retry_failed": options.retry_failed,
                "floor": purge_floor(lookups) or NO_FLOOR,
                "zone": settings.timezone,
                "named": bool(options.tasks),
                "tasks": list(map(normal_id, options.tasks)),
                "without_credential": [
                    product for product in self.products if settings.api.credential_for(product) is None
                ],
            },
        )
        self.unknown = unknown_tasks(
            connection, options.tasks, outcomes=outcomes, requests=warehouse.scan(TableName.REQUESTS)
        )
        self._add_due_dates()
        self._order(now)
        connection.execute("create temp table answered (task_id varchar, task_kind varchar, asked_at timestamptz)")
        (self.found,) = single_row(connection, "select count(*) from queue")
        self.total: int = self.found if options.limit is None else min(self.found, options.limit)

    def _products(self, outcomes: str) -> list[str]:
        rows = self._connection.execute(
            f"select business_product_id from {outcomes} where business_product_id <> '' group by 1 order by count(*) desc, 1"
        ).fetchall()
        return [product for (product,) in rows]

    def _add_due_dates(self) -> None:
        """Write the table `due`: the last day in time for each business product and day that a deadline is counted from."""
        deadlines = self._settings.deadlines
        days = self._connection.execute(
            "select distinct business_product_id, counted_day from candidate where counted_day is not null"
        ).fetchall()
        self._connection.execute("create temp table due (business_product_id varchar, counted_day date, due_on date)")
        for first in range(0, len(days), _ROWS_AT_A_TIME):
            batch = days[first : first + _ROWS_AT_A_TIME]
            self._connection.execute(
                "insert into due select unnest($products::varchar[]), unnest($days::date[]), unnest($due::date[])",
                {
                    "products": [product for product, _ in batch],
                    "days": [day for _, day in batch],
                    "due": [last_day(deadlines.rule_for(product), day) for product, day in batch],
                },
            )

    def _order(self, now: datetime) -> None:
        """Write the table `queue`: the tasks with their positions."""
        self._connection.execute(
            """
            create temp table queue as
            select row_number() over (
                       order by priority, case when due_on >= today then 0 when due_on < today then 1 else 2 end,
                                case when due_on >= today then due_on end, due_on desc, counted_from, task_id
                   ) as position,
                   task_id, task_kind, business_product_id, attempts, lookup_state, reason, occurred_at, asked_at
            from candidate left join due using (business_product_id, counted_day)
            cross join (select (timezone($zone, $now::timestamptz))::date as today)
            """,
            {"zone": self._settings.timezone, "now": now},
        )
        self._connection.execute("drop table candidate")

    def after(self, position: int) -> Iterator[WorkItem]:
        """Yield the tasks after a position, except those that other runs have answered since the queue was made."""
        while items := self._read("q.position > $position", {"position": position}):
            yield from items
            position = items[-1].position

    def at(self, positions: list[int]) -> list[WorkItem]:
        """Return the tasks at some positions, except those that other runs have answered since the queue was made."""
        if not positions:
            return []
        return self._read(
            "array_contains($positions::bigint[], q.position)", {"positions": positions}, limit=len(positions)
        )

    def read_new_answers(self) -> None:
        """Read the answers that other runs have stored since the last call.

        Raises:
            RemoteError: S3 refused or failed.
        """
        self._warehouse.retry_superseded(self._read_new_answers)

    def _read_new_answers(self) -> None:
        current_files = self._warehouse.data_files(self._warehouse.handle(TableName.LOOKUPS))
        new_files = [item for item in current_files if item.path not in self._seen_files]
        if not new_files:
            return
        source = self._warehouse.scan(TableName.LOOKUPS, files=new_files)
        self._connection.execute(
            f"""
            insert into answered
            select l.task_id, l.task_kind, l.asked_at from {source} l
            join queue q on q.task_id = l.task_id and q.task_kind = l.task_kind
            where l.run_id <> {quoted(self._run_id)} and l.attempt > 0 and (q.asked_at is null or l.asked_at > q.asked_at)
            """
        )
        self._seen_files = {item.path for item in current_files}

    def answered_elsewhere(self) -> int:
        """Return the number of tasks of the queue that other runs have answered since the queue was made."""
        (count,) = single_row(self._connection, "select count(distinct (task_id, task_kind)) from answered")
        return int(count)

    def _read(
        self, condition: str, parameters: Mapping[str, object], *, limit: int = _ROWS_AT_A_TIME
    ) -> list[WorkItem]:
        rows = self._connection.execute(
            f"""
            select q.task_id, q.task_kind, q.business_product_id, q.attempts, q.lookup_state, q.reason, q.occurred_at,
                   q.position
            from queue q anti join answered a on a.task_id = q.task_id and a.task_kind = q.task_kind
            where {condition} order by q.position limit {limit}
            """,
            parameters,
        ).fetchall()
        return [
            WorkItem(TaskRef(TaskKind(kind), task_id, product), attempts, state, reason, occurred_at, position)
            for task_id, kind, product, attempts, state, reason, occurred_at, position in rows
        ]

    def check_setup(self) -> None:
        """Refuse a run in which every call would be wrong, before the first call.

        Raises:
            UsageError: Tasks were named, and not one of them is known.
            MixedDataError: There are sample tasks, and the API is not on this machine.
            SettingsError: There is no credential at all.
        """
        api = self._settings.api
        if self.unknown and len(self.unknown) == self._named:
            raise UsageError(f"{unknown_text(self.unknown)} Nothing was asked.")
        if not self.total:
            return
        # All tasks are looked at, because the tasks that this run reaches depend on the claims of other runs.
        (samples,) = single_row(
            self._connection,
            "select count(*) from queue where starts_with(lower(task_id), $prefix)",
            {"prefix": SAMPLE_TASK_ID_PREFIX},
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

    def products_to_try(self) -> list[str]:
        """Return the business products to try for a request that names none, the likeliest first."""
        api = self._settings.api
        named = [product for product in api.credentials if product != ANY_PRODUCT]
        products = dict.fromkeys([*self.products, *named])
        return [product for product in products if api.credential_for(product) is not None][:_MAX_PRODUCTS]


def newest_tasks(warehouse: Warehouse) -> list[TaskRef]:
    """Return one task of each business product with events: the newest failed task if there is one.

    Raises:
        RemoteError: S3 refused or failed.
    """
    if not warehouse.exists():
        return []
    return warehouse.retry_superseded(lambda: _newest_of_each_product(warehouse))


def _newest_of_each_product(warehouse: Warehouse) -> list[TaskRef]:
    source = warehouse.scan(TableName.OUTCOMES)
    connection = connect()
    try:
        rows = connection.execute(
            f"""
            select task_id, task_kind, business_product_id from {source}
            qualify row_number() over (
                partition by business_product_id order by outcome = 'FAILED' desc, occurred_at desc, task_id
            ) = 1
            order by business_product_id
            """
        ).fetchall()
    finally:
        connection.close()
    return [TaskRef(TaskKind(kind), task_id, product) for task_id, kind, product in rows if product]
