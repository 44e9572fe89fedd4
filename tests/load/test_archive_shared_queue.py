"""A queue with messages of others: they go back to their owner at once, and they neither end nor hold up a load."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.archives import FIRST, QUICK, child, privacy, read
from support.emulator import Account, queue_arn
from support.events import task_of
from support.failing import StoppedError
from support.tables import rows

from bwp_client.cli.load_archive import _print_result
from bwp_client.errors import RemoteError, TransientRemoteError
from bwp_client.load import replay_inbox
from bwp_client.load.archive import ArchiveTiming
from bwp_client.load.results import ArchiveProgress, ArchiveResult
from bwp_client.sources.eventbridge.aws_clients import Clients
from bwp_client.sources.eventbridge.queue import BATCH_MESSAGES, VisibilityExtender
from bwp_client.warehouse import TableName, Warehouse, list_runs, newest_run
from bwp_client.warehouse.replays import Replay, ReplayState, list_replays

MakeAccount = Callable[..., Account]
HOUR = timedelta(hours=1)
EVENTS = 120
OTHER_LOAD = json.dumps({"replay-name": "bwp-20260501T0000-20260502T0000-1-0000beef"})
LIVE = json.dumps({"detail-type": "live"})
PATIENT: ArchiveTiming = replace(QUICK, poll_seconds=1, stall_seconds=15)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(str(tmp_path / "w"))


def tasks(warehouse: Warehouse) -> list[str]:
    return [row[0] for row in rows(warehouse, TableName.EVENTS, "task_id")]


def all_tasks(count: int = EVENTS) -> list[str]:
    return sorted(task_of(event) for event in privacy(count))


def send(account: Account, *bodies: str) -> None:
    for body in bodies:
        account.sqs.send_message(QueueUrl=account.queue_url, MessageBody=body)


@contextmanager
def sent_now_and_then(account: Account, body: str, seconds: float) -> Iterator[None]:
    """Send a message again and again while the block runs."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(seconds):
            send(account, body)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_two_warehouses_on_one_queue_do_not_wait_for_each_other(account: Account, tmp_path: Path) -> None:
    account.put(privacy(EVENTS))
    account.emulator.turn(account.archive, events_per_second=60)
    ours, theirs = Warehouse(str(tmp_path / "ours")), Warehouse(str(tmp_path / "theirs"))
    running = child(account, tmp_path / "theirs", FIRST, FIRST + HOUR)
    while not list_replays(theirs) and running.poll() is None:
        time.sleep(0.05)
    result = read(account, ours, FIRST, FIRST + HOUR)
    _, wrong = running.communicate(timeout=120)
    assert running.returncode == 0, wrong
    assert tasks(ours) == tasks(theirs) == all_tasks()
    assert result.received == result.read + result.outside_window + result.foreign
    assert account.waiting() == (0, 0)


def test_what_a_killed_load_into_another_warehouse_left_stays_for_it(account: Account, tmp_path: Path) -> None:
    account.put(privacy(EVENTS))
    ours, theirs = Warehouse(str(tmp_path / "ours")), Warehouse(str(tmp_path / "theirs"))
    with pytest.raises(StoppedError):
        read(account, theirs, FIRST, FIRST + HOUR, on_progress=_stop, timing=replace(QUICK, batch_messages=10))
    left = sum(account.waiting())
    assert left > 20
    result = read(account, ours, FIRST, FIRST + HOUR)
    assert (result.stored, result.foreign) == (EVENTS, left)
    assert account.waiting() == (left, 0)
    assert read(account, theirs, None, None).resumed
    assert tasks(ours) == tasks(theirs) == all_tasks()


@pytest.mark.parametrize("body", [LIVE, OTHER_LOAD], ids=["live", "of another load"])
def test_messages_behind_many_foreign_messages_are_found(account: Account, warehouse: Warehouse, body: str) -> None:
    entries = [{"Id": str(number), "MessageBody": body} for number in range(10)]
    for _ in range(40):
        account.sqs.send_message_batch(QueueUrl=account.queue_url, Entries=entries)
    account.put(privacy(EVENTS))
    result = read(account, warehouse)
    assert (result.stored, result.foreign) == (EVENTS, 400)
    assert account.waiting() == (400, 0)


def test_a_queue_that_was_not_looked_at_to_its_end_is_not_empty(account: Account, warehouse: Warehouse) -> None:
    """Each search ends before it comes to our messages, which wait behind those of another load."""
    entries = [{"Id": str(number), "MessageBody": OTHER_LOAD} for number in range(10)]
    for _ in range(30):
        account.sqs.send_message_batch(QueueUrl=account.queue_url, Entries=entries)
    account.put(privacy(20))
    account.sqs.meta.events.register("before-call.sqs.ReceiveMessage", lambda **_: time.sleep(0.2))
    timing = replace(QUICK, visibility_seconds=1, batch_seconds=0.5, stall_seconds=8)
    with pytest.raises(RemoteError, match="made no progress"):
        read(account, warehouse, timing=timing, clients=Clients(account.events, account.sqs))
    assert list_replays(warehouse)[0].state is ReplayState.TIMED_OUT


