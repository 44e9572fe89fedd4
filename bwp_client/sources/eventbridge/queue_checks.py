"""Checks that the queue of an archive, and its dead-letter queue, take every event and hold it until it is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from bwp_client.sources.eventbridge.checks import Check, Severity
from bwp_client.sources.eventbridge.descriptions import (
    Archive,
    DeadLetterQueue,
    Rule,
    dead_letter_arn,
    is_fifo,
    max_receive_count,
)
from bwp_client.sources.eventbridge.fix_commands import (
    RETENTION_SECONDS,
    VISIBILITY_SECONDS,
    all_of,
    aws,
    make_all_queues,
    make_dead_letters,
    mend_target,
    new_dead_letters,
    permit,
    set_attributes,
    set_dead_letters,
)
from bwp_client.sources.eventbridge.queue_policy import policy_problem

SHORTEST_RETENTION_SECONDS: Final = 3600
_FEW_RECEIPTS: Final = 100
_LARGEST_EVENT_BYTES: Final = 1024 * 1024
_LARGE_EVENT_BYTES: Final = 256 * 1024
"""The size of the largest event until AWS raised it in 2026."""
_AWS_KEY: Final = "alias/aws/sqs"


def queue_checks(
    queue: dict[str, str], url: str, archive: Archive, rule: Rule | None, *, failures_visible: bool
) -> Iterator[Check]:
    """Yield the checks of the queue.

    Args:
        queue: The attributes of the queue.
        url: Its URL.
        archive: The archive.
        rule: The rule, or None if it is not known.
        failures_visible: Whether a dead-letter queue receives what is not delivered.
    """
    elsewhere = location_check(archive, rule, url, queue["QueueArn"])
    yield elsewhere or Check("the queue is in the archive's Region and account")
    if rule is not None and elsewhere is None:
        wrong = policy_problem(queue, rule.arn)
        if wrong is None:
            yield Check("the queue's policy lets the rule send")
        else:
            yield Check(f"the queue's policy {wrong}", permit(url, queue, rule.arn), Severity.BLOCKING)
        yield _kind_check(queue, url, archive, rule)
    yield _encryption_check(queue, url, failures_visible=failures_visible)
    yield _size_check(queue, url)
    yield from _time_checks(queue, url)
    yield _redrive_check(queue, url, archive, rule)
    waiting = int(queue.get("ApproximateNumberOfMessages", "0"))
    yield Check(f"queue holds about {waiting:,} messages now")


def location_check(archive: Archive, rule: Rule | str | None, url: str, queue_arn: str) -> Check | None:
    """Return the fault of a queue in another Region or account, or None.

    Args:
        archive: The archive.
        rule: The rule, or its name, or None if it is not known.
        url: The URL of the queue.
        queue_arn: Its ARN, as far as it is known.
    """
    _, _, _, region, account, *_ = queue_arn.split(":")
    if (region or archive.region, account or archive.account) == (archive.region, archive.account):
        return None
    make = make_all_queues(archive, rule, url) if rule else "deploy/aws/archive-reader.yaml shows how"
    return Check(
        f"the queue is in {region or archive.region} of account {account or archive.account}, the archive in "
        f"{archive.region} of account {archive.account}: whether events arrive there can't be seen from here",
        "make a queue where the archive is, and set BWP_ARCHIVE__QUEUE_URL to the URL that its creation prints: "
        + make,
        Severity.BLOCKING,
    )


def _kind_check(queue: dict[str, str], url: str, archive: Archive, rule: Rule) -> Check:
    if not is_fifo(queue):
        return Check("queue is a standard queue")
    missing, commands = [], []
    if queue.get("ContentBasedDeduplication") != "true":
        missing.append("ContentBasedDeduplication is off")
        commands.append(set_attributes(url, ContentBasedDeduplication="true"))
    ours = rule.targets_of(queue["QueueArn"])
    if not all(target.get("SqsParameters", {}).get("MessageGroupId") for target in ours):
        missing.append("the target has no MessageGroupId")
        commands.append(mend_target(rule, queue, archive.bus))
    if missing:
        text = f"queue is first-in-first-out, and EventBridge can't send to it: {' and '.join(missing)}"
        return Check(text, all_of(*commands), Severity.BLOCKING)
    return Check(
        "queue is first-in-first-out, so a load receives only ten messages at a time",
        "use a standard queue: deploy/aws/archive-reader.yaml shows how",
        Severity.NOTE,
    )


def _encryption_check(queue: dict[str, str], url: str, *, failures_visible: bool) -> Check:
    key = queue.get("KmsMasterKeyId")
    if not key:
        by = "keys of SQS" if queue.get("SqsManagedSseEnabled") == "true" else "no key"
        return Check(f"queue is encrypted with {by}, which EventBridge needs no permission for")
    if key.endswith(_AWS_KEY):
        return Check(
            f"queue is encrypted with {key}, which EventBridge can't use",
            set_attributes(url, KmsMasterKeyId="", SqsManagedSseEnabled="true"),
            Severity.BLOCKING,
        )
    step = "make sure that it lets events.amazonaws.com call kms:GenerateDataKey and kms:Decrypt (KMS console)"
    return Check(
        f"queue is encrypted with {key}, whose policy can't be seen from here",
        step if failures_visible else f"{step}, and give the rule's target a dead-letter queue",
        Severity.NOTE if failures_visible else Severity.BLOCKING,
    )


def _size_check(queue: dict[str, str], url: str) -> Check:
    size = int(queue.get("MaximumMessageSize", _LARGEST_EVENT_BYTES))
    text = f"queue MaximumMessageSize is {size:,} bytes"
    if size >= _LARGEST_EVENT_BYTES:
        return Check(text)
    return Check(
        f"{text}: a larger event is not delivered",
        set_attributes(url, MaximumMessageSize=str(_LARGEST_EVENT_BYTES)),
        Severity.NOTE if size >= _LARGE_EVENT_BYTES else Severity.BLOCKING,
    )


def _time_checks(queue: dict[str, str], url: str) -> Iterator[Check]:
    """Yield the checks of the attributes that are times in seconds."""

    def check(name: str, wanted: int, why: str, *, wrong: bool, severity: Severity = Severity.WRONG) -> Check:
        text = f"queue {name} is {queue.get(name, '0')} s"
        return Check(f"{text}: {why}", set_attributes(url, **{name: str(wanted)}), severity) if wrong else Check(text)

    retention = int(queue.get("MessageRetentionPeriod", "0"))
    yield check(
        "MessageRetentionPeriod", RETENTION_SECONDS, "a longer stop of this app loses messages",
        wrong=retention < RETENTION_SECONDS,
        severity=Severity.BLOCKING if 0 < retention < SHORTEST_RETENTION_SECONDS else Severity.WRONG,
    )  # fmt: skip
    yield check(
        "VisibilityTimeout", VISIBILITY_SECONDS, "messages come twice while they are stored",
        wrong=int(queue.get("VisibilityTimeout", "0")) < VISIBILITY_SECONDS,
    )  # fmt: skip
    yield check("DelaySeconds", 0, "every event comes that much later", wrong=int(queue.get("DelaySeconds", "0")) > 0)


def _redrive_check(queue: dict[str, str], url: str, archive: Archive, rule: Rule | None) -> Check:
    dead, most = dead_letter_arn(queue), max_receive_count(queue)
    if not dead:
        return Check(
            "queue has no dead-letter queue (RedrivePolicy): a foreign message stays in it until it expires",
            _new_redrive(queue, url, archive, rule),
            Severity.WRONG,
        )
    if most < _FEW_RECEIPTS:
        return Check(
            f"queue maxReceiveCount is {most}: as many interrupted loads move events to the dead-letter queue",
            set_dead_letters(url, dead),
            Severity.WRONG,
        )
    return Check(f"queue maxReceiveCount is {most}")


def _new_redrive(queue: dict[str, str], url: str, archive: Archive, rule: Rule | None) -> str:
    """Return the commands that give a queue a dead-letter queue: that of the rule's target, or a new queue."""
    arn = queue["QueueArn"]
    known = rule.dead_letter_arns(arn) if rule and not is_fifo(queue) else []
    if known:
        return set_dead_letters(url, known[0])
    dead = new_dead_letters(arn, fifo=is_fifo(queue))
    rule_arn = rule.arn if rule else archive.rule_arn("bwp-archive-reader")
    return all_of(make_dead_letters(dead, rule_arn), set_dead_letters(url, dead))


