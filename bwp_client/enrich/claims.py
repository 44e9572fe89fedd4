"""The claims of one run: the tasks that this run asks about, and that other runs skip.

A claim holds for one lease and is renewed while its run lives. The tasks of a killed run are free again once the lease ends.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final

from bwp_client.enrich.options import Seams
from bwp_client.enrich.work_queue import WorkItem
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.claims import Held, TaskKey, commit_claims

SAFETY_SHARE: Final = 0.2
"""The share of a lease, at its end, in which the holder starts no call, because another machine's clock may be fast."""


class Claims:
    """The claims of one run.

    Args:
        warehouse: The warehouse whose tasks are claimed.
        run_id: The run that holds the claims.
        lease: The time for which a claim holds.
        seams: The clocks.

    Attributes:
        held_until: The time until which this run may ask about its claimed tasks, on the monotonic clock.
        renewed_at: The time of the last commit of the claims, on the monotonic clock.
    """

    def __init__(self, warehouse: Warehouse, run_id: str, *, lease: timedelta, seams: Seams) -> None:
        self._warehouse = warehouse
        self._run_id = run_id
        self._lease = lease
        self._seams = seams
        self.lease_seconds = lease.total_seconds()
        self.held_until = self.renewed_at = float("-inf")

    def take(self, needed: Collection[TaskKey], choose: Callable[[Held], list[WorkItem]]) -> list[WorkItem]:
        """Renew claims and claim more tasks, in one commit.

        Args:
            needed: The claimed tasks that this run still needs; its other claims are released.
            choose: Returns tasks that no other run holds; called again whenever another run's commit came in between.

        Returns:
            The chosen tasks, now held by this run alone.

        Raises:
            WarehouseError: See `Warehouse.commit`; no new claim is held.
        """
        chosen: list[WorkItem] = []
        attempted_at = self._seams.monotonic()

        def start_attempt() -> datetime:
            nonlocal attempted_at
            attempted_at = self._seams.monotonic()
            return self._seams.clock()

        def choose_keys(held: Held) -> list[TaskKey]:
            chosen[:] = choose(held)
            return [*needed, *(item.key for item in chosen)]

        commit_claims(self._warehouse, self._run_id, choose=choose_keys, clock=start_attempt, lease=self._lease)
        self.renewed_at = attempted_at
        self.held_until = attempted_at + self.lease_seconds * (1 - SAFETY_SHARE)
        return chosen

    def release(self) -> None:
        """Release every claim of this run.

        Raises:
            WarehouseError: See `Warehouse.commit`; the claims then end with their lease.
        """
        self.take((), lambda _: [])