def test_many_names_of_other_replays_do_not_slow_a_load_down(
    account: Account, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Warehouse] = []

    def counted(of: Warehouse, archive: str | None = None) -> list[Replay]:
        looks.append(of)
        return list_replays(of, archive)

    monkeypatch.setattr(replay_inbox, "list_replays", counted)
    for first in range(0, 100, 10):
        entries = [
            {"Id": str(number), "MessageBody": json.dumps({"replay-name": f"bwp-{number}"})}
            for number in range(first, first + 10)
        ]
        account.sqs.send_message_batch(QueueUrl=account.queue_url, Entries=entries)
    account.put(privacy(20))
    assert (read(account, warehouse).stored, len(looks) < 50) == (20, True)


def test_a_message_with_two_events_counts_as_two(account: Account, warehouse: Warehouse) -> None:
    account.put(privacy(20))
    name = "replay-name"

    def double(state: ArchiveProgress) -> None:
        if state.stored or account.waiting() == (0, 0):
            return
        (replay,) = list_replays(warehouse)
        first, second = (json.dumps(event | {name: replay.replay_name}) for event in privacy(22)[20:])
        send(account, first + second)

    result = read(account, warehouse, on_progress=double)
    assert result.stored == 22
    assert result.received == result.read + result.outside_window + result.foreign


def _stop(state: ArchiveProgress) -> None:
    if state.stored:
        raise StoppedError


@pytest.mark.parametrize("body", [LIVE, OTHER_LOAD], ids=["live", "of another load"])
def test_a_foreign_message_now_and_then_keeps_no_load_from_completing(
    account: Account, warehouse: Warehouse, body: str
) -> None:
    account.put(privacy(EVENTS))
    with sent_now_and_then(account, body, 0.4):
        result = read(account, warehouse, timing=PATIENT)
    assert (result.stored, list_replays(warehouse)[0].state) == (EVENTS, ReplayState.COMPLETE)
    assert result.foreign > 0
    assert account.waiting()[1] == 0


def test_a_flow_of_foreign_messages_is_no_progress(account: Account, warehouse: Warehouse) -> None:
    account.emulator.turn(account.archive, starting_seconds=60)
    with (
        sent_now_and_then(account, LIVE, 0.2),
        pytest.raises(TransientRemoteError, match="made no progress") as gave_up,
    ):
        read(account, warehouse, timing=replace(PATIENT, stall_seconds=4))
    assert "The 0 messages that came are stored" in str(gave_up.value)
    assert "foreign messages were left in the queue" in str(gave_up.value)


