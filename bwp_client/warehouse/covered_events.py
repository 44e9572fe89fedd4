"""The events that the outcomes cover: a version of the events table, and a digest of the data files of that version.

The number of a version is not enough: if the table's folder was deleted, or an older copy of it restored, new commits get the
same numbers again. Both are app transactions of the outcomes table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from deltalake import DeltaTable

from bwp_client.warehouse.data_files import DataFile
from bwp_client.warehouse.engine import small_cursor
from bwp_client.warehouse.normal_ids import has_other_ids
from bwp_client.warehouse.schema import TableName
from bwp_client.warehouse.store import Warehouse

VERSION: Final = "bwp.outcomes.events_version"
"""The app transaction that records the version, which the writers of the outcomes share."""
_FILES: Final = "bwp.outcomes.events_files"
_RULES: Final = "bwp.outcomes.rules"
_NORMAL_IDS: Final = 1
"""The version of the rules by which outcomes are computed: since 1, IDs have their normal form."""


@dataclass(frozen=True, slots=True)
class CoveredEvents:
    """The events that the outcomes cover.

    Attributes:
        version: The version of the events table.
        digest: The digest of its data files; None if an older release computed the outcomes.
        rules: The version of the rules by which the outcomes were computed.
    """

    version: int
    digest: int | None
    rules: int

    def are(self, events: DeltaTable, files: Sequence[DataFile]) -> bool:
        """Return whether these are the events of an opened version, which has the given data files."""
        return self.version == events.version() and self.digest in (None, digest_of_files(files))


def covered_events(outcomes: DeltaTable) -> CoveredEvents | None:
    """Return the events that opened outcomes cover; None if they were never computed."""
    version = outcomes.transaction_version(VERSION)
    if version is None:
        return None
    return CoveredEvents(version, outcomes.transaction_version(_FILES), outcomes.transaction_version(_RULES) or 0)


def follow_older_rules(warehouse: Warehouse, outcomes: DeltaTable, covered: CoveredEvents) -> bool:
    """Return whether opened outcomes were computed by older rules that gave other rows."""
    if covered.rules >= _NORMAL_IDS:
        return False
    stored = warehouse.scan(TableName.OUTCOMES, outcomes, as_stored=True)
    with closing(small_cursor()) as connection:
        return bool(connection.execute(has_other_ids(TableName.OUTCOMES, stored)).fetchall())


def digest_of_files(files: Sequence[DataFile]) -> int:
    """Return a number that identifies data files by their names."""
    names = "\n".join(sorted(item.path for item in files))
    return int.from_bytes(hashlib.sha256(names.encode()).digest()[:7])


def coverage_transactions(files: Sequence[DataFile]) -> dict[str, int]:
    """Return the app transactions that record the covered data files and the rules, for `Warehouse.commit`."""
    return {_FILES: digest_of_files(files), _RULES: _NORMAL_IDS}


def is_behind(warehouse: Warehouse) -> bool:
    """Return whether the outcomes must be refreshed: events were stored since, or were lost, or older rules were followed.

    Raises:
        RemoteError: S3 refused or failed.
    """

    def read() -> bool:
        outcomes = warehouse.handle(TableName.OUTCOMES)
        covered = covered_events(outcomes)  # before the events, which may grow meanwhile
        events = warehouse.handle(TableName.EVENTS)
        if covered is None:
            return events.version() > 0
        is_covered = covered.are(events, warehouse.data_files(events))
        return not is_covered or follow_older_rules(warehouse, outcomes, covered)

    return warehouse.retry_superseded(read)
