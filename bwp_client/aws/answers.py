"""Checks that what a server answers is an answer of AWS: botocore reads any other as an answer whose fields are missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

_MAY_BE_EMPTY: Final = ("ReceiveMessage",)
"""The calls that AWS answers with an empty object where it has nothing to say."""
_NEEDED: Final = {
    "DescribeArchive": ("ArchiveArn", "EventSourceArn", "State", "CreationTime"),
    "DescribeRule": ("Arn", "State"),
    "DescribeReplay": ("EventSourceArn", "State", "EventStartTime", "EventEndTime"),
    "ListTargetsByRule": ("Targets", "Targets.Id", "Targets.Arn"),
    "GetQueueAttributes": (
        "Attributes.QueueArn",
        "Attributes.ApproximateNumberOfMessages",
        "Attributes.ApproximateNumberOfMessagesNotVisible",
    ),
    "ReceiveMessage": ("Messages.MessageId", "Messages.ReceiptHandle", "Messages.Body"),
    "DeleteMessageBatch": ("Failed.Id", "Failed.SenderFault"),
}
"""The fields that this program needs of an answer, after a point of each entry; of any other answer, it needs one field."""
_NUMBERS: Final = (
    "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed",
    "CreatedTimestamp", "DelaySeconds", "LastModifiedTimestamp", "MaximumMessageSize", "MessageRetentionPeriod",
    "VisibilityTimeout",
)  # fmt: skip
"""The attributes of a queue that are numbers, as text."""
_TYPES: Final[dict[str, Any]] = {
    "structure": dict, "map": dict, "list": list, "string": str, "integer": int, "long": int, "boolean": bool,
}  # fmt: skip


def refuse_other_servers(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """Refuse what another server, such as a proxy, answers; a handler of botocore's event `before-parse`.

    Raises:
        ResponseParserError: The body is no JSON object, has none of the fields that the call answers with, lacks a field
            that this program needs, or a field has no value of its type.
    """
    from botocore.parsers import ResponseParserError

    shape = operation_model.output_shape
    if response_dict["status_code"] != HTTPStatus.OK or not shape or not shape.members:
        return  # SQS sends no body where it has nothing to say
    try:
        answer = json.loads(response_dict["body"])
    except (ValueError, RecursionError):
        answer = None
    name = operation_model.name
    is_empty = answer == {} and name in _MAY_BE_EMPTY
    if not isinstance(answer, dict) or (not is_empty and shape.members.keys().isdisjoint(answer)):
        raise ResponseParserError(f"the answer to {name} has none of its fields")
    if not _fits(answer, shape):
        raise ResponseParserError(f"a field of the answer to {name} has no value of its type")
    for path in _NEEDED.get(name, ()):
        if any(value is None for value in _values(answer, path.split("."))):
            raise ResponseParserError(f"the answer to {name} lacks the field {path}")
    if name == "GetQueueAttributes" and not _has_readable_values(answer["Attributes"]):
        raise ResponseParserError(f"an attribute in the answer to {name} can't be read")


def _values(found: Any, path: list[str]) -> Iterator[Any]:
    """Yield the values at a path; for a list on the way, those of each entry, so nothing for a list that is missing."""
    if not path or found is None:
        yield found
        return
    value = found.get(path[0])
    if isinstance(value, list) and len(path) > 1:
        for entry in value:
            yield from _values(entry, path[1:])
    elif value is not None or len(path) == 1 or path[0] == "Attributes":
        yield from _values(value, path[1:])


def _fits(value: Any, shape: Any) -> bool:
    """Return whether a JSON value, and all that it holds, is of the type that AWS describes; null is a missing field."""
    if value is None:
        return True
    if shape.type_name == "timestamp":
        return _is_time(value)
    if not isinstance(value, _TYPES.get(shape.type_name, object)):
        return False
    match shape.type_name:
        case "structure":
            return all(_fits(value.get(name), member) for name, member in shape.members.items())
        case "map":
            return all(_fits(member, shape.value) and member is not None for member in value.values())
        case "list":
            return all(_fits(member, shape.member) and member is not None for member in value)
    return True


def _is_time(value: Any) -> bool:
    from botocore.utils import parse_timestamp

    try:
        return bool(parse_timestamp(value).tzinfo)
    except (ValueError, TypeError, OverflowError, OSError, RuntimeError):
        return False


def _has_readable_values(attributes: dict[str, str]) -> bool:
    if not all(attributes.get(name, "0").isdecimal() for name in _NUMBERS):
        return False
    try:
        redrive = json.loads(attributes.get("RedrivePolicy") or "{}")
        return isinstance(redrive.get("deadLetterTargetArn", ""), str) and int(redrive.get("maxReceiveCount", 0)) >= 0
    except (ValueError, TypeError, AttributeError):
        return False
