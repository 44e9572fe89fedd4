"""A row for each answer: what the server sent, the state and reason of the lookup, and whether it is repeated."""

import gzip
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.scripted_api import Say, cut_connection, drop, endless, http, silence
from support.wire import zstd

from bwp_client.api import Lookup, LookupState, TaskError

TASK_ID = "7e1b2c90-5a3d-4f6e-8b1a-0d2c4e6f8a01"
FIELD = "personalDataDeletionTask"
FOUND, PENDING, NOT_FOUND = LookupState.FOUND, LookupState.PENDING, LookupState.NOT_FOUND
DENIED, FAILED = LookupState.DENIED, LookupState.FAILED


def answer(status: str | None = "FAILED", **more: Any) -> dict[str, Any]:
    task = {
        "taskId": TASK_ID,
        "status": status,
        "submissionDate": "2025-03-04T08:30:12.004211Z",
        "lastUpdatedDate": "2025-03-14T09:26:52.771003Z",
        "holdingPeriod": 10,
        "errors": [{"code": "ORDERS_NOT_CLOSED", "message": "task 7e1b2c90 stopped, open orders remain"}],
    }
    return {"data": {FIELD: {key: value for key, value in (task | more).items() if value != "LEFT OUT"}}}


def call_error(
    kind: str | None = None, *, data: Any = "null field", path: Any = (FIELD,), **more: Any
) -> dict[str, Any]:
    classification = ({"type": kind} if kind else {}) | more
    error = {"message": "Made-up text", "path": list(path), "extensions": {"classification": classification}}
    return {"errors": [error], "data": {FIELD: None} if data == "null field" else data}


@dataclass(frozen=True)
class Row:
    name: str
    sent: list[Say]
    state: LookupState
    reason: str  # how it begins
    asked_again: bool
    requests: int  # GraphQL requests made in this run
    status: str | None = None
    errors: tuple[TaskError, ...] | None = None
    fields: dict[str, Any] = field(default_factory=dict)


DOCS = (Path(__file__).parents[2] / "docs" / "enrichment.md").read_text(encoding="utf-8")


def documented_line(name: str, lookup: Lookup) -> str:
    """Return the line of the docs' table about an answer."""
    again = "yes" if lookup.next_attempt_at else "no"
    return f"| {name} | `{lookup.lookup_state.value}` | {lookup.reason} | {again} |"


ORDERS = TaskError("ORDERS_NOT_CLOSED", "task <id> stopped, open orders remain")
HTML = "<html><body>Service unavailable, write to jane@example.com</body></html>"
FAULT = "Buy with Prime had a fault on its side."
SLOW_DOWN = "Buy with Prime asked us to slow down."

COMPRESSED = "The answer was compressed in a form that was not asked for, or was damaged"


def packed(text: bytes, compress: Callable[[bytes], bytes] = gzip.compress, encoding: str = "gzip") -> Say:
    return http(200, compress(text), content_encoding=encoding)


