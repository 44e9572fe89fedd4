"""Child processes that read and stage objects, as many as there are cores; a small load is staged in this process.

They are forked from a server process that only imports, never from this one: it may have threads (DuckDB, Delta Lake, a
web server) that a fork would deadlock.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from itertools import accumulate, chain, islice
from multiprocessing import forkserver
from tempfile import gettempdir
from typing import Any

from bwp_client.errors import BwpError
from bwp_client.load.staged import Job, Parcel, Unreadable
from bwp_client.sources.base import SourceObject

INLINE_BYTES = 3 * 1024 * 1024
"""Loads smaller than this are staged at once here: starting workers would take longer."""
PARCELS_WAITING = 12
"""Full parcels on disk at most: fast workers can't fill the disk, and the parent doesn't fall far behind them."""
OBJECTS_WAITING = 10_000
"""Objects that workers are told of beforehand; more are listed when fewer are under way."""
_LOOK_SECONDS = 1.0
_TEMPORARY_FOLDER_BYTES = 70
"""A socket's name has at most 107 bytes, of which multiprocessing takes 32."""
_WORKERS = os.cpu_count() or 1
_CHILD = "bwp_client.load.worker_process"
_CONTEXT = multiprocessing.get_context("forkserver")


Handed = tuple[Parcel | Unreadable, Callable[[], None]]
"""What came, and what to call once it is dealt with."""


def prepare(*modules: str) -> None:
    """Start the process that workers are forked from, so that it imports while this one does; harmless when repeated.

    Args:
        modules: What workers will need beside the staging itself.
    """
    if not _may_start():
        return
    _CONTEXT.set_forkserver_preload([_CHILD, *modules])
    forkserver.ensure_running()


def _may_start() -> bool:
    """Tell whether the socket that workers are started through has room for its name in the temporary folder."""
    return len(os.fsencode(gettempdir())) <= _TEMPORARY_FOLDER_BYTES


def stage_all(items: Iterable[SourceObject], job: Job) -> Iterator[Handed]:
    """Give the parcels of all objects as they come, by workers when there is enough to do.

    Args:
        items: The objects, listed as they are asked for: there may be millions.
        job: What to do with them.

    Raises:
        RuntimeError: A worker died, or the staging folder can't be written; what was handed over stays good.
    """
    coming = iter(items)
    first: list[SourceObject] = []
    size = 0
    for item in coming:
        first.append(item)
        size += item.size_bytes
        if size >= INLINE_BYTES and len(first) > 1:
            break
    if _WORKERS == 1 or len(first) == 1 or size < INLINE_BYTES or not _may_start():
        for made in staged(((item, job) for item in chain(first, coming)), "here"):
            yield made, lambda: None
    else:
        yield from _from_workers(chain(first, coming), job)


def is_large(items: Iterable[SourceObject]) -> bool:
    """Tell whether workers are worth starting."""
    return any(total >= INLINE_BYTES for total in accumulate(item.size_bytes for item in items))


def _from_workers(items: Iterator[SourceObject], job: Job) -> Iterator[Handed]:  # noqa: C901 - start, feed, collect, end
    prepare()
    tasks: Any = _CONTEXT.Queue()
    results: Any = _CONTEXT.Queue()
    slots = _CONTEXT.BoundedSemaphore(PARCELS_WAITING)
    children = [
        _CONTEXT.Process(
            target=_work, args=(f"w{number}", tasks, results, slots), daemon=True, name=f"bwp-stage-{number}"
        )
        for number in range(_WORKERS)
    ]
    for child in children:
        child.start()
    try:
        running = len(children)
        under_way, more = 0, True
        while running:
            while more and under_way < OBJECTS_WAITING:
                # Large objects first: the last ones to finish are then small, and the cores end together.
                batch = sorted(islice(items, OBJECTS_WAITING), key=lambda item: item.size_bytes, reverse=True)
                for item in batch:
                    tasks.put((item, job))
                under_way += len(batch)
                more = bool(batch)
                if not more:
                    for _ in children:
                        tasks.put(None)
            try:
                made = results.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                dead = [child for child in children if child.exitcode not in (None, 0)]
                if dead:
                    raise RuntimeError(f"worker {dead[0].name} died with exit code {dead[0].exitcode}") from None
                continue
            if isinstance(made, RuntimeError):
                raise made
            if made is None:
                running -= 1
            elif isinstance(made, Unreadable):
                under_way -= 1
                yield made, lambda: None
            else:
                under_way -= len(made.finished)
                yield made, slots.release
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.join()


def staged(tasks: Iterable[tuple[SourceObject, Job]], name: str) -> Iterator[Parcel | Unreadable]:
    """Give the parcels of objects, read in this process."""
    from bwp_client.load.prefetch import batches  # heavy: a process that only starts workers need not wait for it
    from bwp_client.load.staging import Stager

    stager = None
    for job, found in batches(tasks):
        stager = stager or Stager(job, name)
        if isinstance(found, list):
            yield from (Unreadable(item, error) for item, error in found if isinstance(error, BwpError))
            yield from stager.read_small([(item, raw) for item, raw in found if isinstance(raw, bytes)])
            continue
        try:
            yield from stager.read(found)
        except BwpError as error:
            yield Unreadable(found, error)
    if stager:
        yield from stager.rest()


def _work(name: str, tasks: Any, results: Any, slots: Any) -> None:
    import_module(_CHILD).work(name, tasks, results, slots)
