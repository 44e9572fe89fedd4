"""Small objects are fetched before their turn, several at once; what is handed on is a batch of them, or one large object."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from bwp_client.errors import BwpError
from bwp_client.load.small_objects import SMALL_BYTES
from bwp_client.load.staged import Job
from bwp_client.sources.base import Source, SourceObject

FETCHES = 16
"""Objects on their way at a time, in each process: most of a fetch is waiting."""
AHEAD = 128
"""Objects fetched or on their way at most; each is small, see `SMALL_BYTES`."""
BATCH_BYTES = 4 * 1024 * 1024

Fetched = tuple[SourceObject, bytes | BwpError]


def batches(tasks: Iterable[tuple[SourceObject, Job]]) -> Iterator[tuple[Job, list[Fetched] | SourceObject]]:
    """Give each large object as it comes, and small ones in batches with their bytes or with what went wrong."""
    with ThreadPoolExecutor(FETCHES, thread_name_prefix="fetch") as pool:
        waiting: deque[tuple[SourceObject, Job, Callable[[], bytes | BwpError]]] = deque()
        batch: list[Fetched] = []
        size = 0
        for item, job in tasks:
            if item.size_bytes > SMALL_BYTES:
                yield job, item
                continue
            waiting.append((item, job, pool.submit(_fetch, job.source, item).result))
            if len(waiting) < AHEAD:
                continue
            size += _take(waiting, batch)
            if size >= BATCH_BYTES:
                yield job, batch
                batch, size = [], 0
        while waiting:
            job = waiting[0][1]
            size += _take(waiting, batch)
            if size >= BATCH_BYTES or not waiting:
                yield job, batch
                batch, size = [], 0


def _take(waiting: deque[tuple[SourceObject, Job, Callable[[], bytes | BwpError]]], batch: list[Fetched]) -> int:
    item, _, result = waiting.popleft()
    fetched = result()
    batch.append((item, fetched))
    return len(fetched) if isinstance(fetched, bytes) else 0


def _fetch(source: Source, item: SourceObject) -> bytes | BwpError:
    try:
        with source.open(item) as stream:
            return stream.read()
    except BwpError as error:
        return error
