"""The doctor's findings: OK on a good set-up, the exact fix for each fault, and nothing in the account changed."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from support.archives import FIRST, QUICK, privacy, read, settings_of
from support.aws_cli import commands_in, run
from support.emulator import ACCOUNT, REGION, Account, queue_arn, sending_policy
from support.events import many, text_of
from support.s3 import Bucket
from support.tables import command

from bwp_client.doctor.archive import inspect_archive
from bwp_client.doctor.findings import Finding
from bwp_client.doctor.permissions import permission_finding
from bwp_client.doctor.s3 import inspect_s3
from bwp_client.sources.eventbridge.aws_clients import Clients
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.replays import Replay, ReplayState, list_replays

MakeAccount = Callable[..., Account]
NOW = FIRST + timedelta(days=30)
QUICKER = replace(QUICK, settle_seconds=0.1, empty_polls=2)


def lines(account: Account, known: list[Replay] | None = None, *, now: datetime = NOW) -> list[Finding]:
    clients = Clients(account.events, account.sqs)
    url = f"archive://{account.archive}"
    return list(inspect_archive(url, settings_of(account), clients, known or [], now=now))


def wrong(found: list[Finding]) -> dict[str, str]:
    return {finding.text: finding.fix for finding in found if not finding.ok}


def test_a_good_set_up_is_ok_on_every_line_and_no_replay_was_started(make_account: MakeAccount) -> None:
    account = make_account(visibility=120)
    account.put(privacy(3))
    account.sqs.send_message(QueueUrl=account.queue_url, MessageBody="waiting")
    found = lines(account)
    assert wrong(found) == {}
    text = "\n".join(finding.as_text() for finding in found)
    for action in (
        "events:StartReplay", "events:DescribeReplay", "events:CancelReplay", "sqs:ReceiveMessage", "sqs:DeleteMessage",
        "sqs:ChangeMessageVisibility",
    ):  # fmt: skip
        assert f"OK    permission {action}" in text
    assert "about 3 events" in text
    assert account.replays() == []
    assert account.waiting() == (1, 0)


def gone(account: Account) -> None:
    account.events.remove_targets(Rule=account.rule, EventBusName=account.bus, Ids=["reader"])
    account.events.delete_rule(Name=account.rule, EventBusName=account.bus)


def target(account: Account, **changes: Any) -> None:
    account.events.put_targets(Rule=account.rule, EventBusName=account.bus, Targets=[changes])


def attribute(account: Account, **values: str) -> None:
    account.sqs.set_queue_attributes(QueueUrl=account.queue_url, Attributes=values)


BAD: dict[str, tuple[Callable[[Account], Any], str, str]] = {
    "rule off": (
        lambda a: a.events.disable_rule(Name=a.rule, EventBusName=a.bus), "is DISABLED", "aws events enable-rule --name",
    ),
    "rule gone": (gone, "does not exist", "docs/archive.md"),
    "no dead letters at the target": (
        lambda a: target(a, Id="reader", Arn=queue_arn(a.queue_url)), "no dead-letter queue", "DeadLetterConfig",
    ),
    "another target": (
        lambda a: target(a, Id="theirs", Arn=queue_arn(a.dead_letters)), "1 other targets", "remove-targets",
    ),
    "no policy": (lambda a: attribute(a, Policy=""), "policy does not let", "events.amazonaws.com"),
    "short retention": (
        lambda a: attribute(a, MessageRetentionPeriod="3600"), "MessageRetentionPeriod is 3600 s",
        "--attributes MessageRetentionPeriod=1209600",
    ),
    "short visibility": (
        lambda a: attribute(a, VisibilityTimeout="30"), "VisibilityTimeout is 30 s", "--attributes VisibilityTimeout=120",
    ),
    "no redrive": (lambda a: attribute(a, RedrivePolicy=""), "no dead-letter queue", "RedrivePolicy"),
    "dead letters": (
        lambda a: a.sqs.send_message(QueueUrl=a.dead_letters, MessageBody="{}"),
        "about 1 messages",
        "start-message-move-task",
    ),
    "archive gone": (lambda a: a.events.delete_archive(ArchiveName=a.archive), "does not exist", "check its name"),
    "queue gone": (lambda a: a.sqs.delete_queue(QueueUrl=a.queue_url), "the queue does not exist", "check its name"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_each_fault_is_found_with_its_fix(case: str, make_account: MakeAccount) -> None:
    spoil, what, fix = BAD[case]
    account = make_account(visibility=120)
    spoil(account)
    found = wrong(lines(account))
    assert any(what in text and fix in mended for text, mended in found.items()), found


ASPECTS = [
    "is ENABLED on bus", "receives every privacy event", "is ENABLED", "takes replays only", "sends to our queue",
    "has no other target", "sends events as they are", "up to 185 times again", "in the archive's Region and account",
    "policy lets the rule send", "is a standard queue", "is encrypted with keys of SQS", "MaximumMessageSize is 1,048,576",
    "MessageRetentionPeriod is 1209600 s", "VisibilityTimeout is 120 s", "DelaySeconds is 0 s", "maxReceiveCount is 100",
    "is empty", "no window was read yet",
]  # fmt: skip


@pytest.mark.parametrize("aspect", ASPECTS)
def test_each_part_of_the_set_up_has_a_line(aspect: str, make_account: MakeAccount) -> None:
    found = [finding.as_text() for finding in lines(make_account(visibility=120))]
    assert any(line.startswith("OK    ") and aspect in line for line in found), found


def dead_letters(account: Account, **values: str) -> None:
    account.sqs.set_queue_attributes(QueueUrl=account.dead_letters, Attributes=values)


WEAK: dict[str, tuple[Callable[[Account], Any], str]] = {
    "a key of one's own": (
        lambda a: attribute(a, KmsMasterKeyId="alias/shop", SqsManagedSseEnabled="false"),
        "alias/shop, whose policy can't be seen",
    ),
    "messages of 256 KiB": (lambda a: attribute(a, MaximumMessageSize="262144"), "262,144 bytes"),
    "dead letters without a policy": (lambda a: dead_letters(a, Policy=""), "no statement allows it"),
    "dead letters with the key of AWS": (
        lambda a: dead_letters(a, KmsMasterKeyId="alias/aws/sqs", SqsManagedSseEnabled="false"), "can't use",
    ),
    "dead letters for a minute": (lambda a: dead_letters(a, MessageRetentionPeriod="60"), "60 s, less than"),
    "an archive of an account": (
        lambda a: a.events.update_archive(ArchiveName=a.archive, EventPattern='{"account": ["000000000000"]}'),
        "can't judge",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WEAK)
def test_a_weakness_is_a_note_with_a_fix_and_events_arrive_all_the_same(
    case: str, make_account: MakeAccount, tmp_path: Path
) -> None:
    spoil, words = WEAK[case]
    account = make_account(visibility=120)
    spoil(account)
    account.put(privacy(5))
    found = lines(account)
    assert wrong(found) == {}
    (note,) = [finding for finding in found if finding.fix]
    assert words in note.text
    assert note.as_text().startswith("NOTE  ")
    assert read(account, Warehouse(str(tmp_path / "w")), timing=QUICKER).stored == 5
    for words_of_command in commands_in(note.fix):  # a key's policy is for its owner to look at
        run(account.emulator, words_of_command)
        assert [finding for finding in lines(account) if finding.fix] == []


def test_a_first_in_first_out_queue_that_is_set_up_well_is_read_whole(
    make_account: MakeAccount, tmp_path: Path
) -> None:
    account = make_account(visibility=120)
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{account.rule}.fifo"
    attributes = {
        "FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "120",
        "MessageRetentionPeriod": "1209600", "Policy": sending_policy(arn, account.rule_arn),
    }  # fmt: skip
    url = account.sqs.create_queue(QueueName=f"{account.rule}.fifo", Attributes=attributes)["QueueUrl"]
    account = replace(account, queue_url=url)
    dead = {"Arn": queue_arn(account.dead_letters)}
    target(account, Id="reader", Arn=arn, SqsParameters={"MessageGroupId": "shop"}, DeadLetterConfig=dead)
    ((text, fix),) = wrong(lines(account)).items()
    assert "no dead-letter queue" in text
    for words in commands_in(fix):
        run(account.emulator, words)
    assert wrong(lines(account)) == {}
    account.put(privacy(25))
    assert read(account, Warehouse(str(tmp_path / "w")), timing=QUICKER).stored == 25


@pytest.mark.parametrize("is_of_the_queue", [True, False])
def test_dead_letters_are_moved_back_as_printed_and_loaded(
    is_of_the_queue: bool, make_account: MakeAccount, tmp_path: Path
) -> None:
    account, warehouse = make_account(visibility=120), Warehouse(str(tmp_path / "w"))
    events = privacy(6)
    account.put(events[:5])
    read(account, warehouse, timing=QUICKER)
    (replay,) = list_replays(warehouse)
    if not is_of_the_queue:  # but of the target alone
        other = account.sqs.create_queue(QueueName=f"other-{account.rule}")["QueueUrl"]
        redrive = json.dumps({"deadLetterTargetArn": queue_arn(other), "maxReceiveCount": 100})
        attribute(account, RedrivePolicy=redrive)
    lost = events[5] | {"replay-name": replay.replay_name, "source": account.bus}
    account.sqs.send_message(QueueUrl=account.dead_letters, MessageBody=json.dumps(lost))
    ((text, fix),) = wrong(lines(account)).items()
    assert "holds about 1 messages" in text
    for words in commands_in(fix):
        run(account.emulator, words)
    assert wrong(lines(account)) == {}
    assert read(account, warehouse, timing=QUICKER).stored == 1
    assert account.waiting(account.dead_letters) == (0, 0)


def test_an_archive_that_leaves_events_out_receives_them_after_the_fix(
    make_account: MakeAccount, tmp_path: Path
) -> None:
    account, warehouse = make_account(visibility=120), Warehouse(str(tmp_path / "w"))
    pattern = json.dumps({"detail-type": [{"suffix": "_COMPLETED"}]})
    account.events.update_archive(ArchiveName=account.archive, EventPattern=pattern)
    account.put(privacy(10))  # of which every fifth failed
    ((text, fix),) = wrong(lines(account)).items()
    assert "PERSONAL_DATA_DELETION_TASK_FAILED" in text
    (words,) = commands_in(fix)
    run(account.emulator, words)
    assert wrong(lines(account)) == {}
    account.put(privacy(10, start=FIRST + timedelta(hours=1)))
    assert read(account, warehouse, timing=QUICKER).stored == 8 + 10


def test_a_rule_with_two_targets_for_our_queue_sends_each_event_twice(make_account: MakeAccount) -> None:
    account = make_account(visibility=120)
    dead = {"Arn": queue_arn(account.dead_letters)}
    target(account, Id="again", Arn=queue_arn(account.queue_url), DeadLetterConfig=dead)
    ((text, fix),) = wrong(lines(account)).items()
    assert "each event comes 2 times" in text
    (words,) = commands_in(fix)
    run(account.emulator, words)
    assert wrong(lines(account)) == {}


@pytest.mark.parametrize(("code", "ok"), [("AccessDeniedException", False), ("ReceiptHandleIsInvalid", True)])
def test_a_missing_permission_differs_from_an_expected_refusal(code: str, ok: bool) -> None:
    keys = {"aws_access_key_id": "t", "aws_secret_access_key": "t"}
    sqs = boto3.client("sqs", region_name="us-east-1", **keys)
    with Stubber(sqs) as stubs:
        stubs.add_client_error("delete_message", code)
        line = permission_finding(
            "sqs:DeleteMessage", "the queue", lambda: sqs.delete_message(QueueUrl="https://q", ReceiptHandle="x"),
            expected=("ReceiptHandleIsInvalid",),
        )  # fmt: skip
    assert line.ok is ok
    assert ok or line.fix == "allow sqs:DeleteMessage on the queue for the app's role"


def test_what_was_never_read_and_is_gone_from_the_archive_is_reported(account: Account) -> None:
    account.events.update_archive(ArchiveName=account.archive, RetentionDays=7)
    days = timedelta(days=1)
    done = Replay("bwp-1", account.archive, "r", FIRST, FIRST + days, ReplayState.COMPLETE, FIRST + days)
    left = Replay("bwp-2", account.archive, "r", FIRST, FIRST + 2 * days, ReplayState.STARTED, FIRST + 2 * days)
    found = wrong(lines(account, [done, left]))
    assert any("were never read and are gone" in what for what in found)
    assert any("bwp-2 was started" in what for what in found)


def complete(account: Account, first_day: int, last_day: int, state: ReplayState = ReplayState.COMPLETE) -> Replay:
    """Return the replay of a window of whole days."""
    start, end = FIRST + timedelta(days=first_day), FIRST + timedelta(days=last_day)
    return Replay(f"bwp-{first_day}", account.archive, "r", start, end, state, end)


def test_periods_between_two_windows_are_named_with_the_load_that_reads_them(make_account: MakeAccount) -> None:
    account = make_account(visibility=120)
    known = [complete(account, 0, 5), complete(account, 20, 25), complete(account, 4, 6)]
    ((text, fix),) = wrong(lines(account, known)).items()
    assert "from 2026-05-07 00:00 to 2026-05-21 00:00 UTC were never read" in text
    assert fix == f"bwp load archive://{account.archive} --from 2026-05-07T00:00Z --to 2026-05-21T00:00Z"
    assert wrong(lines(account, [*known, complete(account, 6, 20)])) == {}


def test_the_windows_of_an_archive_of_the_same_name_on_another_bus_are_left_out(account: Account) -> None:
    ours, theirs = (
        replace(complete(account, first, first + 5), rule=rule)
        for first, rule in ((20, account.rule_arn), (0, account.rule_arn.replace("us-east-1", "eu-west-1")))
    )
    assert not any("were never read" in finding.text for finding in lines(account, [ours, theirs]))
    assert any("no window was read yet" in finding.text for finding in lines(account, [theirs]))


def test_periods_that_are_gone_from_the_archive_are_a_note(make_account: MakeAccount) -> None:
    account = make_account(visibility=120)
    account.events.update_archive(ArchiveName=account.archive, RetentionDays=7)
    found = lines(account, [complete(account, 0, 5), complete(account, 20, 30)])
    assert wrong(found) == {}
    assert any(finding.as_text().startswith("NOTE  events from 2026-05-06") for finding in found)


@pytest.mark.parametrize(("later_days", "retention_days", "first_day"), [(30, 0, 0), (30, 7, 23), (3, 7, 0)])
def test_the_first_load_begins_where_the_archive_does(
    later_days: int, retention_days: int, first_day: int, account: Account
) -> None:
    created = account.events.describe_archive(ArchiveName=account.archive)["CreationTime"]
    account.events.update_archive(ArchiveName=account.archive, RetentionDays=retention_days)
    found = list(map(Finding.as_text, lines(account, now=created + timedelta(days=later_days))))
    first = created + timedelta(days=first_day)
    assert any(f"needs --from, {first:%Y-%m-%d} at the earliest" in line for line in found), found


def test_a_first_load_that_was_interrupted_is_named(make_account: MakeAccount) -> None:
    account = make_account(visibility=120)
    ((text, fix),) = wrong(lines(account, [complete(account, 0, 5, ReplayState.STARTED)])).items()
    assert "bwp-0 was started" in text
    assert f"bwp load archive://{account.archive}" in fix


def test_the_exit_code_says_whether_all_is_ok(make_account: MakeAccount, tmp_path: Path) -> None:
    account = make_account(visibility=120)
    url = f"archive://{account.archive}"
    good = command("doctor", url, cwd=tmp_path, **account.env)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "WRONG" not in good.stdout
    account.events.disable_rule(Name=account.rule, EventBusName=account.bus)
    bad = command("doctor", url, "--json", cwd=tmp_path, **account.env)
    assert bad.returncode == 1, bad.stderr
    output = json.loads(bad.stdout)
    assert output["ok"] is False
    assert [line["ok"] for line in output["checks"]].count(False) == 1
    unset = command("doctor", url, cwd=tmp_path, **account.emulator.env)
    assert unset.returncode == 2
    assert "BWP_ARCHIVE__RULE_NAME is not set" in unset.stderr
    away = command("doctor", url, cwd=tmp_path, **account.env | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    assert away.returncode == 3
    assert "could not be reached" in away.stderr


def test_a_journal_of_loads_is_read_by_the_doctor(account: Account, tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "w"))
    account.put(privacy(10))
    read(account, warehouse)
    found = lines(account, list_replays(warehouse, account.archive))
    assert any("the next load reads 2026-05-01 21:00 to 2026-05-30 23:50 UTC" in finding.text for finding in found)


@pytest.mark.s3
def test_s3_that_can_be_read_is_ok(bucket: Bucket) -> None:
    bucket.client.put_object(Bucket=bucket.name, Key="p/2026/05/01/a", Body=text_of(many(5), "joined"))
    found = list(inspect_s3(f"{bucket.uri}/p/", bucket.client))
    assert wrong(found) == {}
    assert found[-1].text == "the newest object (a) holds events that can be read"


@pytest.mark.s3
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"hello, world", "holds no events: not_json"),
        (b"\x04\x22\x4d\x18 and so on", "(a) is compressed as lz4, which is not read"),
        (None, "nothing lies below"),
        (b"", "nothing lies"),
    ],
)
def test_s3_that_holds_no_events_is_reported(bucket: Bucket, body: bytes | None, words: str) -> None:
    if body is not None:
        bucket.client.put_object(Bucket=bucket.name, Key="p/a", Body=body)
    (fault,) = wrong(list(inspect_s3(f"{bucket.uri}/p/", bucket.client)))
    assert words in fault


@pytest.fixture
def s3_stub() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="t", aws_secret_access_key="t")
    with Stubber(client) as stubs:
        yield client, stubs


S3_REFUSALS = [
    ("NoSuchBucket", "", "bucket b does not exist", "check its name"),
    ("AccessDenied", "", "s3:ListBucket is missing", "arn:aws:s3:::b with the condition s3:prefix p/*"),
    ("PermanentRedirect", "", "in another Region", "AWS_REGION"),
    ("ExpiredToken", "", "have expired", "Log in again"),
    ("RequestTimeTooSkewed", "", "clock is wrong", "NTP"),
    ("InvalidAccessKeyId", "", "does not know the key", "partition"),
]


@pytest.mark.parametrize(("code", "message", "what", "fix"), S3_REFUSALS)
def test_each_refusal_to_list_has_its_fix(
    no_aws: Path, s3_stub: Any, code: str, message: str, what: str, fix: str
) -> None:
    client, stubs = s3_stub
    stubs.add_client_error("list_objects_v2", code, message)
    ((text, mended),) = wrong(list(inspect_s3("s3://b/p/", client))).items()
    assert what in text
    assert fix in mended


GET_REFUSALS = [
    ("AccessDenied", "no", "s3:GetObject is missing", "arn:aws:s3:::b/p/*"),
    ("AccessDenied", "not authorized to perform: kms:Decrypt on resource", "kms:Decrypt is missing", "key of bucket b"),
    ("InvalidObjectState", "", "archive storage class", "restore"),
    ("KMS.DisabledException", "", "key is disabled", "Enable the KMS key"),
    ("ExpiredToken", "", "have expired", "Log in again"),
]


@pytest.mark.parametrize(("code", "message", "what", "fix"), GET_REFUSALS)
def test_each_refusal_to_read_has_its_fix(
    no_aws: Path, s3_stub: Any, code: str, message: str, what: str, fix: str
) -> None:
    client, stubs = s3_stub
    item = {"Key": "p/a", "Size": 5, "ETag": '"e"', "LastModified": datetime(2026, 5, 1, tzinfo=UTC)}
    stubs.add_response("list_objects_v2", {"Contents": [item], "IsTruncated": False})
    stubs.add_client_error("get_object", code, message)
    ((text, mended),) = wrong(list(inspect_s3("s3://b/p/", client))).items()
    assert what in text
    assert fix in mended
