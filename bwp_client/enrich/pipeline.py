"""Asks about every task on the list, several at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from bwp_client.api import BuyWithPrimeClient
from bwp_client.api.credentials import with_stored_credentials
from bwp_client.enrich.journal import EnrichResult, Journal
from bwp_client.enrich.todo import Todo, TodoList
from bwp_client.errors import RemoteError
from bwp_client.settings import Settings
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.engine import connect


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
    client_factory: Callable[..., BuyWithPrimeClient] = BuyWithPrimeClient,
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
        client_factory: Makes the API client from the API's settings.
        on_progress: Called after each answer.

    Raises:
        SourceNotFoundError: Nothing was loaded yet.
        SettingsError: There is no credential at all; nothing was asked.
        MixedDataError: Sample tasks, and an API that is not a local one; nothing was asked.
        RemoteError: The API refused or failed too often in a row; every answer so far is stored.
        WarehouseError: The answers can't be written; at most the batch in flight is lost.
    """
    api = with_stored_credentials(settings.api)
    deadline = float("inf") if max_minutes is None else monotonic() + max_minutes * 60
    connection = connect()
    try:
        todos = TodoList(
            warehouse, connection, now=clock(), completed=completed, retry_failed=retry_failed, limit=limit
        )
        todos.refuse_where_every_call_is_wrong(api)
        client = client_factory(api, clock=clock)
        journal = Journal(
            warehouse,
            client,
            source=api.endpoint,
            to_ask=todos.found,
            lookups_version=todos.lookups_version,
            clock=clock,
            monotonic=monotonic,
        )
        asking = _Asking(todos, client, journal, on_progress, lambda: monotonic() < deadline)
        _run_and_close(asking, api.concurrency, journal)
        return journal.result
    finally:
        connection.close()


def _run_and_close(asking: _Asking, concurrency: int, journal: Journal) -> None:
    """Ask, and store and publish what was answered however it ends."""
    state = "stopped"
    try:
        if asking.todos.total:
            asyncio.run(asking.run(concurrency))
        state = "finished"
    except RemoteError as error:
        raise type(error)(f"{error} {journal.result.not_asked:,} tasks are left to ask about.") from error
    finally:
        journal.close(state)


@dataclass(frozen=True, slots=True)
class _Asking:
    todos: TodoList
    client: BuyWithPrimeClient
    journal: Journal
    on_progress: Callable[[EnrichProgress], None]
    has_time: Callable[[], bool]

    async def run(self, concurrency: int) -> None:
        queue = iter(self.todos)
        async with self.client:
            workers = [asyncio.create_task(self._work(queue)) for _ in range(min(concurrency, self.todos.total))]
            try:
                done, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
            for worker in done:
                worker.result()

    async def _work(self, queue: Iterator[Todo]) -> None:
        while self.has_time() and (todo := next(queue, None)) is not None:
            lookup = await self.client.look_up(todo.task, attempt=todo.attempts + 1)
            await self.journal.add(todo, lookup)
            result, client = self.journal.result, self.client
            self.on_progress(
                EnrichProgress(
                    done=result.asked,
                    total=self.todos.total,
                    found=result.found,
                    requests=client.requests,
                    throttled=client.throttled,
                    requests_per_second=client.requests_per_second,
                )
            )
