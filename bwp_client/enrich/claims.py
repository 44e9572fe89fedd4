"""Which tasks each run is asking about just now, told to the other runs by commits to the `claims` table.

A claim holds for a minute and is renewed while its run lives; so the tasks of a run that was killed are free again within
that minute. Every commit writes the whole small table anew, and fails when another run's came in between: then the choice is
made again. There is no lock, so it works on S3 as on a disk.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

import pyarrow as pa
from deltalake import DeltaTable

from bwp_client.enrich.work_queue import TaskKey, Todo
from bwp_client.warehouse import TABLES, TableName, Warehouse
from bwp_client.warehouse.purge import CLAIMS_APP_ID
from bwp_client.warehouse.store import WHOLE_TABLE

LEASE: Final = timedelta(seconds=60)
SAFETY_SHARE: Final = 0.2
"""The last part of a lease in which its holder does not ask any more: other machines' clocks may be ahead."""

Held = Mapping[TaskKey, datetime]
"""Tasks that other runs are asking about, with when their claims run out."""


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

        def rows_for(handle: DeltaTable) -> pa.Table:
            nonlocal asked_at
            asked_at, now = self._monotonic(), self._clock()
            others = [
                row
                for row in handle.to_pyarrow_table().to_pylist()
                if row["run_id"] != self._run_id and row["expires_at"] > now
            ]
            chosen[:] = choose({(row["task_id"], row["task_kind"]): row["expires_at"] for row in others})
            keys = [*mine, *(todo.key for todo in chosen)]
            own = [
                {"task_id": task_id, "task_kind": kind, "run_id": self._run_id, "expires_at": now + self._lease}
                for task_id, kind in keys
            ]
            return pa.Table.from_pylist(others + own, schema=TABLES[TableName.CLAIMS].schema)

        self._warehouse.commit(TableName.CLAIMS, rows_for, app_id=CLAIMS_APP_ID, replace=lambda: WHOLE_TABLE)
        self.renewed_at = asked_at
        self.held_until = asked_at + self.lease_seconds * (1 - SAFETY_SHARE)
        return chosen

    def give_up(self) -> None:
        """Give up every claim of this run.

        Raises:
            WarehouseError: See `Warehouse.commit`; they run out by themselves.
        """
        self.take((), lambda _: [])
