"""Judges one reply: what it says about the task, in words a person understands, and whether asking again can help.

Two different things are called errors. Those inside the task say why the *task* failed, and the call was fine; those at
the top of the answer say that the *call* failed. The body is judged first and the HTTP status second, since this API
answers 200 with call errors inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any, Final

from bwp_client.api.lookup import LookupState, TaskError, TaskRef, TaskStatus
from bwp_client.api.queries import QUERY_FIELDS
from bwp_client.api.redact import scrub_label, scrub_message
from bwp_client.api.reply import Reply, Trouble

MAX_TASK_ERRORS: Final = 20
_MAX_HOLDING_DAYS: Final = 3_650


class Signal(Enum):
    """What a verdict means for the calls that follow."""

    CLEAN = auto()
    """The API answered the question, whatever the answer."""
    REFUSED = auto()
    """The question itself was not accepted; the same question would end the same way."""
    THROTTLED = auto()
    FAULT = auto()
    """The other side or the way to it is in trouble; the same question may work in a moment."""
    TOKEN = auto()
    """Denied, and an expired token would explain it."""
    UNASKED = auto()
    """Nothing was sent: there was nothing to send it with."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One reply, judged."""

    signal: Signal
    lookup_state: LookupState
    reason: str
    ask_again: bool
    status: str | None = None
    submitted_at: datetime | None = None
    updated_at: datetime | None = None
    holding_period_days: int | None = None
    errors: tuple[TaskError, ...] = field(default=())
    retry_after_seconds: float | None = None


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
ELSEWHERE: Final = "There is no Buy with Prime API at the address in BWP_API__ENDPOINT; check it and run enrich again."

_TROUBLES: Final = {
    Trouble.UNREACHABLE: "Buy with Prime could not be reached: check the network and BWP_API__ENDPOINT.",
    Trouble.DROPPED: "The connection broke before the answer was complete.",
    Trouble.SLOW: "Buy with Prime did not answer in time.",
    Trouble.TOO_LARGE: "The answer was far larger than a task can be, and was not read.",
    Trouble.EMPTY: "The answer was empty.",
    Trouble.CUT: "The answer broke off in the middle.",
    Trouble.HTML: "A web page came back in place of an answer: a proxy, a login page or a wrong BWP_API__ENDPOINT.",
    Trouble.NOT_GRAPHQL: "What came back is no GraphQL answer: check BWP_API__ENDPOINT.",
}
# How the API names kinds of call errors: by `type` (always), `errorType` and `errorCode` (mostly), or a bare string as
# plain GraphQL servers do.
_NAMES: Final = {
    "throttl": Signal.THROTTLED,
    "toomanyrequests": Signal.THROTTLED,
    "accessdenied": Signal.TOKEN,
    "unauthorized": Signal.TOKEN,
    "resourcenotfound": Signal.CLEAN,
    "notfound": Signal.CLEAN,
    "validation": Signal.REFUSED,
    "invalidsyntax": Signal.REFUSED,
    "internalserver": Signal.FAULT,
    "serviceunavailable": Signal.FAULT,
    "conflict": Signal.FAULT,
}
_CODES: Final = {400: Signal.REFUSED, 401: Signal.TOKEN, 403: Signal.TOKEN, 404: Signal.CLEAN, 429: Signal.THROTTLED}
# With several errors the one that says most about what to do next counts.
_WEIGHT: Final = (Signal.THROTTLED, Signal.TOKEN, Signal.FAULT, Signal.CLEAN, Signal.REFUSED)
_BY_SIGNAL: Final = {
    Signal.THROTTLED: (LookupState.FAILED, THROTTLED, True),
    Signal.TOKEN: (LookupState.DENIED, DENIED, False),
    Signal.FAULT: (LookupState.FAILED, SERVER_FAULT, True),
    Signal.CLEAN: (LookupState.NOT_FOUND, NOT_FOUND, False),
    Signal.REFUSED: (LookupState.FAILED, INVALID, False),
}


def judge(task: TaskRef, reply: Reply) -> Verdict:
    """Judge one reply to the question about one task."""
    name = QUERY_FIELDS[task.task_kind]
    data = reply.data if isinstance(reply.data, Mapping) else {}
    answer = data.get(name)
    if isinstance(answer, Mapping):
        return _judge_task(task, answer, reply)
    if reply.trouble is None and reply.errors:
        return _judge_call_errors(task, reply)
    if reply.http_status is not None and reply.http_status >= 300:
        return _judge_http_status(reply, reply.http_status)
    if reply.trouble is not None:
        return _verdict(Signal.FAULT, reply, reason=_TROUBLES[reply.trouble] + AGAIN)
    if name in data and answer is None:
        return _verdict(Signal.CLEAN, reply)
    return _verdict(Signal.FAULT, reply, reason="The answer does not hold the task that was asked about." + AGAIN)


