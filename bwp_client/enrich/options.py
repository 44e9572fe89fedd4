"""The options of a run of `enrich`, the length of its claims, and the seams: the parts of a run that a test may replace."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from bwp_client.api import BuyWithPrimeClient


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class EnrichOptions:
    """The tasks that a run asks about, and the way in which it stores the answers.

    Attributes:
        limit: The most tasks to ask about; None for all.
        max_minutes: The time after which the run ends; answers that have arrived by then are stored. None for no limit.
        completed: Whether to ask about completed tasks too, for their submission dates.
        retry_failed: Whether to ask again where an earlier lookup ended for good without an answer.
        tasks: The IDs of the only tasks to ask about, even before their next attempt is due; tasks that were found are left
            out. Empty for all tasks.
        lease: The time for which a claim holds without being renewed.
        batch_answers: The most answers stored by one commit.
    """

    limit: int | None = None
    max_minutes: float | None = None
    completed: bool = False
    retry_failed: bool = False
    tasks: tuple[str, ...] = ()
    lease: timedelta = timedelta(seconds=60)
    batch_answers: int = 500


@dataclass(frozen=True, slots=True)
class Seams:
    """The parts of a run that a test may replace.

    Attributes:
        clock: Returns the time now, in UTC; other runs compare it with their own.
        monotonic: Returns seconds from a clock that never goes back.
        sleep: Waits between two looks at the claims of other runs, and between two renewals of this run's claims.
        client_factory: Makes the API client from the API's settings and `clock`.
    """

    clock: Callable[[], datetime] = _utc_now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    client_factory: Callable[..., BuyWithPrimeClient] = BuyWithPrimeClient


DEFAULT_OPTIONS: Final = EnrichOptions()
DEFAULT_SEAMS: Final = Seams()
