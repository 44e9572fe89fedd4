"""Stages objects in worker processes, one a core; a small load is staged in this process.

Workers are forked from a server process that only imports, never from this process: it may have threads (DuckDB, Delta
Lake, a web server) that a fork would deadlock.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from itertools import accumulate, chain, islice
from multiprocessing import forkserver, resource_tracker
from tempfile import gettempdir
from typing import Any

from bwp_client.load.staged import StagedBatch, StagingJob, Unreadable
from bwp_client.sources.base import SourceObject

INLINE_BYTES = 3 * 1024 * 1024
"""Loads smaller than this are staged in this process: starting workers would take longer."""
MAX_WAITING_BATCHES = 12
"""Staged batches on disk, so that fast workers neither fill the disk nor leave the parent far behind."""
MAX_QUEUED_OBJECTS = 10_000
"""Objects handed to the workers at a time; more are listed as these are finished."""
_POLL_SECONDS = 1.0
_MAX_TEMPORARY_FOLDER_BYTES = 70
"""The name of a socket has 107 bytes at most, of which multiprocessing takes 32."""
_WORKERS = os.cpu_count() or 1
_WORKER_MODULE = "bwp_client.load.worker_process"
_CONTEXT = multiprocessing.get_context("forkserver")


Staged = tuple[StagedBatch | Unreadable, Callable[[], None]]
"""A result of staging, and a function to call when its files are no longer needed."""


def start_worker_server(*modules: str) -> None:
    """Start the process that workers are forked from, so that it imports while this one does; harmless when repeated.

    Args:
        modules: Modules that the workers need beside those of staging itself.
    """
    if not _can_start_workers():
        return
    _CONTEXT.set_forkserver_preload([_WORKER_MODULE, *modules])
    # A terminal sends Ctrl-C to all of its processes, but only this one acts on it: it ends the others. Any other would end
    # with a traceback. They inherit what is blocked here, and a start of the resource tracker would unblock it.
    resource_tracker.ensure_running()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _can_start_workers() -> bool:
    """Return whether the name of the socket through which workers are started fits into the temporary folder."""
    return len(os.fsencode(gettempdir())) <= _MAX_TEMPORARY_FOLDER_BYTES


def stage_all(items: Iterable[SourceObject], job: StagingJob) -> Iterator[Staged]:
    """Stage all objects, in worker processes when there is enough to do, and yield results as they come.

    Args:
        items: The objects, listed as they are asked for: there may be millions.
        job: How they are staged.

    Raises:
        RuntimeError: A worker died, or the staging folder cannot be written; the results yielded before are good.
    """
    remaining = iter(items)
    first: list[SourceObject] = []
    size_bytes = 0
    for item in remaining:
        first.append(item)
        size_bytes += item.size_bytes
        if size_bytes >= INLINE_BYTES and len(first) > 1:
            break
    if not first:
        return
    items = chain(first, remaining)
    if _WORKERS == 1 or len(first) == 1 or size_bytes < INLINE_BYTES or not _can_start_workers():
        from bwp_client.load.staging import stage  # heavy: a process that only starts workers need not wait for it

        for result in stage(items, job, "inline"):
            yield result, lambda: None
    else:
        yield from _from_workers(items, job)


def is_large(items: Iterable[SourceObject]) -> bool:
    """Return whether the objects are worth starting workers."""
    return any(total >= INLINE_BYTES for total in accumulate(item.size_bytes for item in items))


def _from_workers(items: Iterator[SourceObject], job: StagingJob) -> Iterator[Staged]:
    start_worker_server()
    tasks: Any = _CONTEXT.Queue()
    results: Any = _CONTEXT.Queue()
    slots = _CONTEXT.BoundedSemaphore(MAX_WAITING_BATCHES)
    workers: list[Any] = [
        _CONTEXT.Process(
            target=_work, args=(f"w{number}", job, tasks, results, slots), daemon=True, name=f"bwp-stage-{number}"
        )
        for number in range(_WORKERS)
    ]
    for worker in workers:
        worker.start()
    try:
        running, queued, may_have_more = len(workers), 0, True
        while running:
            while may_have_more and queued < MAX_QUEUED_OBJECTS:
                listed = _enqueue(items, tasks)
                queued += listed
                may_have_more = listed > 0
                if not may_have_more:
                    for _ in workers:
                        tasks.put(None)
            result = _next_result(results, workers)
            if result is None:
                running -= 1
            elif isinstance(result, Unreadable):
                queued -= 1
                yield result, lambda: None
            else:
                queued -= len(result.finished)
                yield result, slots.release
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()


def _enqueue(items: Iterator[SourceObject], tasks: Any) -> int:
    """Hand the next objects to the workers, and return how many they are."""
    # Large objects first: the last ones to finish are then small, and the cores end together.
    listed = sorted(islice(items, MAX_QUEUED_OBJECTS), key=lambda item: item.size_bytes, reverse=True)
    for item in listed:
        tasks.put(item)
    return len(listed)


def _next_result(results: Any, workers: list[Any]) -> StagedBatch | Unreadable | None:
    """Wait for the next result; None means that a worker is done."""
    while True:
        try:
            result: StagedBatch | Unreadable | RuntimeError | None = results.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            dead = [worker for worker in workers if worker.exitcode not in (None, 0)]
            if dead:
                raise RuntimeError(f"worker {dead[0].name} died with exit code {dead[0].exitcode}") from None
            continue
        if isinstance(result, RuntimeError):
            raise result
        return result


def _work(name: str, job: StagingJob, tasks: Any, results: Any, slots: Any) -> None:
    import_module(_WORKER_MODULE).work(name, job, tasks, results, slots)
