"""The tasks to ask about in one run, in their order, taken from the list a few hundred at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from bwp_client.api import Lookup, TaskRef
from bwp_client.errors import MixedDataError, SettingsError
from bwp_client.events import SAMPLE_TASK_ID_PREFIX, TaskKind
from bwp_client.settings import ANY_PRODUCT, ApiSettings
from bwp_client.warehouse import TableName, Warehouse
from bwp_client.warehouse.claims import TaskKey
from bwp_client.warehouse.engine import connect, one_row, quoted
from bwp_client.warehouse.purge_floor import NO_FLOOR, purge_floor

if TYPE_CHECKING:
    import duckdb

_ROWS_AT_A_TIME: Final = 500
_MOST_PRODUCTS: Final = 20


@dataclass(frozen=True, slots=True)
class Todo:
    """One task to ask about, and what its latest lookup said.

    Attributes:
        task: The task; a request from the shop's list may name no business product.
        occurred_at: When it ended; None when no event told.
        place: Where it stands on the list.
    """

    task: TaskRef
    attempts: int
    lookup_state: str | None
    reason: str | None
    occurred_at: datetime | None
    place: int

    @property
    def key(self) -> TaskKey:
        """What tells it from every other task."""
        return (self.task.task_id, self.task.task_kind.value)

    def is_old_news(self, lookup: Lookup) -> bool:
        """Tell whether a task that could not be asked about is where it was: that is not stored over and over."""
        return lookup.attempt == 0 and (self.lookup_state, self.reason) == (lookup.lookup_state, lookup.reason)


class TodoList:
    """What one run asks about.

    Args:
        warehouse: Whose tasks; its newest lookups count, published or not.
        connection: Holds the list meanwhile.
        api: Which business products there are credentials for.
        run_id: Whose answers are known already.
        now: Which tasks are due again, and which deadlines are still ahead.
        due_on: Gives the last day in time, for a business product and the day that the time is counted from.
        zone: The zone of those days.
        completed: Take completed tasks too.
        retry_failed: Take tasks whose lookup ended for good without an answer.
        limit: Take at most so many.
        tasks: Take only these, and now; every one when empty.

    Raises:
        SourceNotFoundError: Nothing was loaded yet.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        connection: duckdb.DuckDBPyConnection,
        *,
        api: ApiSettings,
        run_id: str,
        now: datetime,
        due_on: Callable[[str, date], date],
        zone: str,
        completed: bool,
        retry_failed: bool,
        limit: int | None,
        tasks: tuple[str, ...] = (),
    ) -> None:
        self._warehouse = warehouse
        self._connection = connection
        self._run_id = run_id
        self._seen_files: set[str] = set()
        sources = {}
        for table in (TableName.OUTCOMES, TableName.REQUESTS, TableName.LOOKUPS):
            handle = warehouse.handle(table)
            files_of_table = warehouse.data_files(handle)
            sources[table.value] = warehouse.scan(table, files=files_of_table)
            if table is TableName.LOOKUPS:
                self.lookups_version = handle.version()
                floor = purge_floor(handle) or NO_FLOOR
                self._seen_files = {item.path for item in files_of_table}
        self.products = self._products(sources[TableName.OUTCOMES.value])
        """Business products with events, the largest first."""
        sql = (files("bwp_client.enrich") / "work_queue.sql").read_text(encoding="utf-8")
        connection.execute(
            sql.format(**sources),
            {
                "now": now,
                "completed": completed,
                "retry_failed": retry_failed,
                "floor": floor,
                "zone": zone,
                "named": bool(tasks),
                "tasks": list(tasks),
                "out_of_reach": [product for product in self.products if api.credential_for(product) is None],
            },
        )
        self._put_in_order(now, due_on, zone)
        connection.execute("create temp table answered (task_id varchar, task_kind varchar, asked_at timestamptz)")
        (self.found,) = one_row(connection, "select count(*) from queue")
        self.total: int = self.found if limit is None else min(self.found, limit)

    def _products(self, outcomes: str) -> list[str]:
        rows = self._connection.execute(
            f"select business_product_id from {outcomes} where business_product_id <> '' group by 1 order by count(*) desc, 1"
        ).fetchall()
        return [product for (product,) in rows]

    def _put_in_order(self, now: datetime, due_on: Callable[[str, date], date], zone: str) -> None:
        days = self._connection.execute(
            "select distinct business_product_id, counted_day from todo where counted_day is not null"
        ).fetchall()
        self._connection.execute("create temp table due (business_product_id varchar, counted_day date, due_on date)")
        for first in range(0, len(days), _ROWS_AT_A_TIME):
            part = days[first : first + _ROWS_AT_A_TIME]
            self._connection.execute(
                "insert into due select unnest($products::varchar[]), unnest($days::date[]), unnest($due::date[])",
                {
                    "products": [product for product, _ in part],
                    "days": [day for _, day in part],
                    "due": [due_on(product, day) for product, day in part],
                },
            )
        self._connection.execute(
            """
            create temp table queue as
            select row_number() over (
                       order by turn + again, case when due_on >= today then 0 when due_on < today then 1 else 2 end,
                                case when due_on >= today then due_on end, due_on desc, counted_from, task_id
                   ) as place, task_id, task_kind, business_product_id, attempts, lookup_state, reason, occurred_at, asked_at
            from todo left join due using (business_product_id, counted_day)
            cross join (select (timezone($zone, $now::timestamptz))::date as today)
            """,
            {"zone": zone, "now": now},
        )
        self._connection.execute("drop table todo")

    def after(self, place: int) -> Iterator[Todo]:
        """Give what stands on the list after a place, without what other runs have answered since the list was made."""
        while rows := self._read("q.place > $place", {"place": place}):
            yield from rows
            place = rows[-1].place

    def at(self, places: list[int]) -> list[Todo]:
        """Give what stands at some places, without what other runs have answered since the list was made."""
        if not places:
            return []
        return self._read("array_contains($places::bigint[], q.place)", {"places": places}, limit=len(places))

    def see_new_answers(self) -> None:
        """Take note of what other runs have answered since the last look.

        Raises:
            RemoteError: S3 refused or failed.
        """
        handle = self._warehouse.handle(TableName.LOOKUPS)
        files_now = self._warehouse.data_files(handle)
        new = [item for item in files_now if item.path not in self._seen_files]
        if not new:
            return
        source = self._warehouse.scan(TableName.LOOKUPS, files=new)
        self._connection.execute(
            f"""
            insert into answered
            select l.task_id, l.task_kind, l.asked_at from {source} l
            join queue q on q.task_id = l.task_id and q.task_kind = l.task_kind
            where l.run_id <> {quoted(self._run_id)} and l.attempt > 0 and (q.asked_at is null or l.asked_at > q.asked_at)
            """
        )
        self._seen_files = {item.path for item in files_now}

    def answered_elsewhere(self) -> int:
        """Count the tasks on the list that other runs have answered since it was made."""
        (count,) = one_row(self._connection, "select count(distinct (task_id, task_kind)) from answered")
        return int(count)

    def _read(self, condition: str, parameters: Mapping[str, object], *, limit: int = _ROWS_AT_A_TIME) -> list[Todo]:
        rows = self._connection.execute(
            f"""
            select q.task_id, q.task_kind, q.business_product_id, q.attempts, q.lookup_state, q.reason, q.occurred_at, q.place
            from queue q anti join answered a on a.task_id = q.task_id and a.task_kind = q.task_kind
            where {condition} order by q.place limit {limit}
            """,
            parameters,
        ).fetchall()
        return [
            Todo(TaskRef(TaskKind(kind), task_id, product), attempts, state, reason, occurred_at, place)
            for task_id, kind, product, attempts, state, reason, occurred_at, place in rows
        ]

    def refuse_where_every_call_is_wrong(self, api: ApiSettings) -> None:
        """Look at the list before the first call.

        Raises:
            MixedDataError: Sample tasks, and an API that is not on this machine.
            SettingsError: No credential at all.
        """
        if not self.total:
            return
        # The whole list, for which tasks a run gets to depends on what others are asking about.
        (samples,) = one_row(
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

    def products_to_try(self, api: ApiSettings) -> list[str]:
        """Give the business products that a request may belong to whose own is not known, the likeliest first."""
        named = [product for product in api.credentials if product != ANY_PRODUCT]
        return [
            product for product in dict.fromkeys([*self.products, *named]) if api.credential_for(product) is not None
        ][:_MOST_PRODUCTS]


def known_tasks(warehouse: Warehouse) -> list[TaskRef]:
    """Give one task of each business product that events are known of, the newest failed one if there is one.

    Raises:
        RemoteError: S3 refused or failed.
    """
    if not warehouse.exists():
        return []
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
