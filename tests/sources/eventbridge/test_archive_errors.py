"""Each error answer of AWS has a message of its own that says the state and what to do; botocore's own stubs answer."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from bwp_client.errors import (
    BwpError,
    SettingsError,
    SourceNotFoundError,
    TerminalRemoteError,
    TransientRemoteError,
    UsageError,
)
from bwp_client.load.archive import ArchiveTiming, load_archive
from bwp_client.settings import ArchiveSettings
from bwp_client.sources.eventbridge.aws_clients import Clients, open_clients
from bwp_client.sources.eventbridge.queue import Message, VisibilityExtender
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.replays import ReplayState, list_replays

FIRST = datetime(2026, 5, 1, tzinfo=UTC)
WINDOW = {"window_from": FIRST, "window_to": FIRST + timedelta(hours=1)}
BUS = "aws.partner/buywithprime/acme"
PREFIX = "arn:aws:events:us-east-1:123456789012"
RULE = f"{PREFIX}:rule/{BUS}/reader"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:reader"
URL = "https://sqs.us-east-1.amazonaws.com/123456789012/reader"
SETTINGS = ArchiveSettings(rule_name="reader", queue_url=URL)
NOTHING = "Nothing was started"
POLICY = {
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Condition": {"ArnEquals": {"aws:SourceArn": RULE}},
    }
}


class Aws:
    """Two clients that give the prepared answers, in order."""

    def __init__(self) -> None:
        keys = {"region_name": "us-east-1", "aws_access_key_id": "t", "aws_secret_access_key": "t"}
        self.clients = Clients(boto3.client("events", **keys), boto3.client("sqs", **keys))
        self.events, self.sqs = Stubber(self.clients.events), Stubber(self.clients.sqs)

    def set_up_well(
        self, state: str = "ENABLED", *, failing: tuple[str, str, str] | None = None, **attributes: str
    ) -> None:
        """Answer the calls before a start, up to the failing call if there is one."""
        archive = {
            "ArchiveArn": f"{PREFIX}:archive/a", "EventSourceArn": f"{PREFIX}:event-bus/{BUS}", "State": state,
            "CreationTime": FIRST, "RetentionDays": 0, "EventCount": 5,
        }  # fmt: skip
        pattern = {"source": [{"prefix": "aws.partner/buywithprime"}], "replay-name": [{"exists": True}]}
        rule = {"Arn": RULE, "Name": "reader", "State": "ENABLED", "EventPattern": json.dumps(pattern)}
        attributes = {"QueueArn": QUEUE, "VisibilityTimeout": "120", "Policy": json.dumps(POLICY)} | attributes
        for stubs, call, answer in (
            (self.events, "describe_archive", archive),
            (self.events, "describe_rule", rule),
            (self.events, "list_targets_by_rule", {"Targets": [{"Id": "1", "Arn": QUEUE}]}),
            (self.sqs, "get_queue_attributes", {"Attributes": attributes}),
        ):
            if failing and failing[0] == call:
                stubs.add_client_error(*failing)
                return
            stubs.add_response(call, answer)

    def replay(self, state: str, **changes: Any) -> None:
        """Answer a DescribeReplay."""
        response = {
            "ReplayName": "r", "EventSourceArn": f"{PREFIX}:archive/a", "State": state, "EventStartTime": FIRST,
            "EventEndTime": FIRST + timedelta(hours=1),
        }  # fmt: skip
        self.events.add_response("describe_replay", response | changes)


@pytest.fixture
def aws() -> Iterator[Aws]:
    made = Aws()
    with made.events, made.sqs:
        yield made


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(str(tmp_path / "w"))


def load(
    aws: Aws, warehouse: Warehouse, unknown_seconds: float = 0.0, stall_seconds: float = 5.0, **changes: Any
) -> Any:
    timing = ArchiveTiming(
        poll_seconds=0, empty_polls=3, settle_seconds=0.0, status_seconds=0.0, unknown_seconds=unknown_seconds,
        stall_seconds=stall_seconds,
    )  # fmt: skip
    return load_archive(warehouse, "archive://a", SETTINGS, clients=aws.clients, timing=timing, **(WINDOW | changes))


def invalid(parameter: str, reason: str) -> tuple[str, str]:
    return "ValidationException", f"Parameter {parameter} is not valid. Reason: {reason}"


REFUSED = {
    "other bus": (
        *invalid("Destination.Arn", "Cross event bus replay is not permitted."),
        UsageError, "is not the bus that the archive belongs to", ReplayState.REFUSED,
    ),
    "bus unknown": (
        "ResourceNotFoundException", "Event bus X does not exist.",
        SourceNotFoundError, "the event bus does not exist", ReplayState.REFUSED,
    ),
    "archive unknown": (
        *invalid("EventSourceArn", "Archive X does not exist."),
        SourceNotFoundError, "the archive does not exist. Nothing", ReplayState.REFUSED,
    ),
    "end not after start": (
        *invalid("EventEndTime", "EventStartTime must be before EventEndTime."),
        UsageError, "window's end is not after its start", ReplayState.REFUSED,
    ),
    "eleventh": (
        "LimitExceededException", "The requested resource exceeds the maximum number allowed.",
        TransientRemoteError, "ten replays are active", ReplayState.REFUSED,
    ),
    "not allowed": (
        "AccessDeniedException", "User is not authorized to perform: events:StartReplay",
        TerminalRemoteError, "needs events:StartReplay on the archive, its bus and replay/bwp-*", ReplayState.REFUSED,
    ),
    "not valid": ("ValidationException", "Something new.", UsageError, "as not valid", ReplayState.REFUSED),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_start_is_reported_and_closed_in_the_journal(case: str, aws: Aws, warehouse: Warehouse) -> None:
    code, message, kind, words, state = REFUSED[case]
    aws.set_up_well()
    aws.events.add_client_error("start_replay", code, message)
    with pytest.raises(kind) as refused:
        load(aws, warehouse)
    assert words in str(refused.value)
    assert NOTHING in str(refused.value)
    assert "Reason:" not in str(refused.value)
    assert [replay.state for replay in list_replays(warehouse)] == [state]


def test_a_fault_of_aws_leaves_the_try_open_so_that_the_next_run_adopts_it(aws: Aws, warehouse: Warehouse) -> None:
    aws.set_up_well()
    aws.events.add_client_error("start_replay", "InternalException", "oops", http_status_code=500)
    with pytest.raises(TransientRemoteError, match="AWS failed on StartReplay") as failed:
        load(aws, warehouse)
    assert "Whether the replay has started is not known" in str(failed.value)
    assert NOTHING not in str(failed.value)
    (planned,) = list_replays(warehouse)
    assert planned.state is ReplayState.PLANNED
    aws.set_up_well()
    aws.events.add_client_error("start_replay", "ResourceAlreadyExistsException", "Replay r already exists.")
    aws.replay("RUNNING")
    drained(aws)
    assert load(aws, warehouse).resumed
    assert [(replay.replay_name, replay.state) for replay in list_replays(warehouse)] == [
        (planned.replay_name, ReplayState.COMPLETE)
    ]


@pytest.mark.parametrize("name", [RULE, f"{BUS}/reader", " reader", "x" * 65, "ü"])
def test_a_rule_name_that_no_rule_can_have_is_refused(name: str, aws: Aws, warehouse: Warehouse) -> None:
    with pytest.raises(SettingsError, match=r"BWP_ARCHIVE__RULE_NAME is .*set it to the name alone"):
        load_archive(
            warehouse, "archive://a", ArchiveSettings(rule_name=name, queue_url=URL), clients=aws.clients, **WINDOW
        )


def test_a_replay_that_is_given_up_and_cannot_be_cancelled_is_closed_in_the_journal(
    aws: Aws, warehouse: Warehouse
) -> None:
    aws.set_up_well()
    aws.events.add_response("start_replay", {"State": "STARTING"})
    aws.replay("STARTING")
    aws.sqs.add_response("receive_message", {})
    aws.events.add_client_error("cancel_replay", "AccessDeniedException", "no")
    with pytest.raises(
        TransientRemoteError, match=r"made no progress .* it goes on at AWS, .*AWS refused CancelReplay"
    ):
        load(aws, warehouse, stall_seconds=0)
    assert list_replays(warehouse)[0].state is ReplayState.TIMED_OUT


def drained(aws: Aws, *, failing: tuple[str, str, str] | None = None) -> None:
    """Answer the calls of a replay without messages, to its end and to the last look at the set-up."""
    aws.replay("COMPLETED", EventLastReplayedTime=FIRST + timedelta(hours=1))
    for _ in range(3):
        aws.sqs.add_response("receive_message", {})
    counts = ("", "NotVisible", "Delayed")
    aws.sqs.add_response(
        "get_queue_attributes", {"Attributes": {f"ApproximateNumberOfMessages{name}": "0" for name in counts}}
    )
    aws.set_up_well(failing=failing)


def test_a_name_used_by_our_own_retried_call_is_adopted(aws: Aws, warehouse: Warehouse) -> None:
    aws.set_up_well()
    aws.events.add_client_error("start_replay", "ResourceAlreadyExistsException", "Replay r already exists.")
    aws.replay("STARTING")
    drained(aws)
    result = load(aws, warehouse)
    assert (result.received, result.resumed) == (0, False)
    assert [replay.state for replay in list_replays(warehouse)] == [ReplayState.COMPLETE]


@pytest.mark.parametrize("changes", [{"EventSourceArn": f"{PREFIX}:archive/b"}, {"EventEndTime": FIRST}])
def test_a_name_used_for_something_else_is_not_adopted(aws: Aws, warehouse: Warehouse, changes: dict[str, Any]) -> None:
    aws.set_up_well()
    aws.events.add_client_error("start_replay", "ResourceAlreadyExistsException", "Replay r already exists.")
    aws.replay("RUNNING", **changes)
    with pytest.raises(TerminalRemoteError, match="exists for another archive or window"):
        load(aws, warehouse)


def test_a_replay_that_aws_forgot_is_closed(aws: Aws, warehouse: Warehouse) -> None:
    aws.set_up_well()
    aws.events.add_response("start_replay", {"ReplayArn": f"{PREFIX}:replay/r", "State": "STARTING"})
    aws.events.add_client_error("describe_replay", "ResourceNotFoundException", "Replay r does not exist.")
    with pytest.raises(TerminalRemoteError, match="does not know replay bwp-"):
        load(aws, warehouse)
    assert [replay.state for replay in list_replays(warehouse)] == [ReplayState.FAILED]


def test_a_replay_that_aws_does_not_know_yet_is_asked_about_again(aws: Aws, warehouse: Warehouse) -> None:
    aws.set_up_well()
    aws.events.add_response("start_replay", {"ReplayArn": f"{PREFIX}:replay/r", "State": "STARTING"})
    for _ in range(2):
        aws.events.add_client_error("describe_replay", "ResourceNotFoundException", "Replay r does not exist.")
    drained(aws)
    load(aws, warehouse, unknown_seconds=60.0)
    assert [replay.state for replay in list_replays(warehouse)] == [ReplayState.COMPLETE]
    aws.events.assert_no_pending_responses()


def test_a_started_replay_that_aws_does_not_know_yet_is_adopted(aws: Aws, warehouse: Warehouse) -> None:
    aws.set_up_well()
    aws.events.add_client_error("start_replay", "ResourceAlreadyExistsException", "Replay r already exists.")
    aws.events.add_client_error("describe_replay", "ResourceNotFoundException", "Replay r does not exist.")
    drained(aws)
    load(aws, warehouse, unknown_seconds=60.0)
    assert [replay.state for replay in list_replays(warehouse)] == [ReplayState.COMPLETE]


RULES = {"our rule": ([RULE], True), "another rule": ([f"{RULE}-2"], False), "two rules": ([RULE, f"{RULE}-2"], False)}


@pytest.mark.parametrize("case", RULES)
def test_a_replay_that_is_sent_to_another_rule_is_not_read(case: str, aws: Aws, warehouse: Warehouse) -> None:
    rules, ours = RULES[case]
    aws.set_up_well()
    aws.events.add_response("start_replay", {"ReplayArn": f"{PREFIX}:replay/r", "State": "STARTING"})
    aws.replay("RUNNING", Destination={"Arn": f"{PREFIX}:event-bus/{BUS}", "FilterArns": rules})
    if ours:
        drained(aws)
        load(aws, warehouse)
    else:
        aws.events.add_response("cancel_replay", {"State": "CANCELLING"})
        with pytest.raises(TerminalRemoteError, match=r"is not sent to rule .* does not count as read"):
            load(aws, warehouse)
        aws.events.assert_no_pending_responses()
    assert [replay.state for replay in list_replays(warehouse)] == [
        ReplayState.COMPLETE if ours else ReplayState.FAILED
    ]


def test_a_set_up_that_cannot_be_looked_at_again_leaves_the_replay_open(aws: Aws, warehouse: Warehouse) -> None:
    aws.set_up_well()
    aws.events.add_response("start_replay", {"ReplayArn": f"{PREFIX}:replay/r", "State": "STARTING"})
    drained(aws, failing=("describe_rule", "ThrottlingException", "slow down"))
    with pytest.raises(TransientRemoteError, match=r"could not be checked: .* throttling .* does not count as read"):
        load(aws, warehouse)
    assert [replay.state for replay in list_replays(warehouse)] == [ReplayState.STARTED]
    aws.set_up_well()
    drained(aws)
    assert load(aws, warehouse).resumed
    assert [replay.state for replay in list_replays(warehouse)] == [ReplayState.COMPLETE]


def test_no_replay_starts_where_the_dead_letter_queue_cannot_be_looked_at(aws: Aws, warehouse: Warehouse) -> None:
    redrive = {"deadLetterTargetArn": f"{QUEUE}-dead", "maxReceiveCount": 1000}
    aws.set_up_well(RedrivePolicy=json.dumps(redrive))
    aws.sqs.add_client_error("get_queue_attributes", "AccessDenied", "no")
    with pytest.raises(UsageError, match=f"allow sqs:GetQueueAttributes on {QUEUE}-dead"):
        load(aws, warehouse)
    assert list_replays(warehouse) == []


LOOKING = {
    "archive": ("describe_archive", "ResourceNotFoundException", "Archive a does not exist.", "after archive://"),
    "archive denied": ("describe_archive", "AccessDeniedException", "no", "needs events:DescribeArchive"),
    "rule": ("describe_rule", "ResourceNotFoundException", "Rule reader does not exist.", "does not exist on bus"),
    "targets denied": ("list_targets_by_rule", "AccessDeniedException", "no", "needs events:ListTargetsByRule"),
    "queue": ("get_queue_attributes", "AWS.SimpleQueueService.NonExistentQueue", "gone", "BWP_ARCHIVE__QUEUE_URL"),
    "queue denied": ("get_queue_attributes", "AccessDenied", "no", "needs sqs:GetQueueAttributes"),
    "throttled": ("describe_archive", "ThrottlingException", "slow down", "Load again later"),
    "expired": ("describe_archive", "ExpiredTokenException", "old", "ExpiredTokenException"),
}


@pytest.mark.parametrize("case", LOOKING)
def test_a_failed_look_at_the_set_up_is_reported_before_anything_starts(
    case: str, aws: Aws, warehouse: Warehouse
) -> None:
    call, code, message, words = LOOKING[case]
    aws.set_up_well(failing=(call, code, message))
    with pytest.raises(BwpError) as refused:
        load(aws, warehouse)
    assert words in str(refused.value)
    assert list_replays(warehouse) == []


@pytest.mark.parametrize("state", ["DISABLED", "CREATING", "CREATE_FAILED", "UPDATE_FAILED"])
def test_an_archive_that_is_not_enabled_is_not_replayed(state: str, aws: Aws, warehouse: Warehouse) -> None:
    aws.set_up_well(state)
    with pytest.raises(UsageError, match=f"archive a is {state}"):
        load(aws, warehouse)


def test_a_queue_that_refuses_later_leaves_the_replay_open(aws: Aws, warehouse: Warehouse) -> None:
    aws.set_up_well()
    aws.events.add_response("start_replay", {"ReplayArn": f"{PREFIX}:replay/r", "State": "STARTING"})
    aws.replay("RUNNING")
    aws.sqs.add_client_error("receive_message", "AccessDenied", "no")
    with pytest.raises(TerminalRemoteError, match="needs sqs:ReceiveMessage on the queue"):
        load(aws, warehouse)
    assert [replay.state for replay in list_replays(warehouse)] == [ReplayState.STARTED]


def test_no_credentials_and_no_region_are_reported(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    with pytest.raises(SettingsError, match="No AWS credentials"):
        load_archive(warehouse, "archive://a", SETTINGS, **WINDOW)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "t")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "t")
    assert open_clients(URL).events.meta.region_name == "us-east-1"
    with pytest.raises(SettingsError, match="Set AWS_REGION"):
        open_clients("http://127.0.0.1:1/q")


def test_an_unreachable_aws_is_reported(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse) -> None:
    for name, value in {"AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t", "AWS_MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(name, value)
    closed = boto3.client("events", region_name="us-east-1", endpoint_url="http://127.0.0.1:9")
    clients = Clients(closed, boto3.client("sqs", region_name="us-east-1", endpoint_url="http://127.0.0.1:9"))
    with pytest.raises(TransientRemoteError, match=r"could not be reached .* Nothing was started"):
        load_archive(warehouse, "archive://a", SETTINGS, clients=clients, **WINDOW)


MESSAGES = [Message(f"m{index}", f"h{index}", "{}") for index in range(3)]


def test_a_batch_that_is_deleted_in_part_is_tried_again_for_the_rest(aws: Aws) -> None:
    queue = VisibilityExtender(aws.clients.sqs, URL, 60).queue
    fault = {"Id": "1", "SenderFault": False, "Code": "InternalError"}
    aws.sqs.add_response("delete_message_batch", {"Successful": [{"Id": "0"}, {"Id": "2"}], "Failed": [fault]})
    rest = {"QueueUrl": URL, "Entries": [{"Id": "1", "ReceiptHandle": "h1"}]}
    aws.sqs.add_response("delete_message_batch", {"Successful": [{"Id": "1"}], "Failed": []}, rest)
    assert queue.delete(MESSAGES) == 3
    aws.sqs.assert_no_pending_responses()
    queue.close()


def test_a_handle_that_has_expired_is_not_tried_again_for_its_message_comes_back(aws: Aws) -> None:
    queue = VisibilityExtender(aws.clients.sqs, URL, 60).queue
    expired = {"Id": "1", "SenderFault": True, "Code": "ReceiptHandleIsInvalid"}
    aws.sqs.add_response("delete_message_batch", {"Successful": [{"Id": "0"}, {"Id": "2"}], "Failed": [expired]})
    assert queue.delete(MESSAGES) == 2
    aws.sqs.assert_no_pending_responses()
    queue.close()


def test_messages_that_cannot_be_deleted_at_all_are_reported(aws: Aws) -> None:
    queue = VisibilityExtender(aws.clients.sqs, URL, 60).queue
    for _ in range(5):
        faults = [{"Id": str(index), "SenderFault": False, "Code": "InternalError"} for index in range(3)]
        aws.sqs.add_response("delete_message_batch", {"Successful": [], "Failed": faults})
    with pytest.raises(TransientRemoteError, match=r"3 messages could not be deleted .* will be received again"):
        queue.delete(MESSAGES)
    queue.close()


def test_progress_is_how_far_into_its_window_a_replay_is(aws: Aws, warehouse: Warehouse) -> None:
    aws.set_up_well()
    aws.events.add_response("start_replay", {"ReplayArn": f"{PREFIX}:replay/r", "State": "STARTING"})
    aws.replay("STARTING")
    for minutes in (15, 45):
        aws.replay("RUNNING", EventLastReplayedTime=FIRST + timedelta(minutes=minutes))
    aws.sqs.add_response("receive_message", {})  # and three more, after each DescribeReplay
    drained(aws)
    seen: list[tuple[int, int, str]] = []
    load(aws, warehouse, on_progress=lambda state: seen.append((state.minutes_done, state.minutes_total, state.state)))
    assert list(dict.fromkeys(seen)) == [
        (0, 60, "starting"), (15, 60, "running"), (45, 60, "running"), (60, 60, "completed"),
    ]  # fmt: skip


def test_messages_that_cannot_be_given_back_are_left_to_their_timeout(aws: Aws) -> None:
    extender = VisibilityExtender(aws.clients.sqs, URL, 60)
    aws.sqs.add_client_error("change_message_visibility_batch", "AccessDenied", "no")
    extender.give_back(MESSAGES)
    aws.sqs.assert_no_pending_responses()
    extender.queue.close()


def test_each_receive_asks_for_its_own_visibility_timeout(aws: Aws) -> None:
    extender = VisibilityExtender(aws.clients.sqs, URL, 77)
    wanted = {"QueueUrl": URL, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1, "VisibilityTimeout": 77}
    aws.sqs.add_response("receive_message", {}, wanted)
    assert extender.queue.receive(wait_seconds=1) == []
    extender.queue.close()
