"""Errors of Delta Lake and of the file system become ours: who can fix it, and whether a retry helps."""

import pytest
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from bwp_client.errors import (
    BwpError,
    SourceNotFoundError,
    TerminalRemoteError,
    TransientRemoteError,
    WarehouseError,
)
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
        (DISK, OSError("No space left on device"), WarehouseError, "Check free space"),
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