def test_messages_of_another_load_are_visible_again_while_this_load_goes_on(
    account: Account, warehouse: Warehouse
) -> None:
    account.put(privacy(EVENTS))
    account.emulator.turn(account.archive, events_per_second=30)
    send(account, *[OTHER_LOAD] * 5)
    seen: list[str] = []

    def look(_: ArchiveProgress) -> None:
        answer = account.sqs.receive_message(QueueUrl=account.queue_url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        seen.extend(message["MessageId"] for message in answer.get("Messages", []) if message["Body"] == OTHER_LOAD)

    read(account, warehouse, on_progress=look)
    assert len(seen) > 5


def test_a_foreign_message_of_no_load_is_not_received_again_and_again(account: Account, warehouse: Warehouse) -> None:
    dead = {"deadLetterTargetArn": queue_arn(account.dead_letters), "maxReceiveCount": 3}
    account.sqs.set_queue_attributes(QueueUrl=account.queue_url, Attributes={"RedrivePolicy": json.dumps(dead)})
    account.put(privacy(EVENTS))
    account.emulator.turn(account.archive, events_per_second=40)
    send(account, *[LIVE] * 5)
    assert read(account, warehouse).foreign == 5
    assert (account.waiting(), account.waiting(account.dead_letters)) == ((5, 0), (0, 0))


def test_messages_that_another_load_holds_are_not_waited_for(account: Account, warehouse: Warehouse) -> None:
    account.put(privacy(20))
    send(account, OTHER_LOAD, OTHER_LOAD)
    (held,) = account.sqs.receive_message(QueueUrl=account.queue_url, VisibilityTimeout=600)["Messages"]
    result = read(account, warehouse, timing=replace(PATIENT, visibility_seconds=2))
    assert (result.stored, result.foreign) == (20, 1)
    assert account.waiting() == (1, 1)
    account.sqs.delete_message(QueueUrl=account.queue_url, ReceiptHandle=held["ReceiptHandle"])


def test_a_message_is_not_hidden_again_by_an_extension_that_began_before_it_was_given_back(account: Account) -> None:
    send(account, OTHER_LOAD)
    extending, given_back = threading.Event(), threading.Event()

    def delay_extension(params: dict[str, Any], **_: Any) -> None:
        if b'"VisibilityTimeout": 0' not in params["body"]:
            extending.set()
            given_back.wait(2)

    account.sqs.meta.events.register("before-call.sqs.ChangeMessageVisibilityBatch", delay_extension)
    extender = VisibilityExtender(account.sqs, account.queue_url, 3)
    with extender.running():
        held = extender.queue.receive(wait_seconds=1)
        assert extending.wait(10)
        extender.give_back(held)
        given_back.set()
    assert account.waiting() == (1, 0)


def test_messages_that_somebody_unknown_holds_keep_the_window_from_counting_as_read(
    account: Account, warehouse: Warehouse
) -> None:
    account.put(privacy(20))
    send(account, LIVE)
    account.sqs.receive_message(QueueUrl=account.queue_url, VisibilityTimeout=600)
    with pytest.raises(RemoteError, match="made no progress"):
        read(account, warehouse, timing=replace(PATIENT, visibility_seconds=1, stall_seconds=6))
    assert list_replays(warehouse)[0].state is ReplayState.TIMED_OUT


@pytest.mark.parametrize("queue_default", ["0", "1", "43200"])
def test_the_visibility_timeout_of_the_queue_does_not_matter(account: Account, queue_default: str) -> None:
    account.sqs.set_queue_attributes(QueueUrl=account.queue_url, Attributes={"VisibilityTimeout": queue_default})
    send(account, "{}")
    extender = VisibilityExtender(account.sqs, account.queue_url, 3)
    with extender.running():
        assert len(extender.queue.receive(wait_seconds=1)) == 1
        until = time.monotonic() + 5
        while time.monotonic() < until:
            assert account.waiting() == (0, 1)
            time.sleep(0.1)
    assert account.waiting() == (1, 0)


def test_a_message_that_says_which_messages_are_stored_leaves_out_the_foreign(
    account: Account, warehouse: Warehouse
) -> None:
    account.put(privacy(EVENTS))
    account.emulator.turn(account.archive, fail_after=30)
    send(account, *[LIVE] * 7)
    with pytest.raises(
        RemoteError, match=r"The 30 messages that came are stored, 7 foreign messages were left in the queue"
    ):
        read(account, warehouse)
    assert len(tasks(warehouse)) == 30


def test_each_window_has_a_row_of_its_own_in_the_runs(account: Account, warehouse: Warehouse) -> None:
    account.put(privacy(EVENTS))  # an hour
    account.put([event | {"id": f"x-{number}"} for number, event in enumerate(privacy(40, start=FIRST + 5 * HOUR))])
    with pytest.raises(StoppedError):
        read(account, warehouse, FIRST, FIRST + HOUR, on_progress=_stop, timing=replace(QUICK, batch_messages=10))
    send(account, *[LIVE] * 7)
    result = read(account, warehouse, FIRST + 5 * HOUR, FIRST + 6 * HOUR)
    assert result.resumed
    assert result.foreign == 14  # each window met them
    assert result.received == result.read + result.outside_window + result.foreign
    second, first = [run for run in list_runs(warehouse) if run.kind == "replay"]
    assert (first.window_from, first.window_to) == (FIRST, FIRST + HOUR)
    assert (second.window_from, second.window_to) == (FIRST + 5 * HOUR, FIRST + 6 * HOUR)
    assert second.counts == {"received": 47, "foreign": 7}
    assert first.counts["foreign"] == 7
    newest = newest_run(warehouse)
    assert newest is not None
    assert newest.versions["replays"] == warehouse.handle(TableName.REPLAYS).version()
    counts = list_replays(warehouse)[0].counts
    assert (counts["received"], counts["stored"]) == (47, 40)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_load_that_is_stopped_gives_its_messages_back(
    account: Account, tmp_path: Path, number: signal.Signals
) -> None:
    account.put(privacy(600))
    account.emulator.turn(account.archive, events_per_second=300)
    running = child(account, tmp_path / "w", FIRST, FIRST + 6 * HOUR, batch=1000, visibility=600)
    until = time.monotonic() + 60
    while account.waiting()[1] < 25 and running.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    running.send_signal(number)
    _, said = running.communicate(timeout=60)
    assert running.returncode != 0, said
    # The messages of the answer that was on its way when the signal came are known to nobody.
    assert account.waiting()[1] <= BATCH_MESSAGES


@pytest.mark.parametrize("open_replay", [True, False])
def test_nothing_advises_to_purge_a_queue(capsys: pytest.CaptureFixture[str], open_replay: bool) -> None:
    result = ArchiveResult("l", "archive://a", received=7, foreign=7, resumed=open_replay, windows=["w"])
    with pytest.raises(BaseException, match="1"):
        _print_result(result, as_json=False)
    said = capsys.readouterr().err
    assert "7 messages in the queue belong to no replay of this warehouse" in said
    assert "purge" not in said


def test_what_needs_attention_is_printed_and_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    result = ArchiveResult("l", "archive://a", windows=["w"], attention=["nothing came."])
    with pytest.raises(BaseException, match="1"):
        _print_result(result, as_json=True)
    output: Any = capsys.readouterr()
    assert json.loads(output.out)["attention"] == ["nothing came."]
    assert "Needs attention: nothing came." in output.err
