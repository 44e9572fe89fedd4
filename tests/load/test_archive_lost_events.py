"""A window counts as read only when nothing can have taken its events away; every doubt ends as not read."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from support.archives import FIRST, once_stored, privacy, read, settings_of, stopped_load, wait_for_end
from support.emulator import ACCOUNT, PATTERN, REGION, Account, queue_arn
from support.events import task_of
from support.failing import StoppedError
from support.tables import rows

from bwp_client.errors import RemoteError, TransientRemoteError, UsageError
from bwp_client.warehouse import TableName, Warehouse
from bwp_client.warehouse.replays import ReplayState, list_replays, record_replay, watermark

EVENTS = 60
DAY = timedelta(days=1)
AGAIN = "--from 2026-05-01T00:00Z --to 2026-05-02T00:00Z"
Spoil = Callable[[Account], Any]


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(str(tmp_path / "w"))


def tasks(warehouse: Warehouse) -> list[str]:
    return [row[0] for row in rows(warehouse, TableName.EVENTS, "task_id")]


def all_tasks() -> list[str]:
    return sorted(task_of(event) for event in privacy(EVENTS))


def assert_not_read(account: Account, warehouse: Warehouse, message: str, *, state: ReplayState) -> None:
    """Assert that the message names the next step and that the watermark did not move; then take that step."""
    assert "does not count as read" in message
    assert f"load archive://{account.archive} {AGAIN}" in message
    of_archive = list_replays(warehouse, account.archive)
    assert watermark(of_archive) is None
    assert of_archive[0].state is state


def policy(account: Account, effect: str, **changes: Any) -> dict[str, Any]:
    return {
        "Effect": effect,
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn(account.queue_url),
    } | changes


def set_queue(account: Account, **attributes: str) -> None:
    account.sqs.set_queue_attributes(QueueUrl=account.queue_url, Attributes=attributes)


def put_pattern(account: Account, pattern: dict[str, Any]) -> None:
    account.events.put_rule(Name=account.rule, EventBusName=account.bus, EventPattern=json.dumps(pattern))


def lose_target(account: Account) -> None:
    account.events.remove_targets(Rule=account.rule, EventBusName=account.bus, Ids=["reader"])


def lose_rule(account: Account) -> None:
    lose_target(account)
    account.events.delete_rule(Name=account.rule, EventBusName=account.bus)


def retarget(account: Account, **changes: Any) -> None:
    target = {"Id": "reader", "Arn": queue_arn(account.queue_url)} | changes
    account.events.put_targets(Rule=account.rule, EventBusName=account.bus, Targets=[target])


def dead_letter(account: Account) -> None:
    account.sqs.send_message(QueueUrl=account.dead_letters, MessageBody=json.dumps(privacy(1)[0]))


def make_archive_anew(account: Account) -> None:
    account.events.delete_archive(ArchiveName=account.archive)
    account.events.create_archive(ArchiveName=account.archive, EventSourceArn=account.bus_arn)


MEANWHILE: dict[str, tuple[Spoil, str]] = {
    "rule disabled": (lambda a: a.events.disable_rule(Name=a.rule, EventBusName=a.bus), "is DISABLED"),
    "rule deleted": (lose_rule, "does not exist"),
    "target removed": (lose_target, "does not send to our queue"),
    "another target": (
        lambda a: retarget(a, Id="theirs", Arn=queue_arn(a.dead_letters)), "other targets",
    ),
    "target changed": (lambda a: retarget(a, RetryPolicy={"MaximumRetryAttempts": 1}), "RetryPolicy|targets of rule"),
    "pattern changed": (
        lambda a: put_pattern(a, PATTERN | {"source": [{"prefix": "aws.partner/buywithprime/"}]}), "pattern of rule",
    ),
    "pattern takes live events": (lambda a: put_pattern(a, {"source": PATTERN["source"]}), "live events"),
    "policy removed": (lambda a: set_queue(a, Policy=""), "policy"),
    "policy denies": (
        lambda a: set_queue(
            a,
            Policy=json.dumps(
                {"Version": "2012-10-17", "Statement": [policy(a, "Allow"), policy(a, "Deny", Principal="*")]}
            ),
        ),
        "policy",
    ),
    "key that EventBridge can't use": (lambda a: set_queue(a, KmsMasterKeyId="alias/aws/sqs"), "alias/aws/sqs"),
    "small messages only": (lambda a: set_queue(a, MaximumMessageSize="1024"), "MaximumMessageSize"),
    "short retention": (lambda a: set_queue(a, MessageRetentionPeriod="60"), "MessageRetentionPeriod"),
    "retention changed": (lambda a: set_queue(a, MessageRetentionPeriod="1000000"), "MessageRetentionPeriod"),
    "a dead letter": (dead_letter, "1 messages came to the dead-letter queue"),
    "dead-letter queue changed": (
        lambda a: a.sqs.set_queue_attributes(QueueUrl=a.dead_letters, Attributes={"MessageRetentionPeriod": "60"}),
        "MessageRetentionPeriod of the dead-letter queue",
    ),
    "archive made anew": (make_archive_anew, "archive .* was made anew"),
    "archive retains less": (
        lambda a: a.events.update_archive(ArchiveName=a.archive, RetentionDays=1), "retention of archive .* was changed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MEANWHILE)
def test_a_set_up_that_is_spoilt_while_a_replay_runs_makes_the_window_not_read(
    case: str, account: Account, warehouse: Warehouse
) -> None:
    spoil, words = MEANWHILE[case]
    account.put(privacy(EVENTS))
    account.emulator.turn(account.archive, events_per_second=60)
    with pytest.raises(RemoteError, match=words) as refused:
        read(account, warehouse, on_progress=once_stored(lambda: spoil(account)))
    assert_not_read(account, warehouse, str(refused.value), state=ReplayState.FAILED)


def test_after_the_rule_is_enabled_again_the_window_is_read_whole(account: Account, warehouse: Warehouse) -> None:
    account.put(privacy(EVENTS))
    account.emulator.turn(account.archive, events_per_second=20)
    of_rule = {"Name": account.rule, "EventBusName": account.bus}
    with pytest.raises(TransientRemoteError, match="is DISABLED"):
        read(account, warehouse, on_progress=once_stored(lambda: account.events.disable_rule(**of_rule)))
    assert len(tasks(warehouse)) < EVENTS
    account.events.enable_rule(**of_rule)
    account.emulator.turn(account.archive)
    result = read(account, warehouse)
    assert result.received == EVENTS
    assert tasks(warehouse) == all_tasks()
    assert watermark(list_replays(warehouse)) == FIRST + DAY


def test_a_set_up_that_was_spoilt_between_two_loads_is_remembered(account: Account, warehouse: Warehouse) -> None:
    account.put(privacy(EVENTS))
    stopped_load(account, warehouse)
    of_rule = {"Name": account.rule, "EventBusName": account.bus}
    account.events.disable_rule(**of_rule)
    with pytest.raises(UsageError, match="is DISABLED") as refused:
        read(account, warehouse, None, None)
    assert "do not count as read" in str(refused.value)
    assert f"load archive://{account.archive} {AGAIN}" in str(refused.value)
    account.events.enable_rule(**of_rule)
    with pytest.raises(UsageError, match="give --from"):
        read(account, warehouse, None, None)
    read(account, warehouse)
    assert tasks(warehouse) == all_tasks()


def moved(account: Account, *, rule: bool = True) -> Account:
    """Return the account with a new queue, and with a new rule or with the old one sending to the new queue."""
    token = uuid4().hex[:10]
    name = f"new-{token}" if rule else account.rule
    url = account.sqs.create_queue(QueueName=f"new-{token}")["QueueUrl"]
    new = replace(account, rule=name, queue_url=url)
    condition = {"ArnEquals": {"aws:SourceArn": new.rule_arn}}
    set_queue(
        new, Policy=json.dumps({"Version": "2012-10-17", "Statement": [policy(new, "Allow", Condition=condition)]})
    )
    if rule:
        put_pattern(new, PATTERN)
    retarget(new)
    return new


@pytest.mark.parametrize("rule", [True, False], ids=["another rule and queue", "another queue"])
def test_a_replay_that_is_sent_elsewhere_is_not_adopted(account: Account, warehouse: Warehouse, rule: bool) -> None:
    account.put(privacy(EVENTS))
    stopped_load(account, warehouse)
    new = moved(account, rule=rule)
    with pytest.raises(RemoteError, match="sent to rule" if rule else "sent to queue") as refused:
        read(new, warehouse, None, None)
    assert queue_arn(account.queue_url) in str(refused.value) or rule
    assert_not_read(account, warehouse, str(refused.value), state=ReplayState.FAILED)
    read(new, warehouse)
    assert tasks(warehouse) == all_tasks()


def test_a_replay_older_than_the_retention_of_the_queue_is_not_complete(account: Account, warehouse: Warehouse) -> None:
    account.put(privacy(EVENTS))
    stopped_load(account, warehouse)
    account.sqs.purge_queue(QueueUrl=account.queue_url)  # as SQS does with messages of that age
    later = datetime.now(UTC) + timedelta(days=15)
    with pytest.raises(RemoteError, match="drops a message after 14 days") as refused:
        read(account, warehouse, None, None, clock=lambda: later)
    assert_not_read(account, warehouse, str(refused.value), state=ReplayState.FAILED)
    read(account, warehouse, clock=lambda: later)
    assert tasks(warehouse) == all_tasks()


def test_a_replay_that_takes_longer_than_the_retention_is_not_complete(account: Account, warehouse: Warehouse) -> None:
    account.put(privacy(EVENTS))
    set_queue(account, MessageRetentionPeriod="3600")
    begun, real = datetime.now(UTC), time.monotonic()
    with pytest.raises(RemoteError, match="drops a message after 1:00:00"):
        read(account, warehouse, clock=lambda: begun + 36_000 * timedelta(seconds=time.monotonic() - real))
    assert watermark(list_replays(warehouse)) is None


def test_a_queue_that_was_made_anew_holds_nothing_of_an_earlier_replay(account: Account, warehouse: Warehouse) -> None:
    account.put(privacy(EVENTS))
    stopped_load(account, warehouse)
    attributes = account.sqs.get_queue_attributes(QueueUrl=account.queue_url, AttributeNames=["All"])["Attributes"]
    account.sqs.delete_queue(QueueUrl=account.queue_url)
    while int(time.time()) == int(attributes["CreatedTimestamp"]):
        time.sleep(0.05)  # AWS counts whole seconds, and makes one wait a minute
    wanted = ("Policy", "RedrivePolicy", "MessageRetentionPeriod")
    account.sqs.create_queue(
        QueueName=account.queue_url.rpartition("/")[2], Attributes={name: attributes[name] for name in wanted}
    )
    with pytest.raises(RemoteError, match="was made anew") as refused:
        read(account, warehouse, None, None)
    assert_not_read(account, warehouse, str(refused.value), state=ReplayState.FAILED)
    read(account, warehouse)
    assert tasks(warehouse) == all_tasks()


def test_a_replay_of_an_older_version_whose_queue_is_unknown_is_not_adopted(
    account: Account, warehouse: Warehouse
) -> None:
    account.put(privacy(EVENTS))
    stopped_load(account, warehouse)
    (left,) = list_replays(warehouse)
    record_replay(warehouse, replace(left, queue=None, queue_created_at=None, recorded_at=datetime.now(UTC)))
    with pytest.raises(RemoteError, match="older version") as refused:
        read(account, warehouse, None, None)
    assert_not_read(account, warehouse, str(refused.value), state=ReplayState.FAILED)


def test_messages_that_went_to_the_dead_letter_queue_make_the_window_not_read(
    account: Account, warehouse: Warehouse
) -> None:
    dead = {"deadLetterTargetArn": queue_arn(account.dead_letters), "maxReceiveCount": 1}
    set_queue(account, RedrivePolicy=json.dumps(dead))
    account.put(privacy(EVENTS))
    account.emulator.turn(account.archive, events_per_second=60)
    held: list[Any] = []

    def receive_and_stop() -> None:
        until = time.monotonic() + 30
        while not held and time.monotonic() < until:  # what the killed process had received
            answer = account.sqs.receive_message(QueueUrl=account.queue_url, VisibilityTimeout=0)
            held.extend(answer.get("Messages", []))
        raise StoppedError

    with pytest.raises(StoppedError):
        read(account, warehouse, on_progress=once_stored(receive_and_stop))
    assert held
    wait_for_end(account)
    with pytest.raises(RemoteError, match="messages came to the dead-letter queue") as refused:
        read(account, warehouse, None, None)
    assert_not_read(account, warehouse, str(refused.value), state=ReplayState.FAILED)
    assert len(tasks(warehouse)) < EVENTS
    read(account, warehouse)  # with the old dead letters still there
    assert tasks(warehouse) == all_tasks()
    assert watermark(list_replays(warehouse)) == FIRST + DAY


def another_archive(account: Account) -> Account:
    """Return a second archive of the same bus, which the same rule and queue serve."""
    archive = f"archive-{uuid4().hex[:10]}"
    account.events.create_archive(ArchiveName=archive, EventSourceArn=account.bus_arn)
    return replace(account, archive=archive)


def test_the_messages_of_an_unfinished_load_of_another_archive_are_stored(
    account: Account, warehouse: Warehouse
) -> None:
    other = another_archive(account)
    account.put(privacy(EVENTS))
    account.put([event | {"id": f"late-{number}"} for number, event in enumerate(privacy(9, start=FIRST + 3 * DAY))])
    stopped_load(account, warehouse)
    result = read(other, warehouse, FIRST + 3 * DAY, FIRST + 4 * DAY)
    assert result.foreign == 0
    assert len(tasks(warehouse)) == EVENTS + 9
    uris = {uri.split("/")[2] for (uri,) in rows(warehouse, TableName.EVENTS, "source_uri")}
    assert uris == {account.archive, other.archive}
    assert watermark(list_replays(warehouse, account.archive)) is None
    assert read(account, warehouse, None, None).resumed
    assert watermark(list_replays(warehouse, account.archive)) == FIRST + DAY
    assert account.waiting() == (0, 0)


def test_a_first_load_that_receives_nothing_of_a_full_archive_says_so(account: Account, warehouse: Warehouse) -> None:
    account.put(privacy(EVENTS))
    assert read(another_archive(account), warehouse).attention == []  # this archive was made later, and is empty
    for first in (5, 6):
        (line,) = read(account, warehouse, FIRST + first * DAY, FIRST + (first + 1) * DAY).attention
        assert f"archive {account.archive} holds about {EVENTS} events, but no load has received any" in line
    assert read(account, warehouse).attention == []
    assert read(account, warehouse, FIRST + 8 * DAY, FIRST + 9 * DAY).attention == []


def test_the_journal_names_the_queue_of_each_replay(account: Account, warehouse: Warehouse) -> None:
    account.put(privacy(3))
    read(account, warehouse)
    (replay,) = list_replays(warehouse)
    assert replay.queue == f"arn:aws:sqs:{REGION}:{ACCOUNT}:{settings_of(account).queue_url.rpartition('/')[2]}"
    assert replay.queue_created_at is not None
    assert replay.planned_at is not None
    assert replay.planned_at < replay.recorded_at
