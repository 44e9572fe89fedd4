"""The transport when a call is cancelled half-way, as happens when a run's claims expire on a busy machine."""

import asyncio

from support.sandbox import running_sandbox

from bwp_client.api.response import ResponseFault
from bwp_client.api.transport import ApiTransport
from bwp_client.events import TaskKind
from bwp_client.sandbox.api.behaviour import Behaviour
from bwp_client.settings import ApiSettings, Settings

TICKS = 60
"""On a fresh connection, the request of a call is sent within fewer turns of the event loop than this."""


async def _ask(transport: ApiTransport) -> ResponseFault | None:
    response = await transport.ask(TaskKind.DELETION, "task-1", target_id="bp-1", token="no token")
    return response.fault


async def _cancel_and_ask_again(api: ApiSettings, ticks: int) -> ResponseFault | None:
    async with ApiTransport(api, http_transport=None, timeout_seconds=1.0) as transport:
        call = asyncio.create_task(_ask(transport))
        for _ in range(ticks):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        return await _ask(transport)


def test_a_call_cancelled_at_any_moment_does_not_block_the_next_one() -> None:
    with running_sandbox(Behaviour(latency_ms=5)) as sandbox:
        own = {"endpoint": f"{sandbox.url}/graphql", "token_endpoint": f"{sandbox.url}/token", "concurrency": 1}
        api = Settings(api={**own, "credentials": {"*": {"client_id": "a", "client_secret": "b"}}}).api  # type: ignore[arg-type]

        async def all_moments() -> list[int]:
            faults = [await _cancel_and_ask_again(api, ticks) for ticks in range(TICKS)]
            return [ticks for ticks, fault in enumerate(faults) if fault is ResponseFault.SLOW]

        assert asyncio.run(all_moments()) == []
