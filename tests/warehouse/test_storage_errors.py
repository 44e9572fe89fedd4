"""Errors of Delta Lake and of the file system become ours: who can fix it, why it failed, and whether a retry helps."""

import os
import resource
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from support.events import NOW, many, write
from support.s3 import Bucket

from bwp_client.errors import (
    BwpError,
    SourceNotFoundError,
    TerminalRemoteError,
    TransientRemoteError,
    UsageError,
    WarehouseError,
)
from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import TableName, Warehouse
from bwp_client.warehouse.cause_of_error import damage_behind
from bwp_client.warehouse.maintenance import maintain
from bwp_client.warehouse.purge import purge
from bwp_client.warehouse.snapshot import Snapshot
from bwp_client.warehouse.storage_errors import storage_errors

S3 = "s3://bucket/warehouse/events"
DISK = "/data/warehouse/events"


@pytest.mark.parametrize(
    ("address", "error", "expected", "message"),
    [
        (S3, DeltaError("Client error with status 403 Forbidden"), TerminalRemoteError, "needs s3:ListBucket"),
        (S3, OSError("<Code>AccessDenied</Code>"), TerminalRemoteError, "needs s3:ListBucket"),
        (S3, OSError("<Code>ExpiredToken</Code>"), TerminalRemoteError, "have expired"),
        (S3, OSError("status code: 403 <Code>RequestTimeTooSkewed</Code>"), TerminalRemoteError, "clock is wrong"),
        (S3, OSError("<Code>KMS.DisabledException</Code>"), TerminalRemoteError, "Enable the KMS key"),
        (S3, OSError("<Code>SignatureDoesNotMatch</Code>"), TerminalRemoteError, "Copy both keys"),
        (S3, DeltaError("<Code>NoSuchBucket</Code>"), SourceNotFoundError, "does not exist"),
        (S3, DeltaError("Object at location x not found"), SourceNotFoundError, "does not exist"),
        (S3, DeltaError("<Code>SlowDown</Code>"), TransientRemoteError, "Start the command again"),
        (S3, OSError("connection reset"), TransientRemoteError, "Start the command again"),
        (S3, TableNotFoundError("no log"), SourceNotFoundError, "Load events first"),
        (DISK, TableNotFoundError("no log"), SourceNotFoundError, "Load events first"),
        (DISK, DeltaError("No files in log segment"), SourceNotFoundError, "not there any more"),
        (DISK, OSError("No space left on device"), WarehouseError, "Free some space"),
    ],
)
def test_each_error_says_who_can_fix_it(address: str, error: Exception, expected: type[BwpError], message: str) -> None:
    with pytest.raises(expected, match=message) as raised, storage_errors(address):
        raise error
    assert type(raised.value) is expected
    assert raised.value.__cause__ is error


def test_a_missing_version_asks_for_a_newer_run() -> None:
    with pytest.raises(SourceNotFoundError, match=r"version 3 .* Take a newer run"), storage_errors(DISK, 3):
        raise DeltaError("LogSegment end version 0 not the same as the specified end version 3")


@pytest.mark.parametrize("error", [CommitFailedError("conflict"), SourceNotFoundError("ours"), ValueError("a bug")])
def test_conflicts_our_own_errors_and_bugs_pass_through(error: Exception) -> None:
    with pytest.raises(type(error)) as raised, storage_errors(S3):
        raise error
    assert raised.value is error


LONG_PATH = f"/data/{'deep/' * 60}part-00000.zstd.parquet#1"


@pytest.mark.parametrize(
    ("number", "reason", "fix"),
    [
        (28, "No space left on device", "Free some space"),
        (122, "Disk quota exceeded", "quota"),
        (30, "Read-only file system", "write access"),
        (13, "Permission denied", "Let the account"),
        (1, "Operation not permitted", "Let the account"),
        (27, "File too large", "ulimit -f"),
        (24, "Too many open files", "ulimit -n"),
        (5, "Input/output error", "Check the disk"),
        (36, "File name too long", "Check free space and permissions"),
    ],
)
def test_the_reason_of_the_system_is_named_however_long_the_error(number: int, reason: str, fix: str) -> None:
    coloured = f"Unable to open file {LONG_PATH}\n  \x1b[31m↳\x1b[0m {reason} (os error {number})\n"
    plain = f"Failed to parse parquet: External: Unable to open file {LONG_PATH}: {reason} (os error {number})"
    wanted = rf"can't be used: {reason} \(/data/deep.*parquet.*\)\. What was committed before stays.*{fix}"
    for error in (OSError(coloured), DeltaError(plain), OSError(number, reason, LONG_PATH)):
        with pytest.raises(WarehouseError, match=wanted) as raised, storage_errors(DISK):
            raise error
        assert "\x1b" not in str(raised.value)


