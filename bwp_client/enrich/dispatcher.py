"""Dispatches the tasks of the work queue to the workers. Each task is claimed first, so that no other run asks about it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Final

from bwp_client.api import BuyWithPrimeClient
from bwp_client.enrich.claims import Claims
from bwp_client.enrich.options import Seams
from bwp_client.enrich.work_queue import WorkItem, WorkQueue
from bwp_client.warehouse.claims import Held, TaskKey

CLAIM_SECONDS: Final = 10.0
"""The seconds of work that a run claims at a time."""
MAX_CLAIMED: Final = 500
POLL_SECONDS: Final = 2.0
"""The seconds between two looks at the tasks of other runs, by a run without other work."""


class Dispatcher:
    """Hands out the tasks of one run.

    Tasks that other runs hold are skipped and looked at again at the end. If their run was killed, its claims expire and this
    run asks about them; if it lives, the tasks are left to it.

    Args:
        queue: The tasks.
        claims: The claims of this run.
        client: The API client, whose rate decides the number of tasks claimed at a time.
        workers: The number of workers that ask at the same time.
        seams: The monotonic clock and the wait.
        ends_at: The time at which the run ends, on the monotonic clock.
    """

    def __init__(
        self,
        queue: WorkQueue,
        claims: Claims,
        client: BuyWithPrimeClient,
        *,
        workers: int,
        seams: Seams,
        ends_at: float = float("inf"),
    ) -> None:
        self._queue = queue
        self._claims = claims
        self._client = client
        self._workers = workers
        self._seams = seams
        self._ends_at = ends_at
        self._ready: deque[WorkItem] = deque()
        self._unstored: set[TaskKey] = set()
        self._left = queue.total
        self._position = 0
        self._is_exhausted = False
        self._skipped: dict[int, datetime | None] = {}
        self._refill: asyncio.Task[None] | None = None
        self._commit_lock = asyncio.Lock()

    async def next(self) -> WorkItem | None:
        """Return the next task, claimed; None when none is left for this run, or its time is over.

        Raises:
            WarehouseError: The claims can't be written.
        """
        while (run_seconds := self._ends_at - self._seams.monotonic()) > 0:
            if self._ready and self.seconds_left() <= 0:
                for item in self._ready:
                    self.release(item)
                self._ready.clear()
            if self._refill is not None and self._refill.done():
                refill, self._refill = self._refill, None
                refill.result()
            if self._refill is None and self._has_more() and len(self._ready) <= self._wanted() // 2:
                self._refill = asyncio.create_task(self._claim_more())
            if self._ready:
                return self._ready.popleft()
            if self._refill is None:
                return None
            # `wait`, unlike `await`, does not cancel the refill with the worker. Other workers wait for its commit.
            await asyncio.wait({self._refill}, timeout=None if run_seconds == float("inf") else run_seconds)
        return None

    def seconds_left(self) -> float:
        """Return the number of seconds for which the dispatched tasks may be asked about.

        Until then the run has time, and it alone holds the tasks.
        """
        return min(self._claims.held_until, self._ends_at) - self._seams.monotonic()

    def release(self, item: WorkItem) -> None:
        """Return a task to the queue, because its claim or the run's time ended before the API answered."""
        self._unstored.discard(item.key)
        self._skipped[item.position] = None
        self._left += 1

    def mark_stored(self, keys: Iterable[TaskKey]) -> None:
        """Record that the answers of these tasks are stored, so that their claims need not be renewed."""
        self._unstored.difference_update(keys)

    async def renew_claims(self) -> None:
        """Renew the claims until cancelled.

        Raises:
            WarehouseError: The claims can't be written.
        """
        lease_seconds = self._claims.lease_seconds
        while True:
            await self._seams.sleep(lease_seconds / 6)
            if self._unstored and self._seams.monotonic() - self._claims.renewed_at > lease_seconds / 4:
                await self._take(lambda _: [])

    async def close(self) -> None:
        """Stop claiming tasks, after the running commit has ended."""
        async with self._commit_lock:
            if self._refill is not None:
                self._refill.cancel()
                await asyncio.gather(self._refill, return_exceptions=True)

    def _has_more(self) -> bool:
        return self._left > 0 and (not self._is_exhausted or bool(self._skipped))

    def _wanted(self) -> int:
        return int(min(MAX_CLAIMED, max(2 * self._workers, self._client.calls_per_second * CLAIM_SECONDS)))

    async def _claim_more(self) -> None:
        while self._has_more():
            offered = dict(self._skipped)
            selection = _Selection(self._position, self._is_exhausted, offered)
            wanted = min(self._left, self._wanted() - len(self._ready))
            chosen = await self._take(partial(selection.choose, self._queue, wanted=wanted))
            released = {position: until for position, until in self._skipped.items() if position not in offered}
            self._position, self._is_exhausted = selection.position, selection.is_exhausted
            self._skipped = released | selection.skipped
            self._ready.extend(chosen)
            self._left -= len(chosen)
            if chosen:
                return
            if self._skipped:
                await self._seams.sleep(POLL_SECONDS)

    async def _take(self, choose: Callable[[Held], list[WorkItem]]) -> list[WorkItem]:
        async with self._commit_lock:
            chosen = await asyncio.to_thread(self._claims.take, tuple(self._unstored), choose)
            self._unstored.update(item.key for item in chosen)
            return chosen


class _Selection:
    """One selection of tasks from the queue; repeated from the same state when another run's claims came in between.

    Args:
        position: The position of the last task taken from the queue.
        is_exhausted: Whether the end of the queue was reached.
        skipped: The positions of skipped tasks, with the end of the claim last seen; None without a claim.

    Attributes:
        position, is_exhausted, skipped: The state after the selection.
    """

    def __init__(self, position: int, is_exhausted: bool, skipped: dict[int, datetime | None]) -> None:
        self._before = (position, is_exhausted, skipped)
        self.position, self.is_exhausted, self.skipped = position, is_exhausted, dict(skipped)

    def choose(self, queue: WorkQueue, held: Held, *, wanted: int) -> list[WorkItem]:
        """Return tasks that no other run holds or has answered, at most `wanted`."""
        queue.read_new_answers()
        self.position, self.is_exhausted, before = self._before
        self.skipped = {}
        chosen: list[WorkItem] = []
        for item in queue.at(list(before)):
            expires_at, last_seen = held.get(item.key), before[item.position]
            was_renewed = expires_at is not None and last_seen is not None and expires_at > last_seen
            if expires_at is None and len(chosen) < wanted:
                chosen.append(item)
            elif not (self.is_exhausted and was_renewed):
                self.skipped[item.position] = expires_at
            # Else the other run renewed its claim while this run waited. The other run is alive, so the task is left to it.
        if not self.is_exhausted:
            self._choose_new(queue, held, chosen, wanted)
        return chosen

    def _choose_new(self, queue: WorkQueue, held: Held, chosen: list[WorkItem], wanted: int) -> None:
        for item in queue.after(self.position):
            if len(chosen) >= wanted:
                return
            self.position = item.position
            if item.key in held:
                self.skipped[item.position] = held[item.key]
            else:
                chosen.append(item)
        self.is_exhausted = True
