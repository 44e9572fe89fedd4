"""Events inside notifications, queue messages and log batches count one by one; what wraps them counts only when empty."""

import gzip
import json
from collections import Counter

import pytest
from support.events import envelope
from support.staging import stage, staged_tables
from support.wire import (
    base64_text,
    control,
    http_firehose,
    lambda_firehose,
    lambda_kinesis,
    lambda_logs,
    lambda_sns,
    lambda_sqs,
    logs,
    received,
    received_kinesis,
    sns,
    sqs,
    text,
    undelivered,
    webhook,
)

FIRST, SECOND = envelope("t-1", id="e-1"), envelope("t-2", id="e-2")
GENERATION_B = envelope("t-1", id="e-1", detail=webhook(FIRST) | {"idempotencyKey": "k-1"})
ONE = [text(FIRST)]
BOTH = [text(FIRST), text(SECOND)]
BOTH_IN_BYTES = [part.encode() for part in BOTH]
WRAPPERS = {
    "SNS": (sns(*ONE), ["e-1"]),
    "SQS": (sqs(*ONE), ["e-1"]),
    "SQS of SNS": (sqs(text(sns(*ONE))), ["e-1"]),
    "received": (received(BOTH), ["e-1", "e-2"]),
    "Lambda, SQS": (lambda_sqs(BOTH), ["e-1", "e-2"]),
    "Lambda, SNS": (lambda_sns(BOTH), ["e-1", "e-2"]),
    "Lambda, SQS, SNS": (lambda_sqs([text(sns(one)) for one in BOTH]), ["e-1", "e-2"]),
    "logs": (logs(BOTH), ["e-1", "e-2"]),
    "pretty event": (sns(json.dumps(FIRST, indent=2) + "\n"), ["e-1"]),
    "generation B": (sns(text(GENERATION_B)), ["e-1"]),
    "webhook": (sqs(text(webhook(FIRST))), ["e-1"]),
    "webhook in logs": (logs([text(webhook(FIRST)), text(webhook(SECOND))]), ["e-1", "e-2"]),
    "Lambda, logs": (lambda_logs(BOTH), ["e-1", "e-2"]),
    "Lambda, Kinesis": (lambda_kinesis(BOTH_IN_BYTES), ["e-1", "e-2"]),
    "Lambda, Kinesis, SNS": (lambda_kinesis([text(sns(one)).encode() for one in BOTH]), ["e-1", "e-2"]),
    "Lambda, Kinesis, gzip": (lambda_kinesis([gzip.compress(text(logs(BOTH)).encode())]), ["e-1", "e-2"]),
    "Kinesis, received": (received_kinesis(BOTH_IN_BYTES), ["e-1", "e-2"]),
    "Kinesis, one record": (received_kinesis(BOTH_IN_BYTES)["Records"][0], ["e-1"]),
    "Kinesis, Pipes": ({"partitionKey": "1", "data": base64_text(BOTH_IN_BYTES[0])}, ["e-1"]),
    "Lambda, Firehose": (lambda_firehose(BOTH_IN_BYTES), ["e-1", "e-2"]),
    "Firehose, one record": (lambda_firehose(BOTH_IN_BYTES)["records"][0], ["e-1"]),
    "Firehose, HTTP": (http_firehose(BOTH_IN_BYTES), ["e-1", "e-2"]),
    "data that are no base64": ({"partitionKey": "1", "data": BOTH[0]}, ["e-1"]),
    "several lines in a message": (sqs("\n".join(BOTH)), ["e-1", "e-2"]),
    "an array in a message": (sqs(f"[{', '.join(BOTH)}]"), ["e-1", "e-2"]),
    "joined in a stream": (lambda_kinesis(["".join(BOTH).encode()]), ["e-1", "e-2"]),
    "logs with time stamps": (logs([f"2026-05-01T12:00:00Z INFO {one}" for one in BOTH]), ["e-1", "e-2"]),
    "transformer": ({"event": FIRST}, ["e-1"]),
    "transformer, text": ({"event": BOTH[0], "rule": "r"}, ["e-1"]),
    "two events of one object": ({"old": FIRST, "new": SECOND}, ["e-1", "e-2"]),
    "message without an ID": ({"body": BOTH[0], "headers": {}}, ["e-1"]),
    "destination of a Lambda": ({"requestPayload": FIRST, "responsePayload": None, "version": "1.0"}, ["e-1"]),
}
ODD = [None, 5, "x", [], [5], {}, {"a": 1}]
"""Values of fields that do not make a wrapper what it is."""
EMPTY = {
    "SubscriptionConfirmation": sns("You have chosen to subscribe", Type="SubscriptionConfirmation"),
    "UnsubscribeConfirmation": sns("You have chosen to deactivate", Type="UnsubscribeConfirmation"),
    "CONTROL_MESSAGE": control(),
    "DATA_MESSAGE": logs([]),
    "Records": lambda_sqs([]),
    "Messages": received([]),
    "Firehose delivery failure": undelivered(text(FIRST)),
}


