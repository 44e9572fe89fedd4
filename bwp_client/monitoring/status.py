"""The status of a warehouse: its contents, the last runs, and what needs attention."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from bwp_client.metrics.completeness import gaps, twins
from bwp_client.metrics.wording import day, minute
from bwp_client.time_ranges import window_options
from bwp_client.warehouse import TableName, Warehouse, list_runs, newest_run
from bwp_client.warehouse.lookup_runs import lookup_runs
from bwp_client.warehouse.lost_tables import unrepaired_losses
from bwp_client.warehouse.maintenance import bring_up_to_date, publish_what_is_left
from bwp_client.warehouse.purge_floor import purge_floor
from bwp_client.warehouse.replays import Replay, holes, list_replays
from bwp_client.warehouse.snapshot import Snapshot, compute_from_newest


@dataclass(slots=True)
class Status:
    """The contents of a warehouse, and what needs attention."""

    warehouse: str
    events: int = 0
    tasks: int = 0
    failed: int = 0
    found: int = 0
    lookups: dict[str, int] = field(default_factory=dict)
    """The number of failed tasks by lookup state."""
    coverage: float | None = None
    """Share of failed tasks whose lookup is `found`; None without failed tasks."""
    last_lookup_run: dict[str, Any] = field(default_factory=dict)
    first_event_at: datetime | None = None
    last_event_at: datetime | None = None
    last_run: dict[str, Any] = field(default_factory=dict)
    quarantined: int = 0
    twins: int = 0
    gaps: list[str] = field(default_factory=list)
    """Periods without events, newest first."""
    no_denominator: list[str] = field(default_factory=list)
    """Business product IDs without a COMPLETED event."""
    attention: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that `status` prints."""
        return asdict(self)

    def as_text(self) -> str:
        """Return the lines that `status` prints."""
        lines = [f"Warehouse {self.warehouse}"]
        if self.last_run:
            lines += [
                f"  {self.events:,} events of {self.tasks:,} tasks, from {day(self.first_event_at)} "
                f"to {minute(self.last_event_at)}"
                if self.first_event_at and self.last_event_at
                else "  no privacy events",
                f"  {self.failed:,} failed tasks, errors known for {self.found:,}{self._lookup_states_as_text()}",
                *self._lookups_as_text(),
                f"  {self.quarantined:,} records in quarantine",
                f"  last run: {self.last_run['kind']} of {self.last_run['source']}, {self.last_run['finished_at']}",
            ]
        lines += [f"Needs attention: {item}" for item in self.attention]
        return "\n".join(lines)

    def _lookup_states_as_text(self) -> str:
        states = [f"{tasks:,} {state.replace('_', ' ')}" for state, tasks in self.lookups.items() if state != "found"]
        return f" ({self.coverage:.1%}; {', '.join(states)})" if states and self.coverage is not None else ""

    def _lookups_as_text(self) -> list[str]:
        run = self.last_lookup_run
        if not run:
            return []
        pace = "" if run["requests_per_second"] is None else f", {run['requests_per_second']:,.1f} a second"
        asked = f"  last lookups: {run['asked']:,} tasks with {run['requests']:,} API calls{pace}"
        return [f"{asked}, throttled {run['throttled']:,} times, {run['not_asked']:,} left, {run['state']}"]


def status_of(warehouse: Warehouse) -> Status:
    """Return the status of a warehouse, after bringing its outcomes up to date.

    Raises:
        DamagedTableError: A data file is missing or cut, or a table is foreign.
        RemoteError: S3 refused or failed.
    """
    status = Status(warehouse=warehouse.uri)
    status.attention += [lost.as_text(warehouse) for lost in publish_what_is_left(warehouse) if not lost.is_lasting]
    if not warehouse.exists():
        status.attention.append("nothing was loaded yet: python -m bwp_client load SOURCE.")
        return status
    status.attention += _archive_attention(list_replays(warehouse))
    bring_up_to_date(warehouse)
    run = newest_run(warehouse)
    if run is None:
        status.attention.append("no load has finished yet: load again, nothing is doubled.")
        return status
    return compute_from_newest(warehouse, lambda snapshot: _with_contents(status, snapshot))


def _with_contents(status: Status, snapshot: Snapshot) -> Status:
    snapshot.refuse_damaged_files()
    filled = replace(status)
    _add_events(filled, snapshot)
    _add_lookups(filled, snapshot)
    _add_data_quality(filled, snapshot)
    filled.attention = [
        *status.attention,
        *_loss_attention(snapshot),
        *filter(None, [snapshot.limits.in_the_future]),
        *_data_quality_attention(filled),
        *_lookup_attention(snapshot),
        *_denominator_attention(filled),
    ]
    return filled


