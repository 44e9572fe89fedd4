"""Checks that an archive receives every event, and that its rule sends them to the queue as they are, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from bwp_client.sources.eventbridge.checks import Check, Severity
from bwp_client.sources.eventbridge.descriptions import Archive, Rule
from bwp_client.sources.eventbridge.event_pattern import (
    archive_pattern_problem,
    pattern_problem,
    wanted_archive_pattern,
)
from bwp_client.sources.eventbridge.fix_commands import (
    aws,
    mend_target,
    put_rule,
)

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import TargetOutputTypeDef

_ENABLED: Final = ("ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
_CHANGES: Final = ("Input", "InputPath", "InputTransformer")
_DEFAULT_ATTEMPTS: Final = 185
_DEFAULT_AGE_SECONDS: Final = 86_400
_FEW_ATTEMPTS: Final = 10
_SHORT_AGE_SECONDS: Final = 3600
_TINY_AGE_SECONDS: Final = 300


def archive_checks(archive: Archive) -> Iterator[Check]:
    """Yield whether an archive can be replayed, and whether it receives every privacy event."""
    if archive.state in ("ENABLED", "UPDATING"):
        yield Check(f"archive {archive.name} is {archive.state} on bus {archive.bus}")
    else:
        yield Check(
            f"archive {archive.name} is {archive.state}" + (f" ({archive.state_reason})" * bool(archive.state_reason)),
            "enable it, or wait until it is ENABLED (EventBridge console, Archives)",
            Severity.BLOCKING,
        )
    wrong = archive_pattern_problem(archive.pattern, bus=archive.bus)
    if wrong is None:
        yield Check(f"archive {archive.name} receives every privacy event of its bus")
    else:
        yield Check(
            f"archive {archive.name}'s pattern: {wrong}; an event that it leaves out can't be replayed",
            aws("events", "update-archive", archive_name=archive.name, event_pattern=wanted_archive_pattern()),
            Severity.NOTE if "judge" in wrong else Severity.WRONG,
        )


def rule_checks(
    rule: Rule, archive: Archive, queue: dict[str, str] | None, *, failures_visible: bool
) -> Iterator[Check]:
    """Yield the checks of a rule.

    Args:
        rule: The rule.
        archive: The archive, whose bus the rule is on.
        queue: The attributes of the queue, or None if they are not known.
        failures_visible: Whether a dead-letter queue receives what is not delivered.
    """
    if rule.state in _ENABLED:
        yield Check(f"rule {rule.name} is {rule.state}")
    else:
        yield Check(
            f"rule {rule.name} is {rule.state}",
            aws("events", "enable-rule", name=rule.name, event_bus_name=archive.bus),
            Severity.BLOCKING,
        )
    wrong = pattern_problem(rule.pattern, bus=archive.bus)
    if wrong is None:
        yield Check(f"rule {rule.name} takes replays only")
    else:
        yield Check(f"rule {rule.name}'s pattern: {wrong}", put_rule(rule.name, archive.bus), Severity.BLOCKING)
    if queue is not None:
        yield from _targets(rule, archive, queue, failures_visible=failures_visible)


def _targets(rule: Rule, archive: Archive, queue: dict[str, str], *, failures_visible: bool) -> Iterator[Check]:
    arn = queue["QueueArn"]
    ours = rule.targets_of(arn)
    others = [target["Id"] for target in rule.targets if target["Arn"] != arn]
    if ours:
        yield Check(f"rule {rule.name} sends to our queue")
    else:
        text = f"rule {rule.name} does not send to our queue"
        yield Check(text, mend_target(rule, queue, archive.bus), Severity.BLOCKING)
    if others:
        yield Check(
            f"rule {rule.name} has {len(others)} other targets, which a replay would fire; a rule of its own avoids that",
            aws("events", "remove-targets", rule=rule.name, event_bus_name=archive.bus, ids=others),
            Severity.BLOCKING,
        )
    else:
        yield Check(f"rule {rule.name} has no other target")
    for target in ours[:1]:
        yield from _target(target, rule, archive, queue, failures_visible=failures_visible)
    if len(ours) > 1:
        ids = [target["Id"] for target in ours[1:]]
        yield Check(
            f"rule {rule.name} has {len(ours)} targets for our queue, so each event comes {len(ours)} times",
            aws("events", "remove-targets", rule=rule.name, event_bus_name=archive.bus, ids=ids),
            Severity.BLOCKING if any(set(_CHANGES) & set(target) for target in ours[1:]) else Severity.WRONG,
        )


def _target(
    target: TargetOutputTypeDef, rule: Rule, archive: Archive, queue: dict[str, str], *, failures_visible: bool
) -> Iterator[Check]:
    """Yield the checks of the target that sends to the queue."""
    fix = mend_target(rule, queue, archive.bus)
    changes = [name for name in _CHANGES if target.get(name)]
    if changes:
        text = f"rule {rule.name} changes events on their way to our queue ({', '.join(changes)})"
        yield Check(text, fix, Severity.BLOCKING)
    else:
        yield Check(f"rule {rule.name} sends events as they are")
    role = target.get("RoleArn")
    if role:
        text = f"rule {rule.name} may not deliver: it sends as {role}, whose permissions can't be seen from here"
        yield Check(text, fix, Severity.WRONG if failures_visible else Severity.BLOCKING)
    yield _retry_check(target, rule, fix)
    if not rule.dead_letter_arns(queue["QueueArn"]):
        text = "has no dead-letter queue: events that can't be delivered within a day are lost"
        yield Check(f"rule {rule.name}'s target {text} (DeadLetterConfig)", fix, Severity.WRONG)


def _retry_check(target: TargetOutputTypeDef, rule: Rule, fix: str) -> Check:
    policy = target.get("RetryPolicy", {})
    attempts = policy.get("MaximumRetryAttempts", _DEFAULT_ATTEMPTS)
    age = policy.get("MaximumEventAgeInSeconds", _DEFAULT_AGE_SECONDS)
    text = f"rule {rule.name} tries up to {attempts} times again to deliver an event, within {age:,} s"
    if attempts >= _FEW_ATTEMPTS and age >= _SHORT_AGE_SECONDS:
        return Check(text)
    severity = Severity.BLOCKING if attempts == 0 or age < _TINY_AGE_SECONDS else Severity.WRONG
    return Check(f"{text}: events are lost when SQS is busy for longer", fix, severity)
