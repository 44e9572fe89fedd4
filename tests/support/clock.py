"""Moves the clock of the product, in this process or in a process of its own."""

import importlib
import os
import platform
import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest

for _module in ("cli.check", "cli.report", "load.pipeline", "reports.outbox", "reports.publish", "warehouse.purge"):
    importlib.import_module(f"bwp_client.{_module}")  # a module that is imported later would see the real time


class _Kind(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, datetime)


@contextmanager
def at(time: datetime, *, machine: str = "a") -> Iterator[None]:
    """Let every loaded module of the product see a time as now, and a name as that of this machine."""

    class Moved(datetime, metaclass=_Kind):
        def __new__(cls, *parts: Any, **named: Any) -> Any:  # real times come out of every constructor
            return datetime(*parts, **named)  # noqa: DTZ001

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return time.astimezone(tz)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(platform, "node", lambda: machine)
        for name, module in list(sys.modules.items()):
            if name.startswith("bwp_client.") and getattr(module, "datetime", None) is datetime:
                patch.setattr(module, "datetime", Moved)
        yield


def command_at(time: datetime, machine: str) -> list[str]:
    """Return the start of a command line that runs the product at a time on a machine."""
    return [sys.executable, "-m", "support.clock", time.isoformat(), machine]


if __name__ == "__main__":
    _, moved_to, node, *arguments = sys.argv
    sys.argv = ["bwp", *arguments]
    with at(datetime.fromisoformat(moved_to), machine=node):
        runpy.run_module("bwp_client", run_name="__main__", alter_sys=False)
    os._exit(0)
