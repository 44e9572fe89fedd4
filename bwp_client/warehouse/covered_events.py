"""The events that the outcomes cover: a version of the events table, and a digest of the data files of that version.

The number of a version is not enough: if the table's folder was deleted, or an older copy of it restored, new commits get the
same numbers again. Both are app transactions of the outcomes table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from deltalake import DeltaTable

from bwp_client.warehouse.data_files import DataFile
from bwp_client.warehouse.schema import TableName
from bwp_client.warehouse.store import Warehouse

VERSION: Final = "bwp.outcomes.events_version"
"""The app transaction that records the version, which the writers of the outcomes share."""
_FILES: Final = "bwp.outcomes.events_files"


@dataclass(frozen=True, slots=True)
class CoveredEvents:
    """The events that the outcomes cover.

    Attributes:
        version: The version of the events table.
        digest: The digest of its data files; None if an older release computed the outcomes.
    """

    version: int
    digest: int | None

    def are(self, events: DeltaTable, files: Sequence[DataFile]) -> bool:
        """Return whether these are the events of an opened version, which has the given data files."""
        return self.version == events.version() and self.digest in (None, digest_of(files))


def covered_events(outcomes: DeltaTable) -> CoveredEvents | None:
    """Return the events that opened outcomes cover; None if they were never computed."""
    version = outcomes.transaction_version(VERSION)
    return None if version is None else CoveredEvents(version, outcomes.transaction_version(_FILES))


def digest_of(files: Sequence[DataFile]) -> int:
    """Return a number that identifies data files by their names."""
    names = "\n".join(sorted(item.path for item in files))
    return int.from_bytes(hashlib.sha256(names.encode()).digest()[:7])


def files_transaction(files: Sequence[DataFile]) -> dict[str, int]:
    """Return the app transaction that records the covered data files, for `Warehouse.commit`."""
    return {_FILES: digest_of(files)}


def is_behind(warehouse: Warehouse) -> bool:
    """Return whether the outcomes cover other events than the newest: some were stored since, or were lost.

    Raises:
        RemoteError: S3 refused or failed.
    """

    def read() -> bool:
        covered = covered_events(warehouse.handle(TableName.OUTCOMES))  # before the events, which may grow meanwhile
        events = warehouse.handle(TableName.EVENTS)
        if covered is None:
            return events.version() > 0
        return not covered.are(events, warehouse.data_files(events))

    return warehouse.retry_superseded(read)
