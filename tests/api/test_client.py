import asyncio
import logging
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from pydantic import SecretStr
from support.scripted_api import http, token

from bwp_client.api import LookupState, TaskRef, pause_after
from bwp_client.api.queries import document
from bwp_client.api.transport import retry_after_seconds
from bwp_client.errors import SettingsError, TerminalRemoteError, TransientRemoteError
from bwp_client.events import TaskKind
from bwp_client.settings import ApiCredential

FIELD = "personalDataDeletionTask"
GOOD = http(200, {"data": {FIELD: {"status": "FAILED", "errors": []}}})
BROKEN = http(500, "")


def throttled(status: int = 429, **headers: str):
    error = {"message": "x", "extensions": {"classification": {"type": "ThrottlingError"}}}
    return http(status, {"errors": [error], "data": {FIELD: None}}, **headers)


def test_a_call_has_the_documented_headers_and_one_variable(bench, task):
    bench.api.answers = [GOOD]
    bench.look_up(task)
    [asked] = bench.api.asked
    assert asked.headers["authorization"] == "Bearer t-1"
    assert asked.headers["x-api-target-id"] == task.business_product_id
    assert asked.headers["x-api-version"] == "2024-11-01"
    assert asked.headers["content-type"] == "application/json"
    assert asked.json["variables"] == {"taskId": task.task_id}
    assert asked.json["query"].split() == document(TaskKind.DELETION).split()
    assert set(asked.json) <= {"query", "variables", "operationName"}


def test_each_business_product_uses_its_own_credential(bench, task):
    bench.api.answers = [GOOD]
    credentials = {
        task.business_product_id: ApiCredential(client_id="own", client_secret=SecretStr("s")),
        "*": ApiCredential(client_id="any", client_secret=SecretStr("s")),
    }
    other = TaskRef(TaskKind.DELETION, task.task_id, "bp-other")
    bench.look_up(task, other, settings=bench.settings(credentials=credentials))
    assert [asked.form["client_id"] for asked in bench.api.token_asked] == ["own", "any"]


def test_without_a_credential_nothing_is_asked(bench, task):
    [lookup] = bench.look_up(task, settings=bench.settings(credentials={}))
    assert (lookup.lookup_state, lookup.attempt, lookup.next_attempt_at) == (LookupState.DENIED, 0, None)
    assert "BWP_API__CREDENTIALS" in lookup.reason
    assert bench.api.seen == []


@pytest.mark.parametrize("product", ["", "bp 1", "bp-1\r\nx-evil: 1", "bp-ä", "b" * 201])
def test_a_business_product_that_no_header_can_carry_is_not_sent(bench, product):
    [lookup] = bench.look_up(TaskRef(TaskKind.DELETION, "x", product))
    assert (lookup.lookup_state, lookup.next_attempt_at) == (LookupState.FAILED, None)
    assert bench.api.seen == []


def test_retries_are_spread_by_full_jitter_up_to_a_doubling_bound(bench, task):
    bench.api.answers = [BROKEN]
    bounds = []

    def jitter(low: float, high: float) -> float:
        bounds.append((low, high))
        return 0.0

    bench.look_up(task, jitter=jitter)
    assert bounds == [(0, 0.5), (0, 1.0), (0, 2.0), (0, 4.0)]


@pytest.mark.parametrize("status", [200, 429])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(bench, task, status, form):
    value = "70" if form == "seconds" else format_datetime(datetime.now(UTC) + timedelta(seconds=70), usegmt=True)
    bench.api.answers = [throttled(status, retry_after=value), GOOD]
    [lookup] = bench.look_up(task)
    assert lookup.lookup_state is LookupState.FOUND
    assert sum(bench.time.slept) == pytest.approx(70, abs=0 if form == "seconds" else 30)


@pytest.mark.parametrize("status", [200, 429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
@pytest.mark.parametrize("endpoint", ["API", "token endpoint"])
def test_a_longer_retry_after_than_a_run_waits_ends_the_run_at_once_and_says_until_when(
    bench, nth_task, status, form, endpoint
):
    bench.time.start = datetime.now(UTC)
    until = bench.time.start + timedelta(hours=2)
    value = "7200" if form == "seconds" else format_datetime(until, usegmt=True)
    answer = throttled(status, retry_after=value) if status < 500 else http(503, "", retry_after=value)
    if endpoint == "API":
        bench.api.answers = [answer]
    elif status == 200:
        bench.api.tokens = [http(400, {"error": "slow_down"}, retry_after=value)]
    else:
        bench.api.tokens = [answer]
    with pytest.raises(TransientRemoteError, match=r"no call before .*stored.*Run enrich again after") as raised:
        bench.look_up(*[nth_task(n) for n in range(20)])
    [named] = re.findall(r"no call before (.*?) UTC", str(raised.value))
    assert abs(datetime.fromisoformat(f"{named}+00:00") - until) < timedelta(minutes=2)
    assert len(bench.api.asked if endpoint == "API" else bench.api.token_asked) == 1
    assert bench.time.slept == []


def test_every_call_waits_while_a_faulty_server_asks_for_a_pause(bench, nth_task):
    bench.api.answers = [http(503, "", retry_after="70"), GOOD]
    lookups = bench.look_up(*[nth_task(n) for n in range(3)])
    assert {lookup.lookup_state for lookup in lookups} == {LookupState.FOUND}
    assert bench.time.slept == [70]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        (" 3 ", 3.0),
        ("1.5", None),
        ("Wed, 01 Apr 2026 11:00:00 GMT", 0.0),
        ("Wed, 01 Apr 2126 11:00:00 GMT", 86_400.0),
        ("Wed, 01 Apr 99999 11:00:00 GMT", None),
        ("9" * 400, 86_400.0),
        ("9" * 5_000, None),
    ],
)
def test_retry_after_is_read_in_both_forms(text, seconds):
    headers = httpx.Headers({} if text is None else {"retry-after": text})
    assert retry_after_seconds(headers) == seconds


