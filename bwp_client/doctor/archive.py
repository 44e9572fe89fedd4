"""`doctor archive://NAME`: every permission, the archive, the rule, the queue, and the window that a load would read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bwp_client.aws import aws_errors
from bwp_client.doctor.findings import Finding
from bwp_client.doctor.permissions import permission_finding
from bwp_client.errors import BwpError, SourceNotFoundError, TerminalRemoteError
from bwp_client.settings import ArchiveSettings
from bwp_client.sources.eventbridge import archive as archives
from bwp_client.sources.eventbridge.aws_clients import Clients
from bwp_client.sources.eventbridge.replays import ARCHIVE_DELAY, OVERLAP
from bwp_client.warehouse.replays import Replay, watermark

RETENTION_SECONDS = 14 * 86_400
VISIBILITY_SECONDS = 120
_PROBE = "bwp-doctor-probe"
_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def inspect_archive(
    url: str, settings: ArchiveSettings, clients: Clients, known: list[Replay], *, now: datetime
) -> Iterator[Finding]:
    """Give the lines, as they are found.

    Args:
        url: `archive://NAME`.
        settings: The rule's name and the queue's address.
        clients: The AWS clients.
        known: What the journal has of this archive.
        now: The time now.

    Raises:
        SettingsError: A setting or the credentials are missing.
        TransientRemoteError: AWS could not be reached.
    """
    name = archives.archive_name(url)
    rule_name, queue_url = archives.rule_and_queue(settings)
    yield Finding(f"settings: rule {rule_name}, queue {queue_url}")
    try:
        archive = archives.describe_archive(clients, name)
    except (SourceNotFoundError, TerminalRemoteError) as error:
        yield _wrong(f"archive {name}", error, "events:DescribeArchive", f"archive/{name}")
        return
    yield Finding.of(f"archive {name} is {archive.state} on bus {archive.bus}", archives.archive_problem(archive))
    yield Finding(
        f"archive {name} holds about {archive.event_count:,} events (AWS counts them once a day), "
        + (f"each for {archive.retention_days} days" if archive.retention_days else "for ever")
    )
    queue = None
    try:
        queue = archives.describe_queue(clients, queue_url)
    except (SourceNotFoundError, TerminalRemoteError) as error:
        yield _wrong("the queue", error, "sqs:GetQueueAttributes", queue_url)
    try:
        rule = archives.describe_rule(clients, rule_name, archive.bus)
    except (SourceNotFoundError, TerminalRemoteError) as error:
        yield _wrong(
            f"rule {rule_name} on bus {archive.bus}",
            error,
            "events:DescribeRule and events:ListTargetsByRule",
            "the rule",
        )
        rule = None
    if rule is not None and queue is not None:
        problems = archives.rule_problems(rule, archive.bus, queue["QueueArn"])
        yield from (Finding(*problem) for problem in problems)
        if not problems:
            yield Finding(f"rule {rule_name} is ENABLED, takes replays only, and sends to our queue alone")
        yield from _dead_letters(rule, queue["QueueArn"])
        yield Finding.of("the queue's policy lets the rule send", archives.queue_problem(queue, rule.arn))
    if queue is not None:
        yield from _queue(queue, queue_url)
        yield from _dead_letter_queue(clients, queue, queue_url)
    rule_arn = rule.arn if rule is not None else "(the rule)"
    with aws_errors(
        "the permissions", state="Nothing was changed.", permission="them", retry="Run doctor again later."
    ):
        yield from _permissions(clients, archive, rule_arn, queue_url)
    yield from _window(archive, known, now)


def _wrong(what: str, error: BwpError, action: str, resource: str) -> Finding:
    if isinstance(error, TerminalRemoteError):
        return Finding(f"{what} can't be looked at", f"allow {action} on {resource} for the app's role")
    return Finding(f"{what} does not exist", f"check its name and the Region, or make it: {archives.SEE_SETUP}")


def _dead_letters(rule: archives.Rule, queue_arn: str) -> Iterator[Finding]:
    if any(target["Arn"] == queue_arn and not target.get("DeadLetterConfig") for target in rule.targets):
        yield Finding(
            f"rule {rule.name}'s target has no dead-letter queue: what can't be delivered for a day is lost",
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
    """Say whether there is one, and whether events lie in it that no load will ever see."""
    policy = queue.get("RedrivePolicy")
    if not policy:
        yield Finding(
            "queue has no dead-letter queue: a message of others blocks it until it expires",
            f"set RedrivePolicy on {url}; deploy/aws/archive-reader.yaml shows how",
        )
        return
    arn = json.loads(policy)["deadLetterTargetArn"]
    dead_url = f"{url.rpartition('/')[0]}/{arn.rpartition(':')[2]}"
    try:
        dead = archives.describe_queue(clients, dead_url)
    except (SourceNotFoundError, TerminalRemoteError) as error:
        yield _wrong("the dead-letter queue", error, "sqs:GetQueueAttributes", arn)
        return
    lost = int(dead.get("ApproximateNumberOfMessages", "0"))
    if lost:
        yield Finding(
            f"the dead-letter queue holds about {lost:,} messages: they are in no load",
            f"aws sqs start-message-move-task --source-arn {arn}, then load again; or load their window again",
        )
    else:
        yield Finding("the dead-letter queue is empty")


def _permissions(clients: Clients, archive: archives.Archive, rule_arn: str, queue_url: str) -> Iterator[Finding]:
    """Try each call in a way that can't have an effect: with a handle, a name or a window that is wrong on purpose."""
    prefix = archive.arn.partition(":archive/")[0]
    # The window is the wrong way round, so AWS can't start it; and it would reach our rule alone.
    yield permission_finding(
        "events:StartReplay",
        f"{archive.arn}, {archive.bus_arn} and {prefix}:replay/bwp-*",
        lambda: clients.events.start_replay(
            ReplayName=_PROBE,
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
            lambda call=call: call(ReplayName=_PROBE),  # type: ignore[misc]
            expected=("ResourceNotFoundException",),
        )
    # A message that is there is given back at once.
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
        lambda: clients.sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=_PROBE),
        expected=wrong_handle,
    )
    yield permission_finding(
        "sqs:ChangeMessageVisibility",
        "the queue",
        lambda: clients.sqs.change_message_visibility(QueueUrl=queue_url, ReceiptHandle=_PROBE, VisibilityTimeout=0),
        expected=wrong_handle,
    )


