"""How fast we ask, how often we try again, and when we stop: the manners of the client.

The API is throttled without published numbers, so the pace finds the limit: it starts at a quarter of the configured
rate, grows with every clean answer, halves when throttled, and then settles just below what the server was seen to
accept. The number of questions in flight does the same: it starts at two, grows with clean answers, and halves.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from bwp_client.errors import TerminalRemoteError, TransientRemoteError

_START_SHARE: Final = 0.25
_SLOWEST_SHARE: Final = 1 / 64
_SETTLE_SHARE: Final = 0.97
_PROBE_PER_SECOND: Final = 0.002
_RECOVER_SECONDS: Final = 2.0
_WINDOW_SECONDS: Final = 2.0
_CATCH_UP_SECONDS: Final = 0.5
"""How much of the time that was lost, on a busy machine or while everybody waited, is made up for."""
_FIRST_IN_FLIGHT: Final = 2
MAX_PAUSE_SECONDS: Final = 120.0
_KEPT: Final = "Every answer so far is kept."


class Pacer:
    """Hands out turns to ask, and room for questions in flight.

    Args:
        requests_per_second: The fastest pace allowed.
        concurrency: The most questions in flight at the same time.
        monotonic: Seconds from a clock that never goes back.
        sleep: Waits; only for pauses that the server asked for.
    """

    def __init__(
        self,
        requests_per_second: float,
        *,
        concurrency: int,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.fastest = requests_per_second
        self.rate = requests_per_second * _START_SHARE
        self._ceiling = requests_per_second
        self._probing_since = self._cut_at = self._open_at = monotonic()
        self._monotonic = monotonic
        self._sleep = sleep
        self._clean_at: deque[float] = deque()
        self._gate = asyncio.Lock()
        self.most_in_flight = float(min(_FIRST_IN_FLIGHT, concurrency))
        self._concurrency = concurrency
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._has_cut = False
        self._next_at: float | None = None

    @asynccontextmanager
    async def room(self) -> AsyncIterator[None]:
        """Hold a place among the questions in flight."""
        while self._in_flight >= int(self.most_in_flight):
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                await place
            except asyncio.CancelledError:
                self._call_next()
                raise
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1
            self._call_next()

    def _call_next(self) -> None:
        free = int(self.most_in_flight) - self._in_flight
        while self._waiting and free > 0:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                free -= 1

    async def turn(self) -> float:
        """Wait for the next turn; give the moment it came, which `note_…` wants back."""
        clock = asyncio.get_running_loop().time
        async with self._gate:
            if (pause := self._open_at - self._monotonic()) > 0:
                await self._sleep(pause)
                self._next_at = None
            now = clock()
            next_at = now if self._next_at is None else max(self._next_at, now - _CATCH_UP_SECONDS)
            if next_at > now:
                await asyncio.sleep(next_at - now)
            self._next_at = next_at + 1 / self.rate
        return self._monotonic()

    def note_clean(self) -> None:
        """An answer came: grow."""
        now = self._monotonic()
        self._clean_at.append(now)
        while self._clean_at[0] < now - _WINDOW_SECONDS:
            self._clean_at.popleft()
        if self._ceiling < self.fastest:
            # Limits change: look very slowly for a higher one.
            grown = self._ceiling * (1 + _PROBE_PER_SECOND * (now - self._probing_since))
            self._ceiling = min(self.fastest, grown)
        self._probing_since = now
        cut_before = self._ceiling < self.fastest
        step = self._ceiling / 2 / (_RECOVER_SECONDS * self.rate) if cut_before else 1.0
        self.rate = min(self._ceiling, self.rate + step)
        # Twice as many after each round at first; once it was too much, one more.
        more = 1 / self.most_in_flight if self._has_cut else 1.0
        self.most_in_flight = min(self._concurrency, self.most_in_flight + more)
        self._call_next()

    def note_throttled(self, started_at: float, retry_after_seconds: float | None = None) -> bool:
        """We were throttled: halve, and pause when told how long.

        Returns:
            Whether this counts: calls under way when the pace was last cut say nothing new.
        """
        now = self._monotonic()
        if retry_after_seconds:
            self._open_at = max(self._open_at, now + min(retry_after_seconds, MAX_PAUSE_SECONDS))
        if started_at < self._cut_at:
            return False
        seen = sum(1 for at in self._clean_at if at >= now - _WINDOW_SECONDS) / _WINDOW_SECONDS
        slowest = self.fastest * _SLOWEST_SHARE
        # What the server accepted lately is the best guess at its limit; without it, half of what was tried.
        self._ceiling = max(slowest, min(self.rate, max(seen, self.rate / 2)) * _SETTLE_SHARE)
        self.rate = max(slowest, min(self.rate / 2, self._ceiling))
        self._cut_at = self._probing_since = now
        self.most_in_flight = max(1.0, self.most_in_flight / 2)
        self._has_cut = True
        return True


class RetryBudget:
    """Bounds all retries of a run together, so that a server in trouble is not asked five times as often.

    Args:
        tokens: How many retries may be made before clean answers earn more.
        earned_per_answer: What one clean answer adds.
    """

    def __init__(self, tokens: float = 50.0, earned_per_answer: float = 0.2) -> None:
        self._most = self._tokens = tokens
        self._earned = earned_per_answer

    def take(self) -> bool:
        """Take one retry; False when none is left."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def earn(self) -> None:
        """Count one clean answer."""
        self._tokens = min(self._most, self._tokens + self._earned)


class Patience:
    """Counts bad answers in a row, and ends the run when there are too many.

    Args:
        throttles: How many cuts of the pace in a row end the run.
        faults: How many lookups in a row that ended in a fault, or were not accepted, end it.
    """

    def __init__(self, throttles: int = 10, faults: int = 25) -> None:
        self._most_throttles = throttles
        self._most_faults = faults
        self._throttles = self._faults = self._refusals = 0

    def clean(self) -> None:
        """An answer came: start counting anew."""
        self._throttles = self._faults = self._refusals = 0

    def throttled(self) -> None:
        """Count a cut of the pace.

        Raises:
            TransientRemoteError: There were too many in a row.
        """
        self._throttles += 1
        if self._throttles >= self._most_throttles:
            raise TransientRemoteError(
                f"Buy with Prime asked us to slow down {self._throttles} times in a row, so asking was stopped. "
                f"{_KEPT} Run enrich again in a few minutes, or lower BWP_API__REQUESTS_PER_SECOND."
            )

    def faulted(self, reason: str) -> None:
        """Count a lookup that ended in a fault.

        Raises:
            TransientRemoteError: There were too many in a row.
        """
        self._faults += 1
        if self._faults >= self._most_faults:
            raise TransientRemoteError(
                f"{self._faults} lookups in a row failed, so asking was stopped. The last one: {reason} {_KEPT} "
                "Run enrich again later; `doctor api` says what is wrong."
            )

    def refused(self, reason: str) -> None:
        """Count a question that was not accepted.

        Raises:
            TerminalRemoteError: There were too many in a row.
        """
        self._refusals += 1
        if self._refusals >= self._most_faults:
            raise TerminalRemoteError(
                f"{self._refusals} questions in a row were not accepted, so asking was stopped. {reason} {_KEPT}"
            )
