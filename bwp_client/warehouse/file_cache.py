"""A local cache of the data files of tables on S3. The files never change, so each is fetched once; size is bounded."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import unquote

from bwp_client.aws import download, s3_errors, split_s3
from bwp_client.errors import WarehouseError
from bwp_client.warehouse.system_errors import SystemReason, system_reason

MAX_CACHE_BYTES = 4 * 1024**3
FETCH_THREADS = 8
_PARTIAL = ".fetch-"
_UNFINISHED_SECONDS = 3600
"""The age at which a partly fetched copy counts as left by a killed process; a younger one may be in use."""


def cache_folder() -> Path:
    """Return the folder of the cache: below `$XDG_CACHE_HOME`, else below `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bwp" / "tables"


def local_copies(address: str, files: Sequence[tuple[str, int]]) -> list[str]:
    """Return the local path of each file, fetching the missing ones.

    Args:
        address: The table's address.
        files: (path below the address, size in bytes) of each file.

    Raises:
        SourceNotFoundError: A file does not exist any more; it was vacuumed since the table was opened.
        RemoteError: S3 refused or failed.
        WarehouseError: The folder of the cache can't be written.
    """
    with _cache_errors():
        return _local_copies(address, files)


@contextmanager
def _cache_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = system_reason(error) or SystemReason(str(error))
        raise WarehouseError(
            f"The local copies of tables below {cache_folder()} can't be written: {reason.text}. Nothing was changed. "
            f"{reason.fix}, or set XDG_CACHE_HOME to another folder, then start the command again."
        ) from error


def _local_copies(address: str, files: Sequence[tuple[str, int]]) -> list[str]:
    folder_of_copies(address).mkdir(parents=True, exist_ok=True)
    wanted = [(path, _copy_of(address, path)) for path, _ in files]
    for _, target in wanted:
        with suppress(FileNotFoundError):
            os.utime(target)
    missing = [(path, target) for path, target in wanted if not target.exists()]
    if missing:
        _make_room(sum(size for _, size in files), keep={target for _, target in wanted})
        with ThreadPoolExecutor(FETCH_THREADS) as pool:
            list(pool.map(lambda pair: _fetch(f"{address}/{unquote(pair[0])}", pair[1]), missing))
    return [str(target) for _, target in wanted]


def _fetch(uri: str, target: Path) -> None:
    bucket, key = split_s3(uri)
    with NamedTemporaryFile(dir=target.parent, prefix=_PARTIAL, delete=False) as partial:
        try:
            with s3_errors(uri):
                download(bucket, key, partial)
        except BaseException:
            Path(partial.name).unlink(missing_ok=True)
            raise
    Path(partial.name).replace(target)


def _make_room(coming_bytes: int, *, keep: set[Path]) -> None:
    """Delete the least recently used copies until the coming files fit."""
    present = []
    for path in cache_folder().rglob("*.parquet"):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        present.append((status.st_mtime_ns, status.st_size, path))
    total = coming_bytes + sum(size for _, size, _ in present)
    for _, size, path in sorted(present):
        if total <= MAX_CACHE_BYTES:
            return
        if path not in keep:
            path.unlink(missing_ok=True)
            total -= size


def forget_copies(address: str, *, keep: Sequence[str]) -> None:
    """Delete the copies of a table's files, except those of the paths to keep and those that are being fetched."""
    wanted = {_copy_of(address, path) for path in keep}
    for copy in folder_of_copies(address).glob("*"):
        if copy not in wanted and not _is_being_fetched(copy):
            copy.unlink(missing_ok=True)


def _is_being_fetched(copy: Path) -> bool:
    """Return whether a file may be the unfinished copy of another process; False if it is gone."""
    with suppress(FileNotFoundError):
        return copy.name.startswith(_PARTIAL) and time.time() - copy.stat().st_mtime < _UNFINISHED_SECONDS
    return False


def folder_of_copies(address: str) -> Path:
    """Return the folder that holds the copies of a table's files."""
    return cache_folder() / hashlib.sha256(address.encode()).hexdigest()[:16]


def _copy_of(address: str, path: str) -> Path:
    # The path is hashed, so that an object key never becomes part of a local path.
    return folder_of_copies(address) / (hashlib.sha256(path.encode()).hexdigest()[:32] + ".parquet")
