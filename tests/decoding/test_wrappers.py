"""Events inside notifications, queue messages and log batches count one by one; what wraps them counts only when empty."""

import json
from collections import Counter

import pytest
from support.events import envelope
from support.staging import stage, staged_tables
from support.wire import control, lambda_sns, lambda_sqs, logs, received, sns, sqs, text, undelivered, webhook

FIRST, SECOND = envelope("t-1", id="e-1"), envelope("t-2", id="e-2")
GENERATION_B = envelope("t-1", id="e-1", detail=webhook(FIRST) | {"idempotencyKey": "k-1"})
ONE = [text(FIRST)]
BOTH = [text(FIRST), text(SECOND)]
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
}
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
        {"body": text(FIRST)},
        {"messageId": "1", "body": {"a": 1}},
        {"messageType": "DATA_MESSAGE"},
        {"messageType": "OTHER", "logEvents": []},
        {"logEvents": [{"message": text(FIRST)}]},
        {"Records": {"body": text(FIRST)}},
        {"rawData": "eA=="},
        {"Sns": {}},
    ],
)
def test_what_only_resembles_a_wrapper_is_no_envelope(record: dict) -> None:
    found, refused, counts = stage(text(record).encode(), [1000])
    assert (found, refused, counts.ignored) == ([], [(0, "not_an_envelope")], {})
