"""Checks that the policy of the queue lets EventBridge send for the rule."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any


def queue_problem(queue: dict[str, str], rule_arn: str) -> tuple[str, str] | None:
    """Return why the queue's policy keeps the rule from sending, and the fix; None if the rule may send."""
    arn = queue["QueueArn"]
    wanted = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
    }
    if any(_allows(statement, rule_arn) for statement in _statements(queue.get("Policy", ""))):
        return None
    return "the queue's policy does not let the rule send", f"add this statement to it: {json.dumps(wanted)}"


def _statements(policy: str) -> list[Any]:
    try:
        found = json.loads(policy or "{}").get("Statement", [])
    except (ValueError, AttributeError):
        return []
    return found if isinstance(found, list) else [found]


def _allows(statement: Any, rule_arn: str) -> bool:
    """Return whether a statement lets EventBridge send for the rule; an unknown condition counts as a refusal."""
    if not isinstance(statement, dict) or statement.get("Effect") != "Allow":
        return False
    principal = statement.get("Principal")
    services = principal.get("Service") if isinstance(principal, dict) else principal
    if not {"events.amazonaws.com", "*"} & set(_as_list(services)):
        return False
    if not {"sqs:sendmessage", "sqs:*", "*"} & {str(action).lower() for action in _as_list(statement.get("Action"))}:
        return False
    conditions = statement.get("Condition") or {}
    for operator, keys in conditions.items():
        for key, values in keys.items():
            if key.lower() == "aws:sourceaccount":
                continue
            if key.lower() != "aws:sourcearn" or operator not in ("ArnEquals", "ArnLike", "StringEquals", "StringLike"):
                return False
            if not any(_arn_matches(str(value), rule_arn) for value in _as_list(values)):
                return False
    return True


def _arn_matches(pattern: str, arn: str) -> bool:
    return fnmatchcase(arn, pattern.replace("[", "[[]"))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
