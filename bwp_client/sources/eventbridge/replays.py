"""Replays of an archive: which window, under which name, started once, and where AWS says it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from bwp_client.aws import AwsProblem, aws_errors, problem_of
from bwp_client.errors import TerminalRemoteError, UsageError
from bwp_client.sources.eventbridge.archive import Archive, Setup
from bwp_client.sources.eventbridge.aws_clients import Clients
from bwp_client.warehouse.replays import Replay, ReplayState, watermark

ARCHIVE_DELAY = timedelta(minutes=10)
"""Events reach an archive late: a window ends at least so long before now."""
OVERLAP = timedelta(hours=3)
"""How far a window reaches back into the last complete one, for events that were archived late."""
NAME_PREFIX = "bwp-"
_MINUTE = timedelta(minutes=1)
_NOTHING = "Nothing was started."
_START_HINTS: dict[str, tuple[str, str]] = {
    "ValidationException:Destination.Arn": (
        "the destination is not the bus that the archive belongs to",
        "A replay goes to the archive's own bus only; put rule and queue there.",
    ),
    "ValidationException:EventSourceArn": (
        "the archive does not exist", "Check the name after archive:// and the Region.",
    ),
    "ValidationException:EventEndTime": ("the window's end is not after its start", "Give a --to after --from."),
    AwsProblem.MISSING: (
        "the event bus does not exist", "Check that the archive's bus was not deleted or renamed.",
    ),
    AwsProblem.LIMIT: (
        "ten replays are active in this account and Region, which is the most AWS allows",
        "Wait until one has ended, then load again.",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open range of whole UTC minutes."""

    start: datetime
    end: datetime

    def holds(self, other: Window) -> bool:
        """Tell whether another window lies in this one."""
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True)
class ReplayStatus:
    """What AWS says of a replay."""

    state: str
    reason: str
    replayed_to: datetime | None
    archive_arn: str
    window: Window

    @property
    def has_ended(self) -> bool:
        """Tell whether it sends nothing new any more."""
        return self.state in ("COMPLETED", "FAILED", "CANCELLED")


def window_for(
    archive: Archive, known: list[Replay], start: datetime | None, end: datetime | None, *, now: datetime
) -> Window:
    """Give the window to replay: whole minutes, an end that is archived, a begin that overlaps the last complete window.

    Args:
        archive: Which archive.
        known: Its replays so far.
        start: The begin asked for; the last complete window's end less the overlap when left out.
        end: The end asked for; the newest possible one when left out.
        now: The time now.

    Raises:
        UsageError: The first window has no begin, or nothing is left of the window.
    """
    latest = _floor(now - ARCHIVE_DELAY)
    read_to = watermark(known)
    wanted = start or (read_to and read_to - OVERLAP)
    if wanted is None:
        raise UsageError(
            f"{_NOTHING} No window of archive {archive.name} was read yet: give --from. It was made on "
            f"{archive.created_at:%Y-%m-%d} and holds about {archive.event_count:,} events"
            + (f", each for {archive.retention_days} days." if archive.retention_days else ".")
        )
    begin = _floor(wanted)
    asked = latest if end is None else end.astimezone(UTC)
    stop = min(latest, asked if asked == _floor(asked) else _floor(asked) + _MINUTE)
    if stop <= begin:
        raise UsageError(
            f"{_NOTHING} The window from {begin:%Y-%m-%d %H:%M} to {stop:%Y-%m-%d %H:%M} UTC is empty. A window ends at "
            "least 10 minutes before now, for events reach an archive late; mend --from and --to."
        )
    return Window(begin, stop)


def plan(archive: Archive, known: list[Replay], window: Window, rule_arn: str, *, now: datetime) -> Replay:
    """Give a new replay to write to the journal: its name says window and attempt, and is nobody else's."""
    attempt = 1 + sum((one.window_from, one.window_to) == (window.start, window.end) for one in known)
    begin, end = (f"{time:%Y%m%dT%H%M}" for time in (window.start, window.end))
    name = f"{NAME_PREFIX}{begin}-{end}-{attempt}-{uuid4().hex[:8]}"
    return Replay(name, archive.name, rule_arn, window.start, window.end, ReplayState.PLANNED, now)


def start(clients: Clients, setup: Setup, replay: Replay) -> None:
    """Start a replay, or find that an earlier try has started it; it reaches our rule and no other.

    Raises:
        TerminalRemoteError: The name is that of another replay.
        BwpError: AWS refused or failed.
    """
    from botocore.exceptions import ClientError

    with aws_errors(
        f"StartReplay {replay.replay_name}",
        state=_NOTHING,
        permission="events:StartReplay on the archive, its bus and replay/bwp-*",
        hints=_START_HINTS,
    ):
        try:
            clients.events.start_replay(
                ReplayName=replay.replay_name,
                EventSourceArn=setup.archive.arn,
                EventStartTime=replay.window_from,
                EventEndTime=replay.window_to,
                Destination={"Arn": setup.archive.bus_arn, "FilterArns": [setup.rule.arn]},
            )
        except ClientError as error:
            if problem_of(error) is not AwsProblem.TAKEN:
                raise
            found = status_of(clients, replay.replay_name)
            if found is None or not is_same(found, setup, replay):
                raise TerminalRemoteError(
                    f"A replay named {replay.replay_name} exists for another archive or window. {_NOTHING} "
                    "Load again: the next try takes a new name."
                ) from error


def is_same(found: ReplayStatus, setup: Setup, replay: Replay) -> bool:
    """Tell whether what AWS has under a name is the replay that the journal means."""
    return found.archive_arn == setup.archive.arn and found.window == Window(replay.window_from, replay.window_to)


def status_of(clients: Clients, name: str) -> ReplayStatus | None:
    """Ask where a replay stands; none when AWS knows none of that name.

    Raises:
        RemoteError: AWS refused or failed.
    """
    from botocore.exceptions import ClientError

    with aws_errors(
        f"DescribeReplay {name}", state="What was stored stays.", permission="events:DescribeReplay on replay/bwp-*"
    ):
        try:
            response: Any = clients.events.describe_replay(ReplayName=name)
        except ClientError as error:
            if problem_of(error) is AwsProblem.MISSING:
                return None
            raise
    return ReplayStatus(
        response["State"],
        response.get("StateReason", ""),
        response.get("EventLastReplayedTime"),
        response["EventSourceArn"],
        Window(response["EventStartTime"], response["EventEndTime"]),
    )


def cancel(clients: Clients, name: str) -> None:
    """Ask AWS to stop a replay; one that has ended meanwhile is left as it is.

    Raises:
        RemoteError: AWS refused or failed.
    """
    from botocore.exceptions import ClientError

    with aws_errors(
        f"CancelReplay {name}", state="What was stored stays.", permission="events:CancelReplay on replay/bwp-*"
    ):
        try:
            clients.events.cancel_replay(ReplayName=name)
        except ClientError as error:
            if problem_of(error) not in (AwsProblem.ENDED, AwsProblem.MISSING):
                raise


def _floor(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(second=0, microsecond=0)
