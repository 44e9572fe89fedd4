"""The replays table: a row before each call that starts an archive replay, and a row for each later state.

Append-only; the row with the last state of a replay holds its state.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from deltalake import DeltaTable

from bwp_client.warehouse.engine import connect, sql_type
from bwp_client.warehouse.schema import TABLES, TableName
from bwp_client.warehouse.store import Warehouse

APP_ID = "bwp.replays"
QUEUE_COUNTS = ("dead_letters", "queue_modified_at")
"""The beginnings of the names of the counts that describe the queues before a replay."""


class ReplayState(StrEnum):
    """The state of a replay that this program started."""

    PLANNED = "planned"
    """Written before AWS is called: the replay may have started or not."""
    STARTED = "started"
    COMPLETE = "complete"
    """All its messages were stored: its window counts for the watermark."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    REFUSED = "refused"
    """AWS refused to start the replay."""

    @property
    def is_open(self) -> bool:
        """Return whether messages of the replay may still arrive, so that a run has to wait for them."""
        return self in (ReplayState.PLANNED, ReplayState.STARTED)


_NOT_READ = (ReplayState.FAILED, ReplayState.CANCELLED, ReplayState.TIMED_OUT)
"""The states of a replay that may have sent events, and whose window does not count as read."""
_BEFORE_THE_END = (ReplayState.PLANNED, ReplayState.REFUSED, ReplayState.STARTED)
"""The states that a replay has before its end, from the first to the last: a wrong clock does not change this order."""


@dataclass(frozen=True, slots=True)
class Replay:
    """One replay: its half-open window in whole UTC minutes, its state, its counts, and where its events are sent."""

    replay_name: str
    archive: str
    rule: str
    """The ARN of the rule that receives the events."""
    window_from: datetime
    window_to: datetime
    state: ReplayState
    recorded_at: datetime
    counts: dict[str, int] = field(default_factory=dict)
    queue: str | None = None
    """The ARN of the queue that the rule sends to; None in rows of older versions."""
    queue_created_at: datetime | None = None
    """When AWS created that queue: a queue made anew has the same ARN."""
    planned_at: datetime | None = None
    """When the replay's first row was written; set by `list_replays`."""

    @property
    def dead_letters(self) -> int:
        """The number of messages in the dead-letter queues when the replay was planned."""
        return self.counts.get("dead_letters", 0)

    @property
    def before(self) -> dict[str, int]:
        """The counts that describe the queues as they were when the replay was planned."""
        return {name: value for name, value in self.counts.items() if name.startswith(QUEUE_COUNTS)}

    @property
    def was_not_read(self) -> bool:
        """Whether a load could not read the replay to its end, so that its window does not count as read."""
        return self.state in _NOT_READ

    @property
    def bus(self) -> str:
        """The ARN of the rule without the rule's name: it names the Region, the account and the bus of the archive."""
        return self.rule.rpartition("/")[0]

    def is_on(self, bus: str) -> bool:
        """Return whether the replay is on the bus whose rules have ARNs that begin with the given text."""
        return self.bus in ("", bus)  # a row may hold the rule's name alone


def record_replay(warehouse: Warehouse, replay: Replay) -> int:
    """Append the state of a replay; return the table's version.

    Raises:
        WarehouseError: See `Warehouse.commit`.
    """
    row: dict[str, Any] = {name: getattr(replay, name) for name in TABLES[TableName.REPLAYS].schema.names}
    row |= {"state": replay.state.value, "counts": json.dumps(replay.counts, sort_keys=True)}
    schema = TABLES[TableName.REPLAYS].schema
    columns = ", ".join(f"${name}::{sql_type(schema.field(name).type)} as {name}" for name in row)
    with closing(connect()) as connection:

        def rows_for(_: DeltaTable) -> Any:
            return connection.sql(f"select {columns}", params=row).to_arrow_reader(1)

        return warehouse.commit(TableName.REPLAYS, rows_for, app_id=APP_ID)


def list_replays(warehouse: Warehouse, archive: str | None = None) -> list[Replay]:
    """Return the last state of each replay, of one archive or of all, newest window first.

    Raises:
        RemoteError: S3 refused or failed.
    """
    if not warehouse.exists():
        return []
    with closing(connect()) as connection:
        rows = connection.execute(
            f"""
            select replay_name, archive, rule, window_from, window_to, state, recorded_at, counts, queue, queue_created_at,
                min(recorded_at) over (partition by replay_name)
            from {warehouse.scan(TableName.REPLAYS)} where $archive is null or archive = $archive
            qualify row_number() over (
                partition by replay_name
                order by not list_contains($early, state) desc, list_position($early, state) desc, recorded_at desc
            ) = 1
            order by window_to desc, recorded_at desc
            """,
            {"archive": archive, "early": [state.value for state in _BEFORE_THE_END]},
        ).fetchall()
    return [
        Replay(
            name,
            of,
            rule,
            start,
            end,
            ReplayState(state),
            at,
            json.loads(counts or "{}"),
            queue,
            created_at,
            planned_at,
        )
        for name, of, rule, start, end, state, at, counts, queue, created_at, planned_at in rows
    ]


def watermark(replays: list[Replay], now: datetime | None = None) -> datetime | None:
    """Return the end of the last complete window among replays; None without a complete window.

    With `now`, a window that ends after it does not count: it was read with a clock that was ahead, and more events have
    come since.
    """
    complete = (replay.window_to for replay in replays if replay.state is ReplayState.COMPLETE)
    return max((end for end in complete if now is None or end <= now), default=None)


def replay_past_now(replays: list[Replay], now: datetime) -> Replay | None:
    """Return the complete replay whose window ends last after now; None without such a replay."""
    past_now = [replay for replay in replays if replay.state is ReplayState.COMPLETE and replay.window_to > now]
    return max(past_now, key=lambda replay: replay.window_to, default=None)


def holes(replays: Iterable[Replay]) -> list[tuple[datetime, datetime]]:
    """Return the periods of one archive that loads have left out, oldest first, each a start and an exclusive end.

    These are the periods between complete windows. If a replay did not complete, the part of its window before the first
    complete window is such a period, too. A later load without a start does not come back to these periods, because it
    begins near the end of the last complete window.
    """
    windows = sorted((replay.window_from, replay.window_to, replay.state) for replay in replays)
    complete = [(start, end) for start, end, state in windows if state is ReplayState.COMPLETE]
    if not complete:
        return []
    first = complete[0][0]
    found = []
    read_to = first
    for start, end in complete:
        if start > read_to:
            found.append((read_to, start))
        read_to = max(read_to, end)
    early = [(start, min(end, first)) for start, end, state in windows if state in _NOT_READ and start < first]
    return [*_merged(early), *found]


def _merged(periods: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Return sorted periods, with those that meet or overlap as one."""
    merged: list[tuple[datetime, datetime]] = []
    for start, end in periods:
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged
