"""Records that are no event but carry some: notifications, queue messages, log batches; and what Firehose could not deliver.

Reached only by records that are JSON and not an event. What a wrapper holds is text that is a record again: an event,
or one more wrapper. Layers, sizes and numbers are bounded, for all of it comes from outside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
from msgspec import UNSET, Raw, UnsetType

from bwp_client.events import Envelope, QuarantineReason, Refused, decode_record

MAX_LAYERS = 3
"""SNS to SQS to Lambda is three; the fourth thing inside must be the event."""
MAX_HELD = 10_000
"""Records in one wrapper, all layers together: as many as a batch of SQS messages or log events has at most."""

FIREHOSE_FAILURE = "Firehose delivery failure"
_SNS_WITHOUT_EVENTS = ("SubscriptionConfirmation", "UnsubscribeConfirmation")


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A record that is no event: the name to count it by when it holds nothing, and the records it holds."""

    name: str
    holds: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """One thing found inside a wrapper: an event, a wrapper that holds nothing, or why it can't be read."""

    raw: bytes
    found: Envelope | Wrapper | QuarantineReason


class _Message(msgspec.Struct, gc=False):
    message: str


class _Notification(msgspec.Struct, gc=False, rename="pascal"):
    message: str


class _Fields(msgspec.Struct, gc=False):
    """Every field by which one wrapper is told from another.

    A queue's message begins its names with a small letter where Lambda hands it on, with a capital where it was received
    by hand.
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


def read_record(record: bytes | memoryview) -> Envelope | Wrapper:
    """Decode one event, or a wrapper without looking into what it holds.

    Raises:
        Refused: The record is not JSON, or JSON but none of these.
    """
    try:
        return decode_record(record)
    except Refused as refused:
        if refused.reason is not QuarantineReason.NOT_AN_ENVELOPE:
            raise
        wrapper = _wrapper(record)
        if wrapper is None:
            raise
        return wrapper


def unwrap(wrapper: Wrapper) -> list[Held]:
    """Give all that a wrapper holds, layer by layer; at least one thing, if only an empty wrapper.

    Raises:
        Refused: It holds more than `MAX_HELD` records.
    """
    held: list[Held] = []
    for one in _held(b"", wrapper, 1):
        held.append(one)
        if len(held) > MAX_HELD:
            raise Refused(QuarantineReason.TOO_LARGE)
    return held


def _held(raw: bytes, wrapper: Wrapper, layer: int) -> Iterator[Held]:
    if not wrapper.holds:
        yield Held(raw, wrapper)
    for inner in wrapper.holds:
        try:
            found = read_record(inner)
        except Refused as refused:
            yield Held(inner, refused.reason)
            continue
        if isinstance(found, Envelope):
            yield Held(inner, found)
        elif found.holds and layer == MAX_LAYERS:
            yield Held(inner, QuarantineReason.WRAPPED_TOO_DEEP)
        else:
            yield from _held(inner, found, layer + 1)


def _wrapper(record: bytes | memoryview) -> Wrapper | None:
    try:
        fields = _decoder.decode(record)
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # The event's decoder names what it met first; this one reads on to the end.
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
        return Wrapper("Records", tuple(bytes(one) for one in fields.records))
    if isinstance(fields.messages, list):
        return Wrapper("Messages", tuple(bytes(one) for one in fields.messages))
    if not isinstance(fields.log_events, list):
        return None
    if fields.message_type == "CONTROL_MESSAGE":
        return Wrapper(fields.message_type)
    if fields.message_type == "DATA_MESSAGE":
        return Wrapper(fields.message_type, tuple(one.message.encode() for one in fields.log_events))
    return None
