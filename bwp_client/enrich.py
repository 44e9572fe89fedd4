"""Enrichment: ask Buy with Prime about the tasks whose errors we don't know, and append each answer to `lookups`.

Answers are appended in batches, so that a crash loses at most the batch in flight; the run's row publishes them. A stored
answer is seen by the next run even if its run was never published, and is not asked for again.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import pyarrow as pa

from bwp_client.api import BuyWithPrimeClient, Lookup, LookupState, TaskRef
from bwp_client.api.credentials import with_stored_credentials
from bwp_client.errors import MixedDataError, RemoteError, SettingsError
from bwp_client.events import SAMPLE_TASK_ID_PREFIX, TaskKind
from bwp_client.settings import Settings
from bwp_client.warehouse import TABLES, Run, TableName, Warehouse, newest_run, record_run
from bwp_client.warehouse.engine import connect, one_row, relation

if TYPE_CHECKING:
    import duckdb
    from deltalake import DeltaTable

APP_ID: Final = "bwp.lookups"
BATCH_ANSWERS: Final = 500
BATCH_SECONDS: Final = 10.0
LONGEST_UNPUBLISHED_SECONDS: Final = 300.0
_MOST_REASONS: Final = 20

# Asked for in this order: failed and never asked, failed and due again, completed, and within each the newest first. An
# attempt of 0 never reached the API (no credential), so it counts as never asked. A task found COMPLETED that failed
# afterwards is asked about again.
_TODO: Final = """
create temp table todo as
with latest as (
    select task_id, task_kind, lookup_state, status, asked_at, attempt, next_attempt_at, reason
    from {lookups}
    qualify row_number() over (
        partition by task_id, task_kind
        order by case when lookup_state = 'found' then 1 else 0 end desc, asked_at desc, attempt desc
    ) = 1
),
ranked as (
    select o.task_id, o.task_kind, o.business_product_id, o.occurred_at, coalesce(l.attempt, 0) as attempts,
           l.lookup_state, l.reason,
           case when o.outcome = 'FAILED' then 0 else 10 end + case
               when l.task_id is null or l.attempt = 0 then 1
               when l.lookup_state = 'found' then
                   case when o.outcome = 'FAILED' and l.status = 'COMPLETED' and l.asked_at < o.occurred_at then 1 end
               when l.next_attempt_at <= $now then 2
               when l.next_attempt_at is null and $retry_failed then 3
           end as rank
    from {outcomes} o
    left join latest l on l.task_id = o.task_id and l.task_kind = o.task_kind
    where o.outcome = 'FAILED' or $completed
)
select row_number() over (order by rank, occurred_at desc, task_id) as place,
       task_id, task_kind, business_product_id, attempts, lookup_state, reason
from ranked where rank is not null
"""


@dataclass(slots=True)
class EnrichResult:
    """What a run did, in tasks: asked = found + pending + not_found + denied + failed; the rest is `not_asked`."""

    asked: int = 0
    found: int = 0
    pending: int = 0
    not_found: int = 0
    denied: int = 0
    failed: int = 0
    not_asked: int = 0
    requests: int = 0

    def as_json(self) -> dict[str, Any]:
        """Give the command line's JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class EnrichProgress:
    """How far a run is."""

    done: int
    total: int
    found: int
    requests: int
    throttled: int
    requests_per_second: float


def enrich(
    warehouse: Warehouse,
    settings: Settings,
    *,
    limit: int | None = None,
    max_minutes: float | None = None,
    completed: bool = False,
    retry_failed: bool = False,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    monotonic: Callable[[], float] = time.monotonic,
    client: Callable[..., BuyWithPrimeClient] = BuyWithPrimeClient,
    on_progress: Callable[[EnrichProgress], None] = lambda _: None,
) -> EnrichResult:
    """Ask about every task whose errors we don't know yet, or whose time to be asked again has come.

    Args:
        warehouse: Whose tasks; the answers go to its `lookups`.
        settings: Where the API is, which credentials to use, how fast to ask.
        limit: Ask about at most so many tasks.
        max_minutes: Ask about no further task after so many minutes.
        completed: Ask about completed tasks too, for their submission dates.
        retry_failed: Ask again where an earlier lookup ended for good without an answer.
        clock: Gives the time now, in UTC.
        monotonic: Seconds from a clock that never goes back.
        client: Makes the API client from the API's settings.
        on_progress: Called after each answer.

    Raises:
        SourceNotFoundError: Nothing was loaded yet.
        SettingsError: There is no credential for any of the tasks; nothing was asked.
        MixedDataError: Sample tasks, and an API that is not a local one; nothing was asked.
        RemoteError: The API refused or failed too often in a row; every answer so far is stored.
        WarehouseError: The answers can't be written; at most the batch in flight is lost.
    """
    api = with_stored_credentials(settings.api)
    connection = connect()
    try:
        run = _Enrichment(warehouse, connection, clock, monotonic, on_progress)
        run.select(completed=completed, retry_failed=retry_failed, limit=limit)
        run.refuse_what_makes_no_sense(is_on_loopback=api.is_on_loopback, credential_keys=set(api.credentials))
        return run.ask(
            client(api, clock=clock), concurrency=api.concurrency, source=api.endpoint, max_minutes=max_minutes
        )
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class _Todo:
    task: TaskRef
    attempts: int
    lookup_state: str | None
    reason: str | None

    def is_old_news(self, lookup: Lookup) -> bool:
        """Tell whether a task that could not be asked about is where it was: that is not stored over and over."""
        return lookup.attempt == 0 and (self.lookup_state, self.reason) == (lookup.lookup_state, lookup.reason)


