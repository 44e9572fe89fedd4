"""An EventBridge archive and the set-up of its replays: a bus, a rule for replays only, and a queue for this app only.

No function of this module starts a replay or changes the account.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bwp_client.aws import AwsProblem, aws_errors
from bwp_client.errors import SettingsError, SourceNotFoundError, UsageError
from bwp_client.settings import ArchiveSettings
from bwp_client.sources.address import Scheme, SourceAddress
from bwp_client.sources.eventbridge.aws_clients import Clients, queue_errors
from bwp_client.sources.eventbridge.event_pattern import WANTED, pattern_problem
from bwp_client.sources.eventbridge.queue_policy import queue_problem

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import TargetOutputTypeDef

_NAME = re.compile(r"[.\-_A-Za-z0-9]{1,48}")
SEE_SETUP = "docs/archive.md walks through the set-up"
_STATE = "Nothing was started or read."


def archive_name(url: str) -> str:
    """Return the name in `archive://NAME`.

    Raises:
        UsageError: The name is not valid in AWS.
    """
    address = SourceAddress.parse(url)
    if address.scheme is not Scheme.ARCHIVE or not _NAME.fullmatch(address.rest):
        raise UsageError(
            f"{url[:80]!r} names no archive. Nothing was started: write archive://NAME, the name as the EventBridge "
            "console shows it (1 to 48 letters, digits, '.', '-', '_')."
        )
    return address.rest


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive as AWS describes it."""

    name: str
    arn: str
    bus_arn: str
    state: str
    created_at: datetime
    retention_days: int
    event_count: int
    """An estimate: AWS updates it once a day."""

    @property
    def bus(self) -> str:
        """The name of the archive's bus; a partner's bus has slashes in its name."""
        return self.bus_arn.partition(":event-bus/")[2]


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule that sends replayed events to the queue."""

    name: str
    arn: str
    state: str
    pattern: str
    targets: list[TargetOutputTypeDef]


@dataclass(frozen=True, slots=True)
class Setup:
    """An archive with its rule and queue; a replay may start only if there are no `problems`."""

    archive: Archive
    rule: Rule
    queue_url: str
    queue: dict[str, str]
    problems: list[tuple[str, str]] = field(default_factory=list)
    """The description and the fix of each problem."""


def rule_and_queue(settings: ArchiveSettings) -> tuple[str, str]:
    """Return the name of the rule and the URL of the queue.

    Raises:
        SettingsError: The rule's name or the queue's URL is not set.
    """
    for name, value in (("RULE_NAME", settings.rule_name), ("QUEUE_URL", settings.queue_url)):
        if not value:
            raise SettingsError(
                f"BWP_ARCHIVE__{name} is not set. Nothing was started: without it a replay can't be kept from your "
                f"production targets. {SEE_SETUP}."
            )
    return str(settings.rule_name), str(settings.queue_url)


def describe_archive(clients: Clients, name: str) -> Archive:
    """Return an archive as AWS describes it.

    Raises:
        SourceNotFoundError: This Region has no archive of that name.
        RemoteError: AWS refused or failed.
    """
    missing = "the archive does not exist", "Check the name after archive:// and the Region."
    with aws_errors(
        f"DescribeArchive on archive {name}",
        state=_STATE,
        permission="events:DescribeArchive on the archive",
        hints={AwsProblem.MISSING: missing},
    ):
        response = clients.events.describe_archive(ArchiveName=name)
    return Archive(
        name=name,
        arn=response["ArchiveArn"],
        bus_arn=response["EventSourceArn"],
        state=response["State"],
        created_at=response["CreationTime"],
        retention_days=response.get("RetentionDays", 0),
        event_count=response.get("EventCount", 0),
    )


def describe_rule(clients: Clients, name: str, bus: str) -> Rule:
    """Return a rule and its targets.

    Raises:
        SourceNotFoundError: That bus has no rule of that name.
        RemoteError: AWS refused or failed.
    """
    missing = "the rule does not exist on the archive's bus", "Check BWP_ARCHIVE__RULE_NAME."
    with aws_errors(
        f"DescribeRule on rule {name} of bus {bus}",
        state=_STATE,
        permission="events:DescribeRule on the rule",
        hints={AwsProblem.MISSING: missing},
    ):
        response = clients.events.describe_rule(Name=name, EventBusName=bus)
    targets: list[TargetOutputTypeDef] = []
    token: dict[str, Any] = {}
    while True:
        with aws_errors(
            f"ListTargetsByRule on rule {name} of bus {bus}",
            state=_STATE,
            permission="events:ListTargetsByRule on the rule",
            hints={AwsProblem.MISSING: missing},
        ):
            page = clients.events.list_targets_by_rule(Rule=name, EventBusName=bus, **token)
        targets += page["Targets"]
        if not page.get("NextToken"):
            break
        token = {"NextToken": page["NextToken"]}
    return Rule(name, response["Arn"], response["State"], response.get("EventPattern", ""), targets)


def describe_queue(clients: Clients, queue_url: str) -> dict[str, str]:
    """Return the attributes of a queue.

    Raises:
        SourceNotFoundError: There is no such queue.
        RemoteError: AWS refused or failed.
    """
    with queue_errors("GetQueueAttributes", queue_url, _STATE):
        response = clients.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])
    return {str(name): value for name, value in response["Attributes"].items()}


def archive_problem(archive: Archive) -> tuple[str, str] | None:
    """Return why an archive can't be replayed now, and the fix; None if it can."""
    if archive.state in ("ENABLED", "UPDATING"):
        return None
    return (
        f"archive {archive.name} is {archive.state}",
        "enable it, or wait until it is ENABLED (EventBridge console, Archives)",
    )


