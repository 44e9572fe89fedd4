"""What AWS services write beside events is ignored under a name, and costs no row in the quarantine."""

import json
from typing import Any

import pyarrow as pa
import pytest
from support.events import envelope
from support.packing import as_parquet
from support.staging import stage
from support.wire import lambda_sqs, sqs, text

S3 = {
    "eventVersion": "2.1",
    "eventSource": "aws:s3",
    "awsRegion": "us-east-1",
    "eventTime": "2026-05-01T12:00:00.000Z",
    "eventName": "ObjectCreated:Put",
    "userIdentity": {"principalId": "AIDAJDPLRKLG7UEXAMPLE"},
    "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": "b"}, "object": {"key": "k", "size": 1024}},
}
TRAIL = {
    "eventVersion": "1.08",
    "userIdentity": {"type": "AWSService", "invokedBy": "firehose.amazonaws.com"},
    "eventTime": "2026-05-01T12:00:00Z",
    "eventSource": "s3.amazonaws.com",
    "eventName": "PutObject",
    "awsRegion": "us-east-1",
    "requestParameters": {"bucketName": "b"},
}
KNOWN: dict[str, tuple[dict[str, Any], int]] = {
    "S3 notification": ({"Records": [S3, S3]}, 2),
    "CloudTrail record": ({"Records": [TRAIL] * 3}, 3),
    "CloudTrail digest": (
        {"awsAccountId": "1", "digestStartTime": "2026-05-01T12:00:00Z", "digestS3Bucket": "b", "logFiles": []},
        1,
    ),
    "s3:TestEvent": (
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-05-01T12:00:00.000Z", "Bucket": "b"},
        1,
    ),
    "S3 Inventory entry": ({"bucket": "b", "key": "k", "size": 5, "last_modified_date": "2026-05-01T12:00:00Z"}, 1),
    "S3 Inventory manifest": (
        {
            "sourceBucket": "b",
            "destinationBucket": "arn:aws:s3:::b",
            "version": "2016-11-30",
            "fileFormat": "CSV",
            "files": [],
        },
        1,
    ),
}


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize(
    "wrap", [lambda record: record, lambda record: sqs(text(record)), lambda record: {"Records": [record]}]
)
@pytest.mark.parametrize("indent", [None, 2])
def test_a_record_of_a_service_is_ignored_under_its_name(name: str, wrap: Any, indent: int | None) -> None:
    record, count = KNOWN[name]
    data = f"{text(envelope('t', id='e-1'))}\n{json.dumps(wrap(record), indent=indent)}\n"
    found, refused, counts = stage(data.encode(), [1000])
    assert ([name for _, name in found], refused, counts.ignored) == (["e-1"], [], {name: count})


@pytest.mark.parametrize(
    "record",
    [
        {"Records": [{"eventSource": "aws:dynamodb", "eventVersion": "1.1", "eventName": "INSERT"}]},
        {"Records": [S3 | {"s3": None} | {"eventSource": 5}]},
        {"Event": "s3:Other"},
        {"files": [], "fileFormat": "CSV"},
        {"bucket": "b", "key": "k"},
    ],
)
def test_what_only_resembles_such_a_record_is_quarantined(record: dict) -> None:
    _, refused, counts = stage(text(record).encode(), [1000])
    assert ([reason for _, reason in refused], counts.ignored) == (["not_an_envelope"], {})


def test_a_notification_beside_messages_counts_one_by_one() -> None:
    bodies = [text({"Records": [S3]}), text(envelope("t", id="e-1"))]
    found, refused, counts = stage(text(lambda_sqs(bodies)).encode(), [1000])
    assert (found, refused, counts.ignored) == ([(0, "e-1")], [], {"S3 notification": 1})


def test_an_inventory_in_parquet_is_ignored_by_name() -> None:
    entries = {
        "bucket": ["b"] * 500,
        "key": [f"k-{number}" for number in range(500)],
        "storage_class": ["STANDARD"] * 500,
    }
    found, refused, counts = stage(as_parquet(pa.table(entries)), [1000])
    assert (found, refused, counts.ignored) == ([], [], {"S3 Inventory entry": 500})
