"""The two AWS clients that read an archive, and their errors told in our words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bwp_client.errors import (
    BwpError,
    SettingsError,
    SourceNotFoundError,
    TerminalRemoteError,
    TransientRemoteError,
    UsageError,
)

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sqs import SQSClient

LONG_POLL_SECONDS = 20
THREADS = 8
"""Requests to the queue under way at once."""

_REFUSED = {
    "AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId", "ExpiredToken",
    "ExpiredTokenException", "InvalidSignatureException", "KmsAccessDenied", "AWS.SimpleQueueService.KmsAccessDenied",
    "KMS.AccessDeniedException",
}  # fmt: skip
_QUEUE_GONE = {"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"}


@dataclass(frozen=True, slots=True)
class Clients:
    """EventBridge and SQS, as boto3 clients or stand-ins for them."""

    events: EventBridgeClient
    sqs: SQSClient


def open_clients(queue_url: str) -> Clients:
    """Make clients configured by the standard AWS variables; the Region is the queue's where none is set.

    Raises:
        SettingsError: No Region is set and the queue's address names none.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import NoRegionError

    config = Config(
        retries={"mode": "standard", "max_attempts": 5},
        connect_timeout=10,
        read_timeout=LONG_POLL_SECONDS + 20,  # longer than a long poll
        max_pool_connections=THREADS + 2,
    )
    session = boto3.Session()
    region = session.region_name or _region_in(queue_url)
    try:
        return Clients(
            session.client("events", region_name=region, config=config),
            session.client("sqs", region_name=region, config=config),
        )
    except NoRegionError as error:
        raise SettingsError("No AWS Region is set. Nothing was read; set AWS_REGION to the archive's.") from error


def _region_in(queue_url: str) -> str | None:
    host = queue_url.partition("://")[2].partition("/")[0].split(".")
    return host[1] if host[0] == "sqs" and len(host) > 3 else None


class explained:  # noqa: N801 - reads as a word in a with statement
    """Turn AWS's errors into ours: what it refused, what state things are in, what to do next.

    Args:
        what: What was asked, such as `DescribeArchive on archive x`.
        state: What state things are in when it fails.
        permission: What the app needs for it, when not the name of the call.
    """

    def __init__(self, what: str, state: str = "Nothing was started or read.", permission: str = "") -> None:
        self._what = what
        self._state = state
        self._permission = permission

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, _traceback: object) -> None:
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        if isinstance(error, NoCredentialsError):
            raise SettingsError(
                f"No AWS credentials were found for {self._what}. {self._state} Set AWS_PROFILE or the AWS key variables."
            ) from error
        if isinstance(error, ClientError):
            raise self._refusal(*code_and_message(error)) from error
        if isinstance(error, BotoCoreError):
            raise TransientRemoteError(
                f"AWS could not be reached for {self._what} ({type(error).__name__}). {self._state} Load again later."
            ) from error

    def _refusal(self, code: str, message: str) -> BwpError:
        what, state = self._what, self._state
        if code in _REFUSED:
            needed = self._permission or "events:" + what.partition(" ")[0]
            return TerminalRemoteError(
                f"AWS refused {what} ({code}). {state} The app needs {needed}; `doctor` lists every permission."
            )
        if code in _QUEUE_GONE:
            return SourceNotFoundError(f"The queue does not exist ({what}). {state} Check BWP_ARCHIVE__QUEUE_URL.")
        for words, hint in _KNOWN.items():
            if words in f"{code} {message}":
                kind = _KINDS[hint[0]]
                return kind(f"AWS answered {what}: {hint[1]}. {state} {hint[2]}")
        if code == "ValidationException":
            return UsageError(f"AWS refused {what} as not valid ({code}). {state} Check the names and the window.")
        return TransientRemoteError(f"AWS failed on {what} ({code}). {state} Load again later.")


_KINDS: dict[str, type[BwpError]] = {
    "missing": SourceNotFoundError,
    "usage": UsageError,
    "terminal": TerminalRemoteError,
    "transient": TransientRemoteError,
}
_KNOWN: dict[str, tuple[str, str, str]] = {
    "Cross event bus replay is not permitted": (
        "usage", "the destination is not the bus that the archive belongs to",
        "A replay goes to the archive's own bus only; put rule and queue there.",
    ),
    "ResourceNotFoundException Event bus": (
        "missing", "the event bus does not exist", "Check that the archive's bus was not deleted or renamed.",
    ),
    "ResourceNotFoundException Archive": (
        "missing", "the archive does not exist", "Check the name after archive:// and the Region.",
    ),
    "Reason: Archive": (
        "missing", "the archive does not exist", "Check the name after archive:// and the Region.",
    ),
    "ResourceNotFoundException Rule": (
        "missing", "the rule does not exist on the archive's bus", "Check BWP_ARCHIVE__RULE_NAME.",
    ),
    "ResourceNotFoundException Replay": (
        "missing", "the replay does not exist", "AWS forgets replays after 90 days; load the window again.",
    ),
    "EventStartTime must be before EventEndTime": (
        "usage", "the window's end is not after its start", "Give a --to after --from.",
    ),
    "ResourceAlreadyExistsException": (
        "terminal", "the replay's name is taken by another replay", "Load again: the next try takes a new name.",
    ),
    "LimitExceededException": (
        "transient", "ten replays are active in this account and Region, which is the most AWS allows",
        "Wait until one has ended, then load again.",
    ),
}  # fmt: skip


def code_and_message(error: Any) -> tuple[str, str]:
    """Give what a botocore ClientError says."""
    answer = error.response.get("Error", {})
    return str(answer.get("Code", "")), str(answer.get("Message", ""))


def is_final(error: BwpError) -> bool:
    """Tell whether AWS has said no, rather than said nothing or failed: what was asked for may have been done then."""
    from botocore.exceptions import ClientError

    cause = error.__cause__
    return (
        isinstance(cause, ClientError) and cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400) < 500
    )
