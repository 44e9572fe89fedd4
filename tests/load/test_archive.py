"""A window of an archive is stored exactly, over HTTP, and nothing else in the account hears of it."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.archives import FIRST, QUICK, child, others, privacy, read
from support.emulator import PATTERN, Account, queue_arn
from support.events import task_of
from support.tables import outcomes, reasons, rows
from support.wire import lambda_sqs

from bwp_client.errors import TerminalRemoteError, TransientRemoteError, UsageError
from bwp_client.load import load
from bwp_client.load.archive import ArchiveTiming, load_archive
from bwp_client.load.quarantine_retry import retry
from bwp_client.settings import ArchiveSettings
from bwp_client.sources.eventbridge.aws_clients import Clients
from bwp_client.sources.eventbridge.messages import MessageBatch
from bwp_client.sources.eventbridge.queue import Message, VisibilityExtender
from bwp_client.warehouse import TableName, Warehouse, list_runs
from bwp_client.warehouse.quarantine import list_quarantined
from bwp_client.warehouse.replays import ReplayState, list_replays, watermark

MakeAccount = Callable[..., Account]
HOUR = timedelta(hours=1)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(str(tmp_path / "w"))


def tasks(warehouse: Warehouse) -> list[str]:
    """Give the tasks of all stored events, doubles included."""
    return [row[0] for row in rows(warehouse, TableName.EVENTS, "task_id")]


def expected(events: list[dict[str, Any]]) -> list[str]:
    return sorted(task_of(event) for event in events)


def test_exactly_the_windows_privacy_events_are_stored_and_live_targets_hear_nothing(
    account: Account, warehouse: Warehouse
) -> None:
    events = privacy(600)  # five hours, two a minute
    account.put(events + others(600))
    live = account.another_queue("live", {"source": [{"prefix": "aws.partner/"}]})
    result = read(account, warehouse, FIRST + HOUR, FIRST + 3 * HOUR)
    inside = [event for event in events if "01:00:00" <= event["time"][11:19] < "03:00:00"]
    assert tasks(warehouse) == expected(inside)
    assert len(inside) == 240
    assert account.waiting(live) == (0, 0)
    assert account.waiting() == (0, 0)
    assert (result.stored, result.duplicate, result.quarantined, result.foreign) == (240, 0, 0, 0)
    assert result.received == result.read + result.outside_window
    (replay,) = list_replays(warehouse)
    assert (replay.state, replay.window_from, replay.window_to) == (
        ReplayState.COMPLETE, FIRST + HOUR, FIRST + 3 * HOUR,
    )  # fmt: skip
    assert list_runs(warehouse)[0].kind == "replay"


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_twenty_thousand_among_twenty_thousand(account: Account, warehouse: Warehouse) -> None:
    step = timedelta(seconds=2)
    events = privacy(20_000, step=step)
    account.put(events + others(20_000, step=step))
    live = account.another_queue("live", {"source": [{"prefix": "aws.partner/"}]})
    result = read(account, warehouse, FIRST, FIRST + 8 * HOUR)
    inside = [event for event in events if event["time"] < "2026-05-01T08:00:00Z"]
    assert tasks(warehouse) == expected(inside)
    assert (account.waiting(live), account.waiting()) == ((0, 0), (0, 0))
    print(f"archived 40,000; window of 8 h: {result.as_json()}; stored {len(inside)}")


def test_duplicates_any_order_new_ids_late_retries_and_a_slow_start_give_the_same_table(
    account: Account, warehouse: Warehouse, tmp_path: Path
) -> None:
    from bwp_client.metrics.completeness import twins
    from bwp_client.warehouse.snapshot import Snapshot

    account.put(privacy(300))
    read(account, warehouse)
    wild = {"duplicates": 0.2, "shuffled": True, "late": 0.1, "late_seconds": 0.1, "starting_seconds": 1.0}
    account.emulator.turn(account.archive, **wild)
    other = Warehouse(str(tmp_path / "other"))
    result = read(account, other)
    assert outcomes(other) == outcomes(warehouse)
    assert sorted(tasks(other)) == tasks(warehouse)
    assert result.stored == 300
    assert 20 < result.duplicate < 120
    account.emulator.turn(account.archive, new_ids=True, **wild)
    again = read(account, other)
    known = [row[:-1] for row in outcomes(warehouse)]
    assert [row[:-1] for row in outcomes(other)] == known  # but for the number of events seen
    assert again.stored > 250
    assert set(tasks(other)) == set(tasks(warehouse))
    assert len(twins(Snapshot.newest(other))) > 250


def test_the_next_window_overlaps_the_last_complete_one_and_ends_ten_minutes_ago(
    account: Account, warehouse: Warehouse
) -> None:
    events = privacy(600)
    account.put(events)
    with pytest.raises(UsageError, match="give --from"):
        read(account, warehouse, None, None)
    assert account.replays() == []
    read(account, warehouse, FIRST, FIRST + HOUR)
    now = FIRST + 3 * HOUR + timedelta(seconds=30)
    result = read(account, warehouse, None, None, clock=lambda: now)
    assert result.windows == ["2026-04-30T22:00Z/2026-05-01T02:50Z"]
    assert watermark(list_replays(warehouse)) == FIRST + timedelta(hours=2, minutes=50)
    assert (result.duplicate, result.stored) == (120, 220)
    assert tasks(warehouse) == expected(events[:340])


def test_odd_seconds_are_rounded_to_whole_minutes_and_what_is_not_archived_yet_is_cut_off(
    account: Account, warehouse: Warehouse
) -> None:
    account.put(privacy(20))
    second = timedelta(seconds=1)
    result = read(account, warehouse, FIRST + 70 * second, FIRST + 250 * second)
    assert result.windows == ["2026-05-01T00:01Z/2026-05-01T00:05Z"]
    result = read(account, warehouse, FIRST, FIRST + HOUR, clock=lambda: FIRST + HOUR)
    assert result.windows == ["2026-05-01T00:00Z/2026-05-01T00:50Z"]
    with pytest.raises(UsageError, match="10 minutes before now"):
        read(account, warehouse, FIRST, FIRST + HOUR, clock=lambda: FIRST)


def test_foreign_messages_are_counted_and_left_to_their_owner(account: Account, warehouse: Warehouse) -> None:
    account.put(privacy(30))
    for body in ({"replay-name": "somebody-elses"}, {"detail-type": "live"}, "no JSON"):
        text = body if isinstance(body, str) else json.dumps(body)
        account.sqs.send_message(QueueUrl=account.queue_url, MessageBody=text)
    result = read(account, warehouse)
    assert (result.stored, result.foreign, result.received) == (30, 3, 33)
    assert account.waiting() == (3, 0)


def test_a_message_of_ours_that_cannot_be_read_is_quarantined_with_its_bytes(
    account: Account, warehouse: Warehouse
) -> None:
    bad = privacy(3)[2] | {"resources": ["order/1"]}
    account.put([*privacy(2), bad])
    result = read(account, warehouse)
    assert (result.stored, result.quarantined) == (2, 1)
    assert account.waiting() == (0, 0)
    assert reasons(warehouse) == ["no_task_in_resources"]
    ((raw, uri),) = rows(warehouse, TableName.QUARANTINE, "raw", "source_uri")
    assert json.loads(raw)["resources"] == ["order/1"]
    assert uri.startswith(f"archive://{account.archive}/bwp-")


def test_a_message_that_cannot_be_read_is_in_quarantine_once_however_often_it_comes(
    account: Account, warehouse: Warehouse
) -> None:
    bad = privacy(4)[2] | {"resources": ["order/1"]}
    worse = privacy(4)[3] | {"resources": []}
    account.put([*privacy(2), bad, worse])
    account.emulator.turn(account.archive, duplicates=1.0)
    assert read(account, warehouse, timing=replace(QUICK, batch_messages=1)).quarantined == 4
    assert read(account, warehouse).quarantined == 4
    assert reasons(warehouse) == ["no_task_in_resources", "no_task_in_resources"]
    assert len(list_replays(warehouse)) == 2


def test_equal_messages_of_one_wrapper_stay_apart_in_quarantine(warehouse: Warehouse) -> None:
    def batch(replay: str) -> MessageBatch:
        broken = json.dumps({"said": "something", "replay-name": replay})
        return MessageBatch("archive://a", replay, [Message("1", "h", json.dumps(lambda_sqs([broken, broken])))])

    for replay in ("bwp-1", "bwp-1", "bwp-2"):
        assert load(warehouse, batch(replay), keep_raw=True, reread=True).quarantined == 2
    assert reasons(warehouse) == ["not_an_envelope", "not_an_envelope"]


@pytest.mark.parametrize("bus", ["default", "shop-events"])
def test_an_archive_on_the_default_or_a_custom_bus(make_account: MakeAccount, bus: str, warehouse: Warehouse) -> None:
    account = make_account(bus=bus, pattern={"replay-name": [{"exists": True}]})
    events = privacy(50, start=FIRST + 2 * HOUR)
    account.put(events)
    read(account, warehouse)
    assert tasks(warehouse) == expected(events)


def _missing(account: Account) -> None:
    account.events.remove_targets(Rule=account.rule, EventBusName=account.bus, Ids=["reader"])
    account.events.delete_rule(Name=account.rule, EventBusName=account.bus)


def _disabled(account: Account) -> None:
    account.events.disable_rule(Name=account.rule, EventBusName=account.bus)


def _pattern(**pattern: Any) -> Callable[[Account], None]:
    def put(account: Account) -> None:
        told = {name.replace("_", "-"): value for name, value in pattern.items()}
        account.events.put_rule(Name=account.rule, EventBusName=account.bus, EventPattern=json.dumps(told))

    return put


def _target(account: Account) -> None:
    account.events.remove_targets(Rule=account.rule, EventBusName=account.bus, Ids=["reader"])


def _more_targets(account: Account) -> None:
    theirs = {"Id": "theirs", "Arn": queue_arn(account.dead_letters)}
    account.events.put_targets(Rule=account.rule, EventBusName=account.bus, Targets=[theirs])


def _changed(account: Account) -> None:
    ours = {"Id": "reader", "Arn": queue_arn(account.queue_url), "InputPath": "$.detail"}
    account.events.put_targets(Rule=account.rule, EventBusName=account.bus, Targets=[ours])


def _policy(account: Account) -> None:
    account.sqs.set_queue_attributes(QueueUrl=account.queue_url, Attributes={"Policy": ""})


UNSAFE = [
    (_missing, ["does not exist on bus", "docs/archive.md"]),
    (_disabled, ["is DISABLED", "aws events enable-rule"]),
    (_pattern(source=[{"prefix": "aws.partner/"}]), ["live events would come too", "put-rule"]),
    (_pattern(replay_name=[{"exists": False}]), ["lets live events through", "put-rule"]),
    (_pattern(replay_name=["nightly"]), ["does not let replays named bwp-", "put-rule"]),
    (_pattern(**PATTERN | {"source": ["aws.partner/other"]}), ["`source` does not let", "put-rule"]),
    (_pattern(**PATTERN | {"detail_type": [{"suffix": "_FAILED"}]}), ["leaves out", "put-rule"]),
    (_pattern(**PATTERN | {"detail": {"x": ["1"]}}), ["can't judge", "put-rule"]),
    (_target, ["does not send to our queue", "put-targets"]),
    (_more_targets, ["1 other targets", "remove-targets"]),
    (_changed, ["changes events on their way", "put-targets"]),
    (_policy, ["policy does not let the rule send", "sqs:SendMessage"]),
]


@pytest.mark.parametrize(("spoil", "told"), UNSAFE, ids=lambda value: getattr(value, "__name__", None))
def test_no_replay_starts_where_it_could_not_be_kept_from_others(
    account: Account, warehouse: Warehouse, spoil: Callable[[Account], None], told: list[str]
) -> None:
    account.put(privacy(5))
    spoil(account)
    with pytest.raises(UsageError) as refused:
        read(account, warehouse)
    assert all(words in str(refused.value) for words in told), str(refused.value)
    assert account.replays() == []
    assert list_replays(warehouse) == []


def test_settings_that_are_missing_are_named(account: Account, warehouse: Warehouse) -> None:
    with pytest.raises(UsageError, match="BWP_ARCHIVE__RULE_NAME"):
        load_archive(warehouse, f"archive://{account.archive}", ArchiveSettings(), timing=QUICK)


def test_a_failed_replay_keeps_what_came_and_the_next_try_has_a_new_name(
    account: Account, warehouse: Warehouse
) -> None:
    events = privacy(100)
    account.put(events)
    account.emulator.turn(account.archive, fail_after=30)
    with pytest.raises(TerminalRemoteError, match=r"failed at AWS .* 30 messages that came are stored"):
        read(account, warehouse)
    assert tasks(warehouse) == expected(events[:30])
    assert watermark(list_replays(warehouse)) is None
    account.emulator.turn(account.archive)
    result = read(account, warehouse)
    assert (result.stored, result.duplicate) == (70, 30)
    names = [one["ReplayName"] for one in account.replays()]
    assert len(set(names)) == 2
    assert {one.state for one in list_replays(warehouse)} == {ReplayState.FAILED, ReplayState.COMPLETE}


def test_a_cancelled_replay_says_so(account: Account, warehouse: Warehouse) -> None:
    account.put(privacy(50))
    account.emulator.turn(account.archive, starting_seconds=30)
    cancelled: list[str] = []

    def cancel(_: Any) -> None:
        for one in account.replays():
            if not cancelled:
                account.events.cancel_replay(ReplayName=one["ReplayName"])
                cancelled.append(one["ReplayName"])

    with pytest.raises(TerminalRemoteError, match="was cancelled"):
        read(account, warehouse, on_progress=cancel)
    assert list_replays(warehouse)[0].state is ReplayState.CANCELLED


def test_a_replay_without_progress_is_given_up_and_cancelled(account: Account, warehouse: Warehouse) -> None:
    account.emulator.turn(account.archive, starting_seconds=60)
    timing = ArchiveTiming(poll_seconds=0, empty_polls=3, settle_seconds=0.5, status_seconds=0.1, stall_seconds=1.5)
    with pytest.raises(TransientRemoteError, match="made no progress"):
        read(account, warehouse, timing=timing)
    assert list_replays(warehouse)[0].state is ReplayState.TIMED_OUT
    assert account.replays()[0]["State"] in ("CANCELLING", "CANCELLED")


def test_ten_active_replays_are_told_and_nothing_is_left_open(account: Account, warehouse: Warehouse) -> None:
    account.emulator.turn(account.archive, starting_seconds=60)
    arn = account.events.describe_archive(ArchiveName=account.archive)["ArchiveArn"]
    names = [f"{account.archive}-{number}" for number in range(10)]
    for name in names:
        account.events.start_replay(
            ReplayName=name, EventSourceArn=arn, EventStartTime=FIRST, EventEndTime=FIRST + HOUR,
            Destination={"Arn": account.bus_arn, "FilterArns": [account.rule_arn]},
        )  # fmt: skip
    try:
        with pytest.raises(TransientRemoteError, match="ten replays are active"):
            read(account, warehouse, clients=Clients(account.events, account.sqs))  # boto3 would try again
    finally:
        for name in names:
            account.events.cancel_replay(ReplayName=name)
    assert list_replays(warehouse)[0].state is ReplayState.REFUSED


def test_a_quarantined_message_can_be_retried_from_its_kept_bytes(account: Account, warehouse: Warehouse) -> None:
    bad = privacy(4)[2] | {"resources": ["order/1"]}
    worse = privacy(4)[3] | {"resources": []}
    account.put([*privacy(2), bad, worse])
    read(account, warehouse)
    done = retry(warehouse)
    assert (done.records, done.resolved, done.still_refused, done.out_of_reach) == (2, 0, 2, 0)
    assert len(rows(warehouse, TableName.QUARANTINE, "digest")) == 2
    assert all(raw for (raw,) in rows(warehouse, TableName.QUARANTINE, "raw"))
    assert not {"raw"} & set(list_quarantined(warehouse)[0])


def test_kept_bytes_that_can_be_read_now_become_events(warehouse: Warehouse) -> None:
    messages = [Message(str(place), "h", json.dumps(event)) for place, event in enumerate(privacy(3))]
    messages.insert(1, Message("x", "h", '{"cut'))
    batch = MessageBatch("archive://a", "bwp-1", messages)
    too_early = load(warehouse, batch, keep_raw=True, clock=lambda: FIRST - timedelta(days=5))
    assert (too_early.stored, too_early.quarantined) == (0, 4)
    done = retry(warehouse)
    assert (done.resolved, done.still_refused, done.stored) == (3, 1, 3)
    assert rows(warehouse, TableName.QUARANTINE, "raw", "reason") == [(b'{"cut', "not_json")]
    assert tasks(warehouse) == expected(privacy(3))


def test_what_comes_after_its_window_was_complete_is_stored_by_the_next_load(
    account: Account, warehouse: Warehouse
) -> None:
    events = privacy(21)
    account.put(events[:20])
    read(account, warehouse)
    (done,) = list_replays(warehouse)
    late = events[20] | {"replay-name": done.replay_name}
    account.sqs.send_message(QueueUrl=account.queue_url, MessageBody=json.dumps(late))
    next_day = read(account, warehouse, FIRST + timedelta(days=5), FIRST + timedelta(days=6))
    assert (next_day.stored, next_day.outside_window, next_day.foreign) == (1, 0, 0)
    assert tasks(warehouse) == expected(events)
    assert account.waiting() == (0, 0)


@pytest.mark.parametrize(("days", "is_gone"), [(0, False), (20, False), (7, True)])
def test_events_that_the_archive_no_longer_retains_need_attention(
    days: int, is_gone: bool, account: Account, warehouse: Warehouse
) -> None:
    created = account.events.describe_archive(ArchiveName=account.archive)["CreationTime"]
    account.events.update_archive(ArchiveName=account.archive, RetentionDays=days)
    now = created + timedelta(days=10)
    result = read(account, warehouse, created - timedelta(days=5), None, clock=lambda: now)
    found = [line for line in result.attention if "is gone from it" in line]
    assert bool(found) is is_gone, result.attention
    if is_gone:
        assert f"from {created:%Y-%m-%d %H:%M} to {created + timedelta(days=3):%Y-%m-%d %H:%M} UTC" in found[0]


def test_an_archive_that_leaves_privacy_events_out_needs_attention(account: Account, warehouse: Warehouse) -> None:
    pattern = json.dumps({"detail-type": [{"suffix": "_COMPLETED"}]})
    account.events.update_archive(ArchiveName=account.archive, EventPattern=pattern)
    account.put(privacy(5))
    result = read(account, warehouse)
    assert result.stored == 4
    (line,) = result.attention
    assert "leaves out PERSONAL_DATA_DELETION_TASK_FAILED" in line
    assert "aws events update-archive" in line


def test_messages_stay_hidden_while_they_are_worked_on_and_come_back_when_given_back(account: Account) -> None:
    account.sqs.send_message(QueueUrl=account.queue_url, MessageBody="{}")
    account.sqs.set_queue_attributes(QueueUrl=account.queue_url, Attributes={"VisibilityTimeout": "1"})
    extender = VisibilityExtender(account.sqs, account.queue_url, 1)
    with extender.running():
        assert len(extender.queue.receive(wait_seconds=1)) == 1
        until = time.monotonic() + 3
        while time.monotonic() < until:
            assert account.waiting() == (0, 1)
    assert account.waiting() == (1, 0)


def test_two_loads_at_once_share_one_replay(make_account: MakeAccount, tmp_path: Path) -> None:
    account = make_account()
    account.put(privacy(240))
    account.emulator.turn(account.archive, events_per_second=60)
    target = tmp_path / "w"
    warehouse = Warehouse(str(target))
    running = child(account, target, FIRST, FIRST + 2 * HOUR, visibility=5)
    while not list_replays(warehouse) and running.poll() is None:
        time.sleep(0.05)
    result = read(account, warehouse, FIRST, FIRST + 2 * HOUR)
    _, wrong = running.communicate(timeout=60)
    assert running.returncode == 0, wrong
    assert result.resumed
    assert tasks(warehouse) == sorted(f"t-{place:06d}" for place in range(240))
    assert len(account.replays()) == 1
    assert account.waiting() == (0, 0)