def failures_visible(dead_letters: Iterable[DeadLetterQueue], queue: dict[str, str], rule: Rule) -> bool:
    """Return whether a dead-letter queue receives the events that can't be delivered, so that a load sees them there."""
    arns = rule.dead_letter_arns(queue["QueueArn"])
    return any(
        dead.attributes is not None and not any(_weaknesses(dead, dead.attributes, rule))
        for dead in dead_letters
        if dead.arn in arns
    )


def dead_letter_checks(
    dead_letters: Iterable[DeadLetterQueue], queue: dict[str, str], url: str, rule: Rule | None
) -> Iterator[Check]:
    """Yield the checks of the dead-letter queues of the queue and of the rule's target.

    Args:
        dead_letters: The dead-letter queues.
        queue: The attributes of the queue.
        url: Its URL.
        rule: The rule, or None if it is not known.
    """
    for dead in dead_letters:
        text = f"the dead-letter queue {dead.name}"
        if not dead.exists:
            fix = make_dead_letters(dead.arn, rule.arn) if rule else "deploy/aws/archive-reader.yaml shows how"
            yield Check(f"{text} does not exist", fix, Severity.WRONG)
        elif dead.waiting is None:
            fix = f"allow sqs:GetQueueAttributes on {dead.arn} for the app's role"
            yield Check(f"{text} can't be described, so a load can't see what it holds", fix, Severity.BLOCKING)
        elif dead.waiting:
            text += (
                f" holds about {dead.waiting:,} messages that no load has read; moved back, the next load stores them"
            )
            yield Check(text, _move_back(dead.arn, queue, url), Severity.WRONG)
        else:
            yield Check(f"{text} is empty")
        if dead.attributes:
            yield from _short_retention(dead, dead.attributes, queue)
            if rule is not None and dead.arn in rule.dead_letter_arns(queue["QueueArn"]):
                yield from _weaknesses(dead, dead.attributes, rule)