def test_an_error_without_a_reason_shows_its_begin_and_its_end() -> None:
    error = DeltaError(f"\x1b[31mFirst\x1b[0m words\n {'and more ' * 100} the last words")
    wanted = r"\(DeltaError: First words and more .* … .* the last words\)"
    with pytest.raises(WarehouseError, match=wanted), storage_errors(DISK):
        raise error


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    """Yield a loaded warehouse in a folder that every account can enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    warehouse = Warehouse(str(folder / "warehouse"))
    load(warehouse, open_source(str(write(folder / "in.json", many(50)))))
    maintain(warehouse, rebuild=True, retain_hours=1)
    set_modes(warehouse, 0o755, 0o755)
    try:
        yield warehouse
    finally:
        set_modes(warehouse, 0o755, 0o755)
        shutil.rmtree(folder)


def set_modes(warehouse: Warehouse, folders: int, files: int) -> None:
    for path in [Path(warehouse.uri), *Path(warehouse.uri).rglob("*")]:
        path.chmod(folders if path.is_dir() else files)


@contextmanager
def another_account() -> Iterator[None]:
    """Work as an account that may change nothing of the warehouse; an ordinary account is made to be one by file modes."""
    if os.geteuid():
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def small_files(most_bytes: int) -> Iterator[None]:
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


def rebuild(warehouse: Warehouse) -> None:
    maintain(warehouse, rebuild=True, retain_hours=1)


def purge_old(warehouse: Warehouse) -> None:
    purge(warehouse, NOW)


@pytest.mark.parametrize("work", [rebuild, purge_old])
def test_a_warehouse_that_may_not_be_written(warehouse: Warehouse, work: Callable[[Warehouse], None]) -> None:
    set_modes(warehouse, 0o555, 0o444)
    with another_account(), pytest.raises(WarehouseError, match=r"can't be used: Permission denied .* the account"):
        work(warehouse)


def test_files_that_may_not_be_that_large(warehouse: Warehouse) -> None:
    with small_files(100), pytest.raises(WarehouseError, match=r"can't be used: File too large.* \(ulimit -f\)"):
        rebuild(warehouse)


@pytest.mark.parametrize("hidden", ["events/*/*.parquet", "events/[!_]*", "events/_delta_log", "outcomes/*/*.parquet"])
def test_data_files_that_may_not_be_read(warehouse: Warehouse, hidden: str) -> None:
    Snapshot.newest(warehouse)
    for path in Path(warehouse.uri).glob(hidden):
        path.chmod(0)
    table = hidden.partition("/")[0]
    read = rebuild if table == "events" else Snapshot.newest
    with another_account(), pytest.raises(WarehouseError, match=rf"Permission denied .*/{table}.* the account"):
        read(warehouse)


def test_a_file_in_place_of_a_table(warehouse: Warehouse) -> None:
    folder = Path(warehouse.address(TableName.OUTCOMES))
    shutil.rmtree(folder)
    folder.write_text("no folder")
    with pytest.raises(UsageError, match=f"{folder} is no folder"):
        warehouse.handle(TableName.OUTCOMES)


def test_a_temporary_folder_that_is_full(warehouse: Warehouse) -> None:
    error = duckdb.IOException('IO Error: Could not write file "/tmp/bwp/spill.tmp": No space left on device')
    found = damage_behind(error, warehouse, {})
    assert found is not None
    assert str(found).startswith("The temporary folder can't be written: No space left on device.")


@pytest.mark.s3
@pytest.mark.parametrize("reason", ["Not a directory", "File too large"])
def test_a_cache_that_cannot_be_written(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    warehouse = Warehouse(f"{bucket.uri}/warehouse")
    load(warehouse, open_source(str(write(tmp_path / "in.json", many(50)))))
    (tmp_path / "a file").touch()
    cache = {"Not a directory": tmp_path / "a file", "File too large": tmp_path / "new"}[reason]
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    limit = 100 if reason == "File too large" else resource.RLIM_INFINITY
    with small_files(limit), pytest.raises(WarehouseError, match=rf"{cache}.* {reason}.*XDG_CACHE_HOME"):
        Snapshot.newest(warehouse)
