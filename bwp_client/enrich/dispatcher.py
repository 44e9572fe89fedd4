"""Hands the tasks on the list to the workers: claimed first, so that no other run asks about them meanwhile."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Final

from bwp_client.enrich.claims import Claims
from bwp_client.enrich.work_queue import Todo, TodoList
from bwp_client.warehouse.claims import Held, TaskKey

CLAIM_SECONDS: Final = 10.0
"""How much work a run claims at a time."""
MOST_CLAIMED: Final = 500
LOOK_SECONDS: Final = 2.0
"""How often a run with nothing else to do looks at the tasks that others hold."""


class Feed:
    """The tasks of one run, for its workers.

    Those that other runs hold are passed over, and looked at again in the end: if their run was killed, its claims run out,
    and they are asked about here; if it lives, they are left to it.

    Args:
        todos: The list.
        claims: Where they are claimed.
        workers: How many ask at the same time.
        pace: Gives requests a second.
        monotonic: Seconds from a clock that never goes back.
        sleep: Waits.
    """

    def __init__(
        self,
        todos: TodoList,
        claims: Claims,
        *,
        workers: int,
        pace: Callable[[], float],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._todos = todos
        self._claims = claims
        self._workers = workers
        self._pace = pace
        self._monotonic = monotonic
        self._sleep = sleep
        self._ready: deque[Todo] = deque()
        self._unstored: set[TaskKey] = set()
        self._left = todos.total
        self._place = 0
        self._is_through = False
        self._passed_over: dict[int, datetime | None] = {}
        self._refill: asyncio.Task[None] | None = None
        self._committing = asyncio.Lock()

    async def next(self) -> Todo | None:
        """Give the next task, claimed; None when there is none left for this run.

        Raises:
            WarehouseError: The claims can't be written.
        """
        while True:
            if self._ready and self.seconds_left() <= 0:
                for todo in self._ready:
                    self.give_back(todo)
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
            # A worker that is ended must not end a commit half-way, nor the others' wait.
            await asyncio.wait({self._refill})

    def seconds_left(self) -> float:
        """Give how long what was handed out is still this run's alone."""
        return self._claims.held_until - self._monotonic()

    def give_back(self, todo: Todo) -> None:
        """Put a task back that could not be asked about while it was this run's alone."""
        self._unstored.discard(todo.key)
        self._passed_over[todo.place] = None
        self._left += 1

    def is_stored(self, keys: Iterable[TaskKey]) -> None:
        """Let go of tasks whose answers are stored."""
        self._unstored.difference_update(keys)

    async def keep_claims(self) -> None:
        """Renew the claims until cancelled.

        Raises:
            WarehouseError: The claims can't be written.
        """
        while True:
            await self._sleep(self._claims.lease_seconds / 6)
            if self._unstored and self._monotonic() - self._claims.renewed_at > self._claims.lease_seconds / 4:
                await self._take(lambda _: [])

    async def close(self) -> None:
        """Claim no more; a commit that is under way comes to its end first."""
        async with self._committing:
            if self._refill is not None:
                self._refill.cancel()
                await asyncio.gather(self._refill, return_exceptions=True)

    def _has_more(self) -> bool:
        return self._left > 0 and (not self._is_through or bool(self._passed_over))

    def _wanted(self) -> int:
        return int(min(MOST_CLAIMED, max(2 * self._workers, self._pace() * CLAIM_SECONDS)))

    async def _claim_more(self) -> None:
        while self._has_more():
            offered = dict(self._passed_over)
            choice = _Choice(self._place, self._is_through, offered)
            wanted = min(self._left, self._wanted() - len(self._ready))
            chosen = await self._take(partial(choice.make, self._todos, wanted=wanted))
            given_back = {place: until for place, until in self._passed_over.items() if place not in offered}
            self._place, self._is_through = choice.place, choice.is_through
            self._passed_over = given_back | choice.passed_over
            self._ready.extend(chosen)
            self._left -= len(chosen)
            if chosen:
                return
            if self._passed_over:
                await self._sleep(LOOK_SECONDS)

    async def _take(self, choose: Callable[[Held], list[Todo]]) -> list[Todo]:
        async with self._committing:
            chosen = await asyncio.to_thread(self._claims.take, tuple(self._unstored), choose)
            self._unstored.update(todo.key for todo in chosen)
            return chosen


class _Choice:
    """One choice from the list, and where on it that leaves off; made anew when another run's claims came in between."""

    def __init__(self, place: int, is_through: bool, passed_over: dict[int, datetime | None]) -> None:
        self._before = (place, is_through, passed_over)
        self.place, self.is_through, self.passed_over = place, is_through, dict(passed_over)

    def make(self, todos: TodoList, held: Held, *, wanted: int) -> list[Todo]:
        """Choose what nobody holds and nobody has answered."""
        todos.see_new_answers()
        self.place, self.is_through, before = self._before
        self.passed_over = {}
        chosen: list[Todo] = []
        for todo in todos.at(list(before)):
            until, seen_until = held.get(todo.key), before[todo.place]
            if until is None and len(chosen) < wanted:
                chosen.append(todo)
            elif not (self.is_through and until is not None and seen_until is not None and until > seen_until):
                self.passed_over[todo.place] = until
            # Else its run has renewed the claim while this one waited: it lives, and the task is left to it.
        if not self.is_through:
            self._go_on(todos, held, chosen, wanted)
        return chosen

    def _go_on(self, todos: TodoList, held: Held, chosen: list[Todo], wanted: int) -> None:
        for todo in todos.after(self.place):
            if len(chosen) >= wanted:
                return
            self.place = todo.place
            if todo.key in held:
                self.passed_over[todo.place] = held[todo.key]
            else:
                chosen.append(todo)
        self.is_through = True
