"""Broken set-ups of an archive: doctor finds each, its fix works as printed, and then the load is complete."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.archives import FIRST, QUICK, privacy, read, settings_of
from support.aws_cli import commands_in, run
from support.emulator import ACCOUNT, PATTERN, REGION, Account, queue_arn, sending_policy
from support.events import task_of
from support.tables import rows

from bwp_client.doctor.archive import inspect_archive
from bwp_client.errors import RemoteError, UsageError
from bwp_client.sources.eventbridge.aws_clients import Clients
from bwp_client.warehouse import TableName, Warehouse
from bwp_client.warehouse.replays import list_replays, watermark

MakeAccount = Callable[..., Account]
QUICKER = replace(QUICK, settle_seconds=0.1, empty_polls=2)
EVENTS = [event | {"detail": {"note": "x" * 2000}} for event in privacy(12)]


@dataclass(frozen=True)
class Broken:
    """A set-up with one fault."""

    spoil: Callable[[Account], Any]
    """Makes the fault; returns an account where the settings change with it."""
    words: str
    """What doctor says of it."""
    starts: bool = False
    """Whether a load starts all the same, since events arrive."""
    knobs: dict[str, Any] | None = None
    """How AWS behaves."""


def pattern(**changes: Any) -> Callable[[Account], None]:
    def spoil(account: Account) -> None:
        asked = PATTERN | {name.replace("_", "-"): value for name, value in changes.items()}
        wanted = {name: value for name, value in asked.items() if value is not None}
        account.events.put_rule(Name=account.rule, EventBusName=account.bus, EventPattern=json.dumps(wanted))

    return spoil


def target(**changes: Any) -> Callable[[Account], None]:
    """Change the target; None removes a field."""

    def spoil(account: Account) -> None:
        (found,) = account.events.list_targets_by_rule(Rule=account.rule, EventBusName=account.bus)["Targets"]
        changed = {name: value for name, value in (found | changes).items() if value is not None}
        account.events.put_targets(Rule=account.rule, EventBusName=account.bus, Targets=[changed])

    return spoil


def attribute(**values: str) -> Callable[[Account], None]:
    return lambda account: account.sqs.set_queue_attributes(QueueUrl=account.queue_url, Attributes=values)


def policy(*more: dict[str, Any], **changes: Any) -> Callable[[Account], None]:
    """Change the statement that lets the rule send, and add others; `ARN` stands for the queue's."""

    def spoil(account: Account) -> None:
        arn = queue_arn(account.queue_url)
        (allow,) = json.loads(sending_policy(arn, account.rule_arn))["Statement"]
        text = json.dumps({"Version": "2012-10-17", "Statement": [allow | changes, *more]})
        attributes = {"Policy": text.replace('"ARN"', json.dumps(arn))}
        account.sqs.set_queue_attributes(QueueUrl=account.queue_url, Attributes=attributes)

    return spoil


