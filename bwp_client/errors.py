"""Every error that we raise on purpose, in one tree.

The type of an error says who can fix it, and whether a retry can help.

    BwpError                      exit code 4 unless a subclass says otherwise
    ├── UsageError                2  the user: a wrong argument, setting or path
    │   ├── SettingsError            a setting is missing or wrong
    │   ├── SourceNotFoundError      the path, bucket or prefix to load does not exist
    │   │   └── ObjectNotFoundError     one object of it does not exist, or was deleted after it was listed
    │   └── MixedDataError           sample data and real data would be mixed
    ├── RemoteError               3  the other side: AWS or Buy with Prime
    │   ├── TransientRemoteError     a later retry may succeed; the automatic retries failed
    │   │   └── UnconfirmedError        no answer, or a server fault: the call may have taken effect
    │   └── TerminalRemoteError      a retry would fail again: refused, unknown, not allowed
    │       └── ArchivedObjectError     the object must be restored from its archive storage class first
    └── WarehouseError            4  our tables or the local disk
        ├── CommitConflictError      other writers won every attempt; nothing was written
        ├── SupersededError          files were replaced and deleted while they were read
        └── DamagedTableError        a table lost rows, or another program wrote it
            └── DamagedFileError        a data file is missing, cut or unreadable

A message describes the failure, the state of the data, and the next step. It never holds a token, an e-mail address or
a raw payload.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command."""

    DONE = 0
    NEEDS_ATTENTION = 1
    """The command finished, and its output names the things that need a person's attention."""
    USAGE = 2
    """An argument or a setting is wrong, or a path does not exist."""
    REMOTE = 3
    """AWS or Buy with Prime refused, or failed for good."""
    INTERNAL = 4
    """A fault of this program or of the local disk; the data is unharmed."""


class BwpError(Exception):
    """The root of the tree. Its text is shown to the user unchanged."""

    exit_code = ExitCode.INTERNAL


class UsageError(BwpError):
    """An argument, setting or path is wrong, and the user can fix it."""

    exit_code = ExitCode.USAGE


class SettingsError(UsageError):
    """A setting is missing or has a wrong value."""


class SourceNotFoundError(UsageError):
    """The path, bucket or prefix to load does not exist."""


class ObjectNotFoundError(SourceNotFoundError):
    """An object does not exist, or was deleted or moved after it was listed."""


class MixedDataError(UsageError):
    """Sample data and real data would be mixed in one warehouse or one call."""


class RemoteError(BwpError):
    """AWS or Buy with Prime refused or failed."""

    exit_code = ExitCode.REMOTE


class TransientRemoteError(RemoteError):
    """A retry may succeed: throttled, timed out, or a fault of the server."""


class UnconfirmedError(TransientRemoteError):
    """The server failed or did not answer; the call may have taken effect."""


class TerminalRemoteError(RemoteError):
    """A retry would fail again: refused, unknown, not allowed."""


class ArchivedObjectError(TerminalRemoteError):
    """An object on S3 is in an archive storage class, and must be restored before it can be read."""


class WarehouseError(BwpError):
    """Our own tables or the local disk failed."""


class CommitConflictError(WarehouseError):
    """Other writers won every attempt to commit; this writer wrote nothing."""


class SupersededError(WarehouseError):
    """Files were replaced and deleted while they were read; reading the newest version again succeeds."""


class DamagedTableError(WarehouseError):
    """A table of the warehouse is lost or damaged, or another program wrote it."""


class DamagedFileError(DamagedTableError):
    """A data file of a table is missing, cut or unreadable.

    Args:
        message: The text for the user.
        path: The file's path below the table's address, as the table's log spells it.
    """

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message)
        self.path = path
