"""Events as they travel: inside notifications, queue messages and log batches, written from AWS's descriptions."""

import base64
import gzip
import io
import json
from typing import Any

import pyarrow as pa


def sns(message: str, **changes: Any) -> dict[str, Any]:
    return {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:MyTopic",
        "Message": message,
        "Timestamp": "2026-05-01T12:00:00.000Z",
        "SignatureVersion": "1",
        "Signature": "EXAMPLEaNInw6JRNwm1LFQL4ICB0bnXrdB8ClRMTQFGBqwLpGbM78tJ4etTwC5zU7O3tS6tGpey==",
        "SigningCertURL": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",
        "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=arn:aws:sns:us-east-1:1:T:2",
    } | changes


def sqs(body: str, **changes: Any) -> dict[str, Any]:
    return {
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183"},
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue",
        "awsRegion": "us-east-2",
    } | changes


def received(bodies: list[str]) -> dict[str, Any]:
    """Give what `aws sqs receive-message` prints."""
    return {"Messages": [{"MessageId": "1", "ReceiptHandle": "r", "MD5OfBody": "m", "Body": body} for body in bodies]}


def lambda_sqs(bodies: list[str]) -> dict[str, Any]:
    return {"Records": [sqs(body) for body in bodies]}


def lambda_sns(messages: list[str]) -> dict[str, Any]:
    return {
        "Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": sns(message)} for message in messages],
    }


def logs(messages: list[str], **changes: Any) -> dict[str, Any]:
    return {
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": "/aws/events/privacy",
        "logStream": "stream",
        "subscriptionFilters": ["filter"],
        "logEvents": [
            {"id": f"{place:056d}", "timestamp": 1510109208016, "message": message}
            for place, message in enumerate(messages)
        ],
    } | changes


def control() -> dict[str, Any]:
    return logs(["CWL CONTROL MESSAGE: Checking health of destination Firehose."], messageType="CONTROL_MESSAGE")


def undelivered(raw: str, **changes: Any) -> dict[str, Any]:
    """Give what Firehose writes below its error prefix."""
    return {
        "attemptsMade": 4,
        "arrivalTimestamp": 1714564800000,
        "errorCode": "Lambda.FunctionTimedOut",
        "errorMessage": "The Lambda function timed out",
        "attemptEndingTimestamp": 1714564900000,
        "rawData": base64.b64encode(raw.encode()).decode(),
    } | changes


def webhook(event: dict[str, Any]) -> dict[str, Any]:
    """Give the body that a webhook delivers for an event."""
    return {
        "idempotencyKey": event["detail"].get("idempotencyKey"),
        "eventDescriptor": event["detail-type"],
        "resources": event["resources"],
        "eventId": event["id"],
        "apiVersion": "2024-11-01",
        "subscriptionId": "s-1",
        "eventTime": event["time"],
        "data": {},
    }


def text(value: Any) -> str:
    return json.dumps(value)


class _Kept(io.BytesIO):
    def close(self) -> None:
        """Keep what was written."""


def zstd(text: bytes) -> bytes:
    kept = _Kept()
    with pa.CompressedOutputStream(pa.PythonFile(kept, mode="w"), "zstd") as stream:
        stream.write(text)
    return kept.getvalue()


def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def lambda_kinesis(parts: list[bytes]) -> dict[str, Any]:
    """Return the records of a stream as Lambda receives them."""
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "1",
                    "sequenceNumber": "49590338271490256608559692538361571095921575989136588898",
                    "data": base64_text(part),
                    "approximateArrivalTimestamp": 1545084650.987,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": "shardId-000000000006:49590338271490256608559692538361571095921575989136588898",
                "eventName": "aws:kinesis:record",
                "awsRegion": "us-east-2",
                "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream",
            }
            for part in parts
        ]
    }


def received_kinesis(parts: list[bytes]) -> dict[str, Any]:
    """Return what `aws kinesis get-records` prints."""
    records = [
        {
            "SequenceNumber": "49590338271490256608559692538361571095921575989136588898",
            "ApproximateArrivalTimestamp": "2026-05-01T12:00:00+00:00",
            "Data": base64_text(part),
            "PartitionKey": "1",
        }
        for part in parts
    ]
    return {"Records": records, "NextShardIterator": "AAAA", "MillisBehindLatest": 0}


def lambda_firehose(parts: list[bytes]) -> dict[str, Any]:
    """Return the records of a delivery stream as a transforming Lambda receives them."""
    return {
        "invocationId": "invoked123",
        "deliveryStreamArn": "arn:aws:firehose:us-east-1:123456789012:deliverystream/events",
        "region": "us-east-1",
        "records": [
            {"recordId": f"record{place}", "approximateArrivalTimestamp": 1510772160000, "data": base64_text(part)}
            for place, part in enumerate(parts)
        ],
    }


def http_firehose(parts: list[bytes]) -> dict[str, Any]:
    """Return the body that Firehose sends to an HTTP endpoint."""
    return {
        "requestId": "ed4acda5-034f-9f42-bba1-f29aea6d7d8f",
        "timestamp": 1578090901599,
        "records": [{"data": base64_text(part)} for part in parts],
    }


def lambda_logs(messages: list[str]) -> dict[str, Any]:
    """Return a log batch as Lambda receives it: gzip in base64."""
    return {"awslogs": {"data": base64_text(gzip.compress(json.dumps(logs(messages)).encode()))}}
