"""Reading quarantined records again after a fix."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from bwp_client.errors import BwpError
from bwp_client.load import load
from bwp_client.load.results import LoadProgress
from bwp_client.sources import Source, SourceObject, open_source
from bwp_client.warehouse import TableName, Warehouse
from bwp_client.warehouse.objects import Window, windows_read
from bwp_client.warehouse.quarantine import (
    RecordKey,
    quarantine_keys,
    record_key,
    records_with_bytes,
    remove_quarantined,
)
from bwp_client.warehouse.runs import RETRY_SOURCE


@dataclass(frozen=True, slots=True)
class Retried:
    """The records in quarantine by what a retry did with them."""

    records: int
    resolved: int
    still_refused: int
    out_of_reach: int
    """Records whose object is gone, was overwritten, or cannot be read now; they stay in quarantine."""
    stored: int
    duplicate: int

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object of the command line."""
        return asdict(self)


def retry(warehouse: Warehouse, *, on_progress: Callable[[LoadProgress], None] = lambda _: None) -> Retried:
    """Read the objects of quarantined records again, and take the records that can be read now out of the quarantine.

    Records that are refused again or cannot be reached stay. A crash may leave stored records in quarantine; the next retry
    finds them stored and takes them out. An object is read for the windows that it was loaded for, and no further.

    Raises:
        SourceNotFoundError: There is no warehouse yet.
        WarehouseError: The tables cannot be written; the quarantine is unchanged.
    """
    before, with_bytes = warehouse.retry_superseded(lambda: _quarantined(warehouse))
    objects = {(uri, etag) for uri, etag, _, _ in before}
    reachable = _Reachable(objects, with_bytes)
    refused: set[RecordKey] = set()
    again: set[tuple[str, str]] = set()
    archived: set[tuple[str, str]] = set()
    stored = duplicate = 0
    for (window_from, window_to), items in reachable.by_window(windows_read(warehouse, objects)).items():
        done = load(
            warehouse,
            reachable.only(items),
            window_from=window_from,
            window_to=window_to,
            reread=True,
            keep_raw=bool(with_bytes),
            on_refused=lambda staged: refused.update(_staged_keys(staged)),
            on_archived=lambda item: archived.add((item.uri, item.etag)),
            on_progress=on_progress,
        )
        again.update((item.uri, item.etag) for item in items)
        stored += done.stored
        duplicate += done.duplicate
    again -= archived
    resolved = {key for key in before if key[:2] in again and key not in refused} - reachable.held_back
    if resolved:
        remove_quarantined(warehouse, resolved, source=_Reachable.label)
    out_of_reach = sum(key[:2] not in again for key in before)
    return Retried(
        len(before),
        len(resolved),
        len(before) - len(resolved) - out_of_reach,
        out_of_reach,
        stored,
        duplicate,
    )


def _quarantined(warehouse: Warehouse) -> tuple[set[RecordKey], list[dict[str, Any]]]:
    """Return the keys of all records in quarantine, and the records whose bytes are stored."""
    handle = warehouse.handle(TableName.QUARANTINE)
    return quarantine_keys(warehouse, handle), records_with_bytes(warehouse, handle)


class _Reachable:
    """A source of the objects that have not changed since their records were refused."""

    label = RETRY_SOURCE

    def __init__(self, wanted: set[tuple[str, str]], with_bytes: list[dict[str, Any]]) -> None:
        self.items: list[SourceObject] = []
        self._sources: dict[str, Source] = {}
        self.held_back: set[RecordKey] = set()
        """Keys left for the next retry: records of one wrapper share its offset, and only one of them can be read again."""
        first: dict[tuple[str, str, int], dict[str, Any]] = {}
        for row in sorted(with_bytes, key=_was_retried):
            if first.setdefault((row["source_uri"], row["etag"], row["offset"]), row) is not row:
                self.held_back.add(record_key(row))
        self._texts = _texts_of(list(first.values()))
        for (uri, etag), text in self._texts.items():
            self.items.append(SourceObject(uri, etag, len(text)))
        for uri, etag in sorted(wanted - set(self._texts)):
            try:
                source = open_source(uri)
                found = [item for item in source.objects() if (item.uri, item.etag) == (uri, etag)]
            except BwpError:
                continue
            self._sources |= {item.uri: source for item in found}
            self.items += found

    def by_window(self, windows: dict[tuple[str, str], list[Window]]) -> dict[Window, list[SourceObject]]:
        """Return the objects to read for each window; an object that was never read to its end waits for the next load."""
        found: dict[Window, list[SourceObject]] = {}
        for item in self.items:
            key = (item.uri, item.etag)
            for window in windows.get(key, [(None, None)] if key in self._texts else []):
                found.setdefault(window, []).append(item)
        return found

    def only(self, items: list[SourceObject]) -> _Reachable:
        """Return a source of some of the objects."""
        part = copy(self)
        part.items = items
        return part

    def objects(self) -> Iterator[SourceObject]:
        yield from self.items

    def open(self, item: SourceObject) -> BinaryIO:
        text = self._texts.get((item.uri, item.etag))
        return self._sources[item.uri].open(item) if text is None else BytesIO(text)


def _texts_of(with_bytes: list[dict[str, Any]]) -> dict[tuple[str, str], bytes]:
    """Rebuild objects that cannot be read again: each record at its offset, and spaces between."""
    texts: dict[tuple[str, str], bytearray] = {}
    for row in with_bytes:
        text = texts.setdefault((row["source_uri"], row["etag"]), bytearray())
        end = row["offset"] + len(row["raw"]) + 1
        text.extend(b" " * (end - len(text)))
        text[row["offset"] : end] = row["raw"] + b"\n"
    return {key: bytes(text) for key, text in texts.items()}


def _staged_keys(staged: list[Path]) -> set[RecordKey]:
    keys: set[RecordKey] = set()
    for path in staged:
        table = pa.ipc.open_stream(path.read_bytes()).read_all()
        keys.update(record_key(row) for row in table.select(["source_uri", "etag", "offset", "digest"]).to_pylist())
    return keys


def _was_retried(row: dict[str, Any]) -> bool:
    """Return whether the record was refused outside its wrapper: only then is its digest that of its bytes alone."""
    return bool(hashlib.sha256(row["raw"]).hexdigest() == row["digest"])
