"""What a load from an archive counts, how far it is, and how long it waits for things."""

from __future__ import annotations

from dataclasses import dataclass, field

from bwp_client.errors import RemoteError, TerminalRemoteError, TransientRemoteError
from bwp_client.load.results import LoadResult
from bwp_client.sources.eventbridge.aws_clients import LONG_POLL_SECONDS
from bwp_client.sources.eventbridge.replays import ReplayStatus
from bwp_client.warehouse.replays import ReplayState


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things are waited for; the defaults are what AWS's behaviour asks for."""

    poll_seconds: int = LONG_POLL_SECONDS
    empty_polls: int = 3
    """Long polls without a message, in a row, before the queue may be empty."""
    settle_seconds: float = 60.0
    """After the last message, until the queue's counts can be believed."""
    look_seconds: float = 5.0
    """Between two questions where a replay stands."""
    stall_seconds: float = 3600.0
    """Without any progress, until a replay is given up."""
    batch_messages: int = 20_000
    batch_seconds: float = 20.0


@dataclass(slots=True)
class ArchiveResult(LoadResult):
    """What a load from an archive did; received = read + outside_window + foreign."""

    received: int = 0
    foreign: int = 0
    """Messages in our queue that are of no replay of ours; they were left there."""
    resumed: bool = False
    """An earlier run's replay was gone on with."""
    windows: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ArchiveProgress:
    """How far a replay is, in minutes of its window, and what came."""

    minutes_done: int
    minutes_total: int
    state: str
    received: int
    stored: int


def not_complete(end: ReplayState, status: ReplayStatus, name: str, received: int, stall_seconds: float) -> RemoteError:
    """Give the error that says why a replay did not complete, what is stored, and what to do."""
    kept = (
        f"The {received:,} messages that came are stored; the window does not count as read. Load it again: it gets a new "
        "replay, and nothing is doubled."
    )
    if end is ReplayState.TIMED_OUT:
        minutes = round(stall_seconds / 60)
        return TransientRemoteError(f"Replay {name} made no progress for {minutes} minutes and was given up. {kept}")
    told = f" ({status.reason})" if status.reason else ""
    how = "was cancelled" if end is ReplayState.CANCELLED else "failed at AWS"
    return TerminalRemoteError(f"Replay {name} {how}{told}. {kept}")