class _Enrichment:
    def __init__(
        self,
        warehouse: Warehouse,
        connection: duckdb.DuckDBPyConnection,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        on_progress: Callable[[EnrichProgress], None],
    ) -> None:
        self._warehouse = warehouse
        self._connection = connection
        self._clock = clock
        self._monotonic = monotonic
        self._on_progress = on_progress
        self._run_id = uuid4().hex
        self._result = EnrichResult()
        self._total = 0
        self._batch: list[Lookup] = []
        self._storing = asyncio.Lock()
        self._stored_at = self._published_at = self._started = monotonic()
        self._lookups_version = 0
        self._groups = 0
        self._group_started_at = clock()
        self._reasons: Counter[str] = Counter()
        self._before: dict[str, int] = {}

    def select(self, *, completed: bool, retry_failed: bool, limit: int | None) -> None:
        """Find the tasks to ask about, in their order."""
        lookups = self._warehouse.handle(TableName.LOOKUPS)
        self._lookups_version = lookups.version()
        sql = _TODO.format(
            lookups=self._relation(TableName.LOOKUPS, lookups),
            outcomes=self._relation(TableName.OUTCOMES, self._warehouse.handle(TableName.OUTCOMES)),
        )
        self._connection.execute(sql, {"now": self._clock(), "completed": completed, "retry_failed": retry_failed})
        (count,) = one_row(self._connection, "select count(*) from todo")
        self._result.not_asked = count
        self._total = count if limit is None else min(count, limit)

    def refuse_what_makes_no_sense(self, *, is_on_loopback: bool, credential_keys: set[str]) -> None:
        """Raise before the first call where every call would be wrong."""
        if not self._total:
            return
        parameters = {"total": self._total, "prefix": SAMPLE_TASK_ID_PREFIX}
        (samples,) = one_row(
            self._connection,
            "select count(*) from todo where place <= $total and starts_with(lower(task_id), $prefix)",
            parameters,
        )
        if samples and not is_on_loopback:
            raise MixedDataError(
                f"{samples:,} of the tasks to ask about are sample tasks, and BWP_API__ENDPOINT is not on this machine. "
                "Nothing was asked. Start the sandbox and point BWP_API__ENDPOINT at it, or use a warehouse of your own."
            )
        if "*" in credential_keys:
            return
        products = self._connection.execute(
            "select distinct business_product_id from todo where place <= $total order by 1", {"total": self._total}
        ).fetchall()
        if not credential_keys.intersection(product for (product,) in products):
            raise SettingsError(
                f"There is no API credential for any of the {self._total:,} tasks to ask about. Nothing was asked. Set "
                'BWP_API__CREDENTIALS to JSON: {"*": {"client_id": "…", "client_secret": "…"}}, or name business '
                "products in place of *. They are made in the merchant console under Settings, API credentials."
            )

    def ask(
        self, client: BuyWithPrimeClient, *, concurrency: int, source: str, max_minutes: float | None
    ) -> EnrichResult:
        """Ask, store and publish; whatever was answered is stored and published even when this raises."""
        deadline = float("inf") if max_minutes is None else self._started + max_minutes * 60
        state = "stopped"
        try:
            if self._total:
                asyncio.run(self._ask_all(client, concurrency, deadline, source))
            state = "finished"
        except RemoteError as error:
            raise type(error)(f"{error} {self._result.not_asked:,} tasks are left to ask about.") from error
        finally:
            self._store()
            self._publish(client, source, state)
        return self._result

    async def _ask_all(self, client: BuyWithPrimeClient, concurrency: int, deadline: float, source: str) -> None:
        queue = self._queue()
        async with client:
            workers = [
                asyncio.create_task(self._work(client, queue, deadline, source))
                for _ in range(min(concurrency, self._total))
            ]
            try:
                done, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
            for worker in done:
                worker.result()

    async def _work(self, client: BuyWithPrimeClient, queue: Iterator[_Todo], deadline: float, source: str) -> None:
        while self._monotonic() < deadline and (todo := next(queue, None)) is not None:
            lookup = await client.look_up(todo.task, attempt=todo.attempts + 1)
            self._count(todo, lookup, client)
            await self._store_when_due(client, source)

    def _queue(self) -> Iterator[_Todo]:
        for first in range(1, self._total + 1, BATCH_ANSWERS):
            last = min(first + BATCH_ANSWERS - 1, self._total)
            rows = self._connection.execute(
                """
                select task_id, task_kind, business_product_id, attempts, lookup_state, reason
                from todo where place between $first and $last order by place
                """,
                {"first": first, "last": last},
            ).fetchall()
            for task_id, task_kind, product, attempts, state, reason in rows:
                yield _Todo(TaskRef(TaskKind(task_kind), task_id, product or ""), attempts, state, reason)

    def _count(self, todo: _Todo, lookup: Lookup, client: BuyWithPrimeClient) -> None:
        result = self._result
        if not todo.is_old_news(lookup):
            self._batch.append(replace(lookup, run_id=self._run_id))
        if lookup.lookup_state in (LookupState.DENIED, LookupState.FAILED):
            self._reasons[lookup.reason] += 1
        setattr(result, lookup.lookup_state.value, getattr(result, lookup.lookup_state.value) + 1)
        result.asked += 1
        result.not_asked -= 1
        result.requests = client.requests
        self._on_progress(
            EnrichProgress(
                done=result.asked,
                total=self._total,
                found=result.found,
                requests=client.requests,
                throttled=client.throttled,
                requests_per_second=client.requests_per_second,
            )
        )

    async def _store_when_due(self, client: BuyWithPrimeClient, source: str) -> None:
        # Some tasks are answered without waiting for anything; the other workers must get their turn all the same.
        await asyncio.sleep(0)
        if not self._is_due():
            return
        async with self._storing:
            # Another worker may have stored everything while this one waited for the lock.
            if not self._is_due():
                return
            await asyncio.to_thread(self._store)
            now = self._monotonic()
            # The first answers show soon; later a page need not read everything anew every few seconds.
            if now - self._published_at > min(LONGEST_UNPUBLISHED_SECONDS, (now - self._started) / 4):
                await asyncio.to_thread(self._publish, client, source, "partial")

    def _is_due(self) -> bool:
        waiting = len(self._batch)
        return waiting >= BATCH_ANSWERS or (waiting > 0 and self._monotonic() - self._stored_at >= BATCH_SECONDS)

    def _store(self) -> None:
        batch, self._batch = self._batch, []
        self._stored_at = self._monotonic()
        if batch:
            rows = pa.Table.from_pylist([asdict(lookup) for lookup in batch], schema=TABLES[TableName.LOOKUPS].schema)
            self._lookups_version = self._warehouse.commit(TableName.LOOKUPS, lambda _: rows, app_id=APP_ID)

    def _publish(self, client: BuyWithPrimeClient, source: str, state: str) -> None:
        """Write the run's row: only then is what was stored seen by readers."""
        newest = newest_run(self._warehouse)
        published = newest.versions.get(TableName.LOOKUPS.value, 0) if newest else 0
        counts = asdict(self._result) | {"throttled": client.throttled, "tokens": client.token_requests}
        changed = {name: counts[name] - self._before.get(name, 0) for name in counts if name != "not_asked"}
        if self._lookups_version <= published and not any(changed.values()):
            return
        self._groups += 1
        record_run(
            self._warehouse,
            Run(
                run_id=f"{self._run_id}-{self._groups}",
                kind="enrich",
                source=source,
                started_at=self._group_started_at,
                finished_at=self._clock(),
                state=state,
                counts=changed
                | {"not_asked": counts["not_asked"], "reasons": dict(self._reasons.most_common(_MOST_REASONS))},
                versions={TableName.LOOKUPS.value: self._lookups_version},
            ),
        )
        self._before = counts
        self._reasons.clear()
        self._group_started_at = self._clock()
        self._published_at = self._monotonic()

    def _relation(self, table: TableName, handle: DeltaTable) -> str:
        return relation(self._warehouse.readable(table, self._warehouse.data_files(handle)), TABLES[table].schema)
