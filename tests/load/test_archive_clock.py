"""A wrong clock of this machine: no window that AWS has not seen the end of counts as read."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.archives import FIRST, once_stored, privacy, read, settings_of
from support.clock import at
from support.emulator import Account

from bwp_client.doctor.archive import inspect_archive
from bwp_client.errors import RemoteError, TerminalRemoteError, UsageError
from bwp_client.sources.eventbridge import replays
from bwp_client.sources.eventbridge.aws_clients import open_clients
from bwp_client.time_ranges import period_start
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.replays import ReplayState, list_replays

DAY = timedelta(days=1)
EVENTS = 10


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(str(tmp_path / "w"))


@pytest.mark.parametrize(
    ("ahead", "words"), [(DAY, "1,4[34][0-9] minutes ahead of"), (-DAY, "1,4[34][0-9] minutes behind")]
)
def test_a_clock_that_differs_from_that_of_aws_starts_nothing(
    ahead: timedelta, words: str, account: Account, warehouse: Warehouse
) -> None:
    account.put(privacy(EVENTS))
    with (
        at(datetime.now(UTC) + ahead),
        pytest.raises(TerminalRemoteError, match=f"clock is {words} AWS's. Nothing was st"),
    ):
        read(account, warehouse, FIRST, None)
    assert not account.replays()
    assert not list_replays(warehouse)


def test_a_clock_that_jumps_in_mid_replay_leaves_the_window_to_the_next_load(
    account: Account, warehouse: Warehouse
) -> None:
    account.put(privacy(EVENTS))
    moved = at(datetime.now(UTC) - 30 * DAY)
    with ExitStack() as stack, pytest.raises(RemoteError, match=r"could not be checked: .*this machine's clock is"):
        read(account, warehouse, on_progress=once_stored(lambda: stack.enter_context(moved)))
    assert read(account, warehouse, None, None).resumed
    assert list_replays(warehouse)[0].state is ReplayState.COMPLETE


def test_a_window_that_ends_later_than_now_is_read_again(account: Account, warehouse: Warehouse) -> None:
    account.put(privacy(EVENTS))
    now = datetime.now(UTC)
    read(account, warehouse, FIRST, None, clock=lambda: now + DAY)
    with pytest.raises(UsageError, match="later than now") as refused:
        read(account, warehouse, None, None)
    found = [
        line
        for line in inspect_archive(
            f"archive://{account.archive}",
            settings_of(account),
            open_clients(account.queue_url),
            list_replays(warehouse),
            now=now,
        )
        if "later than now" in line.text
    ]
    assert [line.is_fault for line in found] == [True]
    command = found[0].fix.partition(": ")[2]
    assert command in str(refused.value)
    assert read(account, warehouse, period_start(command.split()[-1]), None).duplicate == EVENTS
    account.put(privacy(3, start=now - timedelta(hours=1)))
    assert read(account, warehouse, None, None).read == 3


def test_a_replay_of_another_window_is_named_as_that(
    account: Account, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe: Callable[..., Any] = replays.describe_replay

    def moved(clients: Any, name: str) -> Any:
        found = describe(clients, name)
        return found and replace(found, window=replays.ReplayWindow(FIRST, FIRST + 2 * DAY))

    monkeypatch.setattr(replays, "describe_replay", moved)
    with pytest.raises(TerminalRemoteError, match=r"describes replay bwp-.* of another archive or window"):
        read(account, warehouse)