TASK_ANSWERS = [
    Row(
        "a failed task with its error",
        [http(200, answer())],
        FOUND,
        "The task failed; its errors are known.",
        False,
        1,
        "FAILED",
        (ORDERS,),
        {
            "submitted_at": datetime(2025, 3, 4, 8, 30, 12, 4211, tzinfo=UTC),
            "updated_at": datetime(2025, 3, 14, 9, 26, 52, 771003, tzinfo=UTC),
            "holding_period_days": 10,
        },
    ),
    Row(
        "several errors, one without a code, one of the future",
        [
            http(
                200,
                answer(
                    errors=[
                        {"code": "DATA_SUBJECT_NOT_FOUND", "message": "no such shopper"},
                        {"code": None, "message": "something else"},
                        {"code": "SOME_FUTURE_CODE", "message": "new"},
                    ]
                ),
            )
        ],
        FOUND,
        "The task failed; its errors are known.",
        False,
        1,
        "FAILED",
        (
            TaskError("DATA_SUBJECT_NOT_FOUND", "no such shopper"),
            TaskError(None, "something else"),
            TaskError("SOME_FUTURE_CODE", "new"),
        ),
    ),
    Row(
        "an error whose code is absent",
        [http(200, answer(errors=[{"message": "why"}]))],
        FOUND,
        "The task failed; its errors are known.",
        False,
        1,
        "FAILED",
        (TaskError(None, "why"),),
    ),
    Row(
        "an error that is null",
        [http(200, answer(errors=[None]))],
        FOUND,
        "The task failed; its errors are known.",
        False,
        1,
        "FAILED",
        (TaskError(None, ""),),
    ),
    Row(
        "errors null on a failed task",
        [http(200, answer(errors=None))],
        FOUND,
        "The task failed; Buy with Prime gave no error for it.",
        False,
        1,
        "FAILED",
        (),
    ),
    Row(
        "errors empty on a failed task",
        [http(200, answer(errors=[]))],
        FOUND,
        "The task failed; Buy with Prime gave no error for it.",
        False,
        1,
        "FAILED",
        (),
    ),
    Row(
        "no errors key on a failed task",
        [http(200, answer(errors="LEFT OUT"))],
        FOUND,
        "The task failed; Buy with Prime gave no error for it.",
        False,
        1,
        "FAILED",
        (),
    ),
    Row(
        "errors in another form",
        [http(200, answer(errors="ORDERS_NOT_CLOSED"))],
        FOUND,
        "The task failed; Buy with Prime gave its errors in a form not known here.",
        False,
        1,
        "FAILED",
        (),
    ),
    Row(
        "a healthy empty list of errors",
        [http(200, answer("COMPLETED", errors=[]))],
        FOUND,
        "The task was completed.",
        False,
        1,
        "COMPLETED",
        (),
    ),
    Row(
        "on hold",
        [http(200, answer("ON_HOLD", errors=None))],
        PENDING,
        "The task has not ended yet.",
        True,
        1,
        "ON_HOLD",
        (),
    ),
    Row(
        "in progress",
        [http(200, answer("IN_PROGRESS", errors=[]))],
        PENDING,
        "The task has not ended yet.",
        True,
        1,
        "IN_PROGRESS",
        (),
    ),
    Row(
        "a status of the future",
        [http(200, answer("CANCELLED", errors=[]))],
        PENDING,
        "The task has a status not known here",
        True,
        1,
        "CANCELLED",
        (),
    ),
    Row("no status key", [http(200, answer("LEFT OUT"))], FAILED, "The answer gives no status for the task.", True, 1),
    Row(
        "every optional key missing",
        [http(200, {"data": {FIELD: {"status": "FAILED"}}})],
        FOUND,
        "The task failed; Buy with Prime gave no error for it.",
        False,
        1,
        "FAILED",
        (),
        {"submitted_at": None, "updated_at": None, "holding_period_days": None},
    ),
    Row(
        "dates and numbers that are none",
        [http(200, answer(submissionDate="yesterday", lastUpdatedDate=17, holdingPeriod="ten"))],
        FOUND,
        "The task failed; its errors are known.",
        False,
        1,
        "FAILED",
        (ORDERS,),
        {"submitted_at": None, "updated_at": None, "holding_period_days": None},
    ),
    Row(
        "the ID in capitals",
        [http(200, answer(taskId=TASK_ID.upper()))],
        FOUND,
        "The task failed; its errors are known.",
        False,
        1,
        "FAILED",
        (ORDERS,),
    ),
    Row(
        "another task's answer",
        [http(200, answer(taskId="13579bdf-2468-4ace-8bdf-0123456789ab"))],
        FAILED,
        "The answer was about another task",
        True,
        5,
    ),
    *(
        Row(
            f"the task ID is {name}",
            [http(200, answer(taskId=task_id))],
            FAILED,
            "The answer does not name its task by an ID",
            True,
            5,
        )
        for name, task_id in (("a number", 7), ("null", None), ("true", True), ("a list", [TASK_ID]))
    ),
    Row(
        "a task inside an HTTP 500",
        [http(500, answer())],
        FOUND,
        "The task failed; its errors are known.",
        False,
        1,
        "FAILED",
        (ORDERS,),
    ),
]

