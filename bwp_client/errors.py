"""Everything that can go wrong on purpose, in one tree.

The type answers two questions: who can fix it, and is it worth a retry.

    BwpError                      exit code 4 unless a subclass says otherwise
    ├── UsageError                2  the user: a wrong argument, setting or path
    │   ├── SettingsError            a setting is missing or wrong
    │   ├── SourceNotFoundError      the path, bucket or prefix to load does not exist
    │   └── MixedDataError           sample data and real data would meet
    ├── RemoteError               3  the other side: AWS or Buy with Prime
    │   ├── TransientRemoteError     worth a retry, and retried already as often as is polite
    │   │   └── UnconfirmedError        no answer, or a server's fault: the call may have been carried out
    │   └── TerminalRemoteError      not worth a retry: refused, unknown, not allowed
    └── WarehouseError            4  our tables or the local disk
        └── CommitConflictError      other writers won every attempt; nothing was written

Messages say what happened, what state the data is in, and what to do next. They never carry a token, an
e-mail address or a raw payload.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit code means (design, section 5)."""

    DONE = 0
    NEEDS_ATTENTION = 1
    USAGE = 2
    REMOTE = 3
    INTERNAL = 4


class BwpError(Exception):
    """Root of the tree; its text is shown to the user as it is."""

    exit_code = ExitCode.INTERNAL


class UsageError(BwpError):
    """The user can fix it: a wrong argument, setting or path."""

    exit_code = ExitCode.USAGE


class SettingsError(UsageError):
    """A setting is missing or has a wrong value."""


class SourceNotFoundError(UsageError):
    """The path, bucket or prefix to load does not exist."""


class MixedDataError(UsageError):
    """Sample data and real data would meet in one warehouse or one call."""


class RemoteError(BwpError):
    """AWS or Buy with Prime refused or failed."""

    exit_code = ExitCode.REMOTE


class TransientRemoteError(RemoteError):
    """Worth another try later: throttled, timed out, server fault."""


class UnconfirmedError(TransientRemoteError):
    """No answer came, or the server failed: the call may or may not have been carried out."""


class TerminalRemoteError(RemoteError):
    """Another try would end the same way: refused, unknown, not allowed."""


class WarehouseError(BwpError):
    """Our own tables or the local disk."""


class CommitConflictError(WarehouseError):
    """Other writers won every attempt to commit; nothing was written by this one."""
