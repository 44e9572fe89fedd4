"""The journal of replays: what was read, and what lies between."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from bwp_client.warehouse import TableName, Warehouse
from bwp_client.warehouse.maintenance import maintain
from bwp_client.warehouse.replays import Replay, ReplayState, holes, list_replays, record_replay
from bwp_client.warehouse.schema import TABLES

FIRST = datetime(2026, 5, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return FIRST + timedelta(days=number)


def replay(first: int, last: int, state: ReplayState = ReplayState.COMPLETE) -> Replay:
    return Replay(f"bwp-{first}-{last}", "a", "rule", day(first), day(last), state, day(last))


HOLES: dict[str, tuple[list[Replay], list[tuple[int, int]]]] = {
    "no window": ([], []),
    "one window": ([replay(0, 5)], []),
    "windows that meet": ([replay(5, 9), replay(0, 5)], []),
    "windows that overlap": ([replay(0, 5), replay(3, 9), replay(4, 6)], []),
    "a hole": ([replay(19, 25), replay(0, 5)], [(5, 19)]),
    "two holes": ([replay(0, 1), replay(2, 3), replay(4, 5)], [(1, 2), (3, 4)]),
    "a short window inside a long one": ([replay(0, 9), replay(1, 2), replay(10, 11)], [(9, 10)]),
    "a failed window": ([replay(0, 1), replay(1, 2, ReplayState.FAILED), replay(2, 3)], [(1, 2)]),
    "a failed window before the first": (
        [replay(0, 3, ReplayState.FAILED), replay(2, 6, ReplayState.TIMED_OUT), replay(5, 8)], [(0, 5)],
    ),
    "a refused replay, which never ran": ([replay(0, 3, ReplayState.REFUSED), replay(5, 8)], []),
    "a failed window after the last": ([replay(0, 3), replay(3, 8, ReplayState.FAILED)], []),
    "only failed windows": ([replay(0, 3, ReplayState.FAILED)], []),
    "a running replay": ([replay(0, 1), replay(2, 3, ReplayState.STARTED)], []),
}  # fmt: skip


@pytest.mark.parametrize("case", HOLES)
def test_a_hole_is_what_no_complete_window_covers(case: str) -> None:
    replays, expected = HOLES[case]
    assert holes(replays) == [(day(first), day(last)) for first, last in expected]


def test_a_journal_of_an_older_version_is_read_and_written(tmp_path: Path) -> None:
    old = pa.schema(
        [field for field in TABLES[TableName.REPLAYS].schema if field.name not in ("queue", "queue_created_at")]
    )
    warehouse = Warehouse(str(tmp_path / "w"))
    DeltaTable.create(warehouse.address(TableName.REPLAYS), old)
    warehouse.create()
    row = {
        "replay_name": "bwp-old", "archive": "a", "rule": "rule", "window_from": day(0), "window_to": day(1),
        "state": "started", "counts": "{}", "recorded_at": day(1),
    }  # fmt: skip
    write_deltalake(warehouse.address(TableName.REPLAYS), pa.Table.from_pylist([row], old), mode="append")
    (before,) = list_replays(warehouse)
    assert (before.replay_name, before.queue, before.queue_created_at, before.planned_at) == (
        "bwp-old", None, None, day(1),
    )  # fmt: skip
    new = Replay("bwp-new", "a", "rule", day(1), day(2), ReplayState.COMPLETE, day(3), {"stored": 1}, "queue", day(0))
    record_replay(warehouse, new)
    maintain(warehouse, retain_hours=168)
    assert [(replay.replay_name, replay.queue, replay.queue_created_at) for replay in list_replays(warehouse)] == [
        ("bwp-new", "queue", day(0)), ("bwp-old", None, None),
    ]  # fmt: skip


def test_a_replay_knows_when_it_was_planned(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "w"))
    warehouse.create()
    for state, at in ((ReplayState.PLANNED, day(0)), (ReplayState.STARTED, day(1)), (ReplayState.COMPLETE, day(2))):
        record_replay(warehouse, Replay("bwp-1", "a", "rule", day(0), day(1), state, at))
    (replay,) = list_replays(warehouse)
    assert (replay.state, replay.planned_at, replay.recorded_at) == (ReplayState.COMPLETE, day(0), day(2))
