"""Keeps the answers of one run: appends them to `lookups` in batches, and publishes them with rows in `runs`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

from bwp_client.api import BuyWithPrimeClient, Lookup, LookupState
from bwp_client.enrich.work_queue import Todo
from bwp_client.warehouse import Run, TableName, Warehouse, newest_run, record_run
from bwp_client.warehouse.claims import TaskKey
from bwp_client.warehouse.lookups import append_lookups

BATCH_ANSWERS: Final = 500
BATCH_SECONDS: Final = 10.0
LONGEST_UNPUBLISHED_SECONDS: Final = 300.0
_MOST_REASONS: Final = 20


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


class Journal:
    """The answers of one run.

    Args:
        warehouse: Where they go.
        client: Whose requests are counted.
        run_id: Names the run in its rows.
        source: How the runs table names the API.
        to_ask: How many tasks there are to ask about.
        lookups_version: What was stored before; published with the first answers if it was not.
        clock: Gives the time now, in UTC.
        monotonic: Seconds from a clock that never goes back.
        batch_answers: How many answers are stored at a time, at most.
        on_stored: Told which tasks need no claim any more.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        client: BuyWithPrimeClient,
        *,
        run_id: str,
        source: str,
        to_ask: int,
        lookups_version: int,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        batch_answers: int = BATCH_ANSWERS,
        on_stored: Callable[[list[TaskKey]], None] = lambda _: None,
    ) -> None:
        self.result = EnrichResult(not_asked=to_ask)
        self._warehouse = warehouse
        self._client = client
        self._source = source
        self._lookups_version = lookups_version
        self._clock = clock
        self._monotonic = monotonic
        self._run_id = run_id
        self._batch_answers = batch_answers
        self._on_stored = on_stored
        self._batch: list[tuple[Todo, Lookup]] = []
        self._lock = asyncio.Lock()
        self._started = self._stored_at = self._published_at = monotonic()
        self._group_started_at = clock()
        self._groups = 0
        self._published_counts: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()

    async def add(self, todo: Todo, lookup: Lookup) -> None:
        """Count one answer; store and publish when it is time.

        Raises:
            WarehouseError: The batch can't be written, and is lost.
        """
        result, state = self.result, lookup.lookup_state
        setattr(result, state.value, getattr(result, state.value) + 1)
        result.asked += 1
        result.not_asked -= 1
        result.requests = self._client.requests
        if state in (LookupState.DENIED, LookupState.FAILED):
            self._reasons[lookup.reason] += 1
        if todo.is_old_news(lookup):
            self._on_stored([todo.key])
        else:
            self._batch.append((todo, replace(lookup, run_id=self._run_id)))
        # Some tasks are answered without waiting for anything; the other workers must get their turn all the same.
        await asyncio.sleep(0)
        if self._is_due():
            async with self._lock:
                # Another worker may have stored everything while this one waited for the lock.
                if self._is_due():
                    self._on_stored(await asyncio.to_thread(self._store_and_perhaps_publish))

    def close(self, state: str, *, answered_elsewhere: int = 0) -> None:
        """Store and publish what is left.

        Args:
            state: How the run ended, for the runs table.
            answered_elsewhere: Tasks on the list that other runs have answered meanwhile.

        Raises:
            WarehouseError: It can't be written, and is lost; what was stored before stays.
        """
        self.result.not_asked = max(0, self.result.not_asked - answered_elsewhere)
        self._store()
        self._publish(state)

    def _is_due(self) -> bool:
        waiting = len(self._batch)
        return waiting >= self._batch_answers or (waiting > 0 and self._monotonic() - self._stored_at >= BATCH_SECONDS)

    def _store_and_perhaps_publish(self) -> list[TaskKey]:
        stored = self._store()
        now = self._monotonic()
        # The first answers show soon; later a page need not read everything anew every few seconds.
        if now - self._published_at > min(LONGEST_UNPUBLISHED_SECONDS, (now - self._started) / 4):
            self._publish("partial")
        return stored

    def _store(self) -> list[TaskKey]:
        batch, self._batch = self._batch, []
        self._stored_at = self._monotonic()
        if batch:
            answers = [(asdict(lookup), todo.occurred_at) for todo, lookup in batch]
            self._lookups_version = append_lookups(self._warehouse, answers)
        return [todo.key for todo, _ in batch]

    def _publish(self, state: str) -> None:
        """Write a row in `runs`: only then is what was stored seen by readers."""
        newest = newest_run(self._warehouse)
        published = newest.versions.get(TableName.LOOKUPS.value, 0) if newest else 0
        result, client = self.result, self._client
        counts = Counter(asdict(result) | {"throttled": client.throttled, "tokens": client.token_requests})
        left = counts.pop("not_asked")
        of_group = {name: counts[name] - self._published_counts[name] for name in counts}
        if self._lookups_version <= published and not any(of_group.values()):
            return
        self._groups += 1
        record_run(
            self._warehouse,
            Run(
                run_id=f"{self._run_id}-{self._groups}",
                kind="enrich",
                source=self._source,
                started_at=self._group_started_at,
                finished_at=self._clock(),
                state=state,
                counts=of_group | {"not_asked": left, "reasons": dict(self._reasons.most_common(_MOST_REASONS))},
                versions={TableName.LOOKUPS.value: self._lookups_version},
            ),
        )
        self._published_counts = counts
        self._reasons.clear()
        self._group_started_at = self._clock()
        self._published_at = self._monotonic()
