"""A load from an archive that is killed or stopped is gone on with: the same replay, nothing lost, nothing doubled."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from support.archives import CHILD, FIRST, child, privacy, read
from support.emulator import Account
from support.tables import clean_env, outcomes, rows

from bwp_client.sources.eventbridge.queue import BATCH_MESSAGES
from bwp_client.warehouse import TableName, Warehouse
from bwp_client.warehouse.replays import ReplayState, list_replays

HOUR = timedelta(hours=1)
EVENTS = 300
MakeAccount = Callable[..., Account]

# Kills its own process, as the kernel would, around a call.
DEADLY = """
import os, signal
import bwp_client.load.replay_reader as loading
from bwp_client.sources.eventbridge import replays
from bwp_client.sources.eventbridge.queue import Queue
def deadly(place, name, when):
    real = getattr(place, name)
    def call(*args, **kwargs):
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = real(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(place, name, call)
"""
MOMENTS = [
    ("loading.replays, 'start_replay', 'before'", "after the journal, before StartReplay"),
    ("loading.replays, 'start_replay', 'after'", "after StartReplay, before the journal knows"),
    ("loading, 'load', 'before'", "after receiving, before storing"),
    ("loading, 'load', 'after'", "after storing, before deleting"),
    ("Queue, 'delete', 'after'", "after deleting"),
    ("loading.ReplayReader, '_finish', 'before'", "after the last message, before the journal"),
]


def tasks(warehouse: Warehouse) -> list[str]:
    return [row[0] for row in rows(warehouse, TableName.EVENTS, "task_id")]


@pytest.mark.parametrize(("where", "moment"), MOMENTS, ids=[moment for _, moment in MOMENTS])
def test_killed_between_two_steps(make_account: MakeAccount, tmp_path: Path, where: str, moment: str) -> None:
    account = make_account()
    events = privacy(EVENTS)
    account.put(events)
    target = tmp_path / "w"
    start, end = FIRST.isoformat(), (FIRST + 2 * HOUR).isoformat()
    killed = subprocess.run(
        [sys.executable, "-c", f"{DEADLY}\ndeadly({where})\n{CHILD}", target, account.archive, start, end, "100", "1"],
        env=clean_env(**account.env), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    warehouse = Warehouse(str(target))
    (left,) = list_replays(warehouse)
    assert left.state.is_open
    result = read(account, warehouse, FIRST, FIRST + 2 * HOUR)
    assert result.resumed
    assert tasks(warehouse) == [f"t-{place:06d}" for place in range(240)]
    assert account.waiting() == (0, 0)
    assert len(account.replays()) == 1
    assert [one.state for one in list_replays(warehouse)] == [ReplayState.COMPLETE]


def test_stopped_by_ctrl_c_the_next_run_goes_on(make_account: MakeAccount, tmp_path: Path) -> None:
    account = make_account()
    account.put(privacy(EVENTS))
    account.emulator.turn(account.archive, events_per_second=200)
    target = tmp_path / "w"
    running = child(account, target, FIRST, FIRST + 2 * HOUR, batch=1000, visibility=20)
    until = time.monotonic() + 60
    while account.waiting()[1] <= 2 * BATCH_MESSAGES and running.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    assert running.poll() is None, "the load was over before it could be stopped"
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode != 0, said
    # The messages of a call that the signal interrupts never reach the load, so they stay hidden for their timeout.
    assert account.waiting()[1] <= BATCH_MESSAGES
    warehouse = Warehouse(str(target))
    assert [one.state for one in list_replays(warehouse)] == [ReplayState.STARTED]
    read(account, warehouse, FIRST, FIRST + 2 * HOUR)
    assert len(tasks(warehouse)) == len(set(tasks(warehouse))) == 240
    assert len(account.replays()) == 1


def test_a_run_without_a_window_goes_on_with_the_unfinished_one_and_stops(
    make_account: MakeAccount, tmp_path: Path
) -> None:
    account = make_account()
    account.put(privacy(EVENTS))
    account.emulator.turn(account.archive, events_per_second=20)
    target = tmp_path / "w"
    running = child(account, target, FIRST, FIRST + 2 * HOUR)
    warehouse = Warehouse(str(target))
    while not account.waiting()[1] and running.poll() is None:
        time.sleep(0.01)
    assert running.poll() is None, "the load was over before it could be killed"
    running.kill()
    running.communicate()
    result = read(account, warehouse, None, None)
    assert result.resumed
    assert result.windows == ["2026-05-01T00:00Z/2026-05-01T02:00Z"]
    assert len(account.replays()) == 1
    assert len(tasks(warehouse)) == 240


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_killed_twenty_times_at_random(make_account: MakeAccount, tmp_path: Path) -> None:
    kill_at_random(make_account, tmp_path, kills=20)


def test_killed_once_at_random(make_account: MakeAccount, tmp_path: Path) -> None:
    kill_at_random(make_account, tmp_path, kills=1)


def kill_at_random(make_account: MakeAccount, folder: Path, *, kills: int) -> None:
    dice, moments = random.Random(20), []
    undisturbed = None
    for number in range(kills + 1):
        account = make_account()
        account.put(privacy(EVENTS))
        account.emulator.turn(account.archive, events_per_second=150, duplicates=0.05, starting_seconds=0.3)
        target = folder / str(number)
        warehouse = Warehouse(str(target))
        started = time.monotonic()
        running = child(account, target, FIRST, FIRST + 2 * HOUR)
        if undisturbed is None:
            _, wrong = running.communicate(timeout=60)
            assert running.returncode == 0, wrong
            undisturbed, whole = outcomes(warehouse), time.monotonic() - started
            continue
        moment = dice.uniform(0.3, whole)
        time.sleep(moment)
        running.kill()
        running.communicate()
        moments.append(round(moment, 2))
        read(account, warehouse, FIRST, FIRST + 2 * HOUR)
        assert outcomes(warehouse) == undisturbed, moment
        assert len(tasks(warehouse)) == len(set(tasks(warehouse))) == 240, moment
        # A load that was killed once it had finished is read anew, by a second replay; no other is.
        assert len(account.replays()) == len(list_replays(warehouse)), moment
        assert all(one.state is ReplayState.COMPLETE for one in list_replays(warehouse))
        assert account.waiting() == (0, 0)
    print(f"an undisturbed load takes {whole:.1f} s; killed after {sorted(moments)} s")
