"""The published reports that carry rows which a purge removed from the warehouse: a purge does not change reports."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow.compute as pc
import pyarrow.parquet as pq

from bwp_client.errors import BwpError
from bwp_client.reports.content_from_rows import INPUTS
from bwp_client.reports.store import ReportStore
from bwp_client.warehouse import TableName

_OUTCOMES = f"{INPUTS}/{TableName.OUTCOMES.value}.parquet"


@dataclass(slots=True)
class ReportsWithOlderRows:
    """The reports of a store that carry outcomes from before a day."""

    keys: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    """The reason by the key of each report that can't be read, or by the address of a store that can't be listed."""


def reports_with_rows_before(store: ReportStore, day: datetime) -> ReportsWithOlderRows:
    """Return the reports whose rows begin before a day; what can't be read is named, and raises no error."""
    found = ReportsWithOlderRows()
    try:
        keys = store.published()
    except (BwpError, OSError) as error:
        found.unreadable[store.uri] = _reason(error)
        return found
    for key in keys:
        try:
            if _carries_rows_before(store, key, day):
                found.keys.append(key)
        except (BwpError, OSError, ValueError) as error:  # pyarrow's errors are ValueErrors and OSErrors
            found.unreadable[key] = _reason(error)
    return found


def _carries_rows_before(store: ReportStore, key: str, day: datetime) -> bool:
    manifest = store.manifest(key)
    begins_at = manifest.facts.begins_at  # of all products; the rows of a report of some products may begin later
    if begins_at is None or begins_at >= day:
        return False
    times = pq.read_table(io.BytesIO(store.read(manifest, _OUTCOMES)), columns=["occurred_at"])["occurred_at"]
    first = pc.min(times).as_py()
    return first is not None and first < day


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, BwpError) else type(error).__name__
