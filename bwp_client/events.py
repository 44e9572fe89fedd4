"""EventBridge envelopes: what a record must hold, which tasks it names, and why a record is refused.

Field names and shapes are those of the Buy with Prime event pages; generation A carries an empty `detail`, generation B
the webhook body inside it, and a webhook delivers that body alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec

SAMPLE_TASK_ID_PREFIX = "5eed5eed-"
"""Task IDs of generated sample data begin so; a real Buy with Prime task ID is a random UUID."""

EARLIEST_EVENT = datetime(2020, 1, 1, tzinfo=UTC)
LATEST_AHEAD = timedelta(days=2)
MAX_ID_LENGTH = 200

_TASK_PAIRS = frozenset({"personalDataDeletionTask", "personalDataRetrievalTask"})


class TaskKind(StrEnum):
    """Which of the two data requests a task is; rates never pool them."""

    DELETION = "DELETION"
    RETRIEVAL = "RETRIEVAL"


class Outcome(StrEnum):
    """How a task ended."""

    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class QuarantineReason(StrEnum):
    """Why a record could not be read."""

    NOT_JSON = "not_json"
    NOT_AN_ENVELOPE = "not_an_envelope"
    BAD_TIME = "bad_time"
    TIME_OUT_OF_RANGE = "time_out_of_range"
    NO_TASK = "no_task_in_resources"
    ODD_RESOURCE = "odd_resource_path"
    TOO_LARGE = "record_too_large"
    CUT_OBJECT = "object_cut_short"


EVENT_TYPES: dict[str, tuple[TaskKind, Outcome]] = {
    f"PERSONAL_DATA_{kind}_TASK_{outcome}": (kind, outcome) for kind in TaskKind for outcome in Outcome
}
"""The four privacy event types; every other type is ignored and counted."""


class Detail(msgspec.Struct, gc=False, rename="camel"):
    """The `detail` of generation B, which is also the whole body of a webhook delivery; empty in generation A."""

    idempotency_key: str | None = None
    event_descriptor: str | None = None
    resources: list[str] | None = None
    event_id: str | None = None
    api_version: str | None = None
    subscription_id: str | None = None
    event_time: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")


class Envelope(msgspec.Struct, gc=False, rename={"detail_type": "detail-type", "replay_name": "replay-name"}):
    """One EventBridge event as delivered; `replay_name` is there only on events replayed from an archive."""

    id: str
    detail_type: str
    source: str
    account: str
    time: datetime
    region: str
    resources: list[str]
    detail: Detail
    replay_name: str | None = None


class _Webhook(msgspec.Struct, gc=False, rename="camel"):
    event_descriptor: str
    event_id: str
    event_time: datetime
    resources: list[str]
    idempotency_key: str | None = None
    api_version: str | None = None
    subscription_id: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")


class EventRow(NamedTuple):
    """One row of the events table before it has a load; absent texts are empty, `occurred_at_us` is µs since 1970."""

    event_id: str
    envelope_id: str
    idempotency_key: str
    event_type: str
    task_kind: str
    outcome: str
    task_id: str
    business_product_id: str
    occurred_at_us: int
    event_source: str
    account: str
    region: str
    replay_name: str
    api_version: str
    fingerprint: str


class Refused(Exception):  # noqa: N818 - it is an answer, not a fault
    """A record that cannot become rows; its reason goes to quarantine."""

    def __init__(self, reason: QuarantineReason) -> None:
        self.reason = reason
        super().__init__(reason.value)


_decoder = msgspec.json.Decoder(Envelope)
_webhook_decoder = msgspec.json.Decoder(_Webhook)
decode_envelope_lines: Callable[[bytes | memoryview], list[Envelope]] = _decoder.decode_lines
"""Decode a block of newline-delimited envelopes at once; raises `msgspec.DecodeError` when any line is not one."""


def decode_record(record: bytes | memoryview) -> Envelope:
    """Decode one envelope or webhook body.

    Raises:
        Refused: The record is not JSON, or JSON but neither of the two.
    """
    try:
        return _decoder.decode(record)
    except msgspec.ValidationError as error:
        try:
            return _from_webhook(_webhook_decoder.decode(record))
        except msgspec.DecodeError:
            pass
        bad_time = "$.time" in str(error) or "$.eventTime" in str(error)
        raise Refused(QuarantineReason.BAD_TIME if bad_time else QuarantineReason.NOT_AN_ENVELOPE) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(QuarantineReason.NOT_JSON) from error


def _from_webhook(body: _Webhook) -> Envelope:
    detail = Detail(
        idempotency_key=body.idempotency_key,
        event_descriptor=body.event_descriptor,
        resources=body.resources,
        event_id=body.event_id,
        api_version=body.api_version,
        subscription_id=body.subscription_id,
        data=body.data,
    )
    return Envelope(
        id=body.event_id,
        detail_type=body.event_descriptor,
        source="",
        account="",
        time=body.event_time,
        region="",
        resources=body.resources,
        detail=detail,
    )


def task_in_resource(resource: str) -> tuple[str, str]:
    """Give (business product ID, task ID) of one path such as `businessProduct/bp-1/personalDataDeletionTask/t-1`.

    Raises:
        Refused: An odd number of parts, an empty or over-long ID, or no task in the path.
    """
    parts = resource.split("/")
    if len(parts) % 2 or not all(0 < len(part) <= MAX_ID_LENGTH for part in parts):
        raise Refused(QuarantineReason.ODD_RESOURCE)
    business_product_id = task_id = ""
    for name, value in zip(parts[::2], parts[1::2], strict=True):
        if name == "businessProduct":
            business_product_id = value
        elif name in _TASK_PAIRS:
            task_id = value
    if not task_id:
        raise Refused(QuarantineReason.NO_TASK)
    if not business_product_id or not (task_id.isprintable() and business_product_id.isprintable()):
        raise Refused(QuarantineReason.ODD_RESOURCE)
    return business_product_id, task_id


def rows_of(envelope: Envelope, *, latest_us: int) -> list[EventRow]:
    """Give one row per task that a privacy event names; no row for an event of a type we don't chart.

    Args:
        envelope: The decoded event.
        latest_us: The newest event time accepted, in µs since 1970 (now + 2 days).

    Raises:
        Refused: No task in `resources`, an odd path, or a `time` without offset or outside the accepted range.
    """
    kind_and_outcome = EVENT_TYPES.get(envelope.detail_type)
    if kind_and_outcome is None:
        return []
    if not envelope.resources:
        raise Refused(QuarantineReason.NO_TASK)
    time = envelope.time
    if time.tzinfo is None:
        raise Refused(QuarantineReason.BAD_TIME)
    occurred_at_us = round(time.timestamp() * 1_000_000)
    if not _EARLIEST_US <= occurred_at_us <= latest_us:
        raise Refused(QuarantineReason.TIME_OUT_OF_RANGE)
    kind, outcome = kind_and_outcome
    detail = envelope.detail
    event_id = detail.idempotency_key or envelope.id
    if not 0 < len(event_id) <= MAX_ID_LENGTH:
        raise Refused(QuarantineReason.NOT_AN_ENVELOPE)
    tasks = dict.fromkeys(map(task_in_resource, envelope.resources))
    return [
        EventRow(
            event_id,
            envelope.id,
            detail.idempotency_key or "",
            envelope.detail_type,
            kind.value,
            outcome.value,
            task_id,
            business_product_id,
            occurred_at_us,
            envelope.source,
            envelope.account,
            envelope.region,
            envelope.replay_name or "",
            detail.api_version or "",
            _fingerprint(envelope, occurred_at_us, business_product_id, task_id),
        )
        for business_product_id, task_id in tasks
    ]


_EARLIEST_US = int(EARLIEST_EVENT.timestamp()) * 1_000_000


def _fingerprint(envelope: Envelope, occurred_at_us: int, business_product_id: str, task_id: str) -> str:
    """Hash what an event says, leaving out `id`, `detail.eventId` and `replay-name`, which a re-delivery may change.

    The first 128 bits of SHA-256 as 32 hexadecimal digits.
    """
    detail = envelope.detail
    data = bytes(detail.data)
    if data not in (b"{}", b""):
        data = msgspec.json.encode(msgspec.json.decode(data), order="sorted")
    content = "\x1f".join(
        (
            envelope.detail_type,
            envelope.source,
            envelope.account,
            envelope.region,
            str(occurred_at_us),
            business_product_id,
            task_id,
            detail.idempotency_key or "",
            detail.api_version or "",
            detail.subscription_id or "",
        )
    )
    return hashlib.sha256(content.encode("utf-8", "surrogatepass") + data).hexdigest()[:32]
