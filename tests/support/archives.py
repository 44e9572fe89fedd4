"""Loads from the emulator's archives at a pace for tests, in this process or in one that can be killed."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bwp_client.load.archive import ArchiveTiming, load_archive
from bwp_client.load.results import ArchiveProgress, ArchiveResult
from bwp_client.settings import ArchiveSettings
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.replays import list_replays
from support.emulator import Account
from support.events import envelope
from support.failing import StoppedError
from support.tables import clean_env

FIRST = datetime(2026, 5, 1, tzinfo=UTC)
QUICK = ArchiveTiming(
    poll_seconds=0, empty_polls=3, settle_seconds=0.5, status_seconds=0.1, unknown_seconds=1.0, stall_seconds=30,
    batch_seconds=1.0, visibility_seconds=10, foreign_seconds=0.1,
)  # fmt: skip

CHILD = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a test run in the background would have it ignore
from datetime import datetime
from bwp_client.load.archive import ArchiveTiming
from bwp_client.load.archive import load_archive
from bwp_client.settings import Settings
from bwp_client.warehouse import Warehouse
target, archive, start, end, batch, visibility = sys.argv[1:]
timing = ArchiveTiming(poll_seconds=0, empty_polls=3, settle_seconds=0.5, status_seconds=0.1, stall_seconds=30,
    batch_seconds=0.3, batch_messages=int(batch), visibility_seconds=int(visibility))
result = load_archive(
    Warehouse(target), "archive://" + archive, Settings.load().archive, timing=timing,
    window_from=datetime.fromisoformat(start), window_to=datetime.fromisoformat(end))
print(result.as_json())
"""


def settings_of(account: Account) -> ArchiveSettings:
    return ArchiveSettings(rule_name=account.rule, queue_url=account.queue_url)


def read(
    account: Account,
    warehouse: Warehouse,
    start: datetime | None = FIRST,
    end: datetime | None = FIRST + timedelta(days=1),
    **changes: Any,
) -> ArchiveResult:
    options = {"timing": QUICK, "window_from": start, "window_to": end} | changes
    return load_archive(warehouse, f"archive://{account.archive}", settings_of(account), **options)


def child(
    account: Account, target: Path, start: datetime, end: datetime, batch: int = 40, visibility: int = 1
) -> subprocess.Popen[str]:
    """Load in a process of its own, which hides received messages for some seconds."""
    arguments = [target, account.archive, start.isoformat(), end.isoformat(), batch, visibility]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *map(str, arguments)],
        env=clean_env(**account.env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def of_the_bus(account: Account, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give events as they are on the account's bus."""
    return [event | {"source": account.bus, "account": "000000000000"} for event in events]


def privacy(count: int, *, start: datetime = FIRST, step: timedelta = timedelta(seconds=30)) -> list[dict[str, Any]]:
    """Give events of as many tasks; every fifth failed."""
    return [
        envelope(f"t-{place:06d}", outcome="COMPLETED" if place % 5 else "FAILED", time=start + place * step)
        for place in range(count)
    ]


def others(count: int, *, start: datetime = FIRST, step: timedelta = timedelta(seconds=30)) -> list[dict[str, Any]]:
    """Give events of a type that is not charted."""
    return [
        envelope(f"o-{place:06d}", time=start + place * step) | {"detail-type": "ORDER_CONFIRMED"}
        for place in range(count)
    ]


def once_stored(act: Callable[[], Any]) -> Callable[[ArchiveProgress], None]:
    """Return a progress function that acts once, after the first events are stored."""
    done: list[Any] = []

    def progress(state: ArchiveProgress) -> None:
        if state.stored and not done:
            done.append(True)
            act()

    return progress


def stop() -> None:
    raise StoppedError


def stopped_load(account: Account, warehouse: Warehouse, **changes: Any) -> None:
    """Load until some events are stored, and stop as a killed process would; the replay goes on at AWS."""
    account.emulator.turn(account.archive, events_per_second=60)
    with pytest.raises(StoppedError):
        read(account, warehouse, on_progress=once_stored(stop), timing=replace(QUICK, batch_messages=10), **changes)
    account.emulator.turn(account.archive)
    (left,) = [replay for replay in list_replays(warehouse) if replay.archive == account.archive]
    assert left.state.is_open
    wait_for_end(account)
    until = time.monotonic() + 90
    while sum(account.waiting()) <= 10:  # what was received when the load stopped is hidden for a while
        assert time.monotonic() < until
        time.sleep(0.2)


def wait_for_end(account: Account) -> None:
    until = time.monotonic() + 60
    while any(replay["State"] in ("STARTING", "RUNNING") for replay in account.replays()):
        assert time.monotonic() < until
        time.sleep(0.05)
