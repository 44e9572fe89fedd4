"""EventBridge events of Buy with Prime: parses a record into one row per task, or refuses it with a reason.

Field names and structure follow the event pages of Buy with Prime. In generation A of the events, `detail` is empty; in
generation B it holds the body of a webhook; a webhook delivers that body without the envelope.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

SAMPLE_TASK_ID_PREFIX = "5eed5eed-"
"""The prefix of task IDs in sample data; a real task ID of Buy with Prime is a random UUID."""

EARLIEST_EVENT = datetime(2020, 1, 1, tzinfo=UTC)
FUTURE_TOLERANCE = timedelta(days=2)
"""An event whose time is later than this after the time of loading is quarantined."""
MAX_ID_LENGTH = 200


class TaskKind(StrEnum):
    """The kind of a task; rates never pool the two kinds."""

    DELETION = "DELETION"
    RETRIEVAL = "RETRIEVAL"


class Outcome(StrEnum):
    """The outcome of a task."""

    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class QuarantineReason(StrEnum):
    """The reason why a record is in quarantine."""

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
"""The four types of privacy events; events of any other type are counted as ignored."""


class Detail(msgspec.Struct, gc=False, rename="camel"):
    """The fields of `detail` that are read; in generation A, all of them are absent.

    `data` is never read, because it may hold personal data.
    """

    idempotency_key: str | None = None
    api_version: str | None = None
    subscription_id: str | None = None


class Envelope(msgspec.Struct, gc=False, rename={"detail_type": "detail-type", "replay_name": "replay-name"}):
    """An EventBridge event as delivered. Only events replayed from an archive have a `replay_name`."""

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
"""The staged row of one task of an event, in the order of `ROW_FIELDS`; an absent text is an empty string.

A row is a plain tuple, because creating an object with named fields would take longer than parsing the event.
"""

ROW_FIELDS = (
    "event_type", "business_product_id", "task_id", "occurred_at_us", "envelope_id", "idempotency_key", "event_source",
    "account", "region", "replay_name", "api_version", "subscription_id",
)  # fmt: skip
OCCURRED_AT_US = ROW_FIELDS.index("occurred_at_us")
"""The index of the event time in a row; the time is in µs since 1970."""


class Refused(Exception):  # noqa: N818 - a result, not a fault
    """The record can't be converted into rows; it goes to quarantine with the reason."""

    def __init__(self, reason: QuarantineReason) -> None:
        self.reason = reason
        super().__init__(reason.value)


_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_decoder = msgspec.json.Decoder(Envelope)
_webhook_decoder = msgspec.json.Decoder(_Webhook)


def decode_record(record: bytes | memoryview) -> Envelope:
    """Decode an envelope or the body of a webhook.

    Raises:
        Refused: The record is not JSON, or is neither an envelope nor the body of a webhook.
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
    """Return the business product ID and the task ID of a path such as `businessProduct/bp-1/personalDataDeletionTask/t-1`.

    Raises:
        Refused: The path has an odd number of parts, an ID that is empty or too long, or no task.
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
    """Return a row for each task that a privacy event names; no row for an event of another type.

    Args:
        envelope: The decoded event.
        latest_us: The newest accepted event time, in µs since 1970 (now + 2 days).

    Raises:
        Refused: `resources` names no task or has an odd path, or `time` has no offset or is out of range.
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
