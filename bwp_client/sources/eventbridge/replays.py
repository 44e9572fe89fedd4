"""Replays of an EventBridge archive: start a replay, ask for its state, cancel it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from bwp_client.aws import AwsProblem, aws_errors, problem_of
from bwp_client.errors import TerminalRemoteError
from bwp_client.sources.eventbridge.archive import Setup
from bwp_client.sources.eventbridge.aws_clients import Clients

ARCHIVE_DELAY = timedelta(minutes=10)
"""The least time from the end of a window to the present, because events reach an archive late."""
OVERLAP = timedelta(hours=3)
"""The overlap of a window with the last complete window, for events that were archived late."""
NAME_PREFIX = "bwp-"
"""The prefix of the names of our replays."""
NOT_STARTED = "Nothing was started."
"""The state of the data after a refused start, in messages."""
_STATE = "Stored events are unchanged."
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
class ReplayWindow:
    """A half-open range of whole UTC minutes."""

    start: datetime
    end: datetime

    def contains(self, other: Self) -> bool:
        """Return whether another window lies in this window."""
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True)
class ReplayStatus:
    """A replay as AWS describes it."""

    state: str
    reason: str
    replayed_to: datetime | None
    archive_arn: str
    window: ReplayWindow
    rule_arns: tuple[str, ...] | None = None
    """The rules that the replay is sent to; None if AWS names none."""

    @property
    def has_ended(self) -> bool:
        """True if the replay sends no more events."""
        return self.state in ("COMPLETED", "FAILED", "CANCELLED")

    def is_of(self, setup: Setup, window: ReplayWindow) -> bool:
        """Return whether this replay reads the given archive and window; another replay may have the same name."""
        return self.archive_arn == setup.archive.arn and self.window == window

    def is_sent_to(self, rule_arn: str) -> bool:
        """Return whether this replay is sent to a rule and to no other; True if AWS does not say."""
        return self.rule_arns is None or self.rule_arns == (rule_arn,)


def start_replay(clients: Clients, setup: Setup, name: str, window: ReplayWindow) -> None:
    """Start a replay that is sent to our rule only; do nothing if an earlier attempt has started it.

    Raises:
        TerminalRemoteError: Another replay has that name.
        UnconfirmedError: AWS failed or did not answer; the replay may have started.
        BwpError: AWS refused.
    """
    from botocore.exceptions import ClientError

    with aws_errors(
        f"StartReplay {name}",
        state=NOT_STARTED,
        permission="events:StartReplay on the archive, its bus and replay/bwp-*",
        hints=_START_HINTS,
    ):
        try:
            clients.events.start_replay(
                ReplayName=name,
                EventSourceArn=setup.archive.arn,
                EventStartTime=window.start,
                EventEndTime=window.end,
                Destination={"Arn": setup.archive.bus_arn, "FilterArns": [setup.rule.arn]},
            )
        except ClientError as error:
            if problem_of(error) is not AwsProblem.TAKEN:
                raise
            found = describe_replay(clients, name)  # None so soon after the start of the replay means nothing
            if found is not None and not (found.is_of(setup, window) and found.is_sent_to(setup.rule.arn)):
                raise TerminalRemoteError(
                    f"A replay named {name} exists for another archive or window or rule. {NOT_STARTED} "
                    "Load again: the next replay gets a new name."
                ) from error


def describe_replay(clients: Clients, name: str) -> ReplayStatus | None:
    """Return the state of a replay, or None if AWS knows no replay of that name.

    Raises:
        RemoteError: AWS refused or failed.
    """
    from botocore.exceptions import ClientError

    with aws_errors(f"DescribeReplay {name}", state=_STATE, permission="events:DescribeReplay on replay/bwp-*"):
        try:
            response: Any = clients.events.describe_replay(ReplayName=name)
        except ClientError as error:
            if problem_of(error) is AwsProblem.MISSING:
                return None
            raise
    rule_arns = response.get("Destination", {}).get("FilterArns")
    return ReplayStatus(
        response["State"],
        response.get("StateReason", ""),
        response.get("EventLastReplayedTime"),
        response["EventSourceArn"],
        ReplayWindow(response["EventStartTime"], response["EventEndTime"]),
        tuple(rule_arns) if rule_arns else None,
    )


def cancel_replay(clients: Clients, name: str) -> None:
    """Ask AWS to stop a replay; a replay that has ended meanwhile is left unchanged.

    Raises:
        RemoteError: AWS refused or failed.
    """
    from botocore.exceptions import ClientError

    with aws_errors(f"CancelReplay {name}", state=_STATE, permission="events:CancelReplay on replay/bwp-*"):
        try:
            clients.events.cancel_replay(ReplayName=name)
        except ClientError as error:
            if problem_of(error) not in (AwsProblem.ENDED, AwsProblem.MISSING):
                raise
