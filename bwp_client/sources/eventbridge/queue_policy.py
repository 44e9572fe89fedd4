"""Checks that the policy of a queue lets EventBridge send for a rule, and writes the policy that does."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from bwp_client.sources.eventbridge.policy_evaluation import (
    ACTION,
    SENDER,
    SendRequest,
    applies,
    as_list,
    unknown_keys,
)

_SERVICE_KEY = "aws:PrincipalServiceName"


def policy_problem(queue: dict[str, str], rule_arn: str) -> str | None:
    """Return why the policy of a queue keeps a rule from sending, or may keep it; None if the rule may send.

    Args:
        queue: The attributes of the queue.
        rule_arn: The ARN of the rule.
    """
    request = SendRequest(queue["QueueArn"], rule_arn)
    statements = _statements(queue.get("Policy", ""))
    denials = [(statement, _applies_as(statement, "Deny", request)) for statement in statements]
    permissions = [(statement, _applies_as(statement, "Allow", request)) for statement in statements]
    for statement, denies in denials:
        if denies:
            return f"does not let the rule send: {_label(statement, statements)} denies it"
    if not any(allows for _, allows in permissions):
        doubtful = [statement for statement, allows in permissions if allows is None]
        return f"may not let the rule send: {_doubt(doubtful, statements, request)}" if doubtful else _NOT_ALLOWED
    doubtful = [statement for statement, denies in denials if denies is None]
    return f"may not let the rule send: {_doubt(doubtful, statements, request)}" if doubtful else None


_NOT_ALLOWED = "does not let the rule send: no statement allows it"


def permitting_policy(policy: str, queue_arn: str, rule_arn: str) -> str:
    """Return a queue's policy as JSON text, changed so that it lets a rule send, and nobody else who could not before.

    A denial stays in force for everybody but EventBridge.
    """
    request = SendRequest(queue_arn, rule_arn)
    document = _document(policy)
    statements = [_without_sender(statement, request) for statement in _statements(policy)]
    if not any(_applies_as(statement, "Allow", request) for statement in statements):
        statements.append(
            {
                "Effect": "Allow",
                "Principal": {"Service": SENDER},
                "Action": ACTION,
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
            }
        )
    return json.dumps(document | {"Statement": statements})


def _document(policy: str) -> dict[str, Any]:
    try:
        found = json.loads(policy or "{}")
    except ValueError:
        found = None
    return {"Version": "2012-10-17"} | (found if isinstance(found, dict) else {})


def _statements(policy: str) -> list[Any]:
    return as_list(_document(policy).get("Statement", []))


def _applies_as(statement: Any, effect: str, request: SendRequest) -> bool | None:
    if not isinstance(statement, dict) or statement.get("Effect") != effect:
        return False
    return applies(statement, request)


def _label(statement: Any, statements: list[Any]) -> str:
    sid = statement.get("Sid")
    return f"statement {json.dumps(sid)}" if sid else f"statement {statements.index(statement) + 1}"


def _doubt(doubtful: list[Any], statements: list[Any], request: SendRequest) -> str:
    keys = ", ".join(unknown_keys(doubtful[0], request)) or "its principal"
    return f"{_label(doubtful[0], statements)} depends on {keys}, which can't be seen from here"


def _without_sender(statement: Any, request: SendRequest) -> Any:
    """Return a denial with a further condition that EventBridge never meets; return any other statement unchanged."""
    if _applies_as(statement, "Deny", request) is False:
        return statement
    changed = deepcopy(statement)
    conditions = changed.get("Condition")
    changed["Condition"] = conditions = conditions if isinstance(conditions, dict) else {}
    keys = conditions.get("StringNotEquals")
    keys = keys if isinstance(keys, dict) else {}
    conditions["StringNotEquals"] = keys | {_SERVICE_KEY: [*as_list(keys.get(_SERVICE_KEY, [])), SENDER]}
    return changed
