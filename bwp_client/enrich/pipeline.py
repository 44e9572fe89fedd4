"""Asks about every task on the list, several at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from bwp_client.api import BuyWithPrimeClient, Lookup, LookupState
from bwp_client.api.credentials import with_stored_credentials
from bwp_client.deadlines import last_day
from bwp_client.enrich.claims import LEASE, Claims
from bwp_client.enrich.dispatcher import Feed
from bwp_client.enrich.lookup_writer import BATCH_ANSWERS, EnrichResult, Journal
from bwp_client.enrich.work_queue import Todo, TodoList
from bwp_client.errors import BwpError, RemoteError
from bwp_client.settings import ApiSettings, Settings
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
    tasks: tuple[str, ...] = (),
    lease: timedelta = LEASE,
    batch_answers: int = BATCH_ANSWERS,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    client_factory: Callable[..., BuyWithPrimeClient] = BuyWithPrimeClient,
    on_progress: Callable[[EnrichProgress], None] = lambda _: None,
) -> EnrichResult:
    """Ask about every task whose errors we don't know yet, or whose time to be asked again has come.

    Other runs may ask at the same time: what one has claimed, the others pass over.

    Args:
        warehouse: Whose tasks; the answers go to its `lookups`.
        settings: Where the API is, which credentials to use, how fast to ask, and how deadlines are counted.
        limit: Ask about at most so many tasks.
        max_minutes: Ask about no further task after so many minutes.
        completed: Ask about completed tasks too, for their submission dates.
        retry_failed: Ask again where an earlier lookup ended for good without an answer.
        tasks: Ask about these alone, without waiting until their time comes; those with an answer are left.
        lease: How long a claim holds that is not renewed.
        batch_answers: How many answers are stored at a time, at most.
        clock: Gives the time now, in UTC.
        monotonic: Seconds from a clock that never goes back.
        sleep: Waits between two looks at what other runs hold.
        client_factory: Makes the API client from the API's settings.
        on_progress: Called after each answer.

    Raises:
        SourceNotFoundError: Nothing was loaded yet.
        SettingsError: There is no credential at all; nothing was asked.
        MixedDataError: Sample tasks, and an API that is not a local one; nothing was asked.
        RemoteError: The API refused or failed too often in a row; every answer so far is stored.
        WarehouseError: The answers can't be written; at most the batch in flight is lost.
    """
    deadlines = settings.deadlines
    api, run_id = with_stored_credentials(settings.api), uuid4().hex
    deadline = float("inf") if max_minutes is None else monotonic() + max_minutes * 60
    connection = connect()
    try:
        if warehouse.exists():
            warehouse.create()
        todos = TodoList(
            warehouse,
            connection,
            api=api,
            run_id=run_id,
            now=clock(),
            due_on=lambda product, day: last_day(deadlines.rule_for(product), day),
            zone=settings.timezone,
            completed=completed,
            retry_failed=retry_failed,
            limit=limit,
            tasks=tasks,
        )
        todos.refuse_where_every_call_is_wrong(api)
        client = client_factory(api, clock=clock)
        claims = Claims(warehouse, run_id, clock=clock, monotonic=monotonic, lease=lease)
        feed = Feed(
            todos,
            claims,
            workers=api.concurrency,
            pace=lambda: client.requests_per_second,
            monotonic=monotonic,
            sleep=sleep,
        )
        journal = Journal(
            warehouse,
            client,
            run_id=run_id,
            source=api.endpoint,
            to_ask=todos.found,
            lookups_version=todos.lookups_version,
            clock=clock,
            monotonic=monotonic,
            batch_answers=batch_answers,
            on_stored=feed.is_stored,
        )
        asking = _Asking(todos, feed, client, journal, api, on_progress, lambda: monotonic() < deadline)
        _run_and_close(asking, claims)
        return journal.result
    finally:
        connection.close()


def _run_and_close(asking: _Asking, claims: Claims) -> None:
    """Ask, and store and publish what was answered however it ends."""
    todos, journal, state = asking.todos, asking.journal, "stopped"
    try:
        if todos.total:
            asyncio.run(asking.run())
        state = "finished"
    except RemoteError as error:
        left = max(0, journal.result.not_asked - todos.answered_elsewhere())
        raise type(error)(f"{error} {left:,} tasks are left to ask about.") from error
    finally:
        journal.close(state, answered_elsewhere=todos.answered_elsewhere())
        if todos.total:
            # If this fails too, they run out by themselves.
            with suppress(BwpError):
                claims.give_up()


@dataclass(frozen=True, slots=True)
class _Asking:
    todos: TodoList
    feed: Feed
    client: BuyWithPrimeClient
    journal: Journal
    api: ApiSettings
    on_progress: Callable[[EnrichProgress], None]
    has_time: Callable[[], bool]

    async def run(self) -> None:
        async with self.client:
            # One more than may have a question in flight (the client sees to that): one of them may be storing answers.
            workers = {
                asyncio.create_task(self._work()) for _ in range(min(self.api.concurrency + 1, self.todos.total))
            }
            keeper = asyncio.create_task(self.feed.keep_claims())
            try:
                while not all(worker.done() for worker in workers):
                    running = [task for task in (*workers, keeper) if not task.done()]
                    done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
            finally:
                for task in (*workers, keeper):
                    task.cancel()
                await asyncio.gather(*workers, keeper, return_exceptions=True)
                await self.feed.close()

    async def _work(self) -> None:
        while self.has_time() and (todo := await self.feed.next()) is not None:
            lookup = await self._look_up_while_claimed(todo)
            if lookup is None:
                self.feed.give_back(todo)
                continue
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

    async def _look_up_while_claimed(self, todo: Todo) -> Lookup | None:
        """Look a task up; none when it may be another run's by now, and was not answered yet."""
        asking = asyncio.create_task(self._look_up(todo))
        try:
            while not asking.done() and (seconds := self.feed.seconds_left()) > 0:
                await asyncio.wait({asking}, timeout=seconds)
            return asking.result() if asking.done() else None
        finally:
            asking.cancel()

    async def _look_up(self, todo: Todo) -> Lookup:
        task, attempt = todo.task, todo.attempts + 1
        if task.business_product_id:
            return await self.client.look_up(task, attempt=attempt)
        # A request from the shop's own list need not say whose it is: each business product is asked in turn.
        lookup = None
        for product in self.todos.products_to_try(self.api):
            other = await self.client.look_up(replace(task, business_product_id=product), attempt=attempt)
            if lookup is None or _TELLING.index(other.lookup_state) < _TELLING.index(lookup.lookup_state):
                lookup = other
            if lookup.lookup_state not in (LookupState.NOT_FOUND, LookupState.DENIED):
                break
        return lookup or await self.client.look_up(task, attempt=attempt)


_TELLING = (
    LookupState.FOUND, LookupState.PENDING, LookupState.FAILED, LookupState.NOT_FOUND, LookupState.DENIED,
)  # fmt: skip
"""Which of several answers about one task says most."""