def deny(**changes: Any) -> dict[str, Any]:
    return {"Sid": "ours", "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "ARN"} | changes


def without_rule(account: Account) -> None:
    account.events.remove_targets(Rule=account.rule, EventBusName=account.bus, Ids=["reader"])
    account.events.delete_rule(Name=account.rule, EventBusName=account.bus)


def rule_on_another_bus(account: Account) -> None:
    without_rule(account)
    account.events.put_rule(Name=account.rule, EventPattern=json.dumps(PATTERN))


def another_target(account: Account) -> None:
    theirs = [{"Id": "their own", "Arn": queue_arn(account.dead_letters)}]
    account.events.put_targets(Rule=account.rule, EventBusName=account.bus, Targets=theirs)


def without_target(account: Account) -> None:
    account.events.remove_targets(Rule=account.rule, EventBusName=account.bus, Ids=["reader"])


def fifo(**attributes: str) -> Callable[[Account], Account]:
    """Put a first-in-first-out queue instead of the queue."""

    def spoil(account: Account) -> Account:
        names = f"{account.rule}.fifo", f"dead-{account.rule}.fifo"
        arns = [f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}" for name in names]
        account.sqs.create_queue(QueueName=names[1], Attributes={"FifoQueue": "true"})
        made = {
            "FifoQueue": "true",
            "Policy": sending_policy(arns[0], account.rule_arn),
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": arns[1], "maxReceiveCount": 1000}),
            "VisibilityTimeout": "120",
            "MessageRetentionPeriod": "1209600",
        }
        url = account.sqs.create_queue(QueueName=names[0], Attributes=made | attributes)["QueueUrl"]
        target(Arn=arns[0])(account)
        return replace(account, queue_url=url)

    return spoil


def without_dead_letter_queue(account: Account) -> None:
    account.sqs.delete_queue(QueueUrl=account.dead_letters)


def without_queue(account: Account) -> None:
    account.sqs.delete_queue(QueueUrl=account.queue_url)


def without_any_dead_letters(account: Account) -> None:
    target(DeadLetterConfig=None)(account)
    attribute(RedrivePolicy="")(account)


def in_another_account(account: Account) -> Account:
    other = account.emulator.client("sqs", account="111111111111")
    attributes = {
        "Policy": sending_policy(f"arn:aws:sqs:{REGION}:111111111111:far-{account.rule}", account.rule_arn),
        "VisibilityTimeout": "120",
        "MessageRetentionPeriod": "1209600",
    }
    url = other.create_queue(QueueName=f"far-{account.rule}", Attributes=attributes)["QueueUrl"]
    target(Arn=f"arn:aws:sqs:{REGION}:111111111111:far-{account.rule}")(account)
    return replace(account, queue_url=url)


def in_another_region(account: Account) -> Account:
    other = account.emulator.client("sqs", region="eu-west-1")
    other.create_queue(QueueName=f"far-{account.rule}")
    target(Arn=f"arn:aws:sqs:eu-west-1:{ACCOUNT}:far-{account.rule}")(account)
    return replace(account, queue_url=f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/far-{account.rule}")


OTHER = f"arn:aws:sqs:{REGION}:{ACCOUNT}:another"
BROKEN: dict[str, Broken] = {
    "rule off": Broken(
        lambda a: a.events.disable_rule(Name=a.rule, EventBusName=a.bus), "is DISABLED"
    ),
    "rule gone": Broken(without_rule, "does not exist"),
    "rule on another bus": Broken(rule_on_another_bus, "does not exist"),
    "pattern takes live events": Broken(pattern(replay_name=None), "live events would come too"),
    "pattern takes nothing": Broken(pattern(source=["aws.partner/other"]), "`source` does not let"),
    "pattern leaves a type out": Broken(pattern(detail_type=[{"suffix": "COMPLETED"}]), "leaves out"),
    "pattern of one replay": Broken(pattern(replay_name=[{"prefix": "bwp-2025"}]), "replays named bwp-"),
    "no target": Broken(without_target, "does not send to our queue"),
    "another target": Broken(another_target, "1 other targets"),
    "target sends a part": Broken(target(InputPath="$.detail"), "changes events"),
    "target sends a constant": Broken(target(Input='{"a": 1}'), "changes events"),
    "target rewrites events": Broken(
        target(InputTransformer={"InputPathsMap": {"t": "$.time"}, "InputTemplate": '{"time": <t>}'}), "changes events"
    ),
    "target with a role": Broken(target(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/sender"), "whose permissions", starts=True),
    "target with a role and no dead letters": Broken(
        target(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/sender", DeadLetterConfig=None), "whose permissions"
    ),
    "key of one's own and no dead letters": Broken(
        lambda a: (attribute(KmsMasterKeyId="alias/shop")(a), target(DeadLetterConfig=None)(a)),
        "alias/shop, whose policy can't be seen",
    ),
    "no second attempt": Broken(
        target(RetryPolicy={"MaximumRetryAttempts": 0}), "up to 0 times again", knobs={"busy": 0.5}
    ),
    "a minute of attempts": Broken(
        target(RetryPolicy={"MaximumEventAgeInSeconds": 60}), "within 60 s", knobs={"busy": 0.5}
    ),
    "few attempts": Broken(
        target(RetryPolicy={"MaximumRetryAttempts": 2}), "up to 2 times again", starts=True, knobs={"busy": 0.5}
    ),
    "no policy": Broken(attribute(Policy=""), "no statement allows it"),
    "denied": Broken(policy(deny()), '"ours" denies it'),
    "denied by NotAction": Broken(policy(deny(NotAction="sqs:ReceiveMessage", Action=None)), '"ours" denies it'),
    "denied to other organisations": Broken(
        policy(deny(Condition={"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}})), '"ours" denies it'
    ),
    "denied perhaps": Broken(
        policy(deny(Condition={"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}})), "depends on aws:SourceIp"
    ),
    "another queue allowed": Broken(policy(Resource=OTHER), "no statement allows it"),
    "another rule allowed": Broken(
        policy(Condition={"ArnEquals": {"aws:SourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/x"}}),
        "no statement allows it",
    ),
    "another account allowed": Broken(
        policy(Condition={"StringEquals": {"aws:SourceAccount": "111111111111"}}), "no statement allows it"
    ),
    "allowed perhaps": Broken(
        policy(Condition={"StringEquals": {"aws:SourceOrgID": "o-1"}}), "depends on aws:SourceOrgID"
    ),
    "key of AWS": Broken(attribute(KmsMasterKeyId="alias/aws/sqs", SqsManagedSseEnabled="false"), "can't use"),
    "key of AWS, which works": Broken(
        attribute(KmsMasterKeyId="alias/aws/sqs", SqsManagedSseEnabled="false"), "can't use",
        knobs={"aws_key_delivers": True},
    ),
    "FIFO without a group": Broken(fifo(ContentBasedDeduplication="true"), "no MessageGroupId"),
    "FIFO without deduplication": Broken(fifo(), "ContentBasedDeduplication is off"),
    "small messages only": Broken(attribute(MaximumMessageSize="1024"), "1,024 bytes"),
    "late events": Broken(attribute(DelaySeconds="900"), "DelaySeconds is 900 s", starts=True),
    "a minute of retention": Broken(attribute(MessageRetentionPeriod="60"), "MessageRetentionPeriod is 60 s"),
    "an hour of retention": Broken(
        attribute(MessageRetentionPeriod="3600"), "MessageRetentionPeriod is 3600 s", starts=True
    ),
    "no visibility timeout": Broken(attribute(VisibilityTimeout="0"), "VisibilityTimeout is 0 s", starts=True),
    "dead after one receipt": Broken(
        lambda a: attribute(
            RedrivePolicy=json.dumps({"deadLetterTargetArn": queue_arn(a.dead_letters), "maxReceiveCount": 1})
        )(a),
        "maxReceiveCount is 1", starts=True,
    ),
    "no dead letters at the queue": Broken(attribute(RedrivePolicy=""), "queue has no dead-letter queue", starts=True),
    "no dead letters at the target": Broken(
        target(DeadLetterConfig=None), "target has no dead-letter queue", starts=True
    ),
    "no dead letters at all": Broken(without_any_dead_letters, "has no dead-letter queue", starts=True),
    "dead-letter queue gone": Broken(without_dead_letter_queue, "does not exist", starts=True),
    "queue gone": Broken(without_queue, "the queue does not exist"),
    "queue of another account": Broken(in_another_account, "of account 111111111111"),
    "queue of another Region": Broken(in_another_region, "in eu-west-1"),
}  # fmt: skip


def wrong(account: Account) -> dict[str, str]:
    clients = Clients(account.events, account.sqs)
    url = f"archive://{account.archive}"
    found = inspect_archive(url, settings_of(account), clients, [], now=FIRST + timedelta(days=30))
    return {finding.text: finding.fix for finding in found if not finding.ok}


def mended(account: Account, faults: dict[str, str]) -> Account:
    """Apply every fix as it is printed, and return the account with the settings that the fixes ask for."""
    for fix in faults.values():
        made = [run(account.emulator, words).get("QueueUrl") for words in commands_in(fix)]
        assert made or "give the rule's target a dead-letter queue" in fix, fix  # which another fix does
        if "set BWP_ARCHIVE__QUEUE_URL" in fix:
            account = replace(account, queue_url=[url for url in made if url][-1])
    return account


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_set_up_is_found_and_mended_by_its_printed_fix(
    case: str, make_account: MakeAccount, tmp_path: Path
) -> None:
    broken, warehouse = BROKEN[case], Warehouse(str(tmp_path / "w"))
    account = make_account(visibility=120)
    account.put(EVENTS)
    account.emulator.turn(account.archive, **broken.knobs or {})
    changed = broken.spoil(account)
    account = changed if isinstance(changed, Account) else account
    faults = wrong(account)
    assert any(broken.words in text for text in faults), faults
    if not broken.starts:
        with pytest.raises(UsageError):
            read(account, warehouse, timing=QUICKER)
        assert account.replays() == []
        assert list_replays(warehouse) == []
    account = mended(account, faults)
    assert wrong(account) == {}
    result = read(account, warehouse, timing=QUICKER)
    assert (result.stored, result.quarantined, result.foreign) == (len(EVENTS), 0, 0)
    tasks = [row[0] for row in rows(warehouse, TableName.EVENTS, "task_id")]
    assert tasks == sorted(task_of(event) for event in EVENTS)


def test_many_faults_at_once_are_mended_in_one_go(make_account: MakeAccount, tmp_path: Path) -> None:
    account, warehouse = make_account(visibility=120), Warehouse(str(tmp_path / "w"))
    account.put(EVENTS)
    account.events.disable_rule(Name=account.rule, EventBusName=account.bus)
    changes = {"InputPath": "$.detail", "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/sender", "DeadLetterConfig": None}
    target(**changes, RetryPolicy={"MaximumRetryAttempts": 0})(account)
    another_target(account)
    policy(deny(), Resource=OTHER)(account)
    attribute(
        KmsMasterKeyId="alias/aws/sqs", SqsManagedSseEnabled="false", MaximumMessageSize="1024", DelaySeconds="5",
        MessageRetentionPeriod="60", VisibilityTimeout="0", RedrivePolicy="",
    )(account)  # fmt: skip
    faults = wrong(account)
    assert len(faults) == 13, faults
    account = mended(account, faults)
    assert wrong(account) == {}
    assert read(account, warehouse, timing=QUICKER).stored == len(EVENTS)


def test_a_first_in_first_out_queue_with_many_faults_is_mended_in_one_go(
    make_account: MakeAccount, tmp_path: Path
) -> None:
    account = fifo()(make_account(visibility=120))
    account.put(EVENTS)
    target(DeadLetterConfig=None, RetryPolicy={"MaximumRetryAttempts": 0})(account)
    attribute(RedrivePolicy="", Policy="")(account)
    faults = wrong(account)
    assert len(faults) == 5, faults
    account = mended(account, faults)
    assert wrong(account) == {}
    assert read(account, Warehouse(str(tmp_path / "w")), timing=QUICKER).stored == len(EVENTS)


UNSEEN: dict[str, Broken] = {
    "a role without permissions": Broken(
        target(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/sender"), "whose permissions can't be seen"
    ),
    "a key that EventBridge may not use": Broken(
        attribute(KmsMasterKeyId="alias/shop"), "whose policy can't be seen", knobs={"own_key_delivers": False}
    ),
    "a service that does not name its account": Broken(
        policy(Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}}), "policy lets the rule send",
        knobs={"names_account": False},
    ),
    "an event of more than 256 KiB": Broken(attribute(MaximumMessageSize="262144"), "262,144 bytes"),
    "a queue that is busy for long": Broken(
        target(RetryPolicy={"MaximumRetryAttempts": 2}), "up to 2 times again", knobs={"busy": 0.5}
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSEEN)
def test_what_cannot_be_seen_beforehand_ends_as_not_read(case: str, make_account: MakeAccount, tmp_path: Path) -> None:
    unseen, warehouse = UNSEEN[case], Warehouse(str(tmp_path / "w"))
    account = make_account(visibility=120)
    account.put([*EVENTS, privacy(1)[0] | {"detail": {"note": "x" * 300_000}}])
    account.emulator.turn(account.archive, **unseen.knobs or {})
    unseen.spoil(account)
    clients = Clients(account.events, account.sqs)
    url = f"archive://{account.archive}"
    found = list(inspect_archive(url, settings_of(account), clients, [], now=FIRST + timedelta(days=30)))
    assert any(unseen.words in finding.text for finding in found), found
    with pytest.raises(RemoteError, match="dead-letter queue"):
        read(account, warehouse, timing=QUICKER)
    assert watermark(list_replays(warehouse)) is None
