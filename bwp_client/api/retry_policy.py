"""Decides when an API call is retried, and when a run stops calling."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import stamina.instrumentation

from bwp_client.api.classify import AGAIN, AnswerKind, Classification
from bwp_client.errors import TerminalRemoteError, TransientRemoteError

MAX_ATTEMPTS: Final = 5
MIN_BACKOFF_SECONDS: Final = 0.5
MAX_BACKOFF_SECONDS: Final = 30.0
MAX_PAUSE_SECONDS: Final = 120.0
"""The longest pause that a run waits when the server asks for it by `Retry-After`; a longer pause ends the run."""
MAX_SECONDS_WITHOUT_CONNECTION: Final = 12.0
"""The time after which a run ends whose calls have never made a connection, such as one with a wrong address."""
_STORED: Final = "Every answer so far is stored."

# By default stamina logs each retry as a warning. Retries are counted in the run's row and shown as progress instead.
stamina.instrumentation.set_on_retry_hooks([])


class RetryableAnswerError(Exception):
    """An answer after which the same call may succeed.

    Args:
        classification: The classified answer.
        attempt: The number of the attempt, from 1.
    """

    def __init__(self, classification: Classification, attempt: int) -> None:
        super().__init__(classification.reason)
        self.classification = classification
        self.attempt = attempt


class RetryBudget:
    """Bounds the retries of a whole run, so that a failing server does not get five times the calls.

    Args:
        tokens: The number of retries before answered calls earn more.
        earned_per_answer: The number of retries that one answered call earns.
    """

    def __init__(self, tokens: float = 50.0, earned_per_answer: float = 0.2) -> None:
        self._max_tokens = self._tokens = tokens
        self._earned = earned_per_answer

    def take(self) -> bool:
        """Take one retry; return False when none is left."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def earn(self) -> None:
        """Count one answered call."""
        self._tokens = min(self._max_tokens, self._tokens + self._earned)


class RetryPolicy:
    """Decides about the retries of one run; `backoff` is a backoff hook of stamina.

    Args:
        budget: Bounds the retries of the run.
        jitter: Returns a random number between two others.
    """

    def __init__(self, budget: RetryBudget, jitter: Callable[[float, float], float]) -> None:
        self._budget = budget
        self._jitter = jitter

    def backoff(self, error: Exception) -> float | bool:
        """Return the seconds to wait before the next attempt; False when there is none.

        Full jitter: a random time up to a bound that doubles with each attempt, on top of the server's `Retry-After`.
        """
        if not isinstance(error, RetryableAnswerError):
            return False
        asked_pause = error.classification.retry_after_seconds or 0.0
        if error.attempt >= MAX_ATTEMPTS or not self._budget.take():
            return False
        bound = min(MAX_BACKOFF_SECONDS, MIN_BACKOFF_SECONDS * 2 ** (error.attempt - 1))
        return asked_pause + self._jitter(0, bound)


class CircuitBreaker:
    """Ends a run after too many failures in a row, or when the server asks for a long pause.

    Args:
        throttles: The number of consecutive reductions of the rate that ends the run.
        faults: The number of consecutive failed lookups that ends the run, and likewise of rejected queries.
    """

    def __init__(self, throttles: int = 10, faults: int = 25) -> None:
        self._max_throttles = throttles
        self._max_faults = faults
        self._throttles = self._faults = self._rejections = 0
        self._has_connected = False
        self._unreachable_since: float | None = None

    def on_call_end(self, classification: Classification, now: float) -> None:
        """End the run if none of its calls has made a connection for some seconds.

        Args:
            classification: The end of the newest call.
            now: Seconds on the monotonic clock.

        Raises:
            TransientRemoteError: No call of the run has made a connection in that time.
        """
        self._has_connected = self._has_connected or not classification.is_unreachable
        if self._has_connected:
            return
        if self._unreachable_since is None:
            self._unreachable_since = now
        elif now - self._unreachable_since >= MAX_SECONDS_WITHOUT_CONNECTION:
            reason = classification.reason.removesuffix(AGAIN)
            raise TransientRemoteError(f"{reason} No call was answered. `doctor api` says what is wrong.")

    @property
    def is_unreachable(self) -> bool:
        """Whether calls ended and none of them had made a connection."""
        return self._unreachable_since is not None and not self._has_connected

    def on_success(self) -> None:
        """Start counting anew, because an answer arrived."""
        self._throttles = self._faults = self._rejections = 0

    def on_pause(self, seconds: float, now: datetime) -> None:
        """End the run if the server asked for a longer pause than a run waits.

        Raises:
            TransientRemoteError: The pause is longer; the message names the time of its end.
        """
        if seconds > MAX_PAUSE_SECONDS:
            until = now + timedelta(seconds=seconds)
            raise TransientRemoteError(
                f"Buy with Prime asked for no call before {until:%Y-%m-%d %H:%M:%S} UTC, so asking was stopped. {_STORED} "
                "Run enrich again after that time."
            )

    def on_throttled(self) -> None:
        """Count a reduction of the rate.

        Raises:
            TransientRemoteError: There were too many in a row.
        """
        self._throttles += 1
        if self._throttles >= self._max_throttles:
            raise TransientRemoteError(
                f"Buy with Prime asked us to slow down {self._throttles} times in a row, so asking was stopped. "
                f"{_STORED} Run enrich again in a few minutes, or lower BWP_API__REQUESTS_PER_SECOND."
            )

    def on_lookup_end(self, classification: Classification) -> None:
        """Count a lookup that ended in a fault, or whose query was rejected.

        Raises:
            TransientRemoteError: There were too many faults in a row.
            TerminalRemoteError: There were too many rejected queries in a row.
        """
        reason = classification.reason.removesuffix(AGAIN)
        if classification.kind is AnswerKind.FAULT:
            self._faults += 1
            if self._faults >= self._max_faults:
                raise TransientRemoteError(
                    f"{self._faults} lookups in a row failed, so asking was stopped. The last one: {reason} {_STORED} "
                    "Run enrich again later; `doctor api` says what is wrong."
                )
        elif classification.kind is AnswerKind.REJECTED:
            self._rejections += 1
            if self._rejections >= self._max_faults:
                raise TerminalRemoteError(
                    f"{self._rejections} questions in a row were not accepted, so asking was stopped. {reason} {_STORED}"
                )
