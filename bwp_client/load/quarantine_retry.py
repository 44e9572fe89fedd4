"""Looking into the quarantine, and reading refused records again after a fix."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from deltalake import DeltaTable

from bwp_client.errors import BwpError
from bwp_client.load import load
from bwp_client.load.results import LoadProgress
from bwp_client.sources import Source, SourceObject, open_source
from bwp_client.warehouse import Run, TableName, Warehouse, record_run
from bwp_client.warehouse.engine import connect
from bwp_client.warehouse.objects import QUARANTINE_APP_ID
from bwp_client.warehouse.store import ROWS_PER_BATCH, WHOLE_TABLE

Key = tuple[str, str, int, str]
"""Source, ETag, offset and digest: what makes a quarantined record one."""


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of the records in quarantine."""

    records: int
    resolved: int
    still_refused: int
    out_of_reach: int
    """Their object is gone, was overwritten, or can't be read now; they stay."""
    stored: int
    duplicate: int

    def as_json(self) -> dict[str, Any]:
        """Give the command line's JSON object."""
        return asdict(self)


def quarantined(warehouse: Warehouse, *, limit: int = 200) -> list[dict[str, Any]]:
    """Give the newest quarantined records, their excerpts scrubbed.

    Raises:
        SourceNotFoundError: There is no warehouse yet.
    """
    columns = '"seen_at", "reason", "source_uri", "offset", "excerpt", "digest"'
    sql = f'select {columns} from {{table}} order by seen_at desc, source_uri, "offset" limit {limit}'
    return _query(warehouse, warehouse.handle(TableName.QUARANTINE), sql)


def retry(warehouse: Warehouse, *, on_progress: Callable[[LoadProgress], None] = lambda _: None) -> Retried:
    """Read the objects of quarantined records again, store what can be read now, and take that out of the quarantine.

    What is refused again stays, and so does what can't be reached. A crash leaves records in quarantine that were
    stored; the next retry finds them stored and takes them out.

    Raises:
        SourceNotFoundError: There is no warehouse yet.
        WarehouseError: The tables can't be written; the quarantine is as it was.
    """
    handle = warehouse.handle(TableName.QUARANTINE)
    before = {_key(row) for row in _query(warehouse, handle, 'select source_uri, etag, "offset", digest from {table}')}
    kept = _query(
        warehouse, handle, 'select source_uri, etag, "offset", digest, raw from {table} where raw is not null'
    )
    reachable = _Reachable({(uri, etag) for uri, etag, _, _ in before}, kept)
    if not reachable.items:
        return Retried(len(before), 0, 0, len(before), 0, 0)
    refused: set[Key] = set()
    done = load(
        warehouse,
        reachable,
        reread=True,
        keep_raw=bool(kept),
        on_refused=lambda staged: refused.update(_staged_keys(staged)),
        on_progress=on_progress,
    )
    again = {(item.uri, item.etag) for item in reachable.items}
    resolved = {key for key in before if key[:2] in again and key not in refused} - reachable.held_back
    if resolved:
        _take_out(warehouse, resolved)
    out_of_reach = sum(key[:2] not in again for key in before)
    return Retried(
        len(before),
        len(resolved),
        len(before) - len(resolved) - out_of_reach,
        out_of_reach,
        done.stored,
        done.duplicate,
    )


class _Reachable:
    """A source of those objects that are still what they were when their records were refused."""

    label = "quarantine retry"

    def __init__(self, wanted: set[tuple[str, str]], kept: list[dict[str, Any]]) -> None:
        self.items: list[SourceObject] = []
        self._sources: dict[str, Source] = {}
        self.held_back: set[Key] = set()
        """Records of a wrapper all stand where it does: of those kept of one place, all but one wait for the next retry."""
        first: dict[tuple[str, str, int], dict[str, Any]] = {}
        for row in sorted(kept, key=_was_retried):
            if first.setdefault((row["source_uri"], row["etag"], row["offset"]), row) is not row:
                self.held_back.add(_key(row))
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

    def objects(self) -> Iterator[SourceObject]:
        yield from self.items

    def open(self, item: SourceObject) -> BinaryIO:
        text = self._texts.get((item.uri, item.etag))
        return self._sources[item.uri].open(item) if text is None else BytesIO(text)


def _texts_of(kept: list[dict[str, Any]]) -> dict[tuple[str, str], bytes]:
    """Give what is left of objects that can't be read again: each kept record where it stood, and spaces between."""
    texts: dict[tuple[str, str], bytearray] = {}
    for row in kept:
        text = texts.setdefault((row["source_uri"], row["etag"]), bytearray())
        end = row["offset"] + len(row["raw"]) + 1
        text.extend(b" " * (end - len(text)))
        text[row["offset"] : end] = row["raw"] + b"\n"
    return {key: bytes(text) for key, text in texts.items()}


def _staged_keys(staged: list[Path]) -> set[Key]:
    keys: set[Key] = set()
    for path in staged:
        table = pa.ipc.open_stream(path.read_bytes()).read_all()
        keys.update(_key(row) for row in table.select(["source_uri", "etag", "offset", "digest"]).to_pylist())
    return keys


def _key(row: dict[str, Any]) -> Key:
    return row["source_uri"], row["etag"], row["offset"], row["digest"]


def _was_retried(row: dict[str, Any]) -> bool:
    """Tell a record that was refused outside its wrapper, where its digest is that of its bytes."""
    return bool(hashlib.sha256(row["raw"]).hexdigest() == row["digest"])


def _take_out(warehouse: Warehouse, resolved: set[Key]) -> None:
    """Write the quarantine without the resolved records, in one commit, and publish it."""
    started_at = datetime.now(UTC)
    with closing(connect()) as connection:
        uris, etags, offsets, digests = (list(column) for column in zip(*sorted(resolved), strict=True))
        connection.execute(
            """
            create temp table resolved as select unnest($uris::varchar[]) as source_uri, unnest($etags::varchar[]) as etag,
                unnest($offsets::bigint[]) as "offset", unnest($digests::varchar[]) as digest
            """,
            {"uris": uris, "etags": etags, "offsets": offsets, "digests": digests},
        )

        def rows_for(handle: DeltaTable) -> Any:
            table = warehouse.scan(TableName.QUARANTINE, handle)
            return connection.sql(
                f'select * from {table} anti join resolved using (source_uri, etag, "offset", digest)'
            ).to_arrow_reader(ROWS_PER_BATCH)

        version = warehouse.commit(
            TableName.QUARANTINE, rows_for, app_id=QUARANTINE_APP_ID, replace=lambda: WHOLE_TABLE
        )
    record_run(
        warehouse,
        Run(
            kind="quarantine",
            source=_Reachable.label,
            started_at=started_at,
            finished_at=datetime.now(UTC),
            counts={"resolved": len(resolved)},
            versions={TableName.QUARANTINE.value: version},
        ),
    )


def _query(warehouse: Warehouse, handle: DeltaTable, sql: str) -> list[dict[str, Any]]:
    with closing(connect()) as connection:
        cursor = connection.execute(sql.replace("{table}", warehouse.scan(TableName.QUARANTINE, handle)))
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
