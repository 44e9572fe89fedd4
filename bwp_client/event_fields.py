"""The raw fields of an event's record, and functions that decode one field each.

A field that is not needed can then hold anything without an effect on the others.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

Field = Raw | UnsetType
_JSON_NAMES = {
    "detail_type": "detail-type",
    "replay_name": "replay-name",
    "event_descriptor": "eventDescriptor",
    "event_id": "eventId",
    "event_time": "eventTime",
    "idempotency_key": "idempotencyKey",
    "api_version": "apiVersion",
    "subscription_id": "subscriptionId",
}
GLUE_NAMES = {name.lower().replace("-", "_"): name for name in _JSON_NAMES.values()}
"""The names of fields by their names in a Glue table, which has lower case and no hyphens."""


class DetailFields(msgspec.Struct, gc=False, rename=_JSON_NAMES):
    """The fields of `detail` that are read."""

    idempotency_key: Field = UNSET
    api_version: Field = UNSET
    subscription_id: Field = UNSET


class EventFields(DetailFields, gc=False, rename=_JSON_NAMES):
    """The fields of an envelope and of the body of a webhook that are read."""

    id: Field = UNSET
    detail_type: Field = UNSET
    source: Field = UNSET
    account: Field = UNSET
    time: Field = UNSET
    region: Field = UNSET
    resources: Field = UNSET
    detail: Field = UNSET
    replay_name: Field = UNSET
    event_descriptor: Field = UNSET
    event_id: Field = UNSET
    event_time: Field = UNSET
    glue_detail_type: Field = msgspec.field(default=UNSET, name="detail_type")
    glue_event_descriptor: Field = msgspec.field(default=UNSET, name="eventdescriptor")

    @property
    def has_glue_names(self) -> bool:
        """Whether the fields are named as the columns of a Glue table."""
        return self.glue_detail_type is not UNSET or self.glue_event_descriptor is not UNSET


UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoders raise for bytes that are not JSON or not UTF-8."""
UNUSABLE: Final = object()
"""The value of a field that has another type than it should have."""
_event_decoder = msgspec.json.Decoder(EventFields)
_members_decoder = msgspec.json.Decoder(dict[str, Raw])
_text_decoder = msgspec.json.Decoder(str | None)
_time_decoder = msgspec.json.Decoder(datetime | None)
_paths_decoder = msgspec.json.Decoder(list[str] | str | None)
_detail_decoder = msgspec.json.Decoder(DetailFields | str | None)
_DETAIL_LAYERS = 3
"""An object, text of it, or text of that text: a column of text may hold events whose `detail` is text already."""
_ACCOUNT_DIGITS = 12
_NUMBER = re.compile(rb"-?\d[\d.eE+-]{0,40}")
_WHOLE_NUMBER = re.compile(r"\d{1,12}(?:\.0+)?")


def event_fields(record: bytes | memoryview) -> EventFields | None:
    """Return the fields of a record; None if it is JSON but no object.

    Raises:
        One of `UNDECODABLE`: The record is not JSON.
    """
    try:
        return _event_decoder.decode(record)
    except msgspec.ValidationError:
        return None


def text(field: Field) -> Any:
    """Return a text; None if it is missing or null, `UNUSABLE` if it is anything else.

    Raises:
        One of `UNDECODABLE`: The text is not UTF-8.
    """
    return _decoded(field, _text_decoder)


def time(field: Field) -> Any:
    """Return a time, which may have no offset; None if it is missing or null, `UNUSABLE` if it is anything else.

    Raises:
        One of `UNDECODABLE`: The text is not UTF-8.
    """
    return _decoded(field, _time_decoder)


def texts(field: Field) -> Any:
    """Return a list of texts, also from JSON text; None if it is missing or null, `UNUSABLE` if it is anything else.

    Raises:
        One of `UNDECODABLE`: The field is not UTF-8.
    """
    value = _decoded(field, _paths_decoder)
    if isinstance(value, str):
        try:
            value = _paths_decoder.decode(value)
        except UNDECODABLE:
            return UNUSABLE
    return UNUSABLE if isinstance(value, str) else value


def detail(field: Field) -> Any:
    """Return the fields of `detail`, which may be an object or the JSON text of one.

    Missing or null gives fields that are all absent; anything else gives `UNUSABLE`.
    """
    value: Any = None if field is UNSET else field
    layers = 0
    while value is not None and not isinstance(value, DetailFields):
        layers += 1
        if layers > _DETAIL_LAYERS:
            return UNUSABLE
        try:
            value = _detail_decoder.decode(value)
        except UNDECODABLE:
            return UNUSABLE
    return value or DetailFields()


def loose_text(field: Field) -> str:
    """Return a field that decides nothing: a text as it is, a number as its text, and anything else as empty."""
    if field is UNSET:
        return ""
    raw = bytes(field)
    if not raw.startswith(b'"'):
        return raw.decode() if _NUMBER.fullmatch(raw) else ""
    try:
        return _text_decoder.decode(raw) or ""
    except UNDECODABLE:
        return ""


def account(field: Field) -> str:
    """Return an account ID; a number has lost its leading zeros."""
    value = loose_text(field)
    is_number = field is not UNSET and not bytes(field).startswith(b'"')
    return value.partition(".")[0].zfill(_ACCOUNT_DIGITS) if is_number and _WHOLE_NUMBER.fullmatch(value) else value


def with_json_names(record: bytes | memoryview | Raw) -> bytes:
    """Return a record that has the names of a Glue table with the names of JSON.

    Raises:
        One of `UNDECODABLE`: A name is not UTF-8.
    """
    members = {GLUE_NAMES.get(name, name): value for name, value in _members_decoder.decode(record).items()}
    if "detail" in members and bytes(members["detail"]).startswith(b"{"):
        members["detail"] = Raw(with_json_names(members["detail"]))
    return msgspec.json.encode(members)


def _decoded(field: Field, decoder: msgspec.json.Decoder[Any]) -> Any:
    if field is UNSET:
        return None
    try:
        return decoder.decode(field)
    except msgspec.ValidationError:
        return UNUSABLE
