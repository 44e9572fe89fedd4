"""EventBridge events of Buy with Prime: parses a record into one row per task, or refuses it with a reason.

Field names and structure follow the event pages of Buy with Prime. In generation A of the events, `detail` is empty; in
generation B it holds the body of a webhook; a webhook delivers that body without the envelope.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import UNSET

from bwp_client import event_fields
from bwp_client.event_fields import UNUSABLE, EventFields

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
    PERSONAL_ID = "personal_data_in_id"
    TOO_LARGE = "record_too_large"
    CUT_OBJECT = "object_cut_short"
    WRAPPED_TOO_DEEP = "wrapped_too_deep"
    DECOMPRESSION_LIMIT = "decompression_limit"
    UNSUPPORTED_FORMAT = "unsupported_format"


EVENT_TYPES: dict[str, tuple[TaskKind, Outcome]] = {
    f"PERSONAL_DATA_{kind}_TASK_{outcome}": (kind, outcome) for kind in TaskKind for outcome in Outcome
}
"""The four types of privacy events; events of any other type are counted as ignored."""


class Detail(msgspec.Struct, gc=False, frozen=True):
    """The fields of `detail` that are read; an absent field is empty. In generation A, all of them are absent.

    `data` is never read, because it may hold personal data.
    """

    idempotency_key: str = ""
    api_version: str = ""
    subscription_id: str = ""


class Envelope(msgspec.Struct, gc=False):
    """An EventBridge event, or the body of a webhook as one; an absent text is empty.

    Of an event that is not charted, only type and source are read. Only events replayed from an archive have a
    `replay_name`.
    """

    detail_type: str
    source: str = ""
    id: str = ""
    time: datetime | None = None
    """None only in events that are not charted."""
    resources: list[str] = []
    detail: Detail = Detail()
    account: str = ""
    region: str = ""
    replay_name: str = ""


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

    def __init__(self, reason: QuarantineReason, note: str = "", *, names_type: bool = False) -> None:
        """Describe the refusal.

        Args:
            reason: The reason.
            note: What is missing or unusable, by the names of the fields only.
            names_type: The record names an event type, so that it is meant to be an event.
        """
        self.reason = reason
        self.note = note
        self.names_type = names_type
        super().__init__(reason.value)


def decode_record(record: bytes | memoryview) -> Envelope:
    """Decode an envelope or the body of a webhook.

    An event of a type that is not charted is accepted whatever its other fields hold. A charted event must have an ID or
    idempotency key, a time and resources; its `detail`, if any, must be an object or the JSON text of one. In all other
    fields a number becomes its text, and any value that is neither a text nor a number becomes empty.

    Raises:
        Refused: The record is not JSON, or is neither an envelope nor the body of a webhook.
    """
    try:
        fields = event_fields.event_fields(record)
        if fields is None:
            raise Refused(QuarantineReason.NOT_AN_ENVELOPE)
        if fields.detail_type is UNSET and fields.event_descriptor is UNSET and fields.has_glue_names:
            return decode_record(event_fields.with_json_names(record))
        return _from_fields(fields)
    except event_fields.UNDECODABLE as error:
        raise Refused(QuarantineReason.NOT_JSON) from error


def _from_fields(fields: EventFields) -> Envelope:
    event_type = event_fields.text(fields.detail_type)
    if isinstance(event_type, str):
        try:
            return _from_envelope(event_type, fields)
        except Refused:
            if event_fields.text(fields.event_descriptor) not in EVENT_TYPES:
                raise
    descriptor = event_fields.text(fields.event_descriptor)
    if isinstance(descriptor, str):
        return _from_webhook(descriptor, fields)
    names = ("detail-type", "id", "time", "resources")
    missing = [name for name in names if getattr(fields, name.replace("-", "_")) is UNSET]
    raise Refused(
        QuarantineReason.NOT_AN_ENVELOPE, f"missing: {', '.join(missing)}" if missing else "unusable: detail-type"
    )


def _from_envelope(event_type: str, fields: EventFields) -> Envelope:
    source = event_fields.loose_text(fields.source)
    if event_type not in EVENT_TYPES:
        return Envelope(event_type, source)
    detail = event_fields.detail(fields.detail)
    needed = {
        "id": event_fields.text(fields.id),
        "time": event_fields.time(fields.time),
        "resources": event_fields.texts(fields.resources),
        "detail": detail,
    }
    return Envelope(
        event_type,
        source,
        *_checked(needed),
        account=event_fields.account(fields.account),
        region=event_fields.loose_text(fields.region),
        replay_name=event_fields.loose_text(fields.replay_name),
    )


def _from_webhook(event_type: str, fields: EventFields) -> Envelope:
    if event_type not in EVENT_TYPES:
        return Envelope(event_type)
    needed = {
        "eventId": event_fields.text(fields.event_id),
        "eventTime": event_fields.time(fields.event_time),
        "resources": event_fields.texts(fields.resources),
        "detail": fields,
    }
    return Envelope(event_type, "", *_checked(needed))


def _checked(needed: dict[str, Any]) -> tuple[str, datetime, list[str], Detail]:
    """Return what the figures need of an event.

    Args:
        needed: ID, time, resources and `detail`, by the names that they have in the record.

    Raises:
        Refused: Something is missing or has another type.
    """
    event_id, time, resources, detail_fields = needed.values()
    detail = Detail()
    if detail_fields is not UNUSABLE:
        detail = Detail(*(event_fields.loose_text(getattr(detail_fields, name)) for name in Detail.__struct_fields__))
    if event_id is None and detail.idempotency_key:
        event_id = ""
    values = dict(zip(needed, (event_id, time, resources, detail_fields), strict=True))
    missing = [name for name, value in values.items() if value is None]
    unusable = [name for name, value in values.items() if value is UNUSABLE]
    if not missing and unusable in (["time"], ["eventTime"]):
        raise Refused(QuarantineReason.BAD_TIME, names_type=True)
    if missing or unusable:
        notes = [
            f"{what}: {', '.join(names)}" for what, names in (("missing", missing), ("unusable", unusable)) if names
        ]
        raise Refused(QuarantineReason.NOT_AN_ENVELOPE, "; ".join(notes), names_type=True)
    return event_id, time, resources, detail


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
    if time is None or time.tzinfo is None:
        raise Refused(QuarantineReason.BAD_TIME)
    occurred_at_us = round(time.timestamp() * 1_000_000)
    if not EARLIEST_US <= occurred_at_us <= latest_us:
        raise Refused(QuarantineReason.TIME_OUT_OF_RANGE)
    if not envelope.resources:
        raise Refused(QuarantineReason.NO_TASK)
    detail = envelope.detail
    if not 0 < len(detail.idempotency_key or envelope.id) <= MAX_ID_LENGTH:
        raise Refused(QuarantineReason.NOT_AN_ENVELOPE, "unusable: id")
    return [
        (
            envelope.detail_type,
            business_product_id,
            task_id,
            occurred_at_us,
            envelope.id,
            detail.idempotency_key,
            envelope.source,
            envelope.account,
            envelope.region,
            envelope.replay_name,
            detail.api_version,
            detail.subscription_id,
        )
        for business_product_id, task_id in dict.fromkeys(map(task_in_resource, envelope.resources))
    ]
