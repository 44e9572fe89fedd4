"""`doctor archive://NAME`: inspects the archive, its rule and queues, every permission, and the window of the next load."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from bwp_client.aws import AwsProblem, aws_errors, problem_of
from bwp_client.doctor.findings import Finding
from bwp_client.doctor.permissions import permission_finding
from bwp_client.errors import SourceNotFoundError, TerminalRemoteError
from bwp_client.settings import ArchiveSettings
from bwp_client.sources.eventbridge import archive as archives
from bwp_client.sources.eventbridge.aws_clients import Clients
from bwp_client.sources.eventbridge.checks import Check, Severity
from bwp_client.sources.eventbridge.descriptions import Archive, describe_archive, describe_queue, describe_rule
from bwp_client.sources.eventbridge.fix_commands import (
    RETENTION_SECONDS,
    VISIBILITY_SECONDS,
    aws,
    make_all_queues,
    make_rule,
)
from bwp_client.sources.eventbridge.replays import ARCHIVE_DELAY, OVERLAP
from bwp_client.sources.eventbridge.rule_checks import archive_checks
from bwp_client.time_ranges import window_options
from bwp_client.warehouse.replays import Replay, holes, replay_past_now, watermark

__all__ = ["RETENTION_SECONDS", "VISIBILITY_SECONDS", "inspect_archive"]

T = TypeVar("T")
_MISSING = "does not exist"
_MINUTE = "%Y-%m-%d %H:%M"
_WRONG_NAME = "bwp-doctor-probe"
_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def inspect_archive(
    url: str, settings: ArchiveSettings, clients: Clients, known: list[Replay], *, now: datetime
) -> Iterator[Finding]:
    """Yield each finding as soon as it is known.

    Args:
        url: `archive://NAME`.
        settings: The rule's name and the queue's URL.
        clients: The AWS clients.
        known: The replays in the journal of archives of this name.
        now: The current time.

    Raises:
        SettingsError: A setting or the credentials are missing.
        TransientRemoteError: AWS could not be reached.
    """
    name = archives.archive_name(url)
    rule_name, queue_url = archives.rule_and_queue(settings)
    yield Finding(f"settings: rule {rule_name}, queue {queue_url}")
    archive, absence = _described(lambda: describe_archive(clients, name))
    if archive is None:
        find = f"; this lists the archives there: {aws('events', 'list-archives')}"
        fix = _absence_fix(absence, "events:DescribeArchive", f"archive/{name}", find)
        yield Finding(f"archive {name} {absence}", fix)
        return
    yield from map(_finding, archive_checks(archive))
    yield Finding(
        f"archive {archive.name} holds about {archive.event_count:,} events (AWS counts them once a day), "
        + (f"each for {archive.retention_days} days" if archive.retention_days else "for ever")
    )
    has_queue = yield from _rule_and_queue(clients, archive, rule_name, queue_url)
    state, retry = "Nothing was changed.", "Run doctor again later."
    with aws_errors("the permissions", state=state, permission="all permissions above", retry=retry):
        yield from _replay_permissions(clients, archive, archive.rule_arn(rule_name))
        if has_queue:
            yield from _queue_permissions(clients, queue_url)
    yield from _window(archive, [replay for replay in known if replay.is_on(archive.rules_arn)], now)


def _described(describe: Callable[[], T]) -> tuple[T | None, str]:
    """Return the description from AWS, or None and the reason: the object is missing, or the call is not allowed."""
    try:
        return describe(), ""
    except TerminalRemoteError as error:
        if problem_of(error.__cause__) not in (AwsProblem.REFUSED, AwsProblem.KEY_REFUSED):
            raise
        return None, "can't be described"
    except SourceNotFoundError:
        return None, _MISSING


def _absence_fix(absence: str, action: str, resource: str, next_step: str) -> str:
    if absence == _MISSING:
        return f"check its name and the Region{next_step}"
    return f"allow {action} on {resource} for the app's role"


def _finding(check: Check) -> Finding:
    is_fault = check.severity in (Severity.WRONG, Severity.BLOCKING)
    return Finding(check.text, check.fix, is_fault=is_fault)


def _rule_and_queue(
    clients: Clients, archive: Archive, rule_name: str, queue_url: str
) -> Generator[Finding, None, bool]:
    """Yield the findings of rule, queue and dead-letter queues; return whether the queue exists."""
    queue, queue_absence = _described(lambda: describe_queue(clients, queue_url))
    rule, rule_absence = _described(lambda: describe_rule(clients, rule_name, archive.bus))
    if rule is None:
        make = f", or make it ({archives.SEE_SETUP}): {make_rule(archive, rule_name, queue)}"
        action = "events:DescribeRule and events:ListTargetsByRule"
        fix = _absence_fix(rule_absence, action, "the rule", make)
        yield Finding(f"rule {rule_name} on bus {archive.bus} {rule_absence}", fix)
    has_queue = True
    if queue is None:
        elsewhere = archives.misplaced(archive, rule or rule_name, queue_url)
        make = f", or make it: {make_all_queues(archive, rule or rule_name, queue_url)}"
        fix = _absence_fix(queue_absence, "sqs:GetQueueAttributes", queue_url, make)
        yield _finding(elsewhere) if elsewhere else Finding(f"the queue {queue_absence}", fix)
        has_queue = elsewhere is None and queue_absence != _MISSING
    dead_letters = archives.describe_all_dead_letters(clients, queue_url, queue, rule) if queue else []
    yield from map(_finding, archives.delivery_checks(archive, rule, queue, queue_url, dead_letters))
    return has_queue


def _replay_permissions(clients: Clients, archive: Archive, rule_arn: str) -> Iterator[Finding]:
    """Try each call to EventBridge with an argument that is wrong on purpose, so that the call has no effect."""
    prefix = archive.arn.partition(":archive/")[0]
    # The window ends before it starts, so AWS can't start the replay; and a replay would be sent to our rule only.
    yield permission_finding(
        "events:StartReplay",
        f"{archive.arn}, {archive.bus_arn} and {prefix}:replay/bwp-*",
        lambda: clients.events.start_replay(
            ReplayName=_WRONG_NAME,
            EventSourceArn=archive.arn,
            EventStartTime=_LONG_AGO + timedelta(minutes=1),
            EventEndTime=_LONG_AGO,
            Destination={"Arn": archive.bus_arn, "FilterArns": [rule_arn]},
        ),
        expected=("ValidationException",),
    )
    for action in ("DescribeReplay", "CancelReplay"):
        call = clients.events.describe_replay if action == "DescribeReplay" else clients.events.cancel_replay
        yield permission_finding(
            f"events:{action}",
            f"{prefix}:replay/bwp-*",
            lambda call=call: call(ReplayName=_WRONG_NAME),  # type: ignore[misc]
            expected=("ResourceNotFoundException",),
        )


def _queue_permissions(clients: Clients, queue_url: str) -> Iterator[Finding]:
    """Try each call to the queue in a way that has no effect: a received message becomes visible again at once."""
    yield permission_finding(
        "sqs:ReceiveMessage",
        "the queue",
        lambda: clients.sqs.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=1, VisibilityTimeout=0, WaitTimeSeconds=0
        ),
    )
    wrong_handle = ("ReceiptHandleIsInvalid", "InvalidParameterValue")
    yield permission_finding(
        "sqs:DeleteMessage",
        "the queue",
        lambda: clients.sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=_WRONG_NAME),
        expected=wrong_handle,
    )
    yield permission_finding(
        "sqs:ChangeMessageVisibility",
        "the queue",
        lambda: clients.sqs.change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=_WRONG_NAME, VisibilityTimeout=0
        ),
        expected=wrong_handle,
    )


def _window(archive: Archive, known: list[Replay], now: datetime) -> Iterator[Finding]:
    """Yield the window that the next load reads, and each period that no load has read or will read by itself."""
    latest = (now - ARCHIVE_DELAY).replace(second=0, microsecond=0)
    read_to, expired_before = watermark(known, now), archive.expired_before(now)
    if read_to is None and (past_now := replay_past_now(known, now)):
        yield Finding(
            f"the only window that was read ends on {past_now.window_to:{_MINUTE}} UTC, which is later than now: this "
            "machine's clock was ahead, or is behind",
            f"check the clock, then read that window again: bwp load archive://{archive.name} "
            f"--from {past_now.window_from:%Y-%m-%dT%H:%MZ}",
        )
    elif read_to is None:
        earliest = max(archive.created_at, expired_before or archive.created_at)
        yield Finding(f"no window was read yet; the first load needs --from, {earliest:%Y-%m-%d} at the earliest")
    else:
        if expired_before is not None and read_to < expired_before:
            yield Finding(
                f"events from {read_to:{_MINUTE}} to {expired_before:{_MINUTE}} UTC were never read and are gone from "
                "the archive",
                "load them from another copy, if there is one; raise the archive's retention, and load more often than "
                f"every {archive.retention_days} days",
            )
        yield Finding(f"the next load reads {read_to - OVERLAP:{_MINUTE}} to {latest:{_MINUTE}} UTC")
    found = holes(known)
    for start, end in found:
        text = f"events from {start:{_MINUTE}} to {end:{_MINUTE}} UTC were never read, though later ones were"
        if expired_before is not None and end <= expired_before:
            yield Finding(f"{text}; they are gone from the archive", "load them from another copy", is_fault=False)
        else:
            yield Finding(text, f"bwp load archive://{archive.name} {window_options(start, end)}")
    if read_to is not None and not found:
        yield Finding("no period between two loads was left out")
    for replay in known:
        if replay.state.is_open:
            yield Finding(
                f"replay {replay.replay_name} was started, and has not been read to its end",
                f"unless a load is running, continue it: bwp load archive://{archive.name}",
            )