def rule_problems(rule: Rule, bus: str, queue_arn: str) -> list[tuple[str, str]]:
    """Return each reason why a rule would lose events or send them elsewhere, with its fix."""
    problems = []
    where = f"--name {rule.name} --event-bus-name '{bus}'"
    if rule.state != "ENABLED":
        problems.append((f"rule {rule.name} is {rule.state}", f"aws events enable-rule {where}"))
    wrong = pattern_problem(rule.pattern, bus=bus)
    if wrong:
        problems.append(
            (f"rule {rule.name}'s pattern: {wrong}", f"aws events put-rule {where} --event-pattern '{WANTED}'")
        )
    ours = [target for target in rule.targets if target["Arn"] == queue_arn]
    others = [target for target in rule.targets if target["Arn"] != queue_arn]
    where = where.replace("--name", "--rule")
    if not ours:
        problems.append(
            (
                f"rule {rule.name} does not send to our queue",
                f"aws events put-targets {where} --targets 'Id=bwp,Arn={queue_arn}'",
            )
        )
    if others:
        ids = " ".join(target["Id"] for target in others)
        problems.append(
            (
                f"rule {rule.name} has {len(others)} other targets, which a replay would fire",
                f"aws events remove-targets {where} --ids {ids}, or use a rule of its own",
            )
        )
    if any({"Input", "InputPath", "InputTransformer"} & set(target) for target in ours):
        problems.append(
            (
                f"rule {rule.name} changes events on their way to our queue",
                f"aws events put-targets {where} --targets 'Id={ours[0]['Id']},Arn={queue_arn}'",
            )
        )
    return problems


def describe_setup(clients: Clients, name: str, rule_name: str, queue_url: str) -> Setup:
    """Return an archive with its rule, its queue and their problems.

    Raises:
        UsageError: The archive, the rule or the queue does not exist.
        RemoteError: AWS refused or failed.
    """
    archive = describe_archive(clients, name)
    try:
        rule = describe_rule(clients, rule_name, archive.bus)
    except SourceNotFoundError as error:
        raise SourceNotFoundError(
            f"Rule {rule_name} does not exist on bus {archive.bus}, where archive {name} replays to. Nothing was started: "
            f"without it a replay can't be kept from your production targets. Make it there; {SEE_SETUP}."
        ) from error
    queue = describe_queue(clients, queue_url)
    found = [
        archive_problem(archive),
        *rule_problems(rule, archive.bus, queue["QueueArn"]),
        queue_problem(queue, rule.arn),
    ]
    return Setup(archive, rule, queue_url, queue, [problem for problem in found if problem])


def ready_setup(clients: Clients, name: str, settings: ArchiveSettings) -> Setup:
    """Return a set-up without problems, with which a replay may start.

    Raises:
        UsageError: There are problems; the message names each with its fix.
        RemoteError: AWS refused or failed.
    """
    setup = describe_setup(clients, name, *rule_and_queue(settings))
    if setup.problems:
        problems = "\n".join(f"  {problem}\n    fix: {fix}" for problem, fix in setup.problems)
        raise UsageError(
            f"No replay was started: archive {name} can't be read safely.\n{problems}\n  "
            f"`doctor archive://{name}` checks everything; {SEE_SETUP}."
        )
    return setup
