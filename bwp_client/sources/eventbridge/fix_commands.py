"""Commands of the AWS CLI that mend a set-up, as text to paste into a shell. Nothing here runs them."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, Final

from bwp_client.sources.eventbridge.descriptions import Archive, Rule, dead_letter_arn, is_fifo
from bwp_client.sources.eventbridge.event_pattern import wanted_pattern
from bwp_client.sources.eventbridge.queue_policy import permitting_policy

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import TargetOutputTypeDef

RETENTION_SECONDS: Final = 14 * 86_400
VISIBILITY_SECONDS: Final = 120
MAX_RECEIVE_COUNT: Final = 1000
"""The most that SQS allows."""
_MESSAGE_GROUP: Final = "bwp"
_LONGEST_NAME: Final = 80


def all_of(*commands: str) -> str:
    """Return commands as one line, in which each command runs once the command before it has succeeded."""
    return " && ".join(commands)


def aws(service: str, operation: str, **options: str | list[str] | dict[str, str] | list[dict[str, Any]]) -> str:
    """Return an AWS CLI command; a list of texts becomes several values, a mapping or a list of mappings becomes JSON."""
    words = ["aws", service, operation]
    for name, value in options.items():
        words.append("--" + name.replace("_", "-"))
        if isinstance(value, str):
            words.append(value)
        else:
            texts = [item for item in value if isinstance(item, str)]
            words += texts if isinstance(value, list) and texts else [json.dumps(value)]
    return shlex.join(words)


def set_attributes(queue_url: str, **values: str) -> str:
    """Return the command that sets attributes of a queue."""
    if all(value.isalnum() for value in values.values()):
        short = ",".join(f"{name}={value}" for name, value in values.items())
        return aws("sqs", "set-queue-attributes", queue_url=queue_url, attributes=short)
    return aws("sqs", "set-queue-attributes", queue_url=queue_url, attributes=values)


def set_dead_letters(queue_url: str, arn: str) -> str:
    """Return the command that moves messages of a queue to a dead-letter queue, as late as SQS allows."""
    return set_attributes(queue_url, RedrivePolicy=_redrive_policy(arn))


def _redrive_policy(arn: str) -> str:
    return json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": MAX_RECEIVE_COUNT})


def permit(queue_url: str, queue: dict[str, str], rule_arn: str) -> str:
    """Return the command that lets the rule send to a queue."""
    policy = permitting_policy(queue.get("Policy", ""), queue["QueueArn"], rule_arn)
    return set_attributes(queue_url, Policy=policy)


def put_rule(name: str, bus: str) -> str:
    """Return the command that makes the rule, or gives it the right pattern and enables it."""
    return aws("events", "put-rule", name=name, event_bus_name=bus, event_pattern=wanted_pattern(bus))


def put_target(
    rule: Rule | str, bus: str, queue_arn: str, *, replaces: TargetOutputTypeDef | None, dead_letters: str | None
) -> str:
    """Return the command that makes a queue a target of a rule, with AWS's own retry policy and events as they are.

    Args:
        rule: The rule, or the name of a rule without targets.
        bus: The bus of the rule.
        queue_arn: The ARN of the queue.
        replaces: The target that it replaces.
        dead_letters: The ARN of the target's dead-letter queue, which is a standard queue.
    """
    name, targets = (rule.name, rule.targets) if isinstance(rule, Rule) else (rule, [])
    taken = {target["Id"] for target in targets}
    free = next(
        target_id for target_id in ("bwp", *(f"bwp-{number}" for number in range(2, 9))) if target_id not in taken
    )
    target: dict[str, Any] = {"Id": replaces["Id"] if replaces else free, "Arn": queue_arn}
    if dead_letters:
        target["DeadLetterConfig"] = {"Arn": dead_letters}
    if queue_arn.endswith(".fifo"):
        group = replaces.get("SqsParameters", {}).get("MessageGroupId") if replaces else None
        target["SqsParameters"] = {"MessageGroupId": group or _MESSAGE_GROUP}
    return aws("events", "put-targets", rule=name, event_bus_name=bus, targets=[target])


def mend_target(rule: Rule, queue: dict[str, str], bus: str) -> str:
    """Return the commands that make a queue a target of a rule as it should be, whatever the target is now.

    The target gets the dead-letter queue that it has, else the queue's own if that is a standard queue, else a new
    dead-letter queue.
    """
    arn = queue["QueueArn"]
    ours = next(iter(rule.targets_of(arn)), None)
    known = next(iter(rule.dead_letter_arns(arn)), None if is_fifo(queue) else dead_letter_arn(queue))
    dead = known or new_dead_letters(arn)
    put = put_target(rule, bus, arn, replaces=ours, dead_letters=dead)
    return put if known else all_of(make_dead_letters(dead, rule.arn), put)


def make_queue(arn: str, rule_arn: str, *, dead_letters: str | None = None) -> str:
    """Return the command that makes the queue that the rule sends to."""
    attributes = {
        "MessageRetentionPeriod": str(RETENTION_SECONDS),
        "VisibilityTimeout": str(VISIBILITY_SECONDS),
        "SqsManagedSseEnabled": "true",
        "Policy": permitting_policy("", arn, rule_arn),
    }
    if dead_letters:
        attributes["RedrivePolicy"] = _redrive_policy(dead_letters)
    return aws("sqs", "create-queue", queue_name=arn.rpartition(":")[2], attributes=attributes)


def make_dead_letters(arn: str, rule_arn: str) -> str:
    """Return the command that makes a dead-letter queue, to which the rule may send."""
    attributes = {"MessageRetentionPeriod": str(RETENTION_SECONDS), "SqsManagedSseEnabled": "true"}
    if arn.endswith(".fifo"):
        attributes["FifoQueue"] = "true"  # EventBridge never sends to it
    else:
        attributes["Policy"] = permitting_policy("", arn, rule_arn)
    return aws("sqs", "create-queue", queue_name=arn.rpartition(":")[2], attributes=attributes)


def new_dead_letters(queue_arn: str, *, fifo: bool = False) -> str:
    """Return the ARN of a dead-letter queue that does not exist yet, beside a queue."""
    prefix, name = queue_arn.rsplit(":", 1)
    ending = "-dead-letters.fifo" if fifo else "-dead-letters"
    return f"{prefix}:{name.removesuffix('.fifo')[: _LONGEST_NAME - len(ending)]}{ending}"


def make_all_queues(archive: Archive, rule: Rule | str, queue_url: str) -> str:
    """Return the commands that make a queue where the archive is, with a dead-letter queue, and its target at the rule.

    Args:
        archive: The archive.
        rule: The rule, or its name where it does not exist yet.
        queue_url: The URL of the queue that the new queue replaces.
    """
    old_name = queue_url.rpartition("/")[2]
    arn = archive.queue_arn(old_name.removesuffix(".fifo"))
    dead = new_dead_letters(arn)
    if isinstance(rule, Rule):
        old = next((target for target in rule.targets if target["Arn"].rpartition(":")[2] == old_name), None)
        target, rule_arn = put_target(rule, archive.bus, arn, replaces=old, dead_letters=dead), rule.arn
    else:
        target, rule_arn = make_rule(archive, rule, {"QueueArn": arn}, dead), archive.rule_arn(rule)
    return all_of(make_dead_letters(dead, rule_arn), make_queue(arn, rule_arn, dead_letters=dead), target)


def make_rule(archive: Archive, name: str, queue: dict[str, str] | None, dead_letters: str | None = None) -> str:
    """Return the commands that make the rule and, if the queue is known, its target."""
    rule = put_rule(name, archive.bus)
    if queue is None:
        return rule
    dead = dead_letters or (None if is_fifo(queue) else dead_letter_arn(queue))
    return all_of(rule, put_target(name, archive.bus, queue["QueueArn"], replaces=None, dead_letters=dead))
