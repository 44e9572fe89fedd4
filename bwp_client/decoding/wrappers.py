"""Wrappers: records that are no events but may contain some, such as notifications, queue messages and log batches.

Only a JSON record that is no event is looked at here. A wrapper contains texts that are records again: events, or further
wrappers. As in events, no field decides but those that make a record a wrapper.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import msgspec
from msgspec import UNSET, Raw

from bwp_client.decoding.service_records import service_record_name
from bwp_client.event_fields import UNDECODABLE, Field, loose_text, text
from bwp_client.events import QuarantineReason, Refused, decode_record

MAX_WRAPPER_LAYERS = 3
"""SNS to SQS to Lambda is three layers; the fourth record inside must be the event."""
MAX_WRAPPED = 10_000
"""Records in one wrapper, over all layers: as many as a batch of SQS messages or log events has at most."""
FIREHOSE_FAILURE = "Firehose delivery failure"
_SNS_WITHOUT_EVENTS = ("SubscriptionConfirmation", "UnsubscribeConfirmation")
TYPE_FIELD = re.compile(rb"detail[-_]type|event[dD]escriptor")
"""The names of the fields that hold an event type."""


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A record that is no event."""

    name: str
    """The name under which a wrapper without records is counted."""
    contents: tuple[bytes, ...] = ()
    """The records that it contains; beyond `MAX_WRAPPED`, one more at most."""


class _Fields(msgspec.Struct, gc=False):
    """Every field that distinguishes the kinds of wrappers.

    The names of a message's fields begin with a small letter when Lambda passes it on, and with a capital when it was
    received from the queue or the stream directly.
    """

    sns_type: Field = msgspec.field(name="Type", default=UNSET)
    sns_message: Field = msgspec.field(name="Message", default=UNSET)
    sns: Field = msgspec.field(name="Sns", default=UNSET)
    message_id: Field = msgspec.field(name="messageId", default=UNSET)
    body: Field = UNSET
    received_id: Field = msgspec.field(name="MessageId", default=UNSET)
    received_body: Field = msgspec.field(name="Body", default=UNSET)
    kinesis: Field = UNSET
    awslogs: Field = UNSET
    data: Field = UNSET
    record_id: Field = msgspec.field(name="recordId", default=UNSET)
    partition_key: Field = msgspec.field(name="partitionKey", default=UNSET)
    received_data: Field = msgspec.field(name="Data", default=UNSET)
    received_partition_key: Field = msgspec.field(name="PartitionKey", default=UNSET)
    records: Field = msgspec.field(name="Records", default=UNSET)
    stream_records: Field = msgspec.field(name="records", default=UNSET)
    messages: Field = msgspec.field(name="Messages", default=UNSET)
    message_type: Field = msgspec.field(name="messageType", default=UNSET)
    log_events: Field = msgspec.field(name="logEvents", default=UNSET)
    message: Field = UNSET
    attempts_made: Field = msgspec.field(name="attemptsMade", default=UNSET)
    raw_data: Field = msgspec.field(name="rawData", default=UNSET)


_decoder = msgspec.json.Decoder(_Fields)
_list_decoder = msgspec.json.Decoder(list[Raw])
_members_decoder = msgspec.json.Decoder(dict[str, Raw])


def find_wrapper(record: bytes | memoryview) -> Wrapper | None:
    """Decode a wrapper without its contents; None if the record is JSON but no wrapper.

    Raises:
        Refused: The record is not JSON.
    """
    try:
        fields = _fields(record)
        if fields is None:
            return None
        wrapper = _notification(fields) or _message(fields) or _stream_record(fields) or _batch(fields)
        if wrapper is None and (name := service_record_name(record)):
            wrapper = Wrapper(name)
        return wrapper or _around_event(record)
    except UNDECODABLE as error:
        # The decoder of events names the first fault it meets; this one reads the record to its end.
        raise Refused(QuarantineReason.NOT_JSON) from error


def _notification(fields: _Fields) -> Wrapper | None:
    inner = _fields(fields.sns)
    if inner is not None:
        message = _text(inner.sns_message)
        return None if message is None else Wrapper("SNS notification", (message.encode(),))
    message, kind = _text(fields.sns_message), _text(fields.sns_type)
    if message is not None and kind == "Notification":
        return Wrapper("SNS notification", (message.encode(),))
    return Wrapper(kind) if message is not None and kind in _SNS_WITHOUT_EVENTS else None


