"""Wrappers: records that are no events but may contain some, such as notifications, queue messages and log batches.

Only a JSON record that is no event is looked at here. A wrapper contains texts that are records again: events, or further
wrappers.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from msgspec import UNSET, Raw, UnsetType

from bwp_client.events import QuarantineReason, Refused

MAX_WRAPPER_LAYERS = 3
"""SNS to SQS to Lambda is three layers; the fourth record inside must be the event."""
FIREHOSE_FAILURE = "Firehose delivery failure"
_SNS_WITHOUT_EVENTS = ("SubscriptionConfirmation", "UnsubscribeConfirmation")


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A record that is no event."""

    name: str
    """The name under which a wrapper without records is counted."""
    contents: tuple[bytes, ...] = ()
    """The records that it contains."""


class _Message(msgspec.Struct, gc=False):
    message: str


class _Notification(msgspec.Struct, gc=False, rename="pascal"):
    message: str


class _Fields(msgspec.Struct, gc=False):
    """Every field that distinguishes the kinds of wrappers.

    The names of a queue message's fields begin with a small letter when Lambda passes it on, and with a capital when it was
    received from the queue directly.
    """

    sns_type: str | UnsetType = msgspec.field(name="Type", default=UNSET)
    sns_message: str | UnsetType = msgspec.field(name="Message", default=UNSET)
    sns: _Notification | UnsetType = msgspec.field(name="Sns", default=UNSET)
    records: list[Raw] | UnsetType = msgspec.field(name="Records", default=UNSET)
    message_id: str | UnsetType = msgspec.field(name="messageId", default=UNSET)
    body: str | UnsetType = UNSET
    messages: list[Raw] | UnsetType = msgspec.field(name="Messages", default=UNSET)
    received_id: str | UnsetType = msgspec.field(name="MessageId", default=UNSET)
    received_body: str | UnsetType = msgspec.field(name="Body", default=UNSET)
    message_type: str | UnsetType = msgspec.field(name="messageType", default=UNSET)
    log_events: list[_Message] | UnsetType = msgspec.field(name="logEvents", default=UNSET)
    attempts_made: Raw | UnsetType = msgspec.field(name="attemptsMade", default=UNSET)
    raw_data: str | UnsetType = msgspec.field(name="rawData", default=UNSET)


_decoder = msgspec.json.Decoder(_Fields)


def find_wrapper(record: bytes | memoryview) -> Wrapper | None:
    """Decode a wrapper without its contents; None if the record is JSON but no wrapper.

    Raises:
        Refused: The record is not JSON.
    """
    try:
        fields = _decoder.decode(record)
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # The decoder of events names the first fault it meets; this one reads the record to its end.
        raise Refused(QuarantineReason.NOT_JSON) from error
    return _notification(fields) or _message(fields) or _batch(fields)


def _notification(fields: _Fields) -> Wrapper | None:
    if fields.sns:
        return Wrapper("SNS notification", (fields.sns.message.encode(),))
    if not isinstance(fields.sns_message, str):
        return None
    if fields.sns_type == "Notification":
        return Wrapper("SNS notification", (fields.sns_message.encode(),))
    return Wrapper(fields.sns_type) if fields.sns_type in _SNS_WITHOUT_EVENTS else None


def _message(fields: _Fields) -> Wrapper | None:
    if isinstance(fields.body, str) and fields.message_id:
        return Wrapper("SQS message", (fields.body.encode(),))
    if isinstance(fields.received_body, str) and fields.received_id:
        return Wrapper("SQS message", (fields.received_body.encode(),))
    if isinstance(fields.raw_data, str) and fields.attempts_made is not UNSET:
        return Wrapper(FIREHOSE_FAILURE)
    return None


def _batch(fields: _Fields) -> Wrapper | None:
    if isinstance(fields.records, list):
        return Wrapper("Records", tuple(bytes(raw) for raw in fields.records))
    if isinstance(fields.messages, list):
        return Wrapper("Messages", tuple(bytes(raw) for raw in fields.messages))
    if not isinstance(fields.log_events, list):
        return None
    if fields.message_type == "CONTROL_MESSAGE":
        return Wrapper(fields.message_type)
    if fields.message_type == "DATA_MESSAGE":
        return Wrapper(fields.message_type, tuple(event.message.encode() for event in fields.log_events))
    return None
