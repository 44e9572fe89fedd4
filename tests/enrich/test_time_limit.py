"""`--max-minutes`: whatever a run waits for, it ends with its time, stores its answers and leaves the rest to later runs.

Without the limit, each of these runs would go on for minutes.
"""

import json
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from support.asking import START, event
from support.scripted_api import ScriptedApi, http, scripted_api, silence, token, trickle
from support.tables import command

from bwp_client.api import BuyWithPrimeClient
from bwp_client.enrich import EnrichResult
from bwp_client.warehouse import newest_run
from bwp_client.warehouse.claims import commit_claims

pytestmark = pytest.mark.timeout(60)

MINUTES = 0.02
GOOD = http(200, {"data": {"personalDataDeletionTask": {"status": "FAILED", "errors": []}}})
BROKEN = http(500, "")
EXPIRED = token(expires_in=0.001)

WAITS = {
    "an answer that never comes": ([GOOD, silence()], [token()]),
    "an answer that never ends": ([GOOD, trickle()], [token()]),
    "retries of faults": ([GOOD, BROKEN], [token()]),
    "a pause that the API asked for": ([GOOD, http(429, "", retry_after="100")], [token()]),
    "a token that never comes": ([GOOD], [EXPIRED, silence()]),
    "a token that never ends": ([GOOD], [EXPIRED, trickle()]),
    "a pause that the token endpoint asked for": ([GOOD], [EXPIRED, http(503, "", retry_after="100")]),
}


@pytest.fixture
def api() -> Iterator[ScriptedApi]:
    with scripted_api() as api:
        yield api


class FirstAnswer:
    """A clock that stands still until the first answer, however long a busy machine takes for it."""

    def __init__(self) -> None:
        self._at: float | None = None

    def monotonic(self) -> float:
        return 0.0 if self._at is None else time.monotonic() - self._at

    def on_progress(self, _state: object) -> None:
        self._at = self._at or time.monotonic()


def slowest(*arguments, **more):
    """Make a client with the longest pauses between its attempts."""
    return BuyWithPrimeClient(*arguments, **more, jitter=lambda _low, high: high * 100)


@pytest.mark.parametrize("waits_for", WAITS)
def test_a_run_ends_with_its_time_and_stores_its_answers(shop_of, api, waits_for):
    shop = shop_of(*[event(number, "FAILED") for number in range(1, 6)])
    answers, tokens = WAITS[waits_for]
    api.answers, api.tokens = list(answers), list(tokens)
    clock = FirstAnswer()
    result = shop.enrich(
        api.url, concurrency=1, max_minutes=MINUTES, monotonic=clock.monotonic, on_progress=clock.on_progress,
        client_factory=slowest,
    )  # fmt: skip
    assert (result.asked, result.found, result.not_asked) == (1, 1, 4)
    assert shop.query("select lookup_state, count(*) from lookups group by 1") == [("found", 1)]
    run = newest_run(shop.warehouse)
    assert (run.state, run.counts["found"], run.counts["not_asked"]) == ("finished", 1, 4)


def test_a_run_with_many_workers_ends_with_its_time(shop_of, api):
    shop = shop_of(*[event(number, "FAILED") for number in range(1, 31)])
    api.answers, api.tokens = [silence()], [trickle()]
    result = shop.enrich(api.url, concurrency=16, max_minutes=MINUTES)
    assert (result.asked, result.not_asked) == (0, 30)
    assert len(api.token_asked) == 1
    assert shop.query("select count(*) from lookups") == [(0,)]


def test_a_run_waits_for_the_claims_of_other_runs_no_longer_than_its_time(shop_of, api):
    shop = shop_of(event(1, "FAILED"))
    [(task_id, kind)] = shop.query("select task_id, task_kind from outcomes")
    commit_claims(
        shop.warehouse, "other", choose=lambda _: [(task_id, kind)], clock=lambda: START, lease=timedelta(hours=1)
    )
    result = shop.enrich(api.url, max_minutes=MINUTES)
    assert result == EnrichResult(not_asked=1)
    assert api.seen == []


def test_the_command_ends_with_its_time_and_exit_code_0(shop_of, api, tmp_path):
    shop = shop_of(event(1, "FAILED"), event(2, "FAILED"))
    api.answers = [silence()]
    done = command(
        "enrich", "--max-minutes", "0.1", "--json", "--warehouse", shop.warehouse.uri, cwd=tmp_path,
        BWP_API__ENDPOINT=f"{api.url}/graphql",
        BWP_API__TOKEN_ENDPOINT=f"{api.url}/token",
        BWP_API__CREDENTIALS='{"*": {"client_id": "a", "client_secret": "b"}}',
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["asked"], result["failed"], result["not_asked"]) == (0, 0, 2)
    assert api.asked
