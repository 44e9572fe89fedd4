"""Waits for conditions, with a limit that a machine ten times slower keeps too."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

WAIT_SECONDS = 180
TEST_SECONDS = 1800
_LOOK_SECONDS = 0.05


def wait_until(is_met: Callable[[], bool], what: Callable[[], str]) -> None:
    """Wait until a condition is met; `what` says after the time limit what was waited for."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_met():
        assert time.monotonic() < deadline, what()
        time.sleep(_LOOK_SECONDS)


def allow_slow_machines(items: Iterable[pytest.Item], folder: Path) -> None:
    """Give the tests of a folder, which wait for other processes, more time than those that only compute."""
    for item in items:
        if item.path.is_relative_to(folder):
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))
