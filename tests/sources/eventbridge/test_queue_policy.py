"""What the check of a queue's policy says agrees with what the policy lets EventBridge do, as the emulator judges it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.emulator import ACCOUNT, REGION, Account, queue_arn
from support.events import envelope

from bwp_client.sources.eventbridge.queue_policy import permitting_policy, policy_problem

ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/aws.partner/buywithprime/acme/reader"
SERVICE = {"Service": "events.amazonaws.com"}
SOURCE = {"ArnEquals": {"aws:SourceArn": RULE}}
ALLOW = {"Effect": "Allow", "Principal": SERVICE, "Action": "sqs:SendMessage", "Resource": ARN, "Condition": SOURCE}


def deny(**changes: Any) -> list[dict[str, Any]]:
    """Return the statement that allows, and a denial; None removes an element."""
    denial = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"} | changes
    return [ALLOW, {name: value for name, value in denial.items() if value is not None}]


def allow(**changes: Any) -> list[dict[str, Any]]:
    changed = ALLOW | changes
    return [{name: value for name, value in changed.items() if value is not None}]


def only(operator: str, key: str, value: Any) -> dict[str, Any]:
    return {operator: {key: value}}


LETS: dict[str, list[dict[str, Any]]] = {
    "our statement": [ALLOW],
    "without a condition": allow(Condition=None),
    "several services": allow(Principal={"Service": ["sns.amazonaws.com", "events.amazonaws.com"]}),
    "everybody": allow(Principal="*"),
    "everybody, the other form": allow(Principal={"AWS": "*"}),
    "all actions": allow(Action="SQS:*"),
    "actions by wildcard": allow(Action=["sqs:ReceiveMessage", "sqs:Send*"]),
    "all but another action": allow(Action=None, NotAction="sqs:PurgeQueue"),
    "resource by wildcard": allow(Resource=f"arn:aws:sqs:*:{ACCOUNT}:*"),
    "all but another resource": allow(Resource=None, NotResource=f"{ARN}-other"),
    "rule by wildcard": allow(Condition=only("ArnLike", "aws:SourceArn", f"arn:aws:events:{REGION}:*:rule/*")),
    "rule as text": allow(Condition=only("StringLike", "AWS:SourceArn", f"{RULE[:-3]}*")),
    "one of two rules": allow(Condition=only("ArnEquals", "aws:SourceArn", [f"{RULE}2", RULE])),
    "not another rule": allow(Condition=only("ArnNotEquals", "aws:SourceArn", f"{RULE}2")),
    "our account": allow(Condition=only("StringEquals", "aws:SourceAccount", ACCOUNT)),
    "if the account is ours": allow(Condition=only("StringEqualsIfExists", "aws:SourceAccount", ACCOUNT)),
    "encrypted connections": allow(Condition=only("Bool", "aws:SecureTransport", True)),
    "plain connections denied": deny(Condition=only("Bool", "aws:SecureTransport", "false")),
    "another action denied": deny(Action="sqs:DeleteQueue"),
    "another resource denied": deny(Resource=f"{ARN}-other"),
    "another service denied": deny(Principal={"Service": "sns.amazonaws.com"}),
    "an account denied": deny(Principal={"AWS": "111111111111"}),
    "people of other organisations denied": deny(
        Condition=only("StringNotEqualsIfExists", "aws:PrincipalOrgID", "o-1")
        | only("Bool", "aws:PrincipalIsAWSService", "false")
    ),
    "other services denied": deny(
        Condition=only("StringNotEquals", "aws:PrincipalServiceName", "events.amazonaws.com")
    ),
    "people of an organisation denied": deny(Condition=only("StringEquals", "aws:PrincipalOrgID", "o-1")),
    "those with an organisation denied": deny(Condition=only("Null", "aws:PrincipalOrgID", "false")),
    "one statement, no list": ALLOW,  # type: ignore[dict-item]
}
BARS: dict[str, list[dict[str, Any]]] = {
    "nothing": [],
    "another service": allow(Principal={"Service": "sns.amazonaws.com"}),
    "an account": allow(Principal={"AWS": ACCOUNT}),
    "another action": allow(Action="sqs:ReceiveMessage"),
    "all but this action": allow(Action=None, NotAction=["SQS:SendMessage"]),
    "another resource": allow(Resource=f"{ARN}-other"),
    "all but this resource": allow(Resource=None, NotResource=ARN),
    "another rule": allow(Condition=only("ArnEquals", "aws:SourceArn", f"{RULE}2")),
    "brackets are no wildcard": allow(Condition=only("ArnLike", "aws:SourceArn", f"{RULE[:-1]}[r]")),
    "not this rule": allow(Condition=only("ArnNotLike", "aws:SourceArn", f"{RULE[:-3]}*")),
    "neither rule": allow(Condition=only("ArnNotEquals", "aws:SourceArn", [f"{RULE}2", RULE])),
    "another account": allow(Condition=only("StringEquals", "aws:SourceAccount", "111111111111")),
    "two conditions, one unmet": allow(Condition=SOURCE | only("StringEquals", "aws:SourceAccount", "111111111111")),
    "members of an organisation": allow(Condition=only("StringEquals", "aws:PrincipalOrgID", "o-1")),
    "a network": allow(Condition=only("StringEquals", "aws:SourceVpce", "vpce-1")),
    "all denied": deny(),
    "send denied": deny(Action="SQS:sendmessage"),
    "denied by wildcard": deny(Action="sqs:S*Message"),
    "denied but for reading": deny(Action=None, NotAction="sqs:ReceiveMessage"),
    "denied but for another queue": deny(Resource=None, NotResource=f"{ARN}-other"),
    "the service denied": deny(Principal=SERVICE),
    "the rule denied": deny(Condition=only("ArnLike", "aws:SourceArn", f"{RULE}*")),
    "services denied": deny(Condition=only("Bool", "aws:PrincipalIsAWSService", "true")),
    "other organisations denied": deny(Condition=only("StringNotEquals", "aws:PrincipalOrgID", "o-1")),
    "other networks denied": deny(Condition=only("StringNotEquals", "aws:SourceVpc", "vpc-1")),
    "those without an organisation denied": deny(Condition=only("Null", "aws:PrincipalOrgID", True)),
    "encrypted connections denied": deny(Condition=only("Bool", "aws:SecureTransport", "true")),
}
PERHAPS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "an address": (allow(Condition=only("IpAddress", "aws:SourceIp", "203.0.113.0/24")), "aws:SourceIp"),
    "our organisation": (allow(Condition=only("StringEquals", "aws:SourceOrgID", "o-1")), "aws:SourceOrgID"),
    "a key that nobody knows": (allow(Condition=only("StringEquals", "shop:colour", "red")), "shop:colour"),
    "an operator that nobody knows": (allow(Condition=only("Sounds", "aws:SourceArn", RULE)), "aws:SourceArn"),
    "a variable": (allow(Condition=only("ArnLike", "aws:SourceArn", "arn:*:${aws:x}")), "aws:SourceArn"),
    "other addresses denied": (
        deny(Condition=only("NotIpAddress", "aws:SourceIp", "203.0.113.0/24")), "aws:SourceIp",
    ),
    "all denied from a day on": (
        deny(Condition=only("DateGreaterThan", "aws:CurrentTime", "2030-01-01T00:00:00Z")), "aws:CurrentTime",
    ),
}  # fmt: skip


def problem(statements: Any, arn: str = ARN, rule: str = RULE) -> str | None:
    return policy_problem({"QueueArn": arn, "Policy": json.dumps({"Statement": statements})}, rule)


@pytest.fixture
def delivers(account: Account) -> Any:
    """Return a function that says whether the emulator delivers an event to a queue with these statements."""
    url = account.another_queue("live", {"source": [account.bus]})
    rule = account.rule_arn.rpartition("/")[0] + "/live"

    def delivered(statements: Any) -> bool:
        text = json.dumps({"Statement": statements}).replace(f"{RULE[:-3]}*", f"{rule[:-1]}*")
        text = text.replace(f"{RULE[:-1]}[r]", f"{rule[:-1]}[e]").replace(RULE, rule).replace(ARN, queue_arn(url))
        account.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": text})
        before = account.waiting(url)[0]
        account.put([envelope("t")])
        return account.waiting(url)[0] > before

    return delivered


def test_a_policy_that_lets_the_rule_send_has_no_problem(delivers: Any) -> None:
    assert {case: problem(statements) for case, statements in LETS.items()} == dict.fromkeys(LETS)
    assert {case: delivers(statements) for case, statements in LETS.items()} == dict.fromkeys(LETS, True)


def test_a_policy_that_bars_the_rule_has_one(delivers: Any) -> None:
    found = {case: str(problem(statements)).partition(":")[0] for case, statements in BARS.items()}
    assert found == dict.fromkeys(BARS, "does not let the rule send")
    assert {case: delivers(statements) for case, statements in BARS.items()} == dict.fromkeys(BARS, False)


@pytest.mark.parametrize("case", PERHAPS)
def test_what_cannot_be_seen_from_here_is_named(case: str) -> None:
    statements, key = PERHAPS[case]
    found = str(problem(statements))
    assert found.startswith("may not let the rule send")
    assert f"depends on {key}, which can't be seen" in found


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        (deny(NotPrincipal=SERVICE, Principal=None), None),
        (deny(NotPrincipal={"AWS": "*"}, Principal=None), None),
        (deny(NotPrincipal={"AWS": "111111111111"}, Principal=None), "denies it"),
        (allow(NotPrincipal={"AWS": "111111111111"}, Principal=None), "may not"),
        (allow(Principal={"Service": "*.amazonaws.com"}), "its principal"),
        (deny(Sid="keep out"), 'statement "keep out"'),
        (deny(), "statement 2"),
    ],
)
def test_what_the_emulator_does_not_know(statements: Any, words: str | None) -> None:
    found = problem(statements)
    assert found is None if words is None else words in str(found)


@pytest.mark.parametrize(
    "policy", ["", "{", "[]", '"x"', '{"Statement": "x"}', '{"Statement": [1, {"Effect": "Allow"}]}']
)
def test_a_policy_that_is_none_lets_nobody_send_and_is_mended(policy: str) -> None:
    queue = {"QueueArn": ARN, "Policy": policy}
    assert "no statement allows it" in str(policy_problem(queue, RULE))
    assert policy_problem(queue | {"Policy": permitting_policy(policy, ARN, RULE)}, RULE) is None


EVERY = [*LETS.values(), *BARS.values(), *(statements for statements, _ in PERHAPS.values())]
STATEMENTS = st.sampled_from([one for found in EVERY for one in (found if isinstance(found, list) else [found])])


@given(st.lists(STATEMENTS, max_size=5))
def test_the_policy_of_the_fix_lets_the_rule_send_and_changes_nothing_else(statements: list[dict[str, Any]]) -> None:
    fixed = json.loads(permitting_policy(json.dumps({"Id": "theirs", "Statement": statements}), ARN, RULE))
    assert problem(fixed["Statement"]) is None
    assert fixed["Id"] == "theirs"
    kept = fixed["Statement"][: len(statements)]
    for before, after in zip(statements, kept, strict=True):
        same = {name: value for name, value in after.items() if name != "Condition"}
        assert same == {name: value for name, value in before.items() if name != "Condition"}
        assert before["Effect"] == "Deny" or after == before
    assert fixed["Statement"][len(statements) :] in ([], [ALLOW])


def test_the_fix_of_a_denial_exempts_the_service_alone(delivers: Any) -> None:
    for case in ("all denied", "services denied", "other organisations denied", "denied but for reading"):
        fixed = json.loads(permitting_policy(json.dumps({"Statement": BARS[case]}), ARN, RULE))["Statement"]
        assert delivers(fixed), case
        (denial,) = [one for one in fixed if one["Effect"] == "Deny"]
        conditions = denial["Condition"]
        assert conditions["StringNotEquals"]["aws:PrincipalServiceName"] == ["events.amazonaws.com"]