PARTIAL = [
    Row(
        "partial: errors left out",
        [
            http(
                200,
                answer(errors=None) | {"errors": call_error("InternalServerError", path=(FIELD, "errors"))["errors"]},
            )
        ],
        FAILED,
        "The task failed, but its errors were left out of the answer.",
        True,
        1,
        "FAILED",
        (),
    ),
    Row(
        "partial: it is not said what was left out",
        [http(200, answer(errors=None) | {"errors": [{"message": "Made-up text"}]})],
        FAILED,
        "The task failed, but its errors were left out of the answer.",
        True,
        1,
        "FAILED",
        (),
    ),
    Row(
        "partial: something else left out",
        [
            http(
                200,
                answer(holdingPeriod=None)
                | {"errors": call_error("InternalServerError", path=(FIELD, "holdingPeriod"))["errors"]},
            )
        ],
        FOUND,
        "The task failed; its errors are known. Some other fields were left out",
        False,
        1,
        "FAILED",
        (ORDERS,),
    ),
]

CALL_ERRORS = [
    Row(
        "not found, field null",
        [http(200, call_error("ResourceNotFoundError", errorCode=404))],
        NOT_FOUND,
        "Buy with Prime knows no such task",
        False,
        1,
    ),
    Row(
        "not found, data null",
        [http(200, call_error("ResourceNotFoundError", data=None))],
        NOT_FOUND,
        "Buy with Prime knows no such task",
        False,
        1,
    ),
    Row(
        "not found, with HTTP 404",
        [http(404, call_error("ResourceNotFoundError"))],
        NOT_FOUND,
        "Buy with Prime knows no such task",
        False,
        1,
    ),
    Row(
        "not found, by errorType alone",
        [http(200, call_error(errorType="ResourceNotFoundException"))],
        NOT_FOUND,
        "Buy with Prime knows no such task",
        False,
        1,
    ),
    Row(
        "field null and no error",
        [http(200, {"data": {FIELD: None}})],
        NOT_FOUND,
        "Buy with Prime knows no such task",
        False,
        1,
    ),
    Row(
        "data null and no error",
        [http(200, {"data": None})],
        FAILED,
        "The answer does not hold the task that was asked about.",
        True,
        5,
    ),
    Row(
        "the task is a list",
        [http(200, {"data": {FIELD: ["x"]}})],
        FAILED,
        "The answer does not hold the task that was asked about.",
        True,
        5,
    ),
    Row(
        "denied, data null",
        [http(200, call_error("AccessDeniedError", data=None))],
        DENIED,
        "Buy with Prime denied access",
        False,
        1,
    ),
    Row(
        "denied, field null",
        [http(200, call_error("AccessDeniedError", errorCode=403))],
        DENIED,
        "Buy with Prime denied access",
        False,
        1,
    ),
    Row(
        "denied, by number alone",
        [http(200, call_error(errorCode=403))],
        DENIED,
        "Buy with Prime denied access",
        False,
        1,
    ),
    Row(
        "denied, with HTTP 403 and no body of its own",
        [http(403, {"message": "Forbidden"})],
        DENIED,
        "Buy with Prime denied access",
        False,
        1,
    ),
    Row(
        "denied, with HTTP 401",
        [http(401, {"message": "Unauthorized"})],
        DENIED,
        "Buy with Prime denied access",
        False,
        1,
    ),
    Row(
        "the question not accepted",
        [http(200, call_error("ValidationError", code="UnspecifiedError"))],
        FAILED,
        "Buy with Prime did not accept the question.",
        False,
        1,
    ),
    Row(
        "the question not accepted, in the words of a plain GraphQL server",
        [http(200, {"errors": [{"message": "x", "extensions": {"classification": "ValidationError"}}]})],
        FAILED,
        "Buy with Prime did not accept the question.",
        False,
        1,
    ),
    Row(
        "HTTP 400 without a body of its own",
        [http(400, {"message": "bad"})],
        FAILED,
        "Buy with Prime did not accept the question.",
        False,
        1,
    ),
    Row(
        "403 with HTML",
        [http(403, HTML)],
        FAILED,
        "A web page came back in place of an answer",
        True,
        5,
    ),
    Row(
        "400 with HTML",
        [http(400, HTML)],
        FAILED,
        "A web page came back in place of an answer",
        True,
        5,
    ),
    Row("throttled, as 200", [http(200, call_error("ThrottlingError", errorCode=429))], FAILED, SLOW_DOWN, True, 5),
    Row("throttled, as 429", [http(429, call_error("ThrottlingError"))], FAILED, SLOW_DOWN, True, 5),
    Row("throttled, as 429 with HTML", [http(429, HTML)], FAILED, SLOW_DOWN, True, 5),
    Row(
        "throttled once, then answered",
        [http(429, call_error("ThrottlingError")), http(200, answer())],
        FOUND,
        "The task failed; its errors are known.",
        False,
        2,
        "FAILED",
        (ORDERS,),
    ),
    Row("a fault, in 200", [http(200, call_error("InternalServerError"))], FAILED, FAULT, True, 5),
    Row("a fault, by number", [http(200, call_error(errorCode=503))], FAILED, FAULT, True, 5),
    Row(
        "an error of no known kind",
        [http(200, {"errors": [{"message": "Case 123456 for jane@example.com"}]})],
        FAILED,
        "Buy with Prime reported an error of a kind not known here: Case <number> for <email>.",
        True,
        5,
    ),
    Row(
        "errors that are no list",
        [http(200, {"errors": {"message": "x"}, "data": None})],
        FAILED,
        "Buy with Prime reported an error of a kind not known here: x.",
        True,
        5,
    ),
    Row(
        "errors that are text",
        [http(200, {"errors": "broken"})],
        FAILED,
        "Buy with Prime reported an error of a kind not known here.",
        True,
        5,
    ),
    Row(
        "several errors, one of them throttled",
        [
            http(
                200,
                {
                    "data": None,
                    "errors": call_error("ResourceNotFoundError")["errors"] + call_error("ThrottlingError")["errors"],
                },
            )
        ],
        FAILED,
        SLOW_DOWN,
        True,
        5,
    ),
]

