"""Fetches small objects before their turn, several at once, because most of a fetch is waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from bwp_client.errors import BwpError
from bwp_client.sources.base import Source, SourceObject

SMALL_BYTES = 256 * 1024
"""Objects up to this size, as they are stored, are fetched whole and before their turn."""
FETCHES = 16
"""Fetches under way at a time, in each process."""
MAX_FETCHED = 128
"""Objects fetched or under way, which bounds memory: each has `SMALL_BYTES` at most."""

Fetched = bytes | BwpError | None
"""The bytes of a small object, or why it could not be fetched; None for a large one, which is still to be opened."""


def prefetched(items: Iterable[SourceObject], source: Source) -> Iterator[tuple[SourceObject, Fetched]]:
    """Yield each large object as it comes, and each small one with its bytes."""
    with ThreadPoolExecutor(FETCHES, thread_name_prefix="fetch") as pool:
        under_way: deque[tuple[SourceObject, Future[bytes | BwpError]]] = deque()
        for item in items:
            if item.size_bytes > SMALL_BYTES:
                yield item, None
                continue
            under_way.append((item, pool.submit(_fetch, source, item)))
            if len(under_way) >= MAX_FETCHED:
                first, fetch = under_way.popleft()
                yield first, fetch.result()
        for first, fetch in under_way:
            yield first, fetch.result()


def _fetch(source: Source, item: SourceObject) -> bytes | BwpError:
    try:
        with source.open(item) as stream:
            return stream.read()
    except BwpError as error:
        return error
