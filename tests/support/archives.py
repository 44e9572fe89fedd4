"""Loads from the emulator's archives at a pace for tests, in this process or in one that can be killed."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bwp_client.load.archive import ArchiveTiming, load_archive
from bwp_client.load.results import ArchiveResult
from bwp_client.settings import ArchiveSettings
from bwp_client.warehouse import Warehouse
from support.emulator import Account
from support.events import envelope
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