NO_ANSWER = [
    Row("500 with HTML", [http(500, HTML)], FAILED, FAULT, True, 5),
    Row("503 with nothing", [http(503, "")], FAILED, FAULT, True, 5),
    Row("504 once, then answered", [http(504, HTML), http(200, answer())], FOUND,
        "The task failed; its errors are known.", False, 2, "FAILED", (ORDERS,)),
    Row("200 with HTML", [http(200, HTML)], FAILED, "A web page came back in place of an answer", True, 5),
    Row("a redirect is not followed", [http(302, "", location="http://127.0.0.1:9/graphql")], FAILED,
        "There is no Buy with Prime API at the address", True, 5),
    Row("404 with HTML", [http(404, HTML)], FAILED, "There is no Buy with Prime API at the address", True, 5),
    Row("empty body", [http(200, "")], FAILED, "The answer was empty.", True, 5),
    Row("cut body", [http(200, '{"data": {"personalDataDel')], FAILED, "The answer broke off in the middle.", True, 5),
    Row("body cut by the end of the connection", [cut_connection()], FAILED,
        "The connection broke before the answer was complete.", True, 5),
    Row("dropped connection", [drop()], FAILED, "The connection broke before the answer was complete.", True, 5),
    Row("dropped once, then answered", [drop(), http(200, answer())], FOUND, "The task failed; its errors are known.",
        False, 2, "FAILED", (ORDERS,)),
    Row("JSON that is no object", [http(200, [1, 2])], FAILED, "The answer is not a GraphQL answer", True, 5),
    Row("JSON null", [http(200, "null")], FAILED, "The answer is not a GraphQL answer", True, 5),
    Row("JSON of something else", [http(200, {"hello": "world"})], FAILED, "The answer is not a GraphQL answer", True,
        5),
    Row("JSON nested beyond reason", [http(200, '{"a":' + "[" * 100_000)], FAILED,
        "The answer broke off in the middle.", True, 5),
    Row("a body without end", [endless()], FAILED, "The answer was far larger than a task can be", True, 5),
    Row("gzip, though not asked for", [packed(json.dumps(answer()).encode())], FOUND,
        "The task failed; its errors are known.", False, 1, "FAILED", (ORDERS,)),
    Row("zlib, though not asked for", [packed(json.dumps(answer()).encode(), zlib.compress, "deflate")], FOUND,
        "The task failed; its errors are known.", False, 1, "FAILED", (ORDERS,)),
    Row("gzip of far more than an answer", [packed(b" " * (32 << 20))], FAILED,
        "The answer was far larger than a task can be", True, 5),
    Row("gzip, of gzip", [packed(gzip.compress(b"{}"), encoding="gzip, gzip")], FAILED, COMPRESSED, True, 5),
    Row("gzip of two members", [packed(b"{}", lambda text: gzip.compress(text) * 2)], FAILED, COMPRESSED, True, 5),
    Row("gzip that is cut", [packed(b"{}", lambda text: gzip.compress(text)[:-9])], FAILED, COMPRESSED, True, 5),
    Row("gzip that is none", [packed(b"{}", lambda text: text)], FAILED, COMPRESSED, True, 5),
    Row("brotli", [packed(b"{}", lambda text: text, "br")], FAILED, COMPRESSED, True, 5),
    Row("zstd", [packed(b"{}", zstd, "zstd")], FAILED, COMPRESSED, True, 5),
]  # fmt: skip


