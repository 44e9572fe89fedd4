import asyncio
import gzip

import pytest
from support.scripted_api import drop, endless, http, silence, token, trickle

from bwp_client.api import LookupState
from bwp_client.api.auth import AccessToken, TokenCache, TokenUnavailableError
from bwp_client.api.known_secrets import KnownSecrets
from bwp_client.api.transport import ApiTransport
from bwp_client.errors import SettingsError

FIELD = "personalDataDeletionTask"
GOOD = http(200, {"data": {FIELD: {"status": "FAILED", "errors": []}}})
DENIED_IN_BODY = http(
    200,
    {
        "errors": [{"message": "x", "extensions": {"classification": {"type": "AccessDeniedError", "errorCode": 403}}}],
        "data": None,
    },
)
EXPIRED = {
    "as 401": http(401, {"message": "Unauthorized"}),
    "as 401 with HTML": http(401, "<html>no</html>"),
    "as 200 with AccessDenied and data null": DENIED_IN_BODY,
    "as 200 with AccessDenied and field null": http(
        200,
        {
            "errors": [{"message": "x", "extensions": {"classification": {"type": "AccessDeniedError"}}}],
            "data": {FIELD: None},
        },
    ),
}


def test_a_token_is_asked_for_with_the_credential_in_a_form(bench, task):
    bench.api.answers = [GOOD]
    bench.look_up(task)
    [asked] = bench.api.token_asked
    assert asked.form == {"grant_type": "client_credentials", "client_id": "client-1", "client_secret": "the-secret"}
    assert asked.headers["content-type"].startswith("application/x-www-form-urlencoded")
    assert "authorization" not in asked.headers


@pytest.mark.parametrize("expired", EXPIRED.values(), ids=EXPIRED)
def test_an_expired_token_is_renewed_once_and_the_task_is_answered(bench, task, nth_task, expired):
    bench.api.answers = [GOOD]
    bench.api.tokens = [token("t-1"), token("t-2")]

    async def run():
        async with bench.client() as client:
            first = await client.look_up(task)
            bench.time.elapsed += 300
            bench.api.by_token["t-1"] = expired
            rest = await asyncio.gather(*[client.look_up(nth_task(n)) for n in range(8)])
            return [first, *rest]

    lookups = asyncio.run(run())
    assert {lookup.lookup_state for lookup in lookups} == {LookupState.FOUND}
    assert len(bench.api.token_asked) == 2
    assert bench.time.slept == []


@pytest.mark.parametrize("expired", EXPIRED.values(), ids=EXPIRED)
def test_a_new_token_that_is_denied_is_not_renewed(bench, task, expired):
    bench.api.answers = [expired]
    [lookup] = bench.look_up(task)
    assert lookup.lookup_state is LookupState.DENIED
    assert len(bench.api.token_asked) == 1
    assert len(bench.api.asked) == 1


def test_a_denial_despite_a_new_token_is_final_and_not_tried_for_each_task(bench, task, nth_task):
    bench.api.answers = [GOOD]

    async def run():
        async with bench.client() as client:
            await client.look_up(task)
            bench.api.answers = [DENIED_IN_BODY]
            lookups = []
            for n in range(30):
                bench.time.elapsed += 60
                lookups.append(await client.look_up(nth_task(n)))
            return lookups

    lookups = asyncio.run(run())
    assert {lookup.lookup_state for lookup in lookups} == {LookupState.DENIED}
    assert len({lookup.reason for lookup in lookups}) == 1
    # The first, one renewal, and one for each quarter of an hour that passed.
    assert len(bench.api.token_asked) <= 2 + 30 * 60 // 885
    # After ten denials in a row the product is left alone; tasks that were not sent don't count as asked.
    assert len(bench.api.asked) == 1 + 1 + 10
    assert [lookup.attempt for lookup in lookups] == [1] * 10 + [0] * 20


