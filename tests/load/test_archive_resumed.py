"""A replay that an earlier load left is read to its end only if the journal and AWS agree on where its events are."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest
from botocore.exceptions import ClientError
from support.archives import FIRST, once_stored, privacy, read, stopped_load
from support.emulator import Account, queue_arn, sending_policy
from support.failing import StoppedError

from bwp_client.errors import RemoteError, SettingsError, TerminalRemoteError, TransientRemoteError, UsageError
from bwp_client.load.results import ArchiveProgress
from bwp_client.sources.eventbridge import archive
from bwp_client.sources.eventbridge.aws_clients import open_clients
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.replays import Replay, ReplayState, list_replays, record_replay, watermark

EVENTS = 60
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(str(tmp_path / "w"))


def set_queue(account: Account, **attributes: str) -> None:
    account.sqs.set_queue_attributes(QueueUrl=account.queue_url, Attributes=attributes)


def send_dead_letters(account: Account, count: int) -> None:
    for number in range(count):
        account.sqs.send_message(QueueUrl=account.dead_letters, MessageBody=f"event {number}")


def test_a_retention_that_was_raised_later_brings_no_message_back(account: Account, warehouse: Warehouse) -> None:
    set_queue(account, MessageRetentionPeriod="3600")
    account.put(privacy(EVENTS))
    stopped_load(account, warehouse)
    account.sqs.purge_queue(QueueUrl=account.queue_url)  # as SQS does with messages of that age
    set_queue(account, MessageRetentionPeriod="1209600")
    with pytest.raises(RemoteError, match=r"attributes of queue .* were changed since it was started"):
        read(account, warehouse, None, None, clock=lambda: datetime.now(UTC) + 2 * HOUR)
    assert list_replays(warehouse)[0].state is ReplayState.FAILED


def swap(account: Account) -> None:
    url = account.sqs.create_queue(
        QueueName=f"{account.rule}-new", Attributes={"Policy": sending_policy("*", account.rule_arn)}
    )["QueueUrl"]
    target = {"Id": "reader", "Arn": queue_arn(account.queue_url), "DeadLetterConfig": {"Arn": queue_arn(url)}}
    account.events.put_targets(Rule=account.rule, EventBusName=account.bus, Targets=[target])


def delete(account: Account) -> None:
    account.sqs.delete_queue(QueueUrl=account.dead_letters)


def make_anew(account: Account) -> None:
    before = account.sqs.get_queue_attributes(QueueUrl=account.dead_letters, AttributeNames=["All"])["Attributes"]
    delete(account)
    while int(time.time()) == int(before["CreatedTimestamp"]):
        time.sleep(0.05)  # AWS counts whole seconds
    account.sqs.create_queue(
        QueueName=account.dead_letters.rpartition("/")[2],
        Attributes={name: before[name] for name in ("Policy", "MessageRetentionPeriod")},
    )


def empty_and_fill(account: Account) -> None:
    account.sqs.purge_queue(QueueUrl=account.dead_letters)
    send_dead_letters(account, 2)


DEAD_LETTERS: dict[str, tuple[Callable[[Account], None], str]] = {
    "another queue": (swap, "was taken away since"),
    "deleted": (delete, "was taken away since"),
    "made anew": (make_anew, "was made anew since"),
    "emptied and filled": (empty_and_fill, "3 messages left the dead-letter queue"),
}


@pytest.mark.parametrize("case", DEAD_LETTERS)
def test_dead_letters_that_can_have_gone_out_of_sight_make_the_window_not_read(
    case: str, account: Account, warehouse: Warehouse
) -> None:
    change, words = DEAD_LETTERS[case]
    set_queue(account, RedrivePolicy="")
    send_dead_letters(account, 5)
    account.put(privacy(EVENTS))
    stopped_load(account, warehouse)
    change(account)
    with pytest.raises(RemoteError, match=words):
        read(account, warehouse, None, None)
    assert list_replays(warehouse)[0].state is ReplayState.FAILED


def test_dead_letters_that_were_moved_back_do_not_make_a_window_not_read(
    account: Account, warehouse: Warehouse
) -> None:
    send_dead_letters(account, 5)
    account.put(privacy(EVENTS))
    stopped_load(account, warehouse)
    account.sqs.purge_queue(QueueUrl=account.dead_letters)
    assert read(account, warehouse, None, None).resumed
    assert watermark(list_replays(warehouse)) == FIRST + DAY


def test_no_replay_starts_where_received_messages_go_to_a_queue_that_drops_them(
    account: Account, warehouse: Warehouse
) -> None:
    account.sqs.set_queue_attributes(QueueUrl=account.dead_letters, Attributes={"MessageRetentionPeriod": "60"})
    redrive = f'{{"deadLetterTargetArn": "{queue_arn(account.dead_letters)}", "maxReceiveCount": 1}}'
    set_queue(account, RedrivePolicy=redrive)
    with pytest.raises(UsageError, match="MessageRetentionPeriod is 60 s, less than the queue's"):
        read(account, warehouse)
    assert account.replays() == []


def test_a_clock_that_was_set_back_does_not_open_a_replay_again(account: Account, warehouse: Warehouse) -> None:
    account.put(privacy(EVENTS))
    stopped_load(account, warehouse, clock=lambda: datetime.now(UTC) + HOUR)
    rule = {"Name": account.rule, "EventBusName": account.bus}
    account.events.disable_rule(**rule)
    with pytest.raises(UsageError, match="do not count as read"):
        read(account, warehouse, None, None)
    account.events.enable_rule(**rule)
    with pytest.raises(UsageError, match="give --from"):
        read(account, warehouse, None, None)
    assert list_replays(warehouse)[0].state is ReplayState.FAILED


def test_a_window_that_another_load_could_not_read_does_not_count_as_read(
    account: Account, warehouse: Warehouse
) -> None:
    account.put(privacy(EVENTS))
    account.emulator.turn(account.archive, events_per_second=60)

    def fail() -> None:
        (replay,) = list_replays(warehouse)
        record_replay(warehouse, replace(replay, state=ReplayState.FAILED, recorded_at=datetime.now(UTC) - HOUR))

    with pytest.raises(TransientRemoteError, match="another load that read it ended with failed"):
        read(account, warehouse, on_progress=once_stored(fail))
    assert watermark(list_replays(warehouse)) is None


def elsewhere(account: Account, state: ReplayState) -> Replay:
    """Return a replay of an archive of the same name in another Region."""
    rule = account.rule_arn.replace("us-east-1", "eu-west-1")
    now = datetime.now(UTC)
    return Replay(
        f"bwp-{state}", account.archive, rule, FIRST, FIRST + DAY, state, now, queue="q", queue_created_at=now
    )


def test_an_archive_of_the_same_name_elsewhere_is_another_archive(account: Account, warehouse: Warehouse) -> None:
    account.put(privacy(EVENTS))
    warehouse.create()
    for state in (ReplayState.COMPLETE, ReplayState.STARTED):
        record_replay(warehouse, elsewhere(account, state))
    with pytest.raises(UsageError, match="give --from"):
        read(account, warehouse, None, None)
    result = read(account, warehouse)
    assert (result.stored, result.resumed) == (EVENTS, False)
    assert account.events.disable_rule(Name=account.rule, EventBusName=account.bus)
    with pytest.raises(UsageError, match="is DISABLED"):
        read(account, warehouse)
    states = {replay.replay_name: replay.state for replay in list_replays(warehouse)}
    assert states["bwp-started"] is ReplayState.STARTED


def test_a_load_that_resumes_a_replay_whose_events_are_all_stored_is_content(
    account: Account, warehouse: Warehouse
) -> None:
    account.put(privacy(EVENTS))

    def stop(state: ArchiveProgress) -> None:
        if state.stored == EVENTS:
            raise StoppedError

    with pytest.raises(StoppedError):
        read(account, warehouse, on_progress=stop)
    result = read(account, warehouse, None, None)
    assert (result.resumed, result.received, result.attention) == (True, 0, [])


def test_credentials_that_expire_say_nothing_about_a_dead_letter_queue(account: Account, warehouse: Warehouse) -> None:
    account.put(privacy(EVENTS))
    stopped_load(account, warehouse)
    clients = open_clients(account.queue_url)

    def refuse(params: dict[str, Any], **_: Any) -> None:
        if account.dead_letters in str(params["body"]):
            raise ClientError({"Error": {"Code": "ExpiredToken", "Message": "old"}}, "GetQueueAttributes")

    clients.sqs.meta.events.register("before-call.sqs.GetQueueAttributes", refuse)
    with pytest.raises(TerminalRemoteError, match="have expired"):
        read(account, warehouse, None, None, clients=clients)
    assert list_replays(warehouse)[0].state.is_open
    read(account, warehouse, None, None)
    assert list_replays(warehouse)[0].state is ReplayState.COMPLETE


def test_a_profile_that_is_logged_out_at_the_end_leaves_the_check_to_the_next_load(
    account: Account, warehouse: Warehouse
) -> None:
    def logged_out(*_: Any) -> NoReturn:
        raise SettingsError("AWS profile 'p' is not logged in. Nothing was read or written.")

    account.put(privacy(EVENTS))
    with pytest.MonkeyPatch.context() as patch:
        log_out = once_stored(lambda: patch.setattr(archive, "describe_setup", logged_out))
        with pytest.raises(TransientRemoteError, match=r"could not be checked: AWS profile 'p'"):
            read(account, warehouse, on_progress=log_out)
    assert list_replays(warehouse)[0].state.is_open
    assert read(account, warehouse, None, None).resumed
    assert list_replays(warehouse)[0].state is ReplayState.COMPLETE