def _verdict(signal: Signal, reply: Reply, *, reason: str | None = None, state: LookupState | None = None) -> Verdict:
    usual_state, usual_reason, ask_again = _BY_SIGNAL[signal]
    return Verdict(
        signal, state or usual_state, reason or usual_reason, ask_again, retry_after_seconds=reply.retry_after_seconds
    )


def _judge_call_errors(task: TaskRef, reply: Reply) -> Verdict:
    known = [signal for error in reply.errors if (signal := _signal_of(error)) is not None]
    if known:
        return _verdict(min(known, key=_WEIGHT.index), reply)
    if reply.http_status is not None and reply.http_status >= 300:
        return _judge_http_status(reply, reply.http_status)
    first = reply.errors[0]
    said = scrub_message(str(first.get("message") or ""), task.task_id) if isinstance(first, Mapping) else ""
    reason = f"Buy with Prime reported an error of a kind not known here{f': {said}' if said else ''}."
    return _verdict(Signal.FAULT, reply, reason=reason + AGAIN)


def _signal_of(error: object) -> Signal | None:
    if not isinstance(error, Mapping):
        return None
    extensions = error.get("extensions")
    extensions = extensions if isinstance(extensions, Mapping) else {}
    inner = extensions.get("classification")
    sources = [inner if isinstance(inner, Mapping) else {"type": inner}, extensions, error]
    for source in sources:
        for key in ("type", "errorType", "code"):
            label = source.get(key)
            if isinstance(label, str):
                squeezed = label.replace("_", "").replace(" ", "").lower()
                for start, signal in _NAMES.items():
                    if squeezed.startswith(start):
                        return signal
        code = source.get("errorCode")
        if isinstance(code, int) and not isinstance(code, bool):
            return Signal.FAULT if code >= 500 else _CODES.get(code)
    return None


def _judge_http_status(reply: Reply, status: int) -> Verdict:
    if status == 429:
        return _verdict(Signal.THROTTLED, reply)
    if status in (401, 403):
        return _verdict(Signal.TOKEN, reply)
    if status in (404, 405, 410) or status < 400:
        return _verdict(Signal.FAULT, reply, reason=ELSEWHERE)
    if status == 408 or status >= 500:
        return _verdict(Signal.FAULT, reply)
    return _verdict(Signal.REFUSED, reply)


def _judge_task(task: TaskRef, answer: Mapping[str, Any], reply: Reply) -> Verdict:
    named = answer.get("taskId")
    if isinstance(named, str) and named.lower() != task.task_id.lower():
        return _verdict(Signal.FAULT, reply, reason="The answer was about another task, and was not used." + AGAIN)
    raw_status = answer.get("status")
    status = scrub_label(raw_status, task.task_id) if isinstance(raw_status, str) else ""
    errors = _task_errors(task, answer.get("errors"))
    missing = _missing_parts(reply)
    state, reason, ask_again = _state_of(status, errors, answer, missing)
    return Verdict(
        signal=Signal.CLEAN,
        lookup_state=state,
        reason=reason,
        ask_again=ask_again,
        status=status or None,
        submitted_at=_instant(answer.get("submissionDate")),
        updated_at=_instant(answer.get("lastUpdatedDate")),
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


def _missing_parts(reply: Reply) -> frozenset[str]:
    """Name the task's fields that a call error says were left out; `errors` when it does not say which."""
    parts = set()
    for error in reply.errors:
        path = error.get("path") if isinstance(error, Mapping) else None
        parts.add(str(path[1]) if isinstance(path, list) and len(path) > 1 else "errors")
    return frozenset(parts)


def _task_errors(task: TaskRef, value: object) -> tuple[TaskError, ...]:
    items = value if isinstance(value, list) else [value] if isinstance(value, Mapping) else []
    found = []
    for item in items[:MAX_TASK_ERRORS]:
        # An element may be null by the type; the error is there all the same, without a code.
        code, message = (item.get("code"), item.get("message")) if isinstance(item, Mapping) else (None, item)
        label = scrub_label(str(code), task.task_id) if code is not None else ""
        found.append(TaskError(label or None, scrub_message("" if message is None else str(message), task.task_id)))
    return tuple(found)


def _instant(value: object) -> datetime | None:
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
