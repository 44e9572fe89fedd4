"""Events as they travel: inside notifications, queue messages and log batches, written from AWS's descriptions."""

import base64
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