@pytest.mark.parametrize("name", WRAPPERS)
@pytest.mark.parametrize("framing", ["\n", "", "\r\n", ",", "pretty"])
@pytest.mark.parametrize("size", [7, 300, 10_000])
def test_a_wrapped_event_is_one_record_at_the_location_of_its_wrapper(name: str, framing: str, size: int) -> None:
    wrapper, ids = WRAPPERS[name]
    before, after = envelope("t-8", id="before"), envelope("t-9", id="after")
    indent = 2 if framing == "pretty" else None
    records = [json.dumps(one, indent=indent) for one in (before, wrapper, wrapper, after)]
    data = f"[{','.join(records)}]" if framing == "," else framing.replace("pretty", "\n").join(records)
    found, refused, counts = stage(data.encode(), [size])
    assert refused == []
    assert counts.ignored == {}
    assert Counter(name for _, name in found) == Counter(["before", *ids, *ids, "after"])
    outer = data.index(records[1], len(records[0]))
    assert {offset for offset, name in found if name in ids} == {outer, data.index(records[2], outer + 1)}


@pytest.mark.parametrize(
    ("wrapper", "names"),
    [
        (sqs(*ONE), ("attributes", "Type", "Message", "Sns", "data", "logEvents", "rawData", "kinesis", "Records")),
        (sns(*ONE), ("Subject", "body", "Body", "MessageId", "records", "Messages", "messageType", "awslogs")),
        (logs(ONE), ("owner", "Type", "Sns", "body", "rawData", "attemptsMade", "records", "message")),
        (lambda_sqs(ONE), ("Type", "Message", "logEvents", "records", "Messages", "body", "data")),
        (lambda_kinesis(BOTH_IN_BYTES[:1]), ("Type", "Sns", "messageId", "body", "logEvents")),
        (lambda_firehose(BOTH_IN_BYTES[:1]), ("Type", "Sns", "messageId", "body", "logEvents", "kinesis")),
    ],
)
def test_a_field_that_makes_no_wrapper_decides_nothing(wrapper: dict, names: tuple[str, ...]) -> None:
    odd = [wrapper | {name: value} for name in names for value in ODD]
    found, refused, counts = stage("\n".join(map(text, odd)).encode(), [100_000])
    assert ([name for _, name in found], refused, counts.ignored) == (["e-1"] * len(odd), [], {})


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.parametrize("alone", [True, False])
def test_a_wrapper_without_events_is_ignored_under_its_name(name: str, alone: bool) -> None:
    data = text(EMPTY[name]) if alone else text(FIRST) + text(EMPTY[name]) + text(SECOND)
    found, refused, counts = stage(data.encode(), [100])
    assert refused == []
    assert len(found) == (0 if alone else 2)
    assert counts.ignored == {name: 1}


@pytest.mark.parametrize(
    "changes", [{}, {"attemptsMade": "4"}, {"ErrorCode": "x", "sequenceNumber": "1"}, {"lambdaArn": "arn:aws:lambda:x"}]
)
def test_what_firehose_could_not_deliver_is_ignored_whatever_the_failure(changes: dict) -> None:
    records = [undelivered(text(FIRST), **changes) for _ in range(3)]
    found, refused, counts = stage("\n".join(map(text, records)).encode(), [1000])
    assert (found, refused, counts.ignored) == ([], [], {"Firehose delivery failure": 3})


def test_each_inner_record_gets_its_own_verdict() -> None:
    inner = [
        text(FIRST),
        text(envelope("t", **{"detail-type": "ORDER_CREATED"})),
        "START RequestId: 1",
        text(envelope("t", resources=[])),
        text(envelope("t", time="2019-01-01T00:00:00Z")),
        text({"hello": 1}),
        text(control()),
        "",
        text(FIRST)[:50],
    ]
    before = b" " * 17
    found, refused, counts = stage(before + text(logs(inner)).encode(), [1000])
    assert found == [(17, "e-1")]
    assert counts.ignored == {"ORDER_CREATED": 1, "CONTROL_MESSAGE": 1}
    assert {offset for offset, _ in refused} == {17}
    assert Counter(reason for _, reason in refused) == {
        "not_json": 3,
        "no_task_in_resources": 1,
        "time_out_of_range": 1,
        "not_an_envelope": 1,
    }


