"""EventBridge envelopes: what a record must hold, which tasks it names, and why a record is refused.

Field names and shapes are those of the Buy with Prime event pages; generation A carries an empty `detail`, generation B
the webhook body inside it, and a webhook delivers that body alone.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

SAMPLE_TASK_ID_PREFIX = "5eed5eed-"
"""Task IDs of generated sample data begin so; a real Buy with Prime task ID is a random UUID."""

EARLIEST_EVENT = datetime(2020, 1, 1, tzinfo=UTC)
LATEST_AHEAD = timedelta(days=2)
MAX_ID_LENGTH = 200


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
    WRAPPED_TOO_DEEP = "wrapped_too_deep"
    DECOMPRESSION_LIMIT = "decompression_limit"


EVENT_TYPES: dict[str, tuple[TaskKind, Outcome]] = {
    f"PERSONAL_DATA_{kind}_TASK_{outcome}": (kind, outcome) for kind in TaskKind for outcome in Outcome
}
"""The four privacy event types; every other type is ignored and counted."""


class Detail(msgspec.Struct, gc=False, rename="camel"):
    """What we read of `detail` in generation B, which is also the body of a webhook; empty in generation A.

    Its `data` is never read: whatever it may hold one day, it is not ours to keep.
    """

    idempotency_key: str | None = None
    api_version: str | None = None
    subscription_id: str | None = None


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


EventRow = tuple[str, str, str, int, str, str, str, str, str, str, str, str]
"""What the loader stages for one task of one event, in the order of `ROW_FIELDS`; absent texts are empty.

Plain tuples: at a million rows the names would cost more than the parsing.
"""

ROW_FIELDS = (
    "event_type", "business_product_id", "task_id", "occurred_at_us", "envelope_id", "idempotency_key", "event_source",
    "account", "region", "replay_name", "api_version", "subscription_id",
)  # fmt: skip
OCCURRED_AT_US = ROW_FIELDS.index("occurred_at_us")
"""Where a row keeps its event time, in µs since 1970."""


class Refused(Exception):  # noqa: N818 - it is an answer, not a fault
    """A record that cannot become rows; its reason goes to quarantine."""

    def __init__(self, reason: QuarantineReason) -> None:
        self.reason = reason
        super().__init__(reason.value)


_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_decoder = msgspec.json.Decoder(Envelope)
_webhook_decoder = msgspec.json.Decoder(_Webhook)


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
        except _UNDECODABLE as second:
            bad_time = "$.time" in str(error) or "$.eventTime" in str(second)
        raise Refused(QuarantineReason.BAD_TIME if bad_time else QuarantineReason.NOT_AN_ENVELOPE) from error
    except _UNDECODABLE as error:
        raise Refused(QuarantineReason.NOT_JSON) from error


def _from_webhook(body: _Webhook) -> Envelope:
    detail = Detail(
        idempotency_key=body.idempotency_key,
        api_version=body.api_version,
        subscription_id=body.subscription_id,
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
    if len(parts) % 2 or "" in parts or len(max(parts, key=len)) > MAX_ID_LENGTH or not resource.isprintable():
        raise Refused(QuarantineReason.ODD_RESOURCE)
    pairs = dict(zip(parts[::2], parts[1::2], strict=True))
    task_id = pairs.get("personalDataDeletionTask") or pairs.get("personalDataRetrievalTask")
    if task_id is None:
        raise Refused(QuarantineReason.NO_TASK)
    if "businessProduct" not in pairs:
        raise Refused(QuarantineReason.ODD_RESOURCE)
    return pairs["businessProduct"], task_id


EARLIEST_US = int(EARLIEST_EVENT.timestamp()) * 1_000_000


def rows_of(envelope: Envelope, *, latest_us: int) -> list[EventRow]:
    """Give one row per task that a privacy event names; no row for an event of a type we don't chart.

    Args:
        envelope: The decoded event.
        latest_us: The newest event time accepted, in µs since 1970 (now + 2 days).

    Raises:
        Refused: No task in `resources`, an odd path, or a `time` without offset or outside the accepted range.
    """
    if envelope.detail_type not in EVENT_TYPES:
        return []
    time = envelope.time
    if time.tzinfo is None:
        raise Refused(QuarantineReason.BAD_TIME)
    occurred_at_us = round(time.timestamp() * 1_000_000)
    if not EARLIEST_US <= occurred_at_us <= latest_us:
        raise Refused(QuarantineReason.TIME_OUT_OF_RANGE)
    if not envelope.resources:
        raise Refused(QuarantineReason.NO_TASK)
    detail = envelope.detail
    idempotency_key = detail.idempotency_key or ""
    if not 0 < len(idempotency_key or envelope.id) <= MAX_ID_LENGTH:
        raise Refused(QuarantineReason.NOT_AN_ENVELOPE)
    return [
        (
            envelope.detail_type,
            business_product_id,
            task_id,
            occurred_at_us,
            envelope.id,
            idempotency_key,
            envelope.source,
            envelope.account,
            envelope.region,
            envelope.replay_name or "",
            detail.api_version or "",
            detail.subscription_id or "",
        )
        for business_product_id, task_id in dict.fromkeys(map(task_in_resource, envelope.resources))
    ]
