"""The wire where a question is given up half way, as happens when a run's claims run out while the machine is busy."""

import asyncio

from support.sandbox import running_sandbox

from bwp_client.api.reply import Trouble
from bwp_client.api.transport import Wire
from bwp_client.events import TaskKind
from bwp_client.sandbox.api.behaviour import Behaviour
from bwp_client.settings import ApiSettings, Settings

TICKS = 60
"""A question on a fresh connection takes fewer turns of the event loop than this until its request is out."""


async def _ask(wire: Wire) -> Trouble | None:
    reply = await wire.ask(TaskKind.DELETION, "task-1", target_id="bp-1", token="no token")
    return reply.trouble


async def _give_up_and_ask_again(api: ApiSettings, ticks: int) -> Trouble | None:
    wire = Wire(api, http_transport=None, timeout_seconds=1.0)
    await wire.open()
    try:
        question = asyncio.create_task(_ask(wire))
        for _ in range(ticks):
            await asyncio.sleep(0)
        question.cancel()
        await asyncio.gather(question, return_exceptions=True)
        return await _ask(wire)
    finally:
        await wire.close()


def test_a_question_given_up_at_any_moment_does_not_block_the_next_one() -> None:
    with running_sandbox(Behaviour(latency_ms=5)) as sandbox:
        own = {"endpoint": f"{sandbox.url}/graphql", "token_endpoint": f"{sandbox.url}/token"}
        api = Settings(api={**own, "credentials": {"*": {"client_id": "a", "client_secret": "b"}}}).api  # type: ignore[arg-type]

        async def all_moments() -> list[int]:
            troubles = [await _give_up_and_ask_again(api, ticks) for ticks in range(TICKS)]
            return [ticks for ticks, trouble in enumerate(troubles) if trouble is Trouble.SLOW]

        assert asyncio.run(all_moments()) == []
