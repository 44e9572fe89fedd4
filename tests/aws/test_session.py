"""What a proxy or a login page answers in the place of AWS is not taken for an answer of AWS."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config
from support.scripted_api import http, scripted_api

from bwp_client.aws import aws_client, aws_errors
from bwp_client.errors import TerminalRemoteError

ENTRY = {"Id": "1", "ReceiptHandle": "r"}
CALLS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "GetQueueAttributes": ("sqs", lambda sqs: sqs.get_queue_attributes(QueueUrl="http://q", AttributeNames=["All"])),
    "ReceiveMessage": ("sqs", lambda sqs: sqs.receive_message(QueueUrl="http://q")),
    "DeleteMessageBatch": ("sqs", lambda sqs: sqs.delete_message_batch(QueueUrl="http://q", Entries=[ENTRY])),
    "DescribeRule": ("events", lambda events: events.describe_rule(Name="r")),
    "ListTargetsByRule": ("events", lambda events: events.list_targets_by_rule(Rule="r")),
    "GetSecretValue": ("secretsmanager", lambda secrets: secrets.get_secret_value(SecretId="s")),
}  # fmt: skip
KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}


def call_answered(call: Callable[[Any], Any], service: str, body: bytes, monkeypatch: pytest.MonkeyPatch) -> Any:
    with scripted_api() as server:
        server.answers = [http(200, body)]
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": server.url}.items():
            monkeypatch.setenv(name, value)
        client = aws_client(service, Config(retries={"total_max_attempts": 1}))
        try:
            with aws_errors("Call on x", state="Nothing was done.", permission="x:Call"):
                return call(client)
        finally:
            client.close()


@pytest.mark.usefixtures("no_aws")
@pytest.mark.parametrize("body", [b"<html>Log in</html>", b"", b"[1]", b'{"login": "https://x"}', b'{"Attributes'])
@pytest.mark.parametrize("name", CALLS)
def test_another_servers_answer_ends_the_call(monkeypatch: pytest.MonkeyPatch, name: str, body: bytes) -> None:
    service, call = CALLS[name]
    with pytest.raises(TerminalRemoteError, match=r"Call on x is none of AWS's.*Nothing was done\..*AWS_ENDPOINT_URL"):
        call_answered(call, service, body, monkeypatch)


@pytest.mark.usefixtures("no_aws")
@pytest.mark.parametrize("name", sorted(set(CALLS) - {"ReceiveMessage"}))
def test_an_answer_without_the_fields_of_its_call_ends_the_call(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    service, call = CALLS[name]
    with pytest.raises(TerminalRemoteError, match=r"Call on x is none of AWS's.*Nothing was done\."):
        call_answered(call, service, b"{}", monkeypatch)


ATTRIBUTES = {"QueueArn": "a", "ApproximateNumberOfMessages": "1", "ApproximateNumberOfMessagesNotVisible": "0"}
MESSAGE = {"MessageId": "1", "ReceiptHandle": "r", "Body": "{}"}
WHOLE: dict[str, list[Any]] = {
    "GetQueueAttributes": [{"Attributes": ATTRIBUTES | {"RedrivePolicy": '{"maxReceiveCount": "3"}'}}],
    "ReceiveMessage": [{"Messages": [MESSAGE, MESSAGE]}, {"Messages": []}, {"Messages": None}],
    "DeleteMessageBatch": [{"Successful": [{"Id": "1"}]}, {"Failed": [{"Id": "1", "SenderFault": False, "Code": "x"}]}],
    "DescribeRule": [{"Arn": "a", "State": "ENABLED", "Description": None}],
    "ListTargetsByRule": [{"Targets": []}, {"Targets": [{"Id": "1", "Arn": "a", "Later": 1}]}],
}
PARTIAL: list[tuple[str, Any]] = [
    ("DescribeRule", {"Name": "r", "State": "ENABLED"}),
    ("DescribeRule", {"Arn": 5, "State": "ENABLED"}),
    ("ListTargetsByRule", {"Targets": [{"Id": "1", "Arn": "a"}, {"Id": "2"}]}),
    ("ListTargetsByRule", {"Targets": {"Id": "1"}}),
    ("ListTargetsByRule", {"NextToken": "t"}),
    ("ListTargetsByRule", {"Targets": [None]}),
    *[("GetQueueAttributes", {"Attributes": {k: v for k, v in ATTRIBUTES.items() if k != name}}) for name in ATTRIBUTES],
    ("GetQueueAttributes", {"Attributes": None}),
    ("GetQueueAttributes", {"Attributes": ATTRIBUTES | {"MaximumMessageSize": "much"}}),
    ("GetQueueAttributes", {"Attributes": ATTRIBUTES | {"DelaySeconds": 5}}),
    ("GetQueueAttributes", {"Attributes": ATTRIBUTES | {"RedrivePolicy": "[1"}}),
    *[("ReceiveMessage", {"Messages": [MESSAGE, {k: v for k, v in MESSAGE.items() if k != name}]}) for name in MESSAGE],
    ("ReceiveMessage", {"Messages": [MESSAGE | {"Body": {"id": 1}}]}),
    ("ReceiveMessage", {"Messages": ["text"]}),
    ("DeleteMessageBatch", {"Failed": [{"Id": "1"}]}),
]  # fmt: skip


@pytest.mark.usefixtures("no_aws")
def test_a_whole_answer_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, answers in WHOLE.items():
        service, call = CALLS[name]
        for answer in answers:
            assert call_answered(call, service, json.dumps(answer).encode(), monkeypatch)


@pytest.mark.usefixtures("no_aws")
@pytest.mark.parametrize("name", sorted({name for name, _ in PARTIAL}))
def test_an_answer_without_a_field_that_is_needed_ends_the_call(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    service, call = CALLS[name]
    for answer in [answer for of, answer in PARTIAL if of == name]:
        with pytest.raises(TerminalRemoteError, match=r"Call on x is none of AWS's"):
            call_answered(call, service, json.dumps(answer).encode(), monkeypatch)


@pytest.mark.usefixtures("no_aws")
def test_calls_without_a_result_may_be_answered_with_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for body in (b"", b"{}"):
        done = call_answered(
            lambda sqs: sqs.delete_message(QueueUrl="http://q", ReceiptHandle="r"), "sqs", body, monkeypatch
        )
        assert done["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert "Messages" not in call_answered(CALLS["ReceiveMessage"][1], "sqs", b"{}", monkeypatch)
