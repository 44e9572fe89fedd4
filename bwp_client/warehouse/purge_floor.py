"""The purge floor: events older than it were purged, and are not stored again.

It is an app transaction of the events table, written by the very commit that removes the events, so that the two can't
part: no crash leaves one without the other, and whoever appends sees it through the handle that it appends with.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from deltalake import DeltaTable

APP_ID: Final = "bwp.purge_floor"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NO_FLOOR: Final = _EPOCH
"""Where every event is recent enough."""


def purge_floor(table: DeltaTable) -> datetime | None:
    """Give the floor that an opened table (events, or the outcomes computed from them) knows; none before any purge."""
    floor_us = table.transaction_version(APP_ID)
    return None if floor_us is None else _EPOCH + timedelta(microseconds=floor_us)


def floor_mark(floor: datetime | None) -> dict[str, int]:
    """Give what a commit records of the floor, for `Warehouse.commit`."""
    return {} if floor is None else {APP_ID: (floor - _EPOCH) // timedelta(microseconds=1)}
