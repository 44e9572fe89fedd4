"""A scripted API, and a client for it with the test's own clock and sleep."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stamina
from pydantic import SecretStr

from bwp_client.api import BuyWithPrimeClient, Lookup, TaskRef
from bwp_client.events import TaskKind
from bwp_client.settings import ApiCredential, ApiSettings
from support.scripted_api import ScriptedApi, scripted_api

PRODUCT = "bp-0c7d3a52-6f0e-4c55-9a41-2f6a1f3b8e10"
TASK_ID = "7e1b2c90-5a3d-4f6e-8b1a-0d2c4e6f8a01"


@dataclass
class Time:
    """A clock that moves only by sleeping, or when a test sets it."""

    start: datetime = datetime(2026, 4, 1, 12, tzinfo=UTC)
    elapsed: float = 0.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.elapsed += seconds
        await asyncio.sleep(0)


@dataclass
class Bench:
    """A scripted API with a clock; makes settings and clients for it."""

    api: ScriptedApi
    time: Time

    def settings(self, **more: Any) -> ApiSettings:
        values: dict[str, Any] = {
            "endpoint": f"{self.api.url}/graphql",
            "token_endpoint": f"{self.api.url}/token",
            "credentials": {"*": ApiCredential(client_id="client-1", client_secret=SecretStr("the-secret"))},
            "requests_per_second": 5_000.0,
        }
        return ApiSettings(**(values | more))

    def client(self, settings: ApiSettings | None = None, **more: Any) -> BuyWithPrimeClient:
        seams: dict[str, Any] = {
            "clock": self.time.now,
            "monotonic": self.time.monotonic,
            "sleep": self.time.sleep,
            "jitter": lambda _low, high: high,
            "timeout_seconds": 10.0,
        }
        return BuyWithPrimeClient(settings or self.settings(), **(seams | more))

    def look_up(self, *tasks: TaskRef, attempt: int = 1, **more: Any) -> list[Lookup]:
        """Ask about each task, one after the other, with one client."""

        async def run() -> list[Lookup]:
            async with self.client(**more) as client:
                return [await client.look_up(task, attempt=attempt) for task in tasks]

        return asyncio.run(run())


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Make a scripted API and its client, which retries as often as in production, without waiting."""
    with stamina.set_testing(True, attempts=100, cap=True), scripted_api() as api:
        yield Bench(api, Time())


@pytest.fixture
def task() -> TaskRef:
    return TaskRef(TaskKind.DELETION, TASK_ID, PRODUCT)


@pytest.fixture
def retrieval() -> TaskRef:
    return TaskRef(TaskKind.RETRIEVAL, TASK_ID, PRODUCT)


TaskMaker = Callable[[int], TaskRef]


@pytest.fixture
def nth_task() -> TaskMaker:
    return lambda n: TaskRef(TaskKind.DELETION, f"{n:08x}-0000-4000-8000-000000000000", PRODUCT)
