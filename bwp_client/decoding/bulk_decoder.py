"""Decodes many records in one call with msgspec, and less strictly than `records` decodes a single one.

Nearly any JSON object is accepted: `columnar` decides later, for all events of a batch at once, whether the fields make an
event.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from bwp_client.decoding.arrow_arrays import EncodedTexts, encoded_texts
from bwp_client.events import EVENT_TYPES

_Scalar = str | int | float | bool | None
"""Lists and objects are left to the exact decoder, which does not build them in memory."""


class _Detail(msgspec.Struct, gc=False, rename="camel"):
    """The fields of `events.Detail`."""

    idempotency_key: _Scalar = None
    api_version: _Scalar = None
    subscription_id: _Scalar = None


class _Envelope(msgspec.Struct, gc=False, rename={"detail_type": "detail-type", "replay_name": "replay-name"}):
    """The fields of `events.Envelope`, of nearly any type; an absent field is empty."""

    id: _Scalar = ""
    detail_type: _Scalar = ""
    source: _Scalar = ""
    account: _Scalar = ""
    time: _Scalar = ""
    region: _Scalar = ""
    resources: list[str] | None = None
    detail: _Detail | _Scalar = None
    replay_name: _Scalar = None


_decoder = msgspec.json.Decoder(_Envelope)
_array_decoder = msgspec.json.Decoder(list[_Envelope])
_NO_DETAIL = _Detail()
_TEXTS = ("id", "detail_type", "source", "account", "time", "region")

TextColumns = dict[str, EncodedTexts]
"""The fields of some envelopes by name; `path` is the only resource. An absent field is empty, and so are all fields of an
envelope that the exact decoder must judge."""


def decode_objects(text: memoryview, *, in_array: bool) -> tuple[int, TextColumns] | None:
    """Decode JSON objects that follow each other, separated by white space at most, or by commas in an array.

    Returns:
        How many objects there are, and their fields; None if the text is anything else, or a field has an odd type.
    """
    try:
        found = _array_decoder.decode(b"".join((b"[", text, b"]"))) if in_array else _decoder.decode_lines(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    try:
        return len(found), _columns(found)
    except (TypeError, AttributeError):  # a field is not text, or `detail` not an object
        return len(found), _columns(
            [envelope if _has_texts(envelope) else _without_texts(envelope) for envelope in found]
        )


def _has_texts(envelope: _Envelope) -> bool:
    detail = _NO_DETAIL if envelope.detail is None else envelope.detail
    if not isinstance(detail, _Detail) or not all(isinstance(getattr(envelope, name), str) for name in _TEXTS):
        return False
    optional = (envelope.replay_name, detail.idempotency_key, detail.api_version, detail.subscription_id)
    return all(value is None or isinstance(value, str) for value in optional)


def _without_texts(envelope: _Envelope) -> _Envelope:
    """Return an envelope for the exact decoder; of one that is not charted, the type alone decides."""
    event_type = envelope.detail_type
    return _Envelope(detail_type=event_type if isinstance(event_type, str) and event_type not in EVENT_TYPES else "")


def _columns(envelopes: list[Any]) -> TextColumns:
    details = [_NO_DETAIL if envelope.detail is None else envelope.detail for envelope in envelopes]
    return {
        "envelope_id": encoded_texts([envelope.id for envelope in envelopes]),
        "event_type": encoded_texts([envelope.detail_type for envelope in envelopes]),
        "event_source": encoded_texts([envelope.source for envelope in envelopes]),
        "account": encoded_texts([envelope.account for envelope in envelopes]),
        "region": encoded_texts([envelope.region for envelope in envelopes]),
        "replay_name": _optional([envelope.replay_name for envelope in envelopes]),
        "time": encoded_texts([envelope.time for envelope in envelopes]),
        "path": encoded_texts(
            [
                envelope.resources[0] if envelope.resources and len(envelope.resources) == 1 else ""
                for envelope in envelopes
            ]
        ),
        "idempotency_key": _optional([detail.idempotency_key for detail in details]),
        "api_version": _optional([detail.api_version for detail in details]),
        "subscription_id": _optional([detail.subscription_id for detail in details]),
    }


def _optional(values: list[Any]) -> EncodedTexts:
    if values.count(None) == len(values):
        return EncodedTexts(b"", np.zeros(len(values), dtype=np.int32))
    return encoded_texts(["" if value is None else value for value in values])
