"""An address at which nothing listens ends a run soon, with the cause."""

import asyncio
import time

import httpx
import pytest
from support.asking import event
from support.ports import free_port
from support.scripted_api import http

from bwp_client.api import BuyWithPrimeClient, LookupState
from bwp_client.cli.enrich import progress_text
from bwp_client.errors import TransientRemoteError

GOOD = http(200, {"data": {"personalDataDeletionTask": {"status": "FAILED", "errors": []}}})


def hasty(*arguments, **more):
    """Make a client on whose clock time passes four times as fast."""
    return BuyWithPrimeClient(*arguments, **more, monotonic=lambda: 4 * time.monotonic())


def test_a_run_that_never_makes_a_connection_ends_soon_and_says_so_meanwhile(shop_of):
    shop = shop_of(*(event(number, "FAILED") for number in range(40)))
    with pytest.raises(TransientRemoteError) as stopped:
        shop.enrich(f"http://127.0.0.1:{free_port()}", client_factory=hasty)
    assert "could not be reached" in str(stopped.value)
    assert "doctor api" in str(stopped.value)
    assert " tasks are left to ask about" in str(stopped.value)
    assert shop.query("select count(*) from lookups where lookup_state = 'found'") == [(0,)]
    assert any("can't be reached, trying again" in progress_text(state) for state in shop.progress)


def test_a_dead_endpoint_beside_a_working_token_endpoint_ends_the_run_too(bench, nth_task):
    settings = bench.settings(endpoint=f"http://127.0.0.1:{free_port()}/graphql")

    async def run():
        async with bench.client(settings) as client:
            for n in range(20):
                bench.time.elapsed += 5
                await client.look_up(nth_task(n))

    with pytest.raises(TransientRemoteError, match="could not be reached: check the network and BWP_API__ENDPOINT"):
        asyncio.run(run())
    assert bench.time.elapsed <= 20


def test_a_run_that_made_a_connection_goes_on(bench, nth_task):
    bench.api.answers = [GOOD]

    async def run():
        async with bench.client() as client:
            await client.look_up(nth_task(0))
            client._transport._gql_transport.url = f"http://127.0.0.1:{free_port()}/graphql"
            bench.time.elapsed += 60
            return [await client.look_up(nth_task(n)) for n in range(1, 4)]

    assert {lookup.lookup_state for lookup in asyncio.run(run())} == {LookupState.FAILED}


@pytest.mark.parametrize("path", ["/token", "/graphql"])
def test_a_host_that_answers_no_connection_is_unreachable_too(bench, nth_task, path):
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == path:
            raise httpx.ConnectTimeout("no answer", request=request)
        return httpx.Response(200, json={"access_token": "t-1", "expires_in": 900})

    async def run():
        async with bench.client(http_transport=httpx.MockTransport(answer)) as client:
            for n in range(20):
                bench.time.elapsed += 10
                await client.look_up(nth_task(n))

    with pytest.raises(TransientRemoteError, match="could not be reached"):
        asyncio.run(run())
    assert bench.time.elapsed <= 30
