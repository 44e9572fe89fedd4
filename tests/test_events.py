"""What an event must hold, which tasks it names, and why it is refused."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from support.events import NOW, PRODUCT, envelope, resource

from bwp_client.events import (
    EVENT_TYPES,
    ROW_FIELDS,
    QuarantineReason,
    Refused,
    decode_record,
    rows_of,
    task_in_resource,
)

LATEST = int((NOW + timedelta(days=2)).timestamp()) * 1_000_000


def rows(event: dict) -> list[dict]:
    made = rows_of(decode_record(json.dumps(event).encode()), latest_us=LATEST)
    return [dict(zip(ROW_FIELDS, row, strict=True)) for row in made]


def test_there_are_four_privacy_events() -> None:
    assert sorted(EVENT_TYPES) == [
        f"PERSONAL_DATA_{kind}_TASK_{outcome}"
        for kind in ("DELETION", "RETRIEVAL")
        for outcome in ("COMPLETED", "FAILED")
    ]


def test_generation_a() -> None:
    (row,) = rows(envelope("t-1", outcome="FAILED"))
    assert row == {
        "event_type": "PERSONAL_DATA_DELETION_TASK_FAILED",
        "business_product_id": PRODUCT,
        "task_id": "t-1",
        "occurred_at_us": int(NOW.timestamp()) * 1_000_000,
        "envelope_id": "e-t-1-FAILED-2026-05-01T12:00:00Z",
        "idempotency_key": "",
        "event_source": "aws.partner/buywithprime.example/bwp",
        "account": "123456789012",
        "region": "us-east-1",
        "replay_name": "",
        "api_version": "",
        "subscription_id": "",
    }


def test_generation_b_and_a_webhook_say_the_same() -> None:
    inner = {
        "eventDescriptor": "PERSONAL_DATA_RETRIEVAL_TASK_COMPLETED",
        "eventId": "w-1",
        "eventTime": "2026-05-01T12:00:00Z",
        "resources": [resource("t-1", kind="RETRIEVAL")],
        "idempotencyKey": "k-1",
        "apiVersion": "2024-01-01",
        "subscriptionId": "s-1",
        "data": {"email": "someone@shopper.invalid"},
    }
    (inside,) = rows(envelope("t-1", kind="RETRIEVAL", detail=inner))
    (alone,) = rows(inner)
    names = ("event_type", "task_id", "occurred_at_us", "idempotency_key", "api_version", "subscription_id")
    assert {name: inside[name] for name in names} == {name: alone[name] for name in names}
    assert "shopper" not in repr(inside) + repr(alone)


def test_each_task_of_an_event_is_a_row_once() -> None:
    made = rows(envelope("t", resources=[resource("t-1"), resource("t-2"), resource("t-1")]))
    assert [row["task_id"] for row in made] == ["t-1", "t-2"]


def test_other_types_give_no_row() -> None:
    assert rows(envelope("t", **{"detail-type": "ORDER_CREATED"})) == []


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("yesterday", QuarantineReason.BAD_TIME),
        ("2026-05-01T12:00:00", QuarantineReason.BAD_TIME),
        ("2019-12-31T23:59:59Z", QuarantineReason.TIME_OUT_OF_RANGE),
        (NOW + timedelta(days=2, seconds=1), QuarantineReason.TIME_OUT_OF_RANGE),
    ],
)
def test_times_that_are_refused(time: str | datetime, reason: QuarantineReason) -> None:
    with pytest.raises(Refused) as refused:
        rows(envelope("t", time=time))
    assert refused.value.reason is reason


@pytest.mark.parametrize("time", ["2020-01-01T00:00:00Z", "2026-05-01T14:00:00+02:00", NOW + timedelta(days=2)])
def test_times_that_are_taken(time: str | datetime) -> None:
    (row,) = rows(envelope("t", time=time))
    wanted = datetime.fromisoformat(time) if isinstance(time, str) else time
    assert datetime.fromtimestamp(row["occurred_at_us"] / 1e6, UTC) == wanted


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", QuarantineReason.ODD_RESOURCE),
        ("businessProduct/b/personalDataDeletionTask", QuarantineReason.ODD_RESOURCE),
        ("businessProduct/b/personalDataDeletionTask/", QuarantineReason.ODD_RESOURCE),
        ("businessProduct/b/personalDataDeletionTask/a\nb", QuarantineReason.ODD_RESOURCE),
        ("personalDataDeletionTask/t", QuarantineReason.ODD_RESOURCE),
        (f"businessProduct/b/personalDataDeletionTask/{'t' * 201}", QuarantineReason.ODD_RESOURCE),
        ("businessProduct/b/order/o", QuarantineReason.NO_TASK),
    ],
)
def test_paths_that_are_refused(path: str, reason: QuarantineReason) -> None:
    with pytest.raises(Refused) as refused:
        task_in_resource(path)
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    ("event_time", "reason"),
    [
        ("yesterday", QuarantineReason.BAD_TIME),
        ("2026-05-01T00:00:00", QuarantineReason.BAD_TIME),
        (5, QuarantineReason.BAD_TIME),
        ("2019-12-31T23:59:59Z", QuarantineReason.TIME_OUT_OF_RANGE),
    ],
)
def test_a_webhook_is_refused_for_its_time_like_an_envelope(event_time: object, reason: QuarantineReason) -> None:
    body = {
        "eventDescriptor": "PERSONAL_DATA_DELETION_TASK_FAILED",
        "eventId": "w-1",
        "eventTime": event_time,
        "resources": [resource("t-1")],
    }
    with pytest.raises(Refused) as refused:
        rows(body)
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    "record", [b"", b"null", b"[]", b'"x"', b"{", b"\xff{}", b"[" * 100_000, b"{}", b'{"\x80": 1}']
)
def test_what_is_no_envelope_is_refused(record: bytes) -> None:
    with pytest.raises(Refused) as refused:
        decode_record(record)
    assert refused.value.reason in {QuarantineReason.NOT_JSON, QuarantineReason.NOT_AN_ENVELOPE}