def _window(archive: archives.Archive, known: list[Replay], now: datetime) -> Iterator[Finding]:
    """Say what the next load would read, and whether the archive still has all of it."""
    latest = (now - ARCHIVE_DELAY).replace(second=0, microsecond=0)
    read_to = watermark(known)
    if read_to is None:
        yield Finding(
            f"no window was read yet; the first load needs --from, {archive.created_at:%Y-%m-%d} at the earliest"
        )
        return
    kept_from = now - timedelta(days=archive.retention_days) if archive.retention_days else None
    if kept_from is not None and read_to < kept_from:
        yield Finding(
            f"events from {read_to:%Y-%m-%d %H:%M} to {kept_from:%Y-%m-%d %H:%M} UTC were never read and are gone from the "
            "archive",
            f"load from elsewhere what is left of them; raise the archive's retention, and load oftener than every "
            f"{archive.retention_days} days",
        )
    yield Finding(f"the next load reads {read_to - OVERLAP:%Y-%m-%d %H:%M} to {latest:%Y-%m-%d %H:%M} UTC")
    unfinished = [one.replay_name for one in known if one.state.is_open]
    if unfinished:
        yield Finding(
            f"replay {unfinished[0]} was begun and not read to its end",
            f"load archive://{archive.name} goes on with it",
        )