def test_equal_unreadable_messages_of_one_wrapper_are_rows_of_their_own() -> None:
    _, refused, _ = staged_tables(text(logs(["ping", "ping", "ping"])).encode(), [1000])
    assert len({(row["offset"], row["digest"]) for row in refused}) == 3
    assert {row["excerpt"] for row in refused} == {"ping"}


def test_other_text_in_a_message_counts_once_beside_the_events() -> None:
    found, refused, _ = staged_tables(
        text(logs([f"{BOTH[0]}\nEND RequestId\n{BOTH[1]}", "END\nREPORT"])).encode(), [1000]
    )
    assert [row["envelope_id"] for row in found] == ["e-1", "e-2"]
    assert [row["excerpt"] for row in refused] == ["END RequestId", "END·REPORT"]


@pytest.mark.parametrize(
    ("data", "reason", "excerpt"),
    [
        (b"\x04\x22\x4d\x18 and so on", "unsupported_format", "The object is compressed as lz4"),
        (gzip.compress(BOTH_IN_BYTES[0])[:-20], "object_cut_short", ""),
        (gzip.compress(b" " * 20_000_000), "record_too_large", '{"Records"'),
        (b"\xff\xfe\xfd no text", "unsupported_format", "The object is text in UTF-16"),
        (b"{no JSON", "not_json", "{no JSON"),
    ],
)
def test_data_of_a_stream_that_cannot_be_read_are_one_row(data: bytes, reason: str, excerpt: str) -> None:
    _, (row,), _ = staged_tables(text(lambda_kinesis([data])).encode() + text(SECOND).encode(), [1000])
    assert row["reason"] == reason
    assert row["excerpt"].startswith(excerpt)


def test_a_fourth_layer_is_refused_as_too_deep() -> None:
    three = sqs(text(sns(text(sqs(text(FIRST))))))
    found, refused, _ = stage(text(three).encode(), [1000])
    assert (found, refused) == ([(0, "e-1")], [])
    found, refused, _ = stage(text(sns(text(three))).encode(), [1000])
    assert (found, refused) == ([], [(0, "wrapped_too_deep")])


@pytest.mark.parametrize("layers", [1, 2])
def test_a_wrapper_that_holds_too_much_is_refused_whole(layers: int) -> None:
    many = '{"Records":[' + ",".join(["{}"] * 10_001) + "]}"
    hundreds = '{"Records":[' + ",".join(['{"Records":[' + ",".join(["{}"] * 101) + "]}"] * 100) + "]}"
    data = (many if layers == 1 else hundreds) + text(SECOND)
    found, refused, _ = stage(data.encode(), [100_000])
    assert [name for _, name in found] == ["e-2"]
    assert refused == [(0, "record_too_large")]


@pytest.mark.parametrize("kept", [1, 40, 200, -40, -1])
@pytest.mark.parametrize("joint", ["", "\n"])
@pytest.mark.parametrize("size", [100, 10_000])
def test_a_cut_off_wrapper_costs_only_itself(kept: int, joint: str, size: int) -> None:
    whole = text(sns(*BOTH[1:]))
    data = text(sns(*ONE))[:kept] + joint + whole + joint + whole
    found, refused, _ = stage(data.encode(), [size])
    assert [name for _, name in found] == ["e-2", "e-2"]
    assert len(refused) == 1


@pytest.mark.parametrize(
    "record",
    [
        {"Type": "Notification"},
        {"Type": "Notification", "Message": 5},
        {"Type": "Other", "Message": "x"},
        {"body": "text"},
        {"messageId": "1", "body": {"a": 1}},
        {"messageType": "DATA_MESSAGE"},
        {"messageType": "OTHER", "logEvents": []},
        {"logEvents": [{"message": text(FIRST)}]},
        {"Records": {"body": text(FIRST)}},
        {"rawData": "eA=="},
        {"Sns": {}},
        {"kinesis": {"partitionKey": "1"}},
        {"data": "e30="},
        {"records": [{"value": "e30="}]},
        {"records": 5},
        {"event": {"a": {"event": FIRST}}},
        {"event": [FIRST]},
    ],
)
def test_what_only_resembles_a_wrapper_is_no_envelope(record: dict) -> None:
    found, refused, counts = stage(text(record).encode(), [1000])
    assert (found, refused, counts.ignored) == ([], [(0, "not_an_envelope")], {})
