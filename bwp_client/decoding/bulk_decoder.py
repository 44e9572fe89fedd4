"""Decodes many records in one call, by the same decoder that reads single records exactly.

Only texts are read, and nearly any JSON object is accepted: whether the texts make an event is decided later, for all events
of a batch at once (see `columnar`).
"""

from __future__ import annotations

import msgspec
import numpy as np

from bwp_client.decoding.arrow_arrays import EncodedTexts, encoded_texts


class _Detail(msgspec.Struct, gc=False, rename="camel"):
    """The fields of `events.Detail`."""

    idempotency_key: str | None = None
    api_version: str | None = None
    subscription_id: str | None = None


class _Envelope(msgspec.Struct, gc=False, rename={"detail_type": "detail-type", "replay_name": "replay-name"}):
    """The fields of `events.Envelope` as texts; an absent field is empty."""

    id: str = ""
    detail_type: str = ""
    source: str = ""
    account: str = ""
    time: str = ""
    region: str = ""
    resources: list[str] | None = None
    detail: _Detail | None = None
    replay_name: str | None = None


_decoder = msgspec.json.Decoder(_Envelope)
_array_decoder = msgspec.json.Decoder(list[_Envelope])
_NO_DETAIL = _Detail()

TextColumns = dict[str, EncodedTexts]
"""The fields of some envelopes by name; `path` is the only resource. An absent field is empty, and so is the time of an
envelope without `detail` or `resources`."""


def decode_objects(text: memoryview, *, in_array: bool) -> tuple[int, TextColumns] | None:
    """Decode JSON objects that follow each other, separated by white space at most, or by commas in an array.

    Returns:
        How many objects there are, and their fields; None if the text is anything else, or a field has another type.
    """
    try:
        found = _array_decoder.decode(b"".join((b"[", text, b"]"))) if in_array else _decoder.decode_lines(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return len(found), _columns(found)


def _columns(envelopes: list[_Envelope]) -> TextColumns:
    details = [envelope.detail or _NO_DETAIL for envelope in envelopes]
    return {
        "envelope_id": encoded_texts([envelope.id for envelope in envelopes]),
        "event_type": encoded_texts([envelope.detail_type for envelope in envelopes]),
        "event_source": encoded_texts([envelope.source for envelope in envelopes]),
        "account": encoded_texts([envelope.account for envelope in envelopes]),
        "region": encoded_texts([envelope.region for envelope in envelopes]),
        "replay_name": _optional([envelope.replay_name for envelope in envelopes]),
        "time": encoded_texts(
            ["" if envelope.detail is None or envelope.resources is None else envelope.time for envelope in envelopes]
        ),
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


def _optional(values: list[str | None]) -> EncodedTexts:
    if not any(values):
        return EncodedTexts(b"", np.zeros(len(values), dtype=np.int32))
    return encoded_texts([value or "" for value in values])
