"""An EventBridge archive and the set-up of its replays: a bus, a rule for replays only, and a queue for this app only.

No function of this module starts a replay or changes the account.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bwp_client.errors import SettingsError, SourceNotFoundError, TerminalRemoteError, UsageError
from bwp_client.settings import ArchiveSettings
from bwp_client.sources.address import Scheme, SourceAddress
from bwp_client.sources.eventbridge.aws_clients import Clients, location_of
from bwp_client.sources.eventbridge.checks import Check, Severity
from bwp_client.sources.eventbridge.descriptions import (
    Archive,
    DeadLetterQueue,
    Rule,
    dead_letter_arn,
    describe_archive,
    describe_dead_letters,
    describe_queue,
    describe_rule,
)
from bwp_client.sources.eventbridge.queue_checks import (
    dead_letter_checks,
    failures_visible,
    location_check,
    queue_checks,
)
from bwp_client.sources.eventbridge.rule_checks import archive_checks, rule_checks

__all__ = ["Archive", "Rule", "Setup", "archive_name", "describe_setup", "ready_setup", "rule_and_queue"]

_NAME = re.compile(r"[.\-_A-Za-z0-9]{1,48}")
_RULE_NAME = re.compile(r"[.\-_A-Za-z0-9]{1,64}")
SEE_SETUP = "docs/archive.md walks through the set-up"


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
class Setup:
    """An archive with its rule and queue; a replay may start, and counts as read, only if there are no `problems`."""

    archive: Archive
    rule: Rule
    queue_url: str
    queue: dict[str, str]
    """The attributes of the queue."""
    dead_letters: list[DeadLetterQueue] = field(default_factory=list)
    """The dead-letter queues of the queue and of the rule's target."""

    def checks(self) -> list[Check]:
        """Return a line about each part of the set-up."""
        return [
            *archive_checks(self.archive),
            *delivery_checks(self.archive, self.rule, self.queue, self.queue_url, self.dead_letters),
        ]

    @property
    def problems(self) -> list[tuple[str, str]]:
        """The description and the fix of each fault with which events are not, or may not be, delivered."""
        return [(check.text, check.fix) for check in self.checks() if check.severity is Severity.BLOCKING]


def delivery_checks(
    archive: Archive,
    rule: Rule | None,
    queue: dict[str, str] | None,
    queue_url: str,
    dead_letters: list[DeadLetterQueue],
) -> Iterator[Check]:
    """Yield a line about each part of the way from an archive's bus to the queue; a part that is None is left out."""
    known = rule is not None and queue is not None and failures_visible(dead_letters, queue, rule)
    if rule is not None:
        yield from rule_checks(rule, archive, queue, failures_visible=known)
    if queue is not None:
        yield from queue_checks(queue, queue_url, archive, rule, failures_visible=known)
        yield from dead_letter_checks(dead_letters, queue, queue_url, rule)


def rule_and_queue(settings: ArchiveSettings) -> tuple[str, str]:
    """Return the name of the rule and the URL of the queue.

    Raises:
        SettingsError: The rule's name or the queue's URL is not set, or no rule can have that name.
    """
    for name, value in (("RULE_NAME", settings.rule_name), ("QUEUE_URL", settings.queue_url)):
        if not value:
            raise SettingsError(
                f"BWP_ARCHIVE__{name} is not set. Nothing was started: without it a replay can't be kept from your "
                f"production targets. {SEE_SETUP}."
            )
    if not _RULE_NAME.fullmatch(str(settings.rule_name)):
        raise SettingsError(
            f"BWP_ARCHIVE__RULE_NAME is {str(settings.rule_name)[:80]!r}, which is no name of a rule. Nothing was started: "
            "set it to the name alone, without ARN and bus (1 to 64 letters, digits, '.', '-', '_')."
        )
    return str(settings.rule_name), str(settings.queue_url)


def describe_all_dead_letters(
    clients: Clients, queue_url: str, queue: dict[str, str], rule: Rule | None
) -> list[DeadLetterQueue]:
    """Return the dead-letter queues of a queue and of the targets of a rule that send to the queue, each once.

    Raises:
        RemoteError: AWS failed, could not be reached, or refuses every call.
    """
    arns = [dead_letter_arn(queue), *(rule.dead_letter_arns(queue["QueueArn"]) if rule else [])]
    return [describe_dead_letters(clients, arn, queue_url) for arn in dict.fromkeys(arns) if arn]


def misplaced(archive: Archive, rule: Rule | str | None, queue_url: str) -> Check | None:
    """Return the fault of a queue whose URL names another Region or account than the archive's, or None."""
    region, account = location_of(queue_url)
    return location_check(archive, rule, queue_url, f"arn:aws:sqs:{region}:{account}:")


def describe_setup(clients: Clients, name: str, rule_name: str, queue_url: str) -> Setup:
    """Return an archive with its rule and its queues.

    Raises:
        UsageError: The archive, the rule or the queue does not exist, or the queue is in another Region or account.
        RemoteError: AWS refused or failed.
    """
    archive = describe_archive(clients, name)
    try:
        rule = describe_rule(clients, rule_name, archive.bus)
    except SourceNotFoundError as error:
        raise SourceNotFoundError(
            f"Rule {rule_name} does not exist on bus {archive.bus}, where archive {name} replays to. Nothing was started: "
            f"without it a replay can't be kept from your production targets. Make it there: "
            f"`doctor archive://{name}` prints the commands, and {SEE_SETUP}."
        ) from error
    try:
        queue = describe_queue(clients, queue_url)
    except (SourceNotFoundError, TerminalRemoteError) as error:
        elsewhere = misplaced(archive, rule, queue_url)
        if elsewhere is None:
            raise
        raise _not_ready(name, [(elsewhere.text, elsewhere.fix)]) from error
    return Setup(archive, rule, queue_url, queue, describe_all_dead_letters(clients, queue_url, queue, rule))


def ready_setup(clients: Clients, name: str, settings: ArchiveSettings) -> Setup:
    """Return a set-up without problems, with which a replay may start.

    Raises:
        UsageError: There are problems; the message names each with its fix.
        RemoteError: AWS refused or failed.
    """
    setup = describe_setup(clients, name, *rule_and_queue(settings))
    if setup.problems:
        raise _not_ready(name, setup.problems)
    return setup


def _not_ready(name: str, problems: list[tuple[str, str]]) -> UsageError:
    lines = "\n".join(f"  {problem}\n    fix: {fix}" for problem, fix in problems)
    return UsageError(
        f"No replay was started: archive {name} can't be read safely.\n{lines}\n  "
        f"`doctor archive://{name}` checks everything; {SEE_SETUP}."
    )