def _move_back(arn: str, queue: dict[str, str], url: str) -> str:
    """Return the commands that move the messages of a dead-letter queue to the queue.

    AWS moves messages only out of the dead-letter queue of another queue, and knows no source of the messages that
    EventBridge sent there.
    """
    if is_fifo(queue) and not arn.endswith(".fifo"):
        return "load the window of these events again with --from and --to, then delete the messages"
    move = aws("sqs", "start-message-move-task", source_arn=arn, destination_arn=queue["QueueArn"])
    return move if dead_letter_arn(queue) == arn else all_of(set_dead_letters(url, arn), move)


def _short_retention(dead: DeadLetterQueue, attributes: dict[str, str], queue: dict[str, str]) -> Iterator[Check]:
    """Yield a check if messages may be lost in a dead-letter queue, because it keeps them for less time than the queue.

    The age of a message counts from when it was first sent.
    """
    retention, least = (int(described.get("MessageRetentionPeriod", "0")) for described in (attributes, queue))
    is_filled = dead_letter_arn(queue) == dead.arn and max_receive_count(queue) < _FEW_RECEIPTS
    if retention < least:
        yield Check(
            f"the dead-letter queue {dead.name} MessageRetentionPeriod is {retention} s, less than the queue's {least} s",
            set_attributes(dead.url, MessageRetentionPeriod=str(RETENTION_SECONDS)),
            Severity.BLOCKING if is_filled and 0 < retention < SHORTEST_RETENTION_SECONDS else Severity.NOTE,
        )


def _weaknesses(dead: DeadLetterQueue, attributes: dict[str, str], rule: Rule) -> Iterator[Check]:
    """Yield what keeps EventBridge from sending to the dead-letter queue of the target."""
    text = f"the dead-letter queue {dead.name}"
    wrong = policy_problem(attributes, rule.arn)
    if wrong:
        yield Check(f"{text} may stay empty: its policy {wrong}", permit(dead.url, attributes, rule.arn), Severity.NOTE)
    encryption = _encryption_check(attributes, dead.url, failures_visible=True)
    if encryption.severity is Severity.BLOCKING:
        yield Check(f"{text} may stay empty: {encryption.text}", encryption.fix, Severity.NOTE)