@pytest.mark.parametrize("row", TASK_ANSWERS + PARTIAL + CALL_ERRORS + NO_ANSWER, ids=lambda row: row.name)
def test_each_answer_ends_as_a_lookup(bench, task, row):
    bench.api.answers = list(row.sent)
    [lookup] = bench.look_up(task)
    assert (lookup.lookup_state, lookup.next_attempt_at is not None) == (row.state, row.asked_again)
    assert lookup.reason.startswith(row.reason)
    assert len(bench.api.asked) == row.requests
    assert lookup.status == row.status
    if row.errors is not None:
        assert lookup.errors == row.errors
    for name, value in row.fields.items():
        assert getattr(lookup, name) == value
    assert "@" not in repr(lookup)
    assert lookup.asked_at == bench.time.now()
    assert documented_line(row.name, lookup) in DOCS


@pytest.mark.parametrize("row", TASK_ANSWERS + PARTIAL + CALL_ERRORS + NO_ANSWER, ids=lambda row: row.name)
def test_an_answer_that_is_asked_again_says_so(row):
    assert row.state in {PENDING, FAILED} or not row.asked_again


def test_a_slow_answer_is_asked_again(bench, task):
    bench.api.answers = [silence()]
    [lookup] = bench.look_up(task, timeout_seconds=0.02)
    assert lookup.lookup_state is FAILED
    assert lookup.reason.startswith("Buy with Prime did not answer in time.")
    assert lookup.next_attempt_at == bench.time.now() + timedelta(minutes=1)
    assert documented_line("a slow answer", lookup) in DOCS


def test_nobody_listening_is_asked_again(bench, task):
    bench.api.answers = [http(200, answer())]
    [lookup] = bench.look_up(task, settings=bench.settings(endpoint="http://127.0.0.1:9/graphql"))
    assert lookup.lookup_state is FAILED
    assert lookup.reason.startswith("Buy with Prime could not be reached")
    assert lookup.next_attempt_at is not None
    assert documented_line("nobody listening", lookup) in DOCS


def test_the_docs_name_no_answer_that_is_not_tested():
    named = re.findall(r"^\| (.+?) \| `\w+` \|", DOCS.partition("## Every answer")[2], flags=re.MULTILINE)
    tested = [row.name for row in TASK_ANSWERS + PARTIAL + CALL_ERRORS + NO_ANSWER]
    assert named == [*tested, "a slow answer", "nobody listening"]


def test_a_retrieval_task_is_asked_about_by_its_own_query(bench, retrieval):
    bench.api.answers = [http(200, {"data": {"personalDataRetrievalTask": answer()["data"][FIELD]}})]
    [lookup] = bench.look_up(retrieval)
    assert lookup.lookup_state is FOUND
    assert "personalDataRetrievalTask" in bench.api.asked[0].json["query"]
