"""The emulator behaves as AWS describes it; a test fails where an override or a knob no longer takes effect."""

import json
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.emulator import ACCOUNT, REGION, Account, Emulator, queue_arn
from support.events import envelope

FIRST = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MakeAccount = Callable[..., Account]


def events(count: int, step: timedelta = timedelta(seconds=20)) -> list[dict[str, Any]]:
    return [envelope(f"t-{place}", time=FIRST + place * step) for place in range(count)]


def start(account: Account, name: str, **changes: Any) -> Any:
    archive = changes.pop("archive", account.archive)
    request = {
        "ReplayName": f"{account.archive}-{name}",
        "EventSourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:archive/{archive}",
        "EventStartTime": FIRST,
        "EventEndTime": FIRST + HOUR,
        "Destination": {"Arn": account.bus_arn, "FilterArns": [account.rule_arn]},
    }
    return account.events.start_replay(**(request | changes))


def state(account: Account, name: str) -> Any:
    return account.events.describe_replay(ReplayName=f"{account.archive}-{name}")


def wait_for(account: Account, name: str, *wanted: str) -> Any:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        told = state(account, name)
        if told["State"] in wanted:
            return told
        time.sleep(0.02)
    raise AssertionError(told)


def bodies(account: Account, url: str | None = None) -> list[dict[str, Any]]:
    """Take all messages that are visible now."""
    found: list[dict[str, Any]] = []
    while batch := account.sqs.receive_message(QueueUrl=url or account.queue_url, MaxNumberOfMessages=10).get(
        "Messages"
    ):
        found += [json.loads(message["Body"]) for message in batch]
    return found


