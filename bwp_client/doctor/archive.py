"""`doctor archive://NAME`: inspects the archive, its rule and queue, every permission, and the window of the next load."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from bwp_client.aws import aws_errors
from bwp_client.doctor.findings import Finding
from bwp_client.doctor.permissions import permission_finding
from bwp_client.errors import SourceNotFoundError, TerminalRemoteError
from bwp_client.settings import ArchiveSettings
from bwp_client.sources.eventbridge import archive as archives
from bwp_client.sources.eventbridge.aws_clients import Clients
from bwp_client.sources.eventbridge.queue_policy import queue_problem
from bwp_client.sources.eventbridge.replays import ARCHIVE_DELAY, OVERLAP
from bwp_client.warehouse.replays import Replay, watermark

T = TypeVar("T")
RETENTION_SECONDS = 14 * 86_400
VISIBILITY_SECONDS = 120
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
        known: The replays of this archive in the journal.
        now: The current time.

    Raises:
        SettingsError: A setting or the credentials are missing.
        TransientRemoteError: AWS could not be reached.
    """
    name = archives.archive_name(url)
    rule_name, queue_url = archives.rule_and_queue(settings)
    yield Finding(f"settings: rule {rule_name}, queue {queue_url}")
    archive, finding = _described(
        f"archive {name}",
        lambda: archives.describe_archive(clients, name),
        "events:DescribeArchive",
        f"archive/{name}",
    )
    yield from finding
    if archive is None:
        return
    yield from _archive(archive)
    queue, finding = _described(
        "the queue", lambda: archives.describe_queue(clients, queue_url), "sqs:GetQueueAttributes", queue_url
    )
    yield from finding
    rule, finding = _described(
        f"rule {rule_name} on bus {archive.bus}",
        lambda: archives.describe_rule(clients, rule_name, archive.bus),
        "events:DescribeRule and events:ListTargetsByRule",
        "the rule",
    )
    yield from finding
    if rule is not None and queue is not None:
        yield from _rule(rule, archive, queue)
    if queue is not None:
        yield from _queue(queue, queue_url)
        yield from _dead_letter_queue(clients, queue, queue_url)
    rule_arn = rule.arn if rule is not None else "(the rule)"
    state, retry = "Nothing was changed.", "Run doctor again later."
    with aws_errors("the permissions", state=state, permission="all permissions above", retry=retry):
        yield from _permissions(clients, archive, rule_arn, queue_url)
    yield from _window(archive, known, now)


def _described(inspected: str, describe: Callable[[], T], action: str, resource: str) -> tuple[T | None, list[Finding]]:
    """Return the description from AWS; without one, return None and the finding that the object is missing or not allowed."""
    try:
        return describe(), []
    except TerminalRemoteError:
        return None, [Finding(f"{inspected} can't be described", f"allow {action} on {resource} for the app's role")]
    except SourceNotFoundError:
        fix = f"check its name and the Region, or make it: {archives.SEE_SETUP}"
        return None, [Finding(f"{inspected} does not exist", fix)]


def _archive(archive: archives.Archive) -> Iterator[Finding]:
    problem = archives.archive_problem(archive)
    yield Finding.of(f"archive {archive.name} is {archive.state} on bus {archive.bus}", problem)
    yield Finding(
        f"archive {archive.name} holds about {archive.event_count:,} events (AWS counts them once a day), "
        + (f"each for {archive.retention_days} days" if archive.retention_days else "for ever")
    )


def _rule(rule: archives.Rule, archive: archives.Archive, queue: dict[str, str]) -> Iterator[Finding]:
    problems = archives.rule_problems(rule, archive.bus, queue["QueueArn"])
    yield from (Finding(*problem) for problem in problems)
    if not problems:
        yield Finding(f"rule {rule.name} is ENABLED, takes replays only, and sends to our queue alone")
    yield from _dead_letters(rule, queue["QueueArn"])
    yield Finding.of("the queue's policy lets the rule send", queue_problem(queue, rule.arn))


