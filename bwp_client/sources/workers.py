"""Child processes that read and stage objects, as many as there are cores; a small load is staged in this process.

They are spawned, never forked: the parent may have threads (DuckDB, Delta Lake, a server) that a fork would deadlock.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import queue
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

from bwp_client.errors import BwpError
from bwp_client.sources.base import Source, SourceObject
from bwp_client.sources.stage import Parcel, Stager, Window

INLINE_BYTES = 3 * 1024 * 1024
"""Loads smaller than this are staged at once here: starting workers would take longer."""
PARCELS_WAITING = 5
"""Full parcels on disk at most: fast workers can't fill the disk, and the parent doesn't fall far behind them."""
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An object that could not be opened or read, and why; the load goes on without it."""

    item: SourceObject
    error: BwpError


Handed = tuple[Parcel | Unreadable, Callable[[], None]]
"""What came, and what to call once it is dealt with."""


def stage_all(
    source: Source, items: list[SourceObject], folder: Path, *, window: Window, latest_us: int
) -> Iterator[Handed]:
    """Give the parcels of all objects as they come.

    Raises:
        RuntimeError: A worker died; what was handed over stays good.
    """
    workers = min(os.cpu_count() or 1, len(items))
    if workers <= 1 or sum(item.size_bytes for item in items) < INLINE_BYTES:
        stager = Stager(source, folder, name="here", window=window, latest_us=latest_us)
        for made in _stage(stager, items):
            yield made, lambda: None
        return
    yield from _from_workers(workers, source, items, folder, window, latest_us)


def _stage(stager: Stager, items: Iterator[SourceObject] | list[SourceObject]) -> Iterator[Parcel | Unreadable]:
    for item in items:
        try:
            yield from stager.read(item)
        except BwpError as error:
            yield Unreadable(item, error)
    yield from stager.rest()


def _from_workers(
    count: int, source: Source, items: list[SourceObject], folder: Path, window: Window, latest_us: int
) -> Iterator[Handed]:
    context = multiprocessing.get_context("spawn")
    tasks: Any = context.Queue()
    results: Any = context.Queue()
    slots = context.BoundedSemaphore(PARCELS_WAITING)
    # Large objects first: the last ones to finish are then small, and the cores end together.
    for item in sorted(items, key=lambda item: item.size_bytes, reverse=True):
        tasks.put(item)
    for _ in range(count):
        tasks.put(None)
    children = [
        context.Process(
            target=_work,
            args=(source, folder, f"w{number}", window, latest_us, tasks, results, slots),
            daemon=True,
            name=f"bwp-stage-{number}",
        )
        for number in range(count)
    ]
    for child in children:
        child.start()
    try:
        running = count
        while running:
            try:
                made = results.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                dead = [child for child in children if child.exitcode not in (None, 0)]
                if dead:
                    raise RuntimeError(f"worker {dead[0].name} died with exit code {dead[0].exitcode}") from None
                continue
            if made is None:
                running -= 1
            elif isinstance(made, Parcel):
                yield made, slots.release
            else:
                yield made, lambda: None
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.join()


class _NoPandas(MetaPathFinder):
    """pyarrow imports pandas when it is installed, a second of start-up for nothing."""

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname)


def _work(
    source: Source, folder: Path, name: str, window: Window, latest_us: int, tasks: Any, results: Any, slots: Any
) -> None:
    sys.meta_path.insert(0, _NoPandas())
    # Rows wait by the ten thousand and none is part of a cycle, so looking for cycles costs and finds nothing.
    gc.disable()
    stager = Stager(source, folder, name=name, window=window, latest_us=latest_us)
    for made in _stage(stager, iter(tasks.get, None)):
        if isinstance(made, Parcel):
            slots.acquire()
        results.put(made)
    results.put(None)