def refused(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_partner_event_arrives_with_its_own_time_and_only_a_replay_bears_a_replay_name(account: Account) -> None:
    live = account.another_queue("live", {"source": [{"prefix": "aws.partner/"}]})
    account.put(events(3))
    assert [event["time"] for event in bodies(account, live)] == [
        "2026-05-01T00:00:00Z", "2026-05-01T00:00:20Z", "2026-05-01T00:00:40Z",
    ]  # fmt: skip
    assert bodies(account) == []
    start(account, "1")
    wait_for(account, "1", "COMPLETED")
    replayed = bodies(account)
    assert {event["replay-name"] for event in replayed} == {f"{account.archive}-1"}
    assert len(replayed) == 3


def test_the_filter_keeps_a_replay_from_other_rules_and_without_it_they_fire(account: Account) -> None:
    account.put(events(3))
    live = account.another_queue("live", {"source": [{"prefix": "aws.partner/"}]})
    start(account, "1")
    wait_for(account, "1", "COMPLETED")
    assert (account.waiting(), account.waiting(live)) == ((3, 0), (0, 0))
    start(account, "2", Destination={"Arn": account.bus_arn})
    wait_for(account, "2", "COMPLETED")
    assert account.waiting(live) == (3, 0)


def test_the_window_and_the_order_of_minutes_hold(account: Account) -> None:
    account.put(reversed(events(30)))
    start(
        account, "1", EventStartTime=FIRST + timedelta(minutes=2), EventEndTime=FIRST + timedelta(minutes=5, seconds=-1)
    )
    told = wait_for(account, "1", "COMPLETED")
    minutes = [event["time"][14:16] for event in bodies(account)]
    assert minutes == ["02"] * 3 + ["03"] * 3 + ["04"] * 3
    assert told["EventLastReplayedTime"] == FIRST + timedelta(minutes=5, seconds=-1)


def test_a_replay_is_starting_then_running_then_completed(account: Account, emulator: Emulator) -> None:
    account.put(events(10))
    emulator.turn(account.archive, starting_seconds=0.3, events_per_second=20)
    assert start(account, "1")["State"] == "STARTING"
    assert state(account, "1")["State"] == "STARTING"
    assert account.waiting() == (0, 0)
    wait_for(account, "1", "RUNNING")
    wait_for(account, "1", "COMPLETED")
    assert account.waiting() == (10, 0)


def test_duplicates_new_ids_and_any_order(account: Account, emulator: Emulator) -> None:
    account.put(events(90))
    start(account, "plain")
    wait_for(account, "plain", "COMPLETED")
    plain = bodies(account)
    emulator.turn(account.archive, duplicates=0.5, new_ids=True, shuffled=True)
    start(account, "wild")
    wait_for(account, "wild", "COMPLETED")
    wild = bodies(account)
    assert len(plain) == len({event["id"] for event in plain}) == 90
    assert 110 < len(wild) < 160
    assert max(Counter(event["id"] for event in wild).values()) == 2
    assert not {event["id"] for event in wild} & {event["id"] for event in plain}
    minutes = [minute for minute, _ in groupby(event["time"][:16] for event in wild)]
    assert sorted(minutes) == sorted(set(minutes)) != minutes


def test_late_retries_come_after_the_replay_has_ended(account: Account, emulator: Emulator) -> None:
    account.put(events(40))
    emulator.turn(account.archive, late=0.5, late_seconds=0.5)
    start(account, "1")
    wait_for(account, "1", "COMPLETED")
    on_time = len(bodies(account))
    assert 5 < on_time < 35
    until = time.monotonic() + 20
    late = 0
    while on_time + late < 40 and time.monotonic() < until:
        late += len(bodies(account))
    assert on_time + late == 40


def test_an_event_is_archived_late(account: Account, emulator: Emulator) -> None:
    emulator.turn(account.archive, archive_delay_seconds=3600)
    account.put(events(5))
    start(account, "1")
    wait_for(account, "1", "COMPLETED")
    assert bodies(account) == []


def test_a_replay_fails_after_n_events_or_is_cancelled(account: Account, emulator: Emulator) -> None:
    account.put(events(40))
    emulator.turn(account.archive, fail_after=7)
    start(account, "1")
    wait_for(account, "1", "FAILED")
    assert account.waiting() == (7, 0)
    emulator.turn(account.archive, events_per_second=20)
    start(account, "2")
    wait_for(account, "2", "RUNNING")
    assert account.events.cancel_replay(ReplayName=f"{account.archive}-2")["State"] == "CANCELLING"
    wait_for(account, "2", "CANCELLED")
    assert (
        refused(lambda: account.events.cancel_replay(ReplayName=f"{account.archive}-1"))[0] == "IllegalStatusException"
    )
    assert account.waiting()[0] < 47


def test_refusals_are_worded_as_aws_words_them(account: Account, make_account: MakeAccount) -> None:
    other = make_account()
    start(account, "used")
    answers = {
        "other bus": lambda: start(account, "1", Destination={"Arn": other.bus_arn, "FilterArns": [other.rule_arn]}),
        "bus": lambda: start(account, "1", Destination={"Arn": account.bus_arn + "x"}),
        "archive": lambda: start(account, "1", archive="nowhere"),
        "window": lambda: start(account, "1", EventEndTime=FIRST),
        "name": lambda: start(account, "used"),
        "replay": lambda: state(account, "unknown"),
    }
    assert {name: refused(call) for name, call in answers.items()} == {
        "other bus": (
            "ValidationException",
            "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.",
        ),
        "bus": ("ResourceNotFoundException", f"Event bus {account.bus}x does not exist."),
        "archive": (
            "ValidationException",
            "Parameter EventSourceArn is not valid. Reason: Archive nowhere does not exist.",
        ),
        "window": (
            "ValidationException",
            "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.",
        ),
        "name": ("ResourceAlreadyExistsException", f"Replay {account.archive}-used already exists."),
        "replay": ("ResourceNotFoundException", f"Replay {account.archive}-unknown does not exist."),
    }


def test_ten_replays_at_most_are_active(account: Account, emulator: Emulator) -> None:
    emulator.turn(account.archive, starting_seconds=30)
    names = [str(number) for number in range(10)]
    for name in names:
        start(account, name)
    code, message = refused(lambda: start(account, "11"))
    for name in names:
        account.events.cancel_replay(ReplayName=f"{account.archive}-{name}")
    assert (code, message) == (
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
    )
    for name in names:
        wait_for(account, name, "CANCELLED")


def test_an_own_bus_takes_events_with_their_time(make_account: MakeAccount) -> None:
    account = make_account(bus="default", pattern={"replay-name": [{"exists": True}]})
    account.put(events(12))
    start(account, "1")
    wait_for(account, "1", "COMPLETED")
    assert {event["time"][:10] for event in bodies(account)} == {"2026-05-01"}


def test_a_disabled_rule_gets_nothing(account: Account) -> None:
    account.events.disable_rule(Name=account.rule, EventBusName=account.bus)
    account.put(events(3))
    start(account, "1")
    wait_for(account, "1", "COMPLETED")
    assert account.waiting() == (0, 0)


def replayed(account: Account, name: str, **knobs: Any) -> tuple[int, int]:
    """Replay the archive; return how many events are in the queue, and how many in the dead-letter queue."""
    account.emulator.turn(account.archive, **knobs)
    start(account, name)
    wait_for(account, name, "COMPLETED")
    return account.waiting()[0], account.waiting(account.dead_letters)[0]


def target(account: Account, **changes: Any) -> None:
    (found,) = account.events.list_targets_by_rule(Rule=account.rule, EventBusName=account.bus)["Targets"]
    account.events.put_targets(Rule=account.rule, EventBusName=account.bus, Targets=[found | changes])


def attributes(account: Account, **values: str) -> None:
    account.sqs.set_queue_attributes(QueueUrl=account.queue_url, Attributes=values)


def test_what_a_queue_does_not_take_goes_to_the_targets_dead_letters(account: Account) -> None:
    account.put([*events(3), events(4)[3] | {"detail": {"note": "x" * 2000}}])
    (found,) = json.loads(account.sqs.get_queue_attributes(QueueUrl=account.queue_url, AttributeNames=["All"])[
        "Attributes"]["Policy"])["Statement"]  # fmt: skip
    attributes(account, MaximumMessageSize="1024")
    assert replayed(account, "size") == (3, 1)
    denied = [found, {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"}]
    attributes(account, Policy=json.dumps({"Statement": denied}))
    assert replayed(account, "denied") == (3, 5)
    attributes(account, Policy=json.dumps({"Statement": [found]}), KmsMasterKeyId="alias/aws/sqs")
    assert replayed(account, "key") == (3, 9)
    assert replayed(account, "key-works", aws_key_delivers=True) == (6, 10)
    attributes(account, KmsMasterKeyId="", MaximumMessageSize="1048576")
    target(account, RoleArn=f"arn:aws:iam::{ACCOUNT}:role/sender")
    assert replayed(account, "role") == (6, 14)
    (message,) = account.sqs.receive_message(QueueUrl=account.dead_letters, MessageAttributeNames=["All"])["Messages"]
    assert json.loads(message["Body"])["detail-type"].startswith("PERSONAL_DATA_")
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "INVALID_PARAMETER"


def test_a_busy_queue_is_tried_again_for_as_long_as_the_retry_policy_says(account: Account) -> None:
    account.put(events(20))
    assert replayed(account, "default", busy=0.5) == (20, 0)
    target(account, RetryPolicy={"MaximumRetryAttempts": 0})
    queue, dead = replayed(account, "never", busy=0.5)
    assert (queue + dead, 3 < dead < 17) == (40, True)
    account.sqs.set_queue_attributes(QueueUrl=account.dead_letters, Attributes={"Policy": ""})
    assert replayed(account, "lost", busy=0.5) == (queue + 20 - dead, dead)


def test_a_queue_in_another_account_or_region_gets_nothing(account: Account) -> None:
    account.put(events(2))
    target(account, Arn=f"arn:aws:sqs:eu-west-1:{ACCOUNT}:q")
    assert replayed(account, "1") == (0, 2)


def test_messages_are_moved_out_of_the_dead_letter_queue_of_a_queue_alone(account: Account) -> None:
    dead = queue_arn(account.dead_letters)
    account.sqs.send_message(QueueUrl=account.dead_letters, MessageBody="from EventBridge")
    account.sqs.start_message_move_task(SourceArn=dead)
    assert account.waiting(account.dead_letters) == (1, 0)  # it came from no queue
    account.sqs.start_message_move_task(SourceArn=dead, DestinationArn=queue_arn(account.queue_url))
    assert (account.waiting(account.dead_letters), account.waiting()) == ((0, 0), (1, 0))
    attributes(account, RedrivePolicy="")
    move = {"SourceArn": dead, "DestinationArn": queue_arn(account.queue_url)}
    assert refused(lambda: account.sqs.start_message_move_task(**move))[0] == "ResourceNotFoundException"