def _add_events(status: Status, snapshot: Snapshot) -> None:
    run = snapshot.run
    status.events = _rows_of(snapshot, TableName.EVENTS)
    (status.tasks,) = snapshot.rows("select coalesce(sum(tasks), 0)::bigint from product_kinds")[0]
    if span := snapshot.span():
        status.first_event_at, status.last_event_at = span[0], snapshot.limits.newest_event_at
    status.last_run = {
        "kind": run.kind,
        "source": run.source,
        "finished_at": run.finished_at.isoformat(timespec="seconds"),
        "state": run.state,
    }


def _add_lookups(status: Status, snapshot: Snapshot) -> None:
    status.lookups = dict(
        snapshot.rows("select lookup_state, count(*)::bigint from failed_tasks group by 1 order by 2 desc, 1")
    )
    status.failed, status.found = sum(status.lookups.values()), status.lookups.get("found", 0)
    status.coverage = status.found / status.failed if status.failed else None
    if newest := lookup_runs(list_runs(snapshot.warehouse)):
        status.last_lookup_run = newest[0].as_json()


def _add_data_quality(status: Status, snapshot: Snapshot) -> None:
    status.quarantined = _rows_of(snapshot, TableName.QUARANTINE)
    status.no_denominator = [
        row[0]
        for row in snapshot.rows(
            "select distinct business_product_id from product_kinds where not has_denominator order by 1"
        )
    ]
    status.twins = len(twins(snapshot))
    status.gaps = [f"{gap.first_day} to {gap.last_day}" for gap in gaps(snapshot)]


def _rows_of(snapshot: Snapshot, table: TableName) -> int:
    """Return the number of rows of a table, by its log."""
    warehouse = snapshot.warehouse
    return sum(item.rows for item in warehouse.data_files(warehouse.handle(table, snapshot.versions[table.value])))


def _archive_attention(replays: list[Replay]) -> Iterator[str]:
    """Yield the windows of each archive that no load has read and that no later load reads by itself."""
    for archive, bus in sorted({(replay.archive, replay.bus) for replay in replays}):
        of_archive = [replay for replay in replays if (replay.archive, replay.bus) == (archive, bus)]
        for start, end in holes(of_archive):
            yield (
                f"archive {archive} was not read from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC, though later "
                f"windows were: load archive://{archive} {window_options(start, end)}."
            )
        for replay in of_archive:
            if replay.state.is_open:
                yield (
                    f"the load of archive {archive} from {replay.window_from:%Y-%m-%d %H:%M} to "
                    f"{replay.window_to:%Y-%m-%d %H:%M} UTC has not ended: unless it is running, load "
                    f"archive://{archive} continues it."
                )


def _loss_attention(snapshot: Snapshot) -> Iterator[str]:
    """Yield the tables whose rows are not back since they were lost, and a purge that must be repeated."""
    warehouse = snapshot.warehouse
    for lost in unrepaired_losses(list_runs(warehouse)):
        yield lost.as_text(warehouse)
    events = warehouse.handle(TableName.EVENTS, snapshot.versions[TableName.EVENTS.value])
    floor = purge_floor(events)
    if floor and any(item.lows["occurred_at"] < floor for item in warehouse.data_files(events)):
        yield f"events from before the purge floor are there again: run purge --before {floor:%Y-%m-%d}."


def _data_quality_attention(status: Status) -> Iterator[str]:
    if status.gaps:
        yield (
            f"no event at all in {len(status.gaps)} periods where some were expected (newest {status.gaps[0]}): load "
            "them again with --from and --to, or find out whether the archive holds them."
        )
    if status.twins:
        yield (
            f"{status.twins:,} events look like another event with a new ID; rates count each task once all the same."
        )
    if status.quarantined:
        yield f"{status.quarantined:,} records could not be read; the data health page says why."


def _lookup_attention(snapshot: Snapshot) -> Iterator[str]:
    """Yield the next step for failed tasks without known errors, except tasks whose next lookup is not due yet."""
    due = snapshot.rows(
        "select count(*) from failed_tasks where lookup_state = 'not_asked' or next_attempt_at <= $now",
        {"now": datetime.now(UTC)},
    )[0][0]
    if due:
        yield f"{due:,} failed tasks without known errors: run enrich."
    for state, tasks, reason in snapshot.rows(
        """
        select lookup_state, count(*)::bigint, reason from failed_tasks
        where lookup_state in ('denied', 'failed', 'not_found') and next_attempt_at is null
        group by 1, 3 order by 2 desc, 3 limit 5
        """
    ):
        yield f"{tasks:,} lookups ended as {state.replace('_', ' ')}: {reason}"


def _denominator_attention(status: Status) -> Iterator[str]:
    if status.no_denominator:
        yield (
            f"no COMPLETED event was ever loaded for {', '.join(status.no_denominator)}: their failures are not rated. "
            "Subscribe them to the COMPLETED events."
        )
