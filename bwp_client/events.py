"""EventBridge envelopes: what a record must hold, which tasks it names, and why a record is refused.

Field names and shapes are those of the Buy with Prime event pages; generation A carries an empty `detail`, generation B
the webhook body inside it, and a webhook delivers that body alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
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


EVENT_TYPES: dict[str, tuple[TaskKind, Outcome]] = {
    f"PERSONAL_DATA_{kind}_TASK_{outcome}": (kind, outcome) for kind in TaskKind for outcome in Outcome
}
"""The four privacy event types; every other type is ignored and counted."""


_NO_RAW = msgspec.Raw(b"{}")


class Detail(msgspec.Struct, gc=False, rename="camel"):
    """What we read of `detail` in generation B, which is also the body of a webhook; empty in generation A."""

    idempotency_key: str | None = None
    api_version: str | None = None
    subscription_id: str | None = None
    data: msgspec.Raw = _NO_RAW


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
    data: msgspec.Raw = _NO_RAW


Shape = tuple[str, str, str, str, str, str, str, str, str]
"""What many events share, in the order of `SHAPE_FIELDS`; absent texts are empty."""

SHAPE_FIELDS = (
    "event_type", "task_kind", "outcome", "business_product_id", "event_source", "account", "region", "replay_name",
    "api_version",
)  # fmt: skip

EventRow = tuple[int, int, str, str, str, str, str]
"""One row of the events table before it has a load: the number of its shape, its time in µs since 1970, `OWN_FIELDS`.

Plain tuples: at a million rows the names would cost more than the parsing.
"""

OWN_FIELDS = ("event_id", "envelope_id", "idempotency_key", "task_id", "fingerprint")


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
    if len(parts) % 2 or "" in parts or len(max(parts, key=len)) > MAX_ID_LENGTH or not resource.isprintable():
        raise Refused(QuarantineReason.ODD_RESOURCE)
    pairs = dict(zip(parts[::2], parts[1::2], strict=True))
    task_id = pairs.get("personalDataDeletionTask") or pairs.get("personalDataRetrievalTask")
    if task_id is None:
        raise Refused(QuarantineReason.NO_TASK)
    if "businessProduct" not in pairs:
        raise Refused(QuarantineReason.ODD_RESOURCE)
    return pairs["businessProduct"], task_id


class EventReader:
    """Turns envelopes into rows; remembers what many of them share, for that is most of each."""

    def __init__(self, *, latest_us: int) -> None:
        """Take the newest event time accepted, in µs since 1970 (now + 2 days)."""
        self._latest_us = latest_us
        self._shared: dict[tuple[str | None, ...], tuple[int, str]] = {}
        self.shapes: list[Shape] = []
        """The shapes that rows name by number, since the last `forget`."""

    def forget(self) -> None:
        """Start counting shapes anew: what comes from outside must not fill the memory."""
        self._shared = {}
        self.shapes = []

    def rows(self, envelope: Envelope) -> list[EventRow]:
        """Give one row per task that a privacy event names; no row for an event of a type we don't chart.

        Raises:
            Refused: No task in `resources`, an odd path, or a `time` without offset or outside the accepted range.
        """
        if envelope.detail_type not in EVENT_TYPES:
            return []
        time = envelope.time
        if time.tzinfo is None:
            raise Refused(QuarantineReason.BAD_TIME)
        occurred_at_us = round(time.timestamp() * 1_000_000)
        if not _EARLIEST_US <= occurred_at_us <= self._latest_us:
            raise Refused(QuarantineReason.TIME_OUT_OF_RANGE)
        resources = envelope.resources
        if len(resources) > 1:
            resources = list(dict(zip(map(task_in_resource, resources), resources, strict=True)).values())
        elif not resources:
            raise Refused(QuarantineReason.NO_TASK)
        detail = envelope.detail
        idempotency_key = detail.idempotency_key or ""
        event_id = idempotency_key or envelope.id
        if not 0 < len(event_id) <= MAX_ID_LENGTH:
            raise Refused(QuarantineReason.NOT_AN_ENVELOPE)
        data = b"" if detail.data is _NO_RAW else _canonical(bytes(detail.data))
        rows = []
        for resource in resources:
            path, _, task_id = resource.rpartition("/")
            key = (
                envelope.detail_type,
                path,
                envelope.source,
                envelope.account,
                envelope.region,
                envelope.replay_name,
                detail.api_version,
                detail.subscription_id,
            )
            shared = self._shared.get(key)
            if shared is None or not 0 < len(task_id) <= MAX_ID_LENGTH or not task_id.isprintable():
                shared, task_id = self._share(key, resource, task_id)
            number, said = shared
            content = f"{said}{occurred_at_us}\x1f{task_id}\x1f{idempotency_key}\x1f".encode("utf-8", "replace") + data
            fingerprint = hashlib.sha256(content).hexdigest()[:FINGERPRINT_DIGITS]
            rows.append((number, occurred_at_us, event_id, envelope.id, idempotency_key, task_id, fingerprint))
        return rows

    def _share(self, key: tuple[str | None, ...], resource: str, last_part: str) -> tuple[tuple[int, str], str]:
        business_product_id, task_id = task_in_resource(resource)
        shape, said = _shared(key, business_product_id)
        shared = len(self.shapes), said
        self.shapes.append(shape)
        if task_id == last_part:  # only then does the path before it say the rest
            self._shared[key] = shared
        return shared, task_id


def _shared(key: tuple[str | None, ...], business_product_id: str) -> tuple[Shape, str]:
    """Give the shape of events alike, and what they all say.

    A fingerprint leaves out `id`, `detail.eventId` and `replay-name`, which a re-delivery may change.
    """
    event_type, _, source, account, region, replay_name, api_version, subscription_id = (text or "" for text in key)
    kind, outcome = EVENT_TYPES[event_type]
    shape = (
        event_type,
        kind.value,
        outcome.value,
        business_product_id,
        source,
        account,
        region,
        replay_name,
        api_version,
    )
    said = (event_type, source, account, region, business_product_id, api_version, subscription_id, "")
    return shape, "\x1f".join(said)


FINGERPRINT_DIGITS = 32
"""The first 128 bits of SHA-256, as hexadecimal digits."""

_EARLIEST_US = int(EARLIEST_EVENT.timestamp()) * 1_000_000
_NO_DATA = (b"{}", b"", b"null")


def _canonical(data: bytes) -> bytes:
    if data in _NO_DATA:
        return b""
    try:
        return msgspec.json.encode(msgspec.json.decode(data), order="sorted")
    except (msgspec.DecodeError, RecursionError):
        return data
