"""Writes the answers of one run: appends them to `lookups` in batches, and publishes them by rows in `runs`."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from bwp_client.api import BuyWithPrimeClient, Lookup, LookupState
from bwp_client.enrich.options import Seams
from bwp_client.enrich.work_queue import WorkItem, WorkQueue
from bwp_client.warehouse import Run, TableName, Warehouse, newest_run, record_run
from bwp_client.warehouse.claims import TaskKey
from bwp_client.warehouse.lookups import append_lookups

BATCH_SECONDS: Final = 10.0
MAX_UNPUBLISHED_SECONDS: Final = 300.0
_MAX_REASONS: Final = 20


@dataclass(frozen=True, slots=True)
class EnrichResult:
    """The result of a run. All counts but `api_calls` are of tasks.

    `asked` is the number of tasks with a result: found + pending + not_found + denied + failed. Some of the denied tasks were
    never sent to the API, because their product had denied several in a row; `skipped` counts these by business product.
    Queued tasks without a result count as `not_asked`. IDs that the user named and no event knows are in `unknown`, and in
    no count.
    """

    asked: int = 0
    found: int = 0
    pending: int = 0
    not_found: int = 0
    denied: int = 0
    failed: int = 0
    not_asked: int = 0
    api_calls: int = 0
    unknown: tuple[str, ...] = ()
    skipped: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object of the command line, in which API calls are called `requests`."""
        values = asdict(self)
        values["requests"] = values.pop("api_calls")
        del values["unknown"], values["skipped"]
        return values


class LookupWriter:
    """Counts, stores and publishes the answers of one run.

    Args:
        warehouse: The warehouse to write to.
        client: The API client, whose calls are counted.
        queue: The tasks of the run.
        run_id: The name of the run in its rows.
        source: The name of the API in the runs table.
        batch_answers: The most answers stored by one commit.
        seams: The clocks.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        client: BuyWithPrimeClient,
        queue: WorkQueue,
        *,
        run_id: str,
        source: str,
        batch_answers: int,
        seams: Seams,
    ) -> None:
        self._warehouse = warehouse
        self._client = client
        self._source = source
        self._seams = seams
        self._run_id = run_id
        self._batch_answers = batch_answers
        self._listed = queue.found
        self._unknown = queue.unknown
        self._answered_elsewhere = 0
        # The first answers are published with this version: an earlier run may have ended before it published its own.
        self._lookups_version = queue.lookups_version
        self._batch: list[tuple[WorkItem, Lookup]] = []
        self._lock = asyncio.Lock()
        self._started = self._stored_at = self._published_at = seams.monotonic()
        self._group_started_at = seams.clock()
        self._groups = 0
        self._by_state: Counter[str] = Counter()
        self._published_counts: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()

    @property
    def result(self) -> EnrichResult:
        """The result so far."""
        asked = self._by_state.total()
        return EnrichResult(
            asked=asked,
            not_asked=max(0, self._listed - asked - self._answered_elsewhere),
            api_calls=self._client.api_calls,
            unknown=self._unknown,
            skipped=dict(self._client.skipped),
            **self._by_state,
        )

    async def add(self, item: WorkItem, lookup: Lookup) -> list[TaskKey]:
        """Count one answer; store and publish the batch if it is due.

        Returns:
            The tasks that need no claim any more.

        Raises:
            WarehouseError: The batch can't be written, and is lost.
        """
        self._by_state[lookup.lookup_state.value] += 1
        if lookup.lookup_state in (LookupState.DENIED, LookupState.FAILED):
            self._reasons[lookup.reason] += 1
        stored = []
        if item.is_unchanged_by(lookup):
            stored.append(item.key)
        else:
            self._batch.append((item, replace(lookup, run_id=self._run_id)))
        # Some tasks are answered without waiting for anything; this lets the other workers run.
        await asyncio.sleep(0)
        if self._is_due():
            async with self._lock:
                # Another worker may have stored everything while this worker waited for the lock.
                if self._is_due():
                    stored += await asyncio.to_thread(self._store_and_publish)
        return stored

    def close(self, state: str, *, answered_elsewhere: int = 0) -> EnrichResult:
        """Store and publish the remaining answers, and return the result of the run.

        Args:
            state: The end of the run, for the runs table.
            answered_elsewhere: The number of tasks of the queue that other runs have answered meanwhile.

        Raises:
            WarehouseError: The answers can't be written, and are lost; those stored before stay.
        """
        self._answered_elsewhere = answered_elsewhere
        self._store()
        self._publish(state)
        return self.result

    def _is_due(self) -> bool:
        waiting = len(self._batch)
        is_late = self._seams.monotonic() - self._stored_at >= BATCH_SECONDS
        return waiting >= self._batch_answers or (waiting > 0 and is_late)

    def _store_and_publish(self) -> list[TaskKey]:
        stored = self._store()
        now = self._seams.monotonic()
        # The first answers are published soon; later, pages would otherwise read everything again every few seconds.
        if now - self._published_at > min(MAX_UNPUBLISHED_SECONDS, (now - self._started) / 4):
            self._publish("partial")
        return stored

    def _store(self) -> list[TaskKey]:
        batch, self._batch = self._batch, []
        self._stored_at = self._seams.monotonic()
        if batch:
            answers = [(asdict(lookup), item.occurred_at) for item, lookup in batch]
            self._lookups_version = append_lookups(self._warehouse, answers)
        return [item.key for item, _ in batch]

    def _publish(self, state: str) -> None:
        """Write a row in `runs`, by which readers see the stored answers."""
        newest = newest_run(self._warehouse)
        published = newest.versions.get(TableName.LOOKUPS.value, 0) if newest else 0
        client = self._client
        counts = Counter(self.result.as_json() | {"throttled": client.throttled, "tokens": client.token_calls})
        not_asked = counts.pop("not_asked")
        of_group = {name: counts[name] - self._published_counts[name] for name in counts}
        if self._lookups_version <= published and not any(of_group.values()):
            return
        self._groups += 1
        reasons = dict(self._reasons.most_common(_MAX_REASONS))
        record_run(
            self._warehouse,
            Run(
                run_id=f"{self._run_id}-{self._groups}",
                kind="enrich",
                source=self._source,
                started_at=self._group_started_at,
                finished_at=self._seams.clock(),
                state=state,
                counts=of_group | {"not_asked": not_asked, "reasons": reasons},
                versions={TableName.LOOKUPS.value: self._lookups_version},
            ),
        )
        self._published_counts = counts
        self._reasons.clear()
        self._group_started_at = self._seams.clock()
        self._published_at = self._seams.monotonic()
