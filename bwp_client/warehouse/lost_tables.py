"""Finds tables that lost rows: their folder was deleted, or an older copy of it was restored.

The newest run names a version that such a table does not have any more. Writers publish what is left, and record the loss in
the counts of a run; `status` reports it until the rows are back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

from deltalake import DeltaTable

from bwp_client.errors import DamagedTableError, SourceNotFoundError, SupersededError
from bwp_client.warehouse.covered_events import covered_events
from bwp_client.warehouse.runs import RETRY_SOURCE, Run, newest_run
from bwp_client.warehouse.schema import PUBLISHED, TableName
from bwp_client.warehouse.store import Warehouse

LOST: Final = "lost_tables"
"""The key of the losses in the counts of a run."""

_LOAD_AGAIN: Final = (
    "load the events again with --reread, because the table objects still lists their objects as read: python -m "
    "bwp_client load SOURCE --reread (of an archive: load archive://NAME --from DATE --to DATE)"
)
_WAYS_OUT: Final = {
    TableName.EVENTS: (
        "The outcomes are computed from the events that are left. Restore the folder from a newer copy, or "
        f"{_LOAD_AGAIN}. This notice ends with a load with --reread, or with maintain --rebuild."
    ),
    TableName.OUTCOMES: "It is computed anew from the events; nothing is lost.",
    TableName.LOOKUPS: (
        "Restore the folder from a newer copy, or run enrich, which asks again about each failed task without an answer."
    ),
    TableName.REQUESTS: "Restore the folder from a newer copy, or import the shop's files again.",
    TableName.QUARANTINE: (
        "Restore the folder from a newer copy, or load the sources again with --reread, which quarantines the records "
        "again: python -m bwp_client load SOURCE --reread. This notice ends with such a load, or with maintain --rebuild."
    ),
    TableName.OBJECTS: (
        "No event is lost: the next load reads the objects again that the table does not list any more, and stores no "
        "event twice."
    ),
    TableName.REPLAYS: (
        "No event is lost: the next load of an archive replays the windows again that the table does not list any more, "
        "and stores no event twice."
    ),
    TableName.RUNS: "The list of earlier runs is lost, and no row of another table: the newest versions are published.",
}
_LASTING: Final = (TableName.EVENTS, TableName.LOOKUPS, TableName.REQUESTS, TableName.QUARANTINE)


@dataclass(frozen=True, slots=True)
class LostTable:
    """A table that lost rows.

    Attributes:
        table: The table.
        published: The version that the newest run names, or that the outcomes cover; 0 for the runs table.
        found: The table's newest version; None if there is no table; equal to `published` if that version was replaced.
    """

    table: TableName
    published: int
    found: int | None

    @property
    def is_lasting(self) -> bool:
        """Whether the rows do not come back by themselves."""
        return self.table in _LASTING

    def as_text(self, warehouse: Warehouse) -> str:
        """Return what happened and the way out, in sentences."""
        if self.found == self.published:
            lost = (
                f"The table {self.table.value} at {warehouse.address(self.table)} lost rows: its version {self.published} "
                "holds other files than when the outcomes were computed. Its folder was replaced, or its log is damaged."
            )
        elif self.found is None:
            lost = (
                f"The table {self.table.value} is gone: there is no table at {warehouse.address(self.table)} any more."
            )
        else:
            lost = (
                f"The table {self.table.value} at {warehouse.address(self.table)} lost rows: the newest run read its "
                f"version {self.published}, and now its newest version is {self.found}. Its folder was deleted, or an "
                "older copy was restored."
            )
        return f"{lost} {_WAYS_OUT[self.table]}"


def lost_tables(warehouse: Warehouse) -> list[LostTable]:
    """Return the tables that lost rows.

    Raises:
        RemoteError: S3 refused or failed.
        DamagedTableError: The log of a table is damaged, or the table is foreign.
    """
    run = newest_run(warehouse)  # before the tables are opened, so that no load can make a sound table look older
    with ThreadPoolExecutor(len(PUBLISHED)) as pool:
        handles = pool.map(lambda table: _opened(warehouse, table), PUBLISHED)
        opened: dict[TableName, DeltaTable | None] = dict(zip(PUBLISHED, handles, strict=True))
    if run is None:
        is_filled = any(handle and handle.version() for handle in opened.values())
        return [LostTable(TableName.RUNS, 0, None)] if is_filled and not warehouse.exists() else []
    lost = []
    for table, handle in opened.items():
        published = run.versions.get(table.value, 0)
        if published and (handle is None or handle.version() < published):
            lost.append(LostTable(table, published, handle.version() if handle else None))
        elif table is TableName.EVENTS and (replaced := _replaced_version(warehouse, opened)):
            lost.append(LostTable(table, replaced, replaced))
    return lost


def _opened(warehouse: Warehouse, table: TableName) -> DeltaTable | None:
    try:
        return warehouse.handle(table)
    except SourceNotFoundError:
        return None


def _replaced_version(warehouse: Warehouse, opened: Mapping[TableName, DeltaTable | None]) -> int | None:
    """Return the version of the events that the outcomes cover if it holds other files now; else None."""
    outcomes, events = opened[TableName.OUTCOMES], opened[TableName.EVENTS]
    if outcomes is None or events is None:
        return None
    try:
        with warehouse.damage_named():
            covered = covered_events(outcomes)
            if covered is None or covered.digest is None:
                return None
            if covered.version != events.version():
                events = warehouse.handle(TableName.EVENTS, covered.version)
            return None if covered.are(events, warehouse.data_files(events)) else covered.version
    except (SourceNotFoundError, SupersededError):  # a log was cleaned
        return None


def refuse_lost_tables(warehouse: Warehouse) -> None:
    """Raise an error that names the tables that lost rows, if there are any.

    Raises:
        DamagedTableError: Some tables lost rows.
    """
    if lost := lost_tables(warehouse):
        texts = " ".join(item.as_text(warehouse) for item in lost)
        raise DamagedTableError(f"{texts} Nothing was changed. Publish what is left: python -m bwp_client status.")


@contextmanager
def lost_tables_named(warehouse: Warehouse) -> Iterator[None]:
    """Raise an error that names the tables that lost rows, in place of one that says that there is no table.

    Raises:
        DamagedTableError: Some tables lost rows.
    """
    try:
        yield
    except SourceNotFoundError:
        if warehouse.exists():
            refuse_lost_tables(warehouse)
        raise


def losses_as_counts(lost: Iterable[LostTable]) -> dict[str, Any]:
    """Return losses for the counts of a run."""
    return {LOST: [asdict(item) | {"table": item.table.value} for item in lost]}


def unrepaired_losses(runs: Iterable[Run]) -> Iterator[LostTable]:
    """Yield the newest loss of each table that a run reported, if no later run has brought the rows back.

    Args:
        runs: Runs, newest first.
    """
    settled: set[TableName] = set()
    for run in runs:
        if run.counts.get("rebuilt"):
            return
        for loss in run.counts.get(LOST, ()):
            lost = LostTable(TableName(loss["table"]), loss["published"], loss["found"])
            if lost.is_lasting and lost.table not in settled:
                settled.add(lost.table)
                yield lost
        settled.update(_brought_back(run))


def _brought_back(run: Run) -> tuple[TableName, ...]:
    is_whole = run.window_from is None and run.window_to is None and run.source != RETRY_SOURCE
    if run.kind == "load" and run.counts.get("reread") and is_whole:
        return TableName.EVENTS, TableName.QUARANTINE
    if run.kind == "enrich" and run.state == "finished":
        return (TableName.LOOKUPS,)
    return (TableName.REQUESTS,) if run.kind == "import" else ()
