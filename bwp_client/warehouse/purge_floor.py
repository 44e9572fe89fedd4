"""The purge floor: a time; events older than the floor were purged, and are not stored again.

The floor is an app transaction of the events table, written by the commit that removes the events, so a crash can't separate
the two. A writer reads the floor from the handle through which it appends.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from deltalake import DeltaTable

from bwp_client.warehouse.schema import TableName
from bwp_client.warehouse.store import Warehouse

APP_ID: Final = "bwp.purge_floor"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NO_FLOOR: Final = _EPOCH
"""The floor of a warehouse that was never purged: every event is recent enough."""


def purge_floor(table: DeltaTable) -> datetime | None:
    """Return the floor recorded in an opened table (events, outcomes or lookups); None before the first purge."""
    floor_us = table.transaction_version(APP_ID)
    return None if floor_us is None else _EPOCH + timedelta(microseconds=floor_us)


def newest_purge_floor(warehouse: Warehouse) -> datetime | None:
    """Return the floor recorded in the newest events; None before the first purge.

    Raises:
        RemoteError: S3 refused or failed.
    """
    return warehouse.retry_superseded(lambda: purge_floor(warehouse.handle(TableName.EVENTS)))


def floor_transaction(floor: datetime | None) -> dict[str, int]:
    """Return the app transaction that records the floor, for `Warehouse.commit`; empty without a floor."""
    return {} if floor is None else {APP_ID: (floor - _EPOCH) // timedelta(microseconds=1)}