def _dead_letters(rule: archives.Rule, queue_arn: str) -> Iterator[Finding]:
    if any(target["Arn"] == queue_arn and not target.get("DeadLetterConfig") for target in rule.targets):
        yield Finding(
            f"rule {rule.name}'s target has no dead-letter queue: events that can't be delivered within a day are lost",
            "set DeadLetterConfig on the target; deploy/aws/archive-reader.yaml shows how",
        )


def _queue(queue: dict[str, str], url: str) -> Iterator[Finding]:
    def attribute(name: str, least: int, why: str) -> Finding:
        now = int(queue.get(name, "0"))
        if now >= least:
            return Finding(f"queue {name} is {now} s")
        return Finding(
            f"queue {name} is {now} s: {why}",
            f"aws sqs set-queue-attributes --queue-url {url} --attributes {name}={least}",
        )

    yield attribute("MessageRetentionPeriod", RETENTION_SECONDS, "a longer stop of this app loses messages")
    yield attribute("VisibilityTimeout", VISIBILITY_SECONDS, "messages come twice while they are stored")
    waiting = int(queue.get("ApproximateNumberOfMessages", "0"))
    yield Finding(f"queue holds about {waiting:,} messages now")


def _dead_letter_queue(clients: Clients, queue: dict[str, str], url: str) -> Iterator[Finding]:
    """Yield whether the queue has a dead-letter queue, and whether that queue holds events that no load reads."""
    policy = queue.get("RedrivePolicy")
    if not policy:
        yield Finding(
            "queue has no dead-letter queue: a foreign message stays in it until it expires",
            f"set RedrivePolicy on {url}; deploy/aws/archive-reader.yaml shows how",
        )
        return
    arn = json.loads(policy)["deadLetterTargetArn"]
    dead_url = f"{url.rpartition('/')[0]}/{arn.rpartition(':')[2]}"
    dead, finding = _described(
        "the dead-letter queue", lambda: archives.describe_queue(clients, dead_url), "sqs:GetQueueAttributes", arn
    )
    yield from finding
    if dead is None:
        return
    lost = int(dead.get("ApproximateNumberOfMessages", "0"))
    if lost:
        yield Finding(
            f"the dead-letter queue holds about {lost:,} messages that no load has read",
            f"aws sqs start-message-move-task --source-arn {arn}, then load again; or load their window again",
        )
    else:
        yield Finding("the dead-letter queue is empty")


def _permissions(clients: Clients, archive: archives.Archive, rule_arn: str, queue_url: str) -> Iterator[Finding]:
    """Try each call with an argument that is wrong on purpose, so that the call has no effect."""
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
    # A received message becomes visible again at once.
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


def _window(archive: archives.Archive, known: list[Replay], now: datetime) -> Iterator[Finding]:
    """Yield the window that the next load reads, and whether the archive still has all of it."""
    latest = (now - ARCHIVE_DELAY).replace(second=0, microsecond=0)
    read_to = watermark(known)
    if read_to is None:
        yield Finding(
            f"no window was read yet; the first load needs --from, {archive.created_at:%Y-%m-%d} at the earliest"
        )
        return
    available_from = now - timedelta(days=archive.retention_days) if archive.retention_days else None
    if available_from is not None and read_to < available_from:
        yield Finding(
            f"events from {read_to:%Y-%m-%d %H:%M} to {available_from:%Y-%m-%d %H:%M} UTC were never read and are gone "
            "from the archive",
            f"load them from another copy, if there is one; raise the archive's retention, and load more often than every "
            f"{archive.retention_days} days",
        )
    yield Finding(f"the next load reads {read_to - OVERLAP:%Y-%m-%d %H:%M} to {latest:%Y-%m-%d %H:%M} UTC")
    unfinished = [replay.replay_name for replay in known if replay.state.is_open]
    if unfinished:
        yield Finding(
            f"replay {unfinished[0]} was started, and has not been read to its end",
            f"load archive://{archive.name} continues it",
        )
