"""Two archives, two warehouses, one queue, and loads that are killed: a window that counts as read is stored whole."""

import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from support.archives import FIRST, child, privacy, read
from support.emulator import Account
from support.events import task_of
from support.tables import rows

from bwp_client.warehouse import TableName, Warehouse
from bwp_client.warehouse.replays import ReplayState, list_replays

HOUR = timedelta(hours=1)
HOURS = 2
EVENTS = privacy(HOURS * 60, step=timedelta(minutes=1))
ENDINGS = (None, None, signal.SIGKILL, signal.SIGTERM)
MakeAccount = Callable[..., Account]


def tasks(warehouse: Warehouse) -> list[str]:
    return [row[0] for row in rows(warehouse, TableName.EVENTS, "task_id")] if warehouse.exists() else []


def tasks_between(start: datetime, end: datetime) -> set[str]:
    return {task_of(event) for event in EVENTS if start <= datetime.fromisoformat(event["time"]) < end}


def assert_read_windows_are_whole(warehouse: Warehouse) -> None:
    stored = tasks(warehouse)
    assert len(stored) == len(set(stored))
    for replay in list_replays(warehouse):
        if replay.state is ReplayState.COMPLETE:
            assert tasks_between(replay.window_from, replay.window_to) <= set(stored), replay


def start_load(dice: random.Random, accounts: list[Account], warehouses: list[Warehouse]) -> subprocess.Popen[str]:
    start = FIRST + dice.randrange(HOURS) * HOUR
    account, target = dice.choice(accounts), Path(dice.choice(warehouses).uri)
    return child(account, target, start, start + HOUR, batch=dice.choice([10, 40, 1000]), visibility=2)


def load_and_kill(make_account: MakeAccount, folder: Path, seed: int, steps: int) -> None:
    dice = random.Random(seed)
    first = make_account()
    second = replace(first, archive=f"archive-{uuid4().hex[:10]}")
    first.events.create_archive(ArchiveName=second.archive, EventSourceArn=first.bus_arn)
    first.put(EVENTS)
    accounts, warehouses = [first, second], [Warehouse(str(folder / name)) for name in ("ours", "theirs")]
    for _ in range(steps):
        for account in accounts:
            account.emulator.turn(
                account.archive, events_per_second=dice.choice([0, 40, 120]), duplicates=dice.choice([0, 0.2]),
                late=dice.choice([0, 0.1]), late_seconds=0.2, shuffled=True,
            )  # fmt: skip
        first.sqs.send_message(QueueUrl=first.queue_url, MessageBody='{"detail-type": "live"}')
        for running in [start_load(dice, accounts, warehouses) for _ in range(2)]:
            ending = dice.choice(ENDINGS)
            if ending is not None:
                time.sleep(dice.uniform(0.5, 3))
                running.send_signal(ending)
            running.communicate(timeout=200)
        for warehouse in warehouses:
            assert_read_windows_are_whole(warehouse)
    for account in accounts:
        account.emulator.turn(account.archive)
        for warehouse in warehouses:
            for hour in range(HOURS):
                read(account, warehouse, FIRST + hour * HOUR, FIRST + (hour + 1) * HOUR)
                assert_read_windows_are_whole(warehouse)
    for warehouse in warehouses:
        assert tasks(warehouse) == sorted(map(task_of, EVENTS))
        assert not any(replay.state.is_open for replay in list_replays(warehouse))


def test_loads_that_are_killed_now_and_then(make_account: MakeAccount, tmp_path: Path) -> None:
    load_and_kill(make_account, tmp_path, seed=1, steps=2)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_loads_that_are_killed_for_minutes(make_account: MakeAccount, tmp_path: Path, seed: int) -> None:
    load_and_kill(make_account, tmp_path, seed=seed, steps=10)
