"""The adaptive rate limit: how many calls a second, and how many at the same time.

The API is throttled and its limit is not published, so the pacer searches for it: the rate starts at a quarter of the
configured rate, grows with each successful answer, halves after a throttled answer, and then settles just below the rate that
the server was seen to accept. The number of calls in flight behaves the same way: it starts at two, grows, and halves.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from anyio import CapacityLimiter

_START_SHARE: Final = 0.25
_MIN_SHARE: Final = 1 / 64
_SETTLE_SHARE: Final = 0.97
_PROBE_PER_SECOND: Final = 0.002
_RECOVER_SECONDS: Final = 2.0
_WINDOW_SECONDS: Final = 2.0
_CATCH_UP_SECONDS: Final = 0.5
"""When calls fell behind on a busy machine, at most the calls of this much time are sent at once to catch up."""
_INITIAL_IN_FLIGHT: Final = 2


class Pacer:
    """Spaces calls by the current rate and bounds the calls in flight.

    Args:
        requests_per_second: The highest rate allowed, in calls a second.
        concurrency: The most calls in flight at the same time.
        monotonic: Returns seconds from a clock that never goes back.
        sleep: Waits; used only for pauses that the server asked for.
    """

    def __init__(
        self,
        requests_per_second: float,
        *,
        concurrency: int,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.max_rate = requests_per_second
        self.rate = requests_per_second * _START_SHARE
        self._ceiling = requests_per_second
        self._probing_since = self._reduced_at = self._paused_until = monotonic()
        self._monotonic = monotonic
        self._sleep = sleep
        self._success_at: deque[float] = deque()
        self._turn_lock = asyncio.Lock()
        self._concurrency = concurrency
        # A float, because it grows by fractions; the limiter's tokens are its whole part.
        self._max_in_flight = float(min(_INITIAL_IN_FLIGHT, concurrency))
        self._limiter = CapacityLimiter(int(self._max_in_flight))
        self._was_reduced = False
        self._next_at: float | None = None

    @property
    def slot(self) -> CapacityLimiter:
        """A slot among the calls in flight, held with `async with`."""
        return self._limiter

    @property
    def max_in_flight(self) -> float:
        """The number of calls that may be in flight at present."""
        return self._max_in_flight

    @max_in_flight.setter
    def max_in_flight(self, calls: float) -> None:
        self._max_in_flight = calls
        self._limiter.total_tokens = int(calls)

    async def wait_turn(self) -> float:
        """Wait for the next turn and return its time on the monotonic clock, which `on_throttled` needs."""
        clock = asyncio.get_running_loop().time
        async with self._turn_lock:
            if (pause := self._paused_until - self._monotonic()) > 0:
                await self._sleep(pause)
                self._next_at = None
            now = clock()
            next_at = now if self._next_at is None else max(self._next_at, now - _CATCH_UP_SECONDS)
            if next_at > now:
                await asyncio.sleep(next_at - now)
            self._next_at = next_at + 1 / self.rate
        return self._monotonic()

    def on_success(self) -> None:
        """Raise the rate and the concurrency after a successful answer."""
        now = self._monotonic()
        self._success_at.append(now)
        while self._success_at[0] < now - _WINDOW_SECONDS:
            self._success_at.popleft()
        if self._ceiling < self.max_rate:
            # The server's limit may have risen: raise the ceiling, very slowly.
            grown = self._ceiling * (1 + _PROBE_PER_SECOND * (now - self._probing_since))
            self._ceiling = min(self.max_rate, grown)
        self._probing_since = now
        is_limited = self._ceiling < self.max_rate
        step = self._ceiling / 2 / (_RECOVER_SECONDS * self.rate) if is_limited else 1.0
        self.rate = min(self._ceiling, self.rate + step)
        # Slow start: doubled by each round of answers; after the first reduction, one more call by each round.
        increment = 1 / self.max_in_flight if self._was_reduced else 1.0
        self.max_in_flight = min(self._concurrency, self.max_in_flight + increment)

    def pause(self, seconds: float) -> None:
        """Start no call for some seconds, because the server asked for this pause."""
        self._paused_until = max(self._paused_until, self._monotonic() + seconds)

    def on_throttled(self, started_at: float) -> bool:
        """Halve the rate and the concurrency after a throttled answer.

        Args:
            started_at: When the call started, as `wait_turn` returned it.

        Returns:
            False when the call started before the last reduction, which already accounts for it.
        """
        now = self._monotonic()
        if started_at < self._reduced_at:
            return False
        accepted_rate = sum(1 for at in self._success_at if at >= now - _WINDOW_SECONDS) / _WINDOW_SECONDS
        min_rate = self.max_rate * _MIN_SHARE
        # The rate accepted lately is the best estimate of the server's limit; without answers, half of the rate tried.
        self._ceiling = max(min_rate, min(self.rate, max(accepted_rate, self.rate / 2)) * _SETTLE_SHARE)
        self.rate = max(min_rate, min(self.rate / 2, self._ceiling))
        self._reduced_at = self._probing_since = now
        self.max_in_flight = max(1.0, self.max_in_flight / 2)
        self._was_reduced = True
        return True