def _message(fields: _Fields) -> Wrapper | None:
    for message_id, body in ((fields.message_id, fields.body), (fields.received_id, fields.received_body)):
        content = _text(body)
        if content is not None and _text(message_id):
            return Wrapper("SQS message", (content.encode(),))
    is_failure = _text(fields.raw_data) is not None and fields.attempts_made is not UNSET
    return Wrapper(FIREHOSE_FAILURE) if is_failure else None


def _stream_record(fields: _Fields) -> Wrapper | None:
    """Return a record of a Kinesis or Firehose stream, or what Lambda receives of a log group; their data are base64."""
    for name, data in (
        ("Kinesis record", _data(fields.kinesis)),
        ("awslogs", _data(fields.awslogs)),
        ("Firehose record", _bytes(fields.data) if fields.record_id is not UNSET else None),
        ("Kinesis record", _bytes(fields.data) if fields.partition_key is not UNSET else None),
        ("Kinesis record", _bytes(fields.received_data) if fields.received_partition_key is not UNSET else None),
    ):
        if data is not None:
            return Wrapper(name, (data,))
    return None


def _batch(fields: _Fields) -> Wrapper | None:
    """Return a batch; of several lists, the first that is not empty."""
    batches = list(_batches(fields))
    return next((batch for batch in batches if batch.contents), batches[0] if batches else None)


def _batches(fields: _Fields) -> Iterator[Wrapper]:
    for name, field in (("Records", fields.records), ("Messages", fields.messages)):
        items = _list(field)
        if items is not None:
            yield Wrapper(name, tuple(map(bytes, items)))
    items, kind = _list(fields.log_events), _text(fields.message_type)
    if items is not None and kind == "DATA_MESSAGE":
        yield Wrapper(kind, tuple(map(_log_message, items)))
    if items is not None and kind == "CONTROL_MESSAGE":
        yield Wrapper(kind)
    items = _list(fields.stream_records)
    if items is not None:
        data = [item for item in map(_data, items) if item is not None]
        if len(data) == len(items):
            yield Wrapper("records", tuple(data))


def _around_event(record: bytes | memoryview) -> Wrapper | None:
    """Return an object with an event under some name, as an input transformer makes it."""
    if not TYPE_FIELD.search(record):
        return None
    events = [event for member in _members_decoder.decode(record).values() if (event := _event(member)) is not None]
    return Wrapper("object with an event", tuple(events)) if events else None


def _event(member: Raw) -> bytes | None:
    """Return a member if it is an event, or JSON text of one."""
    content = bytes(member)
    if not TYPE_FIELD.search(content):
        return None
    if content.startswith(b'"'):
        content = loose_text(member).encode()
    if not content.lstrip().startswith(b"{"):
        return None
    try:
        decode_record(content)
    except Refused as refused:
        return content if refused.names_type else None
    return content


def _fields(record: bytes | memoryview | Field) -> _Fields | None:
    if record is UNSET:
        return None
    try:
        return _decoder.decode(record)
    except msgspec.ValidationError:
        return None


def _text(field: Field) -> str | None:
    value = text(field)
    return value if isinstance(value, str) else None


def _list(field: Field) -> list[Raw] | None:
    if field is UNSET:
        return None
    try:
        return list(islice(_list_decoder.decode(field), MAX_WRAPPED + 1))
    except msgspec.ValidationError:
        return None


def _data(field: Field) -> bytes | None:
    """Return the data of an object with base64 `data`."""
    fields = _fields(field)
    return None if fields is None else _bytes(fields.data)


def _bytes(field: Field) -> bytes | None:
    """Return the bytes of a base64 text; text that is not base64 as it is."""
    value = _text(field)
    if value is None:
        return None
    try:
        return b64decode(value, validate=True)
    except ValueError:
        return value.encode()


def _log_message(log_event: Raw) -> bytes:
    fields = _fields(log_event)
    message = None if fields is None else _text(fields.message)
    return bytes(log_event) if message is None else message.encode()
