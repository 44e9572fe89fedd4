"""The claims of one run: the tasks that it is asking about, so that other runs leave them alone.

A claim holds for a minute and is renewed while its run lives; so the tasks of a run that was killed are free again within
that minute.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final

from bwp_client.enrich.work_queue import Todo
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.claims import Held, TaskKey, commit_claims

LEASE: Final = timedelta(seconds=60)
SAFETY_SHARE: Final = 0.2
"""The last part of a lease in which its holder does not ask any more: other machines' clocks may be ahead."""


class Claims:
    """The claims of one run.

    Args:
        warehouse: Where they are told.
        run_id: Whose they are.
        clock: Gives the time now, in UTC; other runs compare it with theirs.
        monotonic: Seconds from a clock that never goes back.
        lease: How long a claim holds.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        run_id: str,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        lease: timedelta = LEASE,
    ) -> None:
        self._warehouse = warehouse
        self._run_id = run_id
        self._clock = clock
        self._monotonic = monotonic
        self._lease = lease
        self.lease_seconds = lease.total_seconds()
        self.held_until = self.renewed_at = float("-inf")
        """On the monotonic clock: until when this run may ask about what it claimed, and since when."""

    def take(self, mine: Collection[TaskKey], choose: Callable[[Held], list[Todo]]) -> list[Todo]:
        """Renew what is claimed and claim more, in one commit.

        Args:
            mine: What this run still needs; its other claims are given up.
            choose: Picks tasks that others don't hold; called again whenever another run's commit came in between.

        Returns:
            What was chosen, now held by this run alone.

        Raises:
            WarehouseError: See `Warehouse.commit`; nothing new is held.
        """
        chosen: list[Todo] = []
        asked_at = self._monotonic()

        def start_attempt() -> datetime:
            nonlocal asked_at
            asked_at = self._monotonic()
            return self._clock()

        def choose_anew(held: Held) -> list[TaskKey]:
            chosen[:] = choose(held)
            return [*mine, *(todo.key for todo in chosen)]

        commit_claims(self._warehouse, self._run_id, choose=choose_anew, clock=start_attempt, lease=self._lease)
        self.renewed_at = asked_at
        self.held_until = asked_at + self.lease_seconds * (1 - SAFETY_SHARE)
        return chosen

    def give_up(self) -> None:
        """Give up every claim of this run.

        Raises:
            WarehouseError: See `Warehouse.commit`; they run out by themselves.
        """
        self.take((), lambda _: [])