def test_throttled_calls_in_a_row_end_the_run_and_say_what_to_do(bench, nth_task):
    bench.api.answers = [throttled()]
    with pytest.raises(TransientRemoteError, match=r"10 times in a row.*stored.*BWP_API__REQUESTS_PER_SECOND"):
        bench.look_up(*[nth_task(n) for n in range(20)])
    assert len(bench.api.asked) == 10


def test_throttled_calls_between_answers_don_t_end_the_run(bench, nth_task):
    bench.api.answers = [throttled(), GOOD] * 15 + [GOOD]
    lookups = bench.look_up(*[nth_task(n) for n in range(15)])
    assert {lookup.lookup_state for lookup in lookups} == {LookupState.FOUND}


def test_faults_in_a_row_end_the_run_within_the_retry_budget(bench, nth_task):
    bench.api.answers = [BROKEN]
    with pytest.raises(TransientRemoteError, match=r"25 lookups in a row failed.*fault on its side\. Every answer"):
        bench.look_up(*[nth_task(n) for n in range(60)])
    assert len(bench.api.asked) == 25 + 50


def test_rejected_queries_in_a_row_end_the_run_for_good(bench, nth_task):
    bench.api.answers = [http(400, {"message": "unknown version"})]
    with pytest.raises(TerminalRemoteError, match="BWP_API__VERSION"):
        bench.look_up(*[nth_task(n) for n in range(60)])
    assert len(bench.api.asked) == 25


def test_pauses_grow_from_a_minute_to_a_day():
    assert [pause_after(n) for n in (0, 1, 2, 3)] == [timedelta(minutes=m) for m in (1, 1, 2, 4)]
    assert pause_after(11) == timedelta(minutes=1024)
    assert pause_after(12) == pause_after(10**6) == timedelta(hours=24)


def test_the_pause_grows_with_the_attempt(bench, task):
    bench.api.answers = [BROKEN]
    [lookup] = bench.look_up(task, attempt=4)
    assert lookup.attempt == 4
    assert lookup.next_attempt_at == bench.time.now() + timedelta(minutes=8)


def test_concurrent_calls_share_one_token(bench, nth_task):
    bench.api.answers = [GOOD]

    async def run():
        async with bench.client(bench.settings(concurrency=16)) as client:
            return await asyncio.gather(*[client.look_up(nth_task(n)) for n in range(64)])

    lookups = asyncio.run(run())
    assert {lookup.lookup_state for lookup in lookups} == {LookupState.FOUND}
    assert [lookup.task_id for lookup in lookups] == [nth_task(n).task_id for n in range(64)]
    assert len(bench.api.token_asked) == 1


def test_logs_and_reprs_show_no_secret_and_no_answer(bench, task, caplog):
    caplog.set_level(logging.DEBUG)
    bench.api.tokens = [token("tok-canary")]
    error = {"code": "ORDERS_NOT_CLOSED", "message": "shopper canary@example.com has orders"}
    bench.api.answers = [http(200, {"data": {FIELD: {"status": "FAILED", "errors": [error]}}})]

    async def run():
        async with bench.client() as client:
            return await client.look_up(task), repr(client), repr(client._settings)

    output = repr(asyncio.run(run())) + caplog.text
    for secret in ("canary", "the-secret"):
        assert secret not in output


def test_a_proxy_in_the_environment_is_not_used_for_this_machine(bench, task, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    bench.api.answers = [GOOD]
    [lookup] = bench.look_up(task)
    assert lookup.lookup_state is LookupState.FOUND


@pytest.mark.parametrize(
    "endpoint", ["ftp://127.0.0.1/graphql", "127.0.0.1/graphql", "http://127.0.0.1:999999/graphql", "http://["]
)
def test_an_endpoint_that_is_no_web_address_is_a_wrong_setting(bench, task, endpoint):
    with pytest.raises(SettingsError, match="BWP_API__ENDPOINT"):
        bench.look_up(task, settings=bench.settings(endpoint=endpoint))
