"""Runs `enrich`: several workers ask about the tasks of the work queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final
from uuid import uuid4

from bwp_client.api import Lookup, LookupState
from bwp_client.api.credentials import with_stored_credentials
from bwp_client.enrich.claims import Claims
from bwp_client.enrich.dispatcher import Dispatcher
from bwp_client.enrich.lookup_writer import EnrichResult, LookupWriter
from bwp_client.enrich.options import DEFAULT_OPTIONS, DEFAULT_SEAMS, EnrichOptions, Seams
from bwp_client.enrich.work_queue import WorkItem, WorkQueue
from bwp_client.errors import BwpError, RemoteError
from bwp_client.redaction import without_users
from bwp_client.settings import Settings
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.engine import connect

_REPORT_SECONDS: Final = 2.0
_MOST_INFORMATIVE_FIRST: Final = (
    LookupState.FOUND, LookupState.PENDING, LookupState.FAILED, LookupState.NOT_FOUND, LookupState.DENIED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EnrichProgress:
    """The progress of a run."""

    done: int
    total: int
    found: int
    api_calls: int
    throttled: int
    calls_per_second: float
    is_unreachable: bool = False
    """Calls were made, and none of them has made a connection."""


def enrich(
    warehouse: Warehouse,
    settings: Settings,
    options: EnrichOptions = DEFAULT_OPTIONS,
    *,
    seams: Seams = DEFAULT_SEAMS,
    on_progress: Callable[[EnrichProgress], None] = lambda _: None,
) -> EnrichResult:
    """Ask about every task whose errors are not known yet, or whose next attempt is due.

    Other runs may ask at the same time: each run skips the tasks that another run has claimed.

    Args:
        warehouse: The warehouse with the tasks; the answers are appended to its `lookups`.
        settings: The API, its credentials, the highest rate of calls, and the rules for deadlines.
        options: The tasks to ask about.
        seams: Replaces clocks, waiting and the API client in tests.
        on_progress: Called after each answer.

    Raises:
        SourceNotFoundError: No event was loaded yet.
        SettingsError: There is no credential at all, or an address is wrong; nothing was asked.
        UsageError: Tasks were named, and not one of them is known.
        MixedDataError: There are sample tasks, and the API is not on this machine; nothing was asked.
        RemoteError: The API refused or failed too often in a row; every answer so far is stored.
        WarehouseError: The answers can't be written; at most the newest batch is lost.
    """
    seconds = float("inf") if options.max_minutes is None else options.max_minutes * 60
    ends_at = seams.monotonic() + seconds
    settings = settings.model_copy(update={"api": with_stored_credentials(settings.api, max_seconds=seconds)})
    connection = connect()
    try:
        if warehouse.exists():
            warehouse.create()
        run_id = uuid4().hex
        queue = warehouse.retry_superseded(
            lambda: WorkQueue(warehouse, connection, settings, options, run_id=run_id, now=seams.clock())
        )
        queue.check_setup()
        run = _Run(
            warehouse, settings, options, queue, run_id=run_id, ends_at=ends_at, seams=seams, on_progress=on_progress
        )
        return run.run()
    finally:
        connection.close()


class _Run:
    """One run: makes the client, the dispatcher and the writer, and passes the tasks through them."""

    def __init__(
        self,
        warehouse: Warehouse,
        settings: Settings,
        options: EnrichOptions,
        queue: WorkQueue,
        *,
        run_id: str,
        ends_at: float,
        seams: Seams,
        on_progress: Callable[[EnrichProgress], None],
    ) -> None:
        api = settings.api
        self._queue = queue
        self._seams = seams
        self._on_progress = on_progress
        self._client = seams.client_factory(api, clock=seams.clock)
        self._claims = Claims(warehouse, run_id, lease=options.lease, seams=seams)
        self._dispatcher = Dispatcher(
            queue, self._claims, self._client, workers=api.concurrency, seams=seams, ends_at=ends_at
        )
        self._writer = LookupWriter(
            warehouse,
            self._client,
            queue,
            run_id=run_id,
            source=without_users(api.endpoint),
            batch_answers=options.batch_answers,
            seams=seams,
        )
        # One worker more than the most calls in flight (which the client bounds), because a worker may be storing answers.
        self._workers = min(api.concurrency + 1, queue.total)

    def run(self) -> EnrichResult:
        """Ask about the tasks; store and publish the answers even when the run ends early."""
        state = "stopped"
        try:
            if self._queue.total:
                asyncio.run(self._ask_about_all())
            state = "finished"
        except RemoteError as error:
            left = max(0, self._writer.result.not_asked - self._queue.answered_elsewhere())
            raise type(error)(f"{error} {left:,} tasks are left to ask about.") from error
        finally:
            result = self._writer.close(state, answered_elsewhere=self._queue.answered_elsewhere())
            if self._queue.total:
                # A claim that can't be released ends with its lease.
                with suppress(BwpError):
                    self._claims.release()
        return result

    async def _ask_about_all(self) -> None:
        async with self._client:
            workers = {asyncio.create_task(self._work()) for _ in range(self._workers)}
            others = [
                asyncio.create_task(self._dispatcher.renew_claims()),
                asyncio.create_task(self._report_until_first_answer()),
            ]
            try:
                while not all(worker.done() for worker in workers):
                    running = [task for task in (*workers, *others) if not task.done()]
                    done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
            finally:
                for task in (*workers, *others):
                    task.cancel()
                await asyncio.gather(*workers, *others, return_exceptions=True)
                await self._dispatcher.close()

    async def _work(self) -> None:
        while (item := await self._dispatcher.next()) is not None:
            lookup = await self._look_up_in_time(item)
            if lookup is None:
                self._dispatcher.release(item)
                continue
            self._dispatcher.mark_stored(await self._writer.add(item, lookup))
            self._on_progress(self._progress())

    async def _report_until_first_answer(self) -> None:
        while not self._writer.result.asked:
            await asyncio.sleep(_REPORT_SECONDS)
            self._on_progress(self._progress())

    def _progress(self) -> EnrichProgress:
        result = self._writer.result
        return EnrichProgress(
            done=result.asked,
            total=self._queue.total,
            found=result.found,
            api_calls=result.api_calls,
            throttled=self._client.throttled,
            calls_per_second=self._client.calls_per_second,
            is_unreachable=self._client.is_unreachable,
        )

    async def _look_up_in_time(self, item: WorkItem) -> Lookup | None:
        """Return the lookup of a task; None when its claim or the run's time ended before the answer came."""
        lookup = asyncio.create_task(self._look_up(item))
        try:
            while not lookup.done() and (seconds := self._dispatcher.seconds_left()) > 0:
                await asyncio.wait({lookup}, timeout=seconds)
            return lookup.result() if lookup.done() else None
        finally:
            lookup.cancel()

    async def _look_up(self, item: WorkItem) -> Lookup:
        task, attempt, is_own = item.task, item.attempts + 1, item.occurred_at is not None
        if task.business_product_id:
            return await self._client.look_up(task, attempt=attempt, is_own=is_own)
        # A request of the shop's list may name no business product: then the API is asked for each product in turn.
        best = None
        for product in self._queue.products_to_try():
            of_product = replace(task, business_product_id=product)
            lookup = await self._client.look_up(of_product, attempt=attempt, is_own=is_own)
            if best is None or _rank(lookup) < _rank(best):
                best = lookup
            if best.lookup_state not in (LookupState.NOT_FOUND, LookupState.DENIED):
                break
        return best or await self._client.look_up(task, attempt=attempt)


def _rank(lookup: Lookup) -> int:
    return _MOST_INFORMATIVE_FIRST.index(lookup.lookup_state)
