"""Classifies the answer to one API call: the state of the task, a reason for people, and whether a retry can help.

Two different things are called errors. Errors inside the task say why the *task* failed; the call succeeded. Errors at the
top level of the answer say that the *call* failed. The body is read before the HTTP status, because this API answers 200
with call errors inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any, Final

from bwp_client.api.known_secrets import KnownSecrets
from bwp_client.api.lookup import LookupState, TaskError, TaskRef, TaskStatus
from bwp_client.api.queries import QUERY_FIELDS
from bwp_client.api.redact import redact_label, redact_message
from bwp_client.api.response import Response, ResponseFault

MAX_TASK_ERRORS: Final = 20
_MAX_HOLDING_DAYS: Final = 3_650


class AnswerKind(Enum):
    """What an answer means for the calls that follow it."""

    ANSWERED = auto()
    """The API answered the query, whatever the answer."""
    REJECTED = auto()
    """The query was not accepted; the same query would be rejected again."""
    THROTTLED = auto()
    FAULT = auto()
    """The server or the network failed; the same query may succeed later."""
    DENIED = auto()
    """Access was denied, which an expired token would explain."""
    NOT_SENT = auto()
    """No query was sent, for lack of a credential."""


@dataclass(frozen=True, slots=True)
class Classification:
    """The classified answer to one API call.

    Attributes:
        kind: What the answer means for the calls that follow it.
        lookup_state: The state that the task's lookup ends in.
        reason: One sentence for people; equal causes have equal sentences.
        ask_again: Whether a later run asks about the task again.
        status: The task's status as sent; None when there is none.
        submitted_at: The time of the task's submission.
        updated_at: The time of the task's last change.
        holding_period_days: The days during which the task could be cancelled.
        errors: The reasons why the task failed.
        retry_after_seconds: The pause that the server asked for.
        is_unreachable: Whether no connection could be made.
    """

    kind: AnswerKind
    lookup_state: LookupState
    reason: str
    ask_again: bool
    status: str | None = None
    submitted_at: datetime | None = None
    updated_at: datetime | None = None
    holding_period_days: int | None = None
    errors: tuple[TaskError, ...] = field(default=())
    retry_after_seconds: float | None = None
    is_unreachable: bool = False


AGAIN: Final = " The task is asked about again later."
PERMISSION: Final = "Manage Shopper Privacy Requests"
NOT_FOUND: Final = (
    "Buy with Prime knows no such task: it may have been cancelled, removed, or belong to another business product."
)
DENIED: Final = (
    "Buy with Prime denied access, also with a new token. Give the credential the permission "
    f'"{PERMISSION}" in the merchant console and check that it belongs to this business product, '
    "then run: enrich --retry-failed."
)
THROTTLED: Final = "Buy with Prime asked us to slow down." + AGAIN
SERVER_FAULT: Final = "Buy with Prime had a fault on its side." + AGAIN
INVALID: Final = (
    "Buy with Prime did not accept the question. Check BWP_API__VERSION against the API's changelog, "
    "then run: enrich --retry-failed."
)
WRONG_ADDRESS: Final = (
    "There is no Buy with Prime API at the address in BWP_API__ENDPOINT; check it and run enrich again."
)

NO_TASK: Final = "The answer does not hold the task that was asked about." + AGAIN
NO_TASK_ID: Final = "The answer does not name its task by an ID, and was not used." + AGAIN
OTHER_TASK: Final = "The answer was about another task, and was not used." + AGAIN

_FAULT_REASONS: Final = {
    ResponseFault.UNREACHABLE: "Buy with Prime could not be reached: check the network and BWP_API__ENDPOINT." + AGAIN,
    ResponseFault.DROPPED: "The connection broke before the answer was complete." + AGAIN,
    ResponseFault.SLOW: "Buy with Prime did not answer in time." + AGAIN,
    ResponseFault.TOO_LARGE: "The answer was far larger than a task can be, and was not read." + AGAIN,
    ResponseFault.ENCODED: (
        "The answer was compressed in a form that was not asked for, or was damaged, and was not read." + AGAIN
    ),
    ResponseFault.EMPTY: "The answer was empty." + AGAIN,
    ResponseFault.CUT: "The answer broke off in the middle." + AGAIN,
    ResponseFault.HTML: (
        "A web page came back in place of an answer: a proxy, a login page or a wrong BWP_API__ENDPOINT." + AGAIN
    ),
    ResponseFault.NOT_GRAPHQL: "The answer is not a GraphQL answer: check BWP_API__ENDPOINT." + AGAIN,
    ResponseFault.NO_DATA: NO_TASK,
}
# The API names the kind of a call error by `type` (always), by `errorType` and `errorCode` (mostly), or by a bare string, as
# plain GraphQL servers do. Matched by prefix, in lower case, without spaces and underscores.
_KINDS_BY_NAME: Final = {
    "throttl": AnswerKind.THROTTLED,
    "toomanyrequests": AnswerKind.THROTTLED,
    "accessdenied": AnswerKind.DENIED,
    "unauthorized": AnswerKind.DENIED,
    "resourcenotfound": AnswerKind.ANSWERED,
    "notfound": AnswerKind.ANSWERED,
    "validation": AnswerKind.REJECTED,
    "invalidsyntax": AnswerKind.REJECTED,
    "internalserver": AnswerKind.FAULT,
    "serviceunavailable": AnswerKind.FAULT,
    "conflict": AnswerKind.FAULT,
}
_KINDS_BY_CODE: Final = {
    400: AnswerKind.REJECTED,
    401: AnswerKind.DENIED,
    403: AnswerKind.DENIED,
    404: AnswerKind.ANSWERED,
    429: AnswerKind.THROTTLED,
}
# Of several errors, the first kind in this list counts, because it says most about what to do next.
_PRECEDENCE: Final = (
    AnswerKind.THROTTLED,
    AnswerKind.DENIED,
    AnswerKind.FAULT,
    AnswerKind.ANSWERED,
    AnswerKind.REJECTED,
)
_BY_KIND: Final = {
    AnswerKind.THROTTLED: (LookupState.FAILED, THROTTLED, True),
    AnswerKind.DENIED: (LookupState.DENIED, DENIED, False),
    AnswerKind.FAULT: (LookupState.FAILED, SERVER_FAULT, True),
    AnswerKind.ANSWERED: (LookupState.NOT_FOUND, NOT_FOUND, False),
    AnswerKind.REJECTED: (LookupState.FAILED, INVALID, False),
}


def classify(task: TaskRef, response: Response, secrets: KnownSecrets) -> Classification:
    """Classify the answer to the query about one task.

    Args:
        task: The task.
        response: The answer.
        secrets: The secrets that the API was sent; no text of the result repeats them.
    """
    field_name = QUERY_FIELDS[task.task_kind]
    data = response.data if isinstance(response.data, Mapping) else {}
    answer = data.get(field_name)
    if isinstance(answer, Mapping):
        return _classify_task(task, answer, response, secrets)
    if response.errors:
        return _classify_call_errors(task, response, secrets)
    if response.http_status is not None and response.http_status >= 300:
        return _classify_http_status(response, response.http_status)
    if response.fault is not None:
        return _classification(AnswerKind.FAULT, response, reason=_FAULT_REASONS[response.fault])
    if field_name in data and answer is None:
        return _classification(AnswerKind.ANSWERED, response)
    return _classification(AnswerKind.FAULT, response, reason=NO_TASK)


def _classification(kind: AnswerKind, response: Response, *, reason: str | None = None) -> Classification:
    lookup_state, usual_reason, ask_again = _BY_KIND[kind]
    return Classification(
        kind,
        lookup_state,
        reason or usual_reason,
        ask_again,
        retry_after_seconds=response.retry_after_seconds,
        is_unreachable=response.fault is ResponseFault.UNREACHABLE,
    )


def _classify_call_errors(task: TaskRef, response: Response, secrets: KnownSecrets) -> Classification:
    known = [kind for error in response.errors if (kind := _kind_of_error(error)) is not None]
    if known:
        return _classification(min(known, key=_PRECEDENCE.index), response)
    if response.http_status is not None and response.http_status >= 300:
        return _classify_http_status(response, response.http_status)
    first = response.errors[0]
    text = str(first.get("message") or "") if isinstance(first, Mapping) else ""
    message = redact_message(text, task.task_id, secrets)
    reason = f"Buy with Prime reported an error of a kind not known here{f': {message}' if message else ''}."
    return _classification(AnswerKind.FAULT, response, reason=reason + AGAIN)


def _kind_of_error(error: object) -> AnswerKind | None:
    if not isinstance(error, Mapping):
        return None
    extensions = error.get("extensions")
    extensions = extensions if isinstance(extensions, Mapping) else {}
    inner = extensions.get("classification")
    sources = [inner if isinstance(inner, Mapping) else {"type": inner}, extensions, error]
    for source in sources:
        for key in ("type", "errorType", "code"):
            if (kind := _kind_of_name(source.get(key))) is not None:
                return kind
        code = source.get("errorCode")
        if isinstance(code, int) and not isinstance(code, bool):
            return AnswerKind.FAULT if code >= 500 else _KINDS_BY_CODE.get(code)
    return None


def _kind_of_name(name: object) -> AnswerKind | None:
    if not isinstance(name, str):
        return None
    squeezed = name.replace("_", "").replace(" ", "").lower()
    return next((kind for prefix, kind in _KINDS_BY_NAME.items() if squeezed.startswith(prefix)), None)


def _classify_http_status(response: Response, status: int) -> Classification:
    if status == 429:
        return _classification(AnswerKind.THROTTLED, response)
    if status in (404, 405, 410) or status < 400:
        return _classification(AnswerKind.FAULT, response, reason=WRONG_ADDRESS)
    if status == 408 or status >= 500:
        return _classification(AnswerKind.FAULT, response)
    if status != 401 and response.fault is ResponseFault.HTML:
        # A proxy or a firewall refused the call; the API itself sends no pages.
        return _classification(AnswerKind.FAULT, response, reason=_FAULT_REASONS[ResponseFault.HTML])
    if status in (401, 403):
        return _classification(AnswerKind.DENIED, response)
    return _classification(AnswerKind.REJECTED, response)


def _classify_task(
    task: TaskRef, answer: Mapping[str, Any], response: Response, secrets: KnownSecrets
) -> Classification:
    answered_id = answer.get("taskId", task.task_id)  # a partial answer may leave it out
    if not isinstance(answered_id, str):
        return _classification(AnswerKind.FAULT, response, reason=NO_TASK_ID)
    if answered_id.lower() != task.task_id.lower():
        return _classification(AnswerKind.FAULT, response, reason=OTHER_TASK)
    raw_status = answer.get("status")
    status = redact_label(raw_status, task.task_id, secrets) if isinstance(raw_status, str) else ""
    errors = _task_errors(task, answer.get("errors"), secrets)
    lookup_state, reason, ask_again = _state_of(status, errors, answer, _missing_fields(response))
    return Classification(
        kind=AnswerKind.ANSWERED,
        lookup_state=lookup_state,
        reason=reason,
        ask_again=ask_again,
        status=status or None,
        submitted_at=_timestamp(answer.get("submissionDate")),
        updated_at=_timestamp(answer.get("lastUpdatedDate")),
        holding_period_days=_days(answer.get("holdingPeriod")),
        errors=errors,
    )


def _state_of(
    status: str, errors: tuple[TaskError, ...], answer: Mapping[str, Any], missing: frozenset[str]
) -> tuple[LookupState, str, bool]:
    if not status:
        return LookupState.FAILED, "The answer gives no status for the task." + AGAIN, True
    if status == TaskStatus.FAILED and "errors" in missing and not errors:
        return LookupState.FAILED, "The task failed, but its errors were left out of the answer." + AGAIN, True
    if status in (TaskStatus.IN_PROGRESS, TaskStatus.ON_HOLD):
        return LookupState.PENDING, "The task has not ended yet." + AGAIN, True
    if status not in (TaskStatus.COMPLETED, TaskStatus.FAILED):
        return LookupState.PENDING, "The task has a status not known here; it is kept as it is." + AGAIN, True
    partly = " Some other fields were left out of the answer." if missing else ""
    if status == TaskStatus.COMPLETED:
        return LookupState.FOUND, f"The task was completed.{partly}", False
    if errors:
        return LookupState.FOUND, f"The task failed; its errors are known.{partly}", False
    unread = answer.get("errors") not in (None, [])
    why = "gave its errors in a form not known here" if unread else "gave no error for it"
    return LookupState.FOUND, f"The task failed; Buy with Prime {why}.{partly}", False


def _missing_fields(response: Response) -> frozenset[str]:
    """Return the task's fields that a call error reports as left out; `errors` when it names none."""
    missing = set()
    for error in response.errors:
        path = error.get("path") if isinstance(error, Mapping) else None
        missing.add(str(path[1]) if isinstance(path, list) and len(path) > 1 else "errors")
    return frozenset(missing)


def _task_errors(task: TaskRef, value: object, secrets: KnownSecrets) -> tuple[TaskError, ...]:
    items = value if isinstance(value, list) else [value] if isinstance(value, Mapping) else []
    found = []
    for item in items[:MAX_TASK_ERRORS]:
        # The schema allows a null element; it still counts as an error, without a code.
        code, message = (item.get("code"), item.get("message")) if isinstance(item, Mapping) else (None, item)
        label = redact_label(str(code), task.task_id, secrets) if code is not None else ""
        text = "" if message is None else str(message)
        found.append(TaskError(label or None, redact_message(text, task.task_id, secrets)))
    return tuple(found)


def _timestamp(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _days(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_HOLDING_DAYS:
        return value
    return None
