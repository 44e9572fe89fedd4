"""The archive, the rule and the queues as AWS describes them. Nothing here changes the account."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from bwp_client.aws import AwsProblem, aws_errors, problem_of
from bwp_client.aws.errors import AwsCall, error_of
from bwp_client.errors import SourceNotFoundError, TerminalRemoteError
from bwp_client.sources.eventbridge.aws_clients import Clients, queue_errors

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import TargetOutputTypeDef

_STATE = "Nothing was started or read."
_OF_THE_CALLER = (
    AwsProblem.EXPIRED, AwsProblem.UNKNOWN_KEY, AwsProblem.WRONG_SECRET, AwsProblem.CLOCK, AwsProblem.ACCOUNT,
)  # fmt: skip
"""The problems for which AWS refuses every call, so that a refusal says nothing about the queue."""
_MOST_CLOCK_DIFFERENCE = timedelta(minutes=15)
"""AWS refuses requests of clocks that differ as much; other servers don't."""


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
    pattern: str = ""
    """The pattern of the events that are archived; empty for all events."""
    state_reason: str = ""

    @property
    def bus(self) -> str:
        """The name of the archive's bus; a partner's bus has slashes in its name."""
        return self.bus_arn.partition(":event-bus/")[2]

    @property
    def region(self) -> str:
        """The Region of the archive, in which its replays are sent."""
        return self.arn.split(":")[3]

    @property
    def account(self) -> str:
        """The account that owns the archive."""
        return self.arn.split(":")[4]

    @property
    def rules_arn(self) -> str:
        """The ARN of every rule on the archive's bus without the rule's name."""
        path = "" if self.bus == "default" else f"/{self.bus}"
        return f"{self.arn.partition(':archive/')[0]}:rule{path}"

    def rule_arn(self, name: str) -> str:
        """Return the ARN of a rule on the archive's bus."""
        return f"{self.rules_arn}/{name}"

    def queue_arn(self, name: str) -> str:
        """Return the ARN of a queue in the archive's Region and account."""
        return f"{self.arn.partition(':events:')[0]}:sqs:{self.region}:{self.account}:{name}"

    def expired_before(self, now: datetime) -> datetime | None:
        """Return the time before which events are deleted from the archive by now; None if it retains them for ever."""
        return now - timedelta(days=self.retention_days) if self.retention_days else None


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule that sends replayed events to the queue."""

    name: str
    arn: str
    state: str
    pattern: str
    targets: list[TargetOutputTypeDef]

    def targets_of(self, queue_arn: str) -> list[TargetOutputTypeDef]:
        """Return the targets that send to a queue."""
        return [target for target in self.targets if target["Arn"] == queue_arn]

    def dead_letter_arns(self, queue_arn: str) -> list[str]:
        """Return the dead-letter queues of the targets that send to a queue, other than that queue itself."""
        arns = (target.get("DeadLetterConfig", {}).get("Arn") for target in self.targets_of(queue_arn))
        return list(dict.fromkeys(arn for arn in arns if arn and arn != queue_arn))


def describe_archive(clients: Clients, name: str) -> Archive:
    """Return an archive as AWS describes it.

    Raises:
        SourceNotFoundError: This Region has no archive of that name.
        RemoteError: AWS refused or failed, or this machine's clock is wrong.
    """
    missing = "the archive does not exist", "Check the name after archive:// and the Region."
    call = f"DescribeArchive on archive {name}"
    with aws_errors(
        call,
        state=_STATE,
        permission="events:DescribeArchive on the archive",
        hints={AwsProblem.MISSING: missing},
    ):
        response = clients.events.describe_archive(ArchiveName=name)
    _refuse_wrong_clock(response, call)
    return Archive(
        name=name,
        arn=response["ArchiveArn"],
        bus_arn=response["EventSourceArn"],
        state=response["State"],
        created_at=response["CreationTime"],
        retention_days=response.get("RetentionDays", 0),
        event_count=response.get("EventCount", 0),
        pattern=response.get("EventPattern", ""),
        state_reason=response.get("StateReason", ""),
    )


def _refuse_wrong_clock(response: Mapping[str, Any], call: str) -> None:
    """Raise an error if this machine's clock differs from the server's: the window would reach into AWS's future.

    Raises:
        TerminalRemoteError: It does.
    """
    try:
        theirs = parsedate_to_datetime(response["ResponseMetadata"]["HTTPHeaders"]["date"])
        lead = datetime.now(UTC) - theirs
    except (KeyError, ValueError, TypeError):
        return  # no date, or a date without a zone
    if abs(lead) > _MOST_CLOCK_DIFFERENCE:
        difference = f"{abs(lead) // timedelta(minutes=1):,} minutes {'ahead of' if lead > timedelta() else 'behind'}"
        hint = (
            f"this machine's clock is {difference} AWS's",
            "Switch on time synchronisation (NTP), then start the command again.",
        )
        raise error_of(AwsProblem.CLOCK, AwsCall(call, _STATE), code="", hint=hint)


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


@dataclass(frozen=True, slots=True)
class DeadLetterQueue:
    """A dead-letter queue, as far as it can be described."""

    arn: str
    url: str
    attributes: dict[str, str] | None
    """None for a queue that does not exist, or may not be described."""
    exists: bool = True

    @property
    def name(self) -> str:
        """The name of the queue."""
        return self.arn.rpartition(":")[2]

    @property
    def waiting(self) -> int | None:
        """The approximate number of messages in it; None if that can't be known."""
        return None if self.attributes is None else int(self.attributes.get("ApproximateNumberOfMessages", "0"))


def describe_dead_letters(clients: Clients, arn: str, queue_url: str) -> DeadLetterQueue:
    """Return a dead-letter queue.

    Args:
        clients: The AWS clients.
        arn: The ARN of the dead-letter queue.
        queue_url: The URL of the queue that it belongs to.

    Raises:
        RemoteError: AWS failed, could not be reached, or refuses every call.
    """
    url = url_of(arn, queue_url)
    try:
        return DeadLetterQueue(arn, url, describe_queue(clients, url))
    except SourceNotFoundError:
        return DeadLetterQueue(arn, url, None, exists=False)
    except TerminalRemoteError as error:
        if problem_of(error.__cause__) in _OF_THE_CALLER:
            raise
        return DeadLetterQueue(arn, url, None)


def created_at(queue: dict[str, str]) -> datetime:
    """Return when a queue was created; the start of 1970 if AWS does not say."""
    return datetime.fromtimestamp(int(queue.get("CreatedTimestamp", "0")), UTC)


def dead_letter_arn(queue: dict[str, str]) -> str | None:
    """Return the ARN of the dead-letter queue that a queue names in its redrive policy, or None."""
    return _redrive(queue).get("deadLetterTargetArn")


def max_receive_count(queue: dict[str, str]) -> int:
    """Return how often a message is received before it is moved to the dead-letter queue; 0 without a redrive policy."""
    return int(_redrive(queue).get("maxReceiveCount", 0))


def _redrive(queue: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(queue.get("RedrivePolicy") or "{}")
    return found


def is_fifo(queue: dict[str, str]) -> bool:
    """Return whether a queue is first-in-first-out."""
    return queue.get("FifoQueue") == "true"


def url_of(arn: str, queue_url: str) -> str:
    """Return the URL of a queue, given its ARN and the URL of another queue of the same Region."""
    *_, account, name = arn.split(":")
    return f"{queue_url.rsplit('/', 2)[0]}/{account}/{name}"