@pytest.mark.parametrize(
    ("more", "life"),
    [
        ({}, 900),
        ({"expires_in": 60}, 60),
        ({"expires_in": 2}, 2),
        ({"expires_in": "120"}, 120),
        ({"expires_in": None}, 900),
        ({"expires_in": "soon"}, 900),
        ({"expires_in": -5}, 900),
        ({"expires_in": "nan"}, 900),
    ],
    ids=str,
)
def test_a_token_is_used_for_its_life_and_renewed_shortly_before(bench, task, nth_task, more, life):
    bench.api.answers = [GOOD]
    body = {"access_token": "t", "token_type": "Bearer"} | more
    bench.api.tokens = [http(200, body)]

    async def run():
        async with bench.client() as client:
            await client.look_up(task)
            bench.time.elapsed += life - min(15, life * 0.1) - 0.01
            await client.look_up(nth_task(1))
            before = len(bench.api.token_asked)
            bench.time.elapsed += 0.02
            await asyncio.gather(*[client.look_up(nth_task(n)) for n in range(2, 8)])
            return before, len(bench.api.token_asked), client.token_calls

    assert asyncio.run(run()) == (1, 2, 2)


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (http(401, {"error": "invalid_client", "error_description": "for jane@example.com"}), "invalid_client"),
        (http(400, {"error": "unauthorized_client"}), "unauthorized_client"),
        (http(403, {"error": "access_denied"}), "access_denied"),
        (http(200, {"error": "invalid_client"}), "invalid_client"),
    ],
    ids=["invalid_client", "unauthorized_client", "access_denied", "invalid_client in 200"],
)
def test_a_refused_credential_denies_its_tasks_without_asking_again(bench, task, nth_task, answer, named):
    bench.api.tokens = [answer]
    lookups = bench.look_up(task, nth_task(1), nth_task(2))
    assert {lookup.lookup_state for lookup in lookups} == {LookupState.DENIED}
    assert {lookup.attempt for lookup in lookups} == {0}
    [reason] = {lookup.reason for lookup in lookups}
    assert f"({named})" in reason
    assert "BWP_API__CREDENTIALS" in reason
    assert "jane" not in reason
    assert len(bench.api.token_asked) == 1
    assert bench.api.asked == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (http(429, {"error": "slow"}), "The token endpoint asked us to slow down."),
        (http(500, "<html>no</html>"), "The token endpoint answered HTTP 500"),
        (http(503, {"error": "x"}), "The token endpoint answered HTTP 503"),
        (http(200, "<html>log in</html>"), "The token endpoint answered HTTP 200 and no token"),
        (http(302, "", location="/login"), "The token endpoint answered HTTP 302 and no token"),
        (http(200, {"token": "?"}), "The token endpoint answered without a token."),
        (http(200, {"access_token": "two words"}), "The token endpoint answered without a token."),
        (http(200, {"access_token": 7}), "The token endpoint answered without a token."),
        (http(400, {"error": "temporarily_unavailable"}), "The token endpoint answered temporarily_unavailable."),
        (http(401, {"message": "Unauthorized"}), "The token endpoint answered HTTP 401 without an OAuth error"),
        (http(403, "<html>no</html>"), "The token endpoint answered HTTP 403 without an OAuth error"),
        (
            http(403, {"status": 403, "error": "Forbidden"}),
            "The token endpoint answered HTTP 403 without an OAuth error",
        ),
        (http(400, {"error": "secret-looking 42"}), "The token endpoint answered HTTP 400 without an OAuth error"),
        (http(400, ""), "The token endpoint answered HTTP 400 without an OAuth error"),
        (drop(), "The token endpoint could not be reached"),
        (endless(), "The token endpoint answered with more than 1,024 KiB"),
        (
            http(200, gzip.compress(b" " * (2 << 20)), content_encoding="gzip"),
            "The token endpoint answered with more than 1,024 KiB",
        ),
        (http(200, b"{}", content_encoding="br"), "The token endpoint's answer was compressed in a form"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_failing_token_endpoint_is_asked_again_later(bench, task, answer, reason):
    bench.api.tokens = [answer]
    [lookup] = bench.look_up(task)
    assert lookup.lookup_state is LookupState.FAILED
    assert lookup.reason.startswith(reason)
    assert lookup.next_attempt_at is not None
    assert len(bench.api.token_asked) == 5
    assert bench.api.asked == []


@pytest.mark.parametrize("answer", [http(500, ""), http(403, "<html>no</html>")], ids=["500", "403 HTML"])
def test_a_token_endpoint_that_recovers_is_used(bench, task, answer):
    bench.api.answers = [GOOD]
    bench.api.tokens = [answer, token()]
    [lookup] = bench.look_up(task)
    assert lookup.lookup_state is LookupState.FOUND


@pytest.mark.parametrize(
    "answer",
    [
        http(201, {"access_token": "t-1"}),
        http(200, {"access_token": " t-1\n"}),
        http(200, gzip.compress(b'{"access_token": "t-1"}'), content_encoding="gzip"),
    ],
    ids=["HTTP 201", "white space around the token", "gzip"],
)
def test_an_odd_but_usable_token_answer_is_used(bench, task, answer):
    bench.api.answers = [GOOD]
    bench.api.tokens = [answer]
    [lookup] = bench.look_up(task)
    assert lookup.lookup_state is LookupState.FOUND
    assert [asked.bearer for asked in bench.api.asked] == ["t-1"]
    assert len(bench.api.token_asked) == 1


@pytest.mark.timeout(60)
@pytest.mark.parametrize("answer", [trickle(), silence()], ids=["a byte now and then", "nothing"])
def test_a_token_endpoint_that_never_ends_its_answer_is_given_up(bench, task, answer):
    bench.api.tokens = [answer]
    [lookup] = bench.look_up(task, timeout_seconds=0.1)
    assert lookup.lookup_state is LookupState.FAILED
    assert lookup.reason.startswith("The token endpoint did not answer in time.")
    assert 2 <= len(bench.api.token_asked) <= 5  # a busy machine may not even connect in a tenth of a second


def test_calls_that_waited_for_a_failed_token_call_share_its_failure(bench):
    bench.api.tokens = [http(500, ""), token()]
    settings = bench.settings()

    async def run():
        async with ApiTransport(settings, http_transport=None, timeout_seconds=10.0) as transport:
            cache = TokenCache(
                transport, settings.token_endpoint, secrets=KnownSecrets(), monotonic=bench.time.monotonic
            )
            calls = [cache.current(settings.credentials["*"]) for _ in range(16)]
            failures = await asyncio.gather(*calls, return_exceptions=True)
            return failures, await cache.current(settings.credentials["*"])

    failures, later = asyncio.run(run())
    assert {type(failure) for failure in failures} == {TokenUnavailableError}
    assert later.value == "t-1"
    assert len(bench.api.token_asked) == 2


def test_a_token_endpoint_that_is_no_web_address_is_a_wrong_setting(bench, task):
    for address in (
        "ftp://127.0.0.1/token",
        "127.0.0.1/token",
        "http://127.0.0.1:999999/token",
        "http://[",
        "http:///x",
        "http://xn--/token",
    ):
        with pytest.raises(SettingsError, match="BWP_API__TOKEN_ENDPOINT"):
            bench.look_up(task, settings=bench.settings(token_endpoint=address))


def test_a_token_is_not_shown():
    assert "s3cr3t" not in repr(AccessToken("s3cr3t", 0, 0))


def test_denials_of_listed_tasks_do_not_silence_their_product(bench, nth_task):
    bench.api.answers = [DENIED_IN_BODY]

    async def run():
        async with bench.client() as client:
            for n in range(15):
                await client.look_up(nth_task(n), is_own=False)
            bench.api.answers = [GOOD]
            return await client.look_up(nth_task(99), is_own=False), await client.look_up(nth_task(100)), client.skipped

    listed, own, skipped = asyncio.run(run())
    assert (listed.lookup_state, own.lookup_state, skipped) == (LookupState.FOUND, LookupState.FOUND, {})


def test_a_product_that_was_left_alone_is_asked_again_now_and_then(bench, nth_task):
    bench.api.answers = [DENIED_IN_BODY]

    async def run():
        async with bench.client() as client:
            for n in range(30):
                await client.look_up(nth_task(n))
            skipped = dict(client.skipped)
            bench.api.answers = [GOOD]
            later = [await client.look_up(nth_task(100 + n)) for n in range(10)]
            return skipped, [lookup.lookup_state for lookup in later]

    skipped, states = asyncio.run(run())
    assert list(skipped.values()) == [20]
    assert states == [LookupState.DENIED] * 5 + [LookupState.FOUND] * 5
