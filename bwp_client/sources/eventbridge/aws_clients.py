"""The EventBridge and SQS clients that read an archive, with their retries and timeouts."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bwp_client.aws import AwsProblem, aws_client, aws_errors

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sqs import SQSClient

LONG_POLL_SECONDS = 20
_REGION = re.compile(r"(?<![\w-])[a-z]{2,}(-[a-z]+)+-[0-9](?![\w-])")
_ACCOUNT = re.compile(r"[0-9]{12}")
THREADS = 8
"""The most concurrent calls to the queue."""


@dataclass(frozen=True, slots=True)
class Clients:
    """EventBridge and SQS, as boto3 clients or stand-ins for them."""

    events: EventBridgeClient
    sqs: SQSClient


def open_clients(queue_url: str) -> Clients:
    """Return clients configured by the standard AWS variables; without a Region there, they use the queue's Region.

    Raises:
        SettingsError: No Region is set and the queue's address names none, or the AWS configuration is wrong.
        RemoteError: The service that grants the credentials refused or failed.
    """
    from botocore.config import Config

    config = Config(
        retries={"mode": "standard", "max_attempts": 5},
        connect_timeout=10,
        read_timeout=LONG_POLL_SECONDS + 20,  # longer than a long poll
        max_pool_connections=THREADS + 2,
    )
    region = location_of(queue_url)[0] or None
    return Clients(
        aws_client("events", config, fallback_region=region), aws_client("sqs", config, fallback_region=region)
    )


def location_of(queue_url: str) -> tuple[str, str]:
    """Return the Region and the account that the URL of a queue names; an empty text for what it does not name."""
    host, *path = queue_url.partition("://")[2].split("/")
    region = _REGION.search(host)
    account = path[-2] if len(path) > 1 and _ACCOUNT.fullmatch(path[-2]) else ""
    return (region[0] if region else ""), account


def queue_errors(call: str, queue_url: str, state: str) -> AbstractContextManager[None]:
    """Convert an error of a call to the queue in the block; see `aws_errors`."""
    return aws_errors(
        f"{call} on {queue_url}",
        state=state,
        permission=f"sqs:{call} on the queue",
        hints={AwsProblem.MISSING: ("the queue does not exist", "Check BWP_ARCHIVE__QUEUE_URL.")},
    )
