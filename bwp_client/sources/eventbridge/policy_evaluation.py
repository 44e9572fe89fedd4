"""Evaluates a statement of a queue's policy for one request: EventBridge sends a message to the queue for a rule.

The answer is True or False where the statement decides it, and None where it depends on something that can't be seen from
here, such as the address that AWS sends from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

SENDER: Final = "events.amazonaws.com"
ACTION: Final = "sqs:SendMessage"
_ABSENT: Final = frozenset({
    "aws:federatedprovider", "aws:multifactorauthage", "aws:multifactorauthpresent", "aws:principalaccount",
    "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths", "aws:principaltype", "aws:referer",
    "aws:sourceidentity", "aws:sourcevpc", "aws:sourcevpcarn", "aws:sourcevpce", "aws:tokenissuetime", "aws:userid",
    "aws:username", "aws:vpcsourceip",
})  # fmt: skip
"""The keys that describe a person, a role or a network of the caller's; a request of an AWS service has none of them."""
_ABSENT_PREFIXES: Final = ("aws:principaltag/", "aws:requesttag/")
_COMPARISONS: Final[Mapping[str, Callable[[str, str], bool | None]]] = {
    "stringequals": lambda value, wanted: value == wanted,
    "stringequalsignorecase": lambda value, wanted: value.casefold() == wanted.casefold(),
    "stringlike": lambda value, wanted: matches(wanted, value),
    "bool": lambda value, wanted: value.casefold() == wanted.casefold(),
    "arnequals": lambda value, wanted: _arn_matches(wanted, value),
    "arnlike": lambda value, wanted: _arn_matches(wanted, value),
}


@dataclass(frozen=True, slots=True)
class SendRequest:
    """The request of EventBridge to send a message to a queue for a rule."""

    queue_arn: str
    rule_arn: str

    def context(self) -> dict[str, str]:
        """Return the condition keys of the request that are known, in lower case."""
        _, _, _, region, account, _ = self.rule_arn.split(":", 5)
        return {
            "aws:principalisawsservice": "true",
            "aws:principalservicename": SENDER,
            "aws:requestedregion": region,
            "aws:resourceaccount": self.queue_arn.split(":")[4],
            "aws:securetransport": "true",
            "aws:sourceaccount": account,
            "aws:sourcearn": self.rule_arn,
            "aws:viaawsservice": "false",
        }


def applies(statement: Any, request: SendRequest) -> bool | None:
    """Return whether a statement applies to a request; None if that can't be known."""
    if not isinstance(statement, dict):
        return False
    return _all(
        (
            _names_sender(statement),
            _named(statement, "Action", lambda pattern: matches(pattern.lower(), ACTION.lower())),
            _named(statement, "Resource", lambda pattern: matches(pattern, request.queue_arn)),
            _conditions_hold(statement.get("Condition"), request.context()),
        )
    )


def unknown_keys(statement: Any, request: SendRequest) -> list[str]:
    """Return the keys of the conditions that can't be evaluated."""
    context = request.context()
    return sorted(
        {key for operator, key, values in _tests(statement) if _holds(operator, key, values, context) is None}
    )


def matches(pattern: str, text: str) -> bool:
    """Return whether a text matches a pattern of AWS policies: `*` is any text, `?` is any character."""
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def as_list(value: Any) -> list[Any]:
    """Return a list unchanged, and a list with any other value; a policy may hold either."""
    return value if isinstance(value, list) else [value]


def _all(answers: Iterable[bool | None]) -> bool | None:
    found = list(answers)
    return False if False in found else None if None in found else True


def _any(answers: Iterable[bool | None]) -> bool | None:
    found = list(answers)
    return True if True in found else None if None in found else False


def _names_sender(statement: dict[str, Any]) -> bool | None:
    if "NotPrincipal" in statement:
        # Only a denial may hold it.
        named = _is_sender(statement["NotPrincipal"])
        return None if named is None or statement.get("Effect") != "Deny" else not named
    return _is_sender(statement.get("Principal"))


def _is_sender(principal: Any) -> bool | None:
    if not isinstance(principal, dict):
        return bool(principal == "*")
    services = [str(name).lower() for name in as_list(principal.get("Service", []))]
    if SENDER in services or "*" in as_list(principal.get("AWS", [])):
        return True
    return None if any("*" in name for name in services) else False


def _named(statement: dict[str, Any], element: str, is_named: Callable[[str], bool]) -> bool:
    """Return whether an element, such as `Action`, or its opposite, such as `NotAction`, covers the request."""
    opposite = f"Not{element}"
    if opposite in statement:
        return not any(is_named(str(pattern)) for pattern in as_list(statement[opposite]))
    return element not in statement or any(is_named(str(pattern)) for pattern in as_list(statement[element]))


def _tests(statement: Any) -> list[tuple[str, str, list[str]]]:
    """Return operator, key and values of each condition of a statement."""
    conditions = statement.get("Condition") if isinstance(statement, dict) else None
    if not isinstance(conditions, dict):
        return []
    return [
        (operator, key, [_text(value) for value in as_list(values)])
        for operator, keys in conditions.items()
        if isinstance(keys, dict)
        for key, values in keys.items()
    ]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _conditions_hold(conditions: Any, context: dict[str, str]) -> bool | None:
    tests = _tests({"Condition": conditions})
    if conditions and not tests:
        return None
    return _all(_holds(operator, key, values, context) for operator, key, values in tests)


def _holds(operator: str, key: str, values: list[str], context: dict[str, str]) -> bool | None:
    """Return whether a condition holds; the values of a key are alternatives, of which a negated operator allows none."""
    name = operator.lower()
    qualifier, _, rest = name.rpartition(":")
    may_be_absent = rest.endswith("ifexists") or qualifier == "forallvalues"
    rest = rest.removesuffix("ifexists")
    value = context.get(key.lower())
    is_absent = key.lower() in _ABSENT or key.lower().startswith(_ABSENT_PREFIXES)
    if value is None and not is_absent:
        return None
    if rest == "null":
        return any((wanted.lower() == "true") is (value is None) for wanted in values)
    negated = "not" in rest
    if value is None:
        return may_be_absent or (negated and qualifier != "foranyvalue")
    compare = _COMPARISONS.get(rest.replace("not", ""))
    if compare is None:
        return None
    found = _any(None if "${" in wanted else compare(value, wanted) for wanted in values)
    return (not found) if negated and found is not None else found


def _arn_matches(pattern: str, arn: str) -> bool | None:
    """Return whether an ARN matches a pattern, part by part; None for a pattern whose asterisk spans several parts."""
    parts = pattern.split(":", 5)
    if len(parts) == 6:
        return all(matches(part, text) for part, text in zip(parts, arn.split(":", 5), strict=True))
    return None if matches(pattern, arn) else False
