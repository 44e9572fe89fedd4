"""The client of the Buy with Prime API: asks about a task and returns the answer as a lookup."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import stamina

from bwp_client.api.classify import AGAIN, DENIED, AnswerKind, Classification, classify
from bwp_client.api.denials import DenialBreaker
from bwp_client.api.known_secrets import KnownSecrets
from bwp_client.api.lookup import Lookup, LookupState, TaskRef, pause_after
from bwp_client.api.rate_limit import Pacer
from bwp_client.api.retry_policy import (
    MAX_ATTEMPTS,
    CircuitBreaker,
    RetryableAnswerError,
    RetryBudget,
    RetryPolicy,
)
from bwp_client.settings import ApiCredential, ApiSettings

if TYPE_CHECKING:
    import httpx

    from bwp_client.api.auth import TokenCache
    from bwp_client.api.transport import ApiTransport

TIMEOUT_SECONDS: Final = 30.0
_SENDABLE_ID = re.compile(r"[\x21-\x7e]{1,200}")

NO_CREDENTIAL: Final = (
    'There is no API credential for this business product. Add it (or one for all, as "*") to BWP_API__CREDENTIALS '
    "and run enrich again."
)
UNSENDABLE: Final = "The event names a task or business product in a form that can't be sent to the API."


def _refused_credential(oauth_error: str) -> str:
    return (
        f"Buy with Prime refused the API credential of this business product ({oauth_error}). Check client_id and "
        "client_secret in BWP_API__CREDENTIALS, or generate new API credentials in the merchant console under "
        "Settings, then run enrich again."
    )


def _utc_now() -> datetime:
    return datetime.now(UTC)


class BuyWithPrimeClient:
    """The connection of one run to the API; open it with `async with`, which raises `SettingsError` for a bad address.

    Args:
        settings: The API's addresses, the credentials, and the highest rate of calls.
        clock: Returns the time now, in UTC.
        monotonic: Returns seconds from a clock that never goes back.
        sleep: Waits; used for pauses that the server asked for.
        jitter: Returns a random number between two others.
        http_transport: Replaces the network.
        timeout_seconds: The time limit of one answer in all.

    Attributes:
        api_calls: The number of queries sent.
        throttled: The number of throttled calls.
    """

    def __init__(
        self,
        settings: ApiSettings,
        *,
        clock: Callable[[], datetime] = _utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
        http_transport: httpx.AsyncBaseTransport | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._monotonic = monotonic
        self._http_transport = http_transport
        self._timeout_seconds = timeout_seconds
        self._pacer = Pacer(
            settings.requests_per_second, concurrency=settings.concurrency, monotonic=monotonic, sleep=sleep
        )
        self._connections = AsyncExitStack()
        self._transport: ApiTransport | None = None
        self._tokens: TokenCache | None = None
        self._secrets = KnownSecrets(settings)
        self._budget = RetryBudget()
        self._retry_policy = RetryPolicy(self._budget, jitter)
        self._circuit_breaker = CircuitBreaker()
        # Consecutive denials by business product: an expired token can explain the first denial only.
        self._denials: Counter[str] = Counter()
        self._denial_breaker = DenialBreaker()
        self.api_calls = 0
        self.throttled = 0

    async def __aenter__(self) -> Self:
        from bwp_client.api.auth import TokenCache
        from bwp_client.api.transport import ApiTransport

        self._transport = await self._connections.enter_async_context(
            ApiTransport(self._settings, http_transport=self._http_transport, timeout_seconds=self._timeout_seconds)
        )
        self._tokens = TokenCache(
            self._transport, self._settings.token_endpoint, secrets=self._secrets, monotonic=self._monotonic
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._connections.aclose()

    @property
    def token_calls(self) -> int:
        """The number of calls to the token endpoint."""
        return self._tokens.token_calls if self._tokens else 0

    @property
    def calls_per_second(self) -> float:
        """The present rate of calls."""
        return self._pacer.rate

    @property
    def is_unreachable(self) -> bool:
        """Whether calls were made and none of them has made a connection."""
        return self._circuit_breaker.is_unreachable

    @property
    def skipped(self) -> Mapping[str, int]:
        """The number of tasks not asked about, by business product, because the product denied its tasks in a row."""
        return self._denial_breaker.skipped

    async def look_up(self, task: TaskRef, *, attempt: int = 1, is_own: bool = True) -> Lookup:
        """Ask about one task and return the lookup; every answer ends as a lookup.

        Args:
            task: The task.
            attempt: The number of this attempt at the task, over all runs; the pause before the next attempt grows with it.
            is_own: Whether an event says that the task belongs to the product. If the product is only tried, a denial
                does not count against it.

        Raises:
            TransientRemoteError: Too many calls in a row were throttled or failed, or the server asked for a longer pause
                than a run waits. This task and all tasks not yet asked about are unchanged, and left to a later run.
            TerminalRemoteError: Too many queries in a row were rejected; tasks are left as above.
        """
        credential = self._settings.credential_for(task.business_product_id)
        if not (_SENDABLE_ID.fullmatch(task.business_product_id) and 1 <= len(task.task_id) <= 200):
            unsendable = Classification(AnswerKind.REJECTED, LookupState.FAILED, UNSENDABLE, ask_again=False)
            return self._lookup(task, unsendable, attempt=attempt)
        if credential is None:
            return self._lookup(task, _not_sent(NO_CREDENTIAL), attempt=attempt)
        if not self._denial_breaker.allows(task.business_product_id):
            return self._lookup(task, _not_sent(DENIED), attempt=attempt)
        classification = await self._ask_with_retries(task, credential)
        if classification.kind is AnswerKind.ANSWERED:
            self._denial_breaker.on_answered(task.business_product_id)
        elif classification.kind is AnswerKind.DENIED and is_own:
            self._denial_breaker.on_denied(task.business_product_id)
        self._circuit_breaker.on_lookup_end(classification)
        return self._lookup(task, classification, attempt=attempt)

    async def _ask_with_retries(self, task: TaskRef, credential: ApiCredential) -> Classification:
        retries = stamina.retry_context(on=self._retry_policy.backoff, attempts=MAX_ATTEMPTS, timeout=None)
        try:
            async for attempt in retries:
                with attempt:
                    return await self._ask_once(task, credential, attempt.num)
        except RetryableAnswerError as last:
            return last.classification
        raise AssertionError("stamina makes at least one attempt")

    async def _ask_once(self, task: TaskRef, credential: ApiCredential, attempt: int) -> Classification:
        from bwp_client.api.auth import TokenRefusedError, TokenUnavailableError

        async with self._pacer.slot:
            started_at = await self._pacer.wait_turn()
            try:
                classification = await self._ask_with_token(task, credential)
            except TokenRefusedError as refused:
                return _not_sent(_refused_credential(str(refused)))
            except TokenUnavailableError as unavailable:
                classification = Classification(
                    AnswerKind.THROTTLED if unavailable.throttled else AnswerKind.FAULT,
                    LookupState.FAILED,
                    f"{unavailable}{AGAIN}",
                    ask_again=True,
                    retry_after_seconds=unavailable.retry_after_seconds,
                    is_unreachable=unavailable.unreachable,
                )
            self._adapt(classification, started_at)
        if classification.kind in (AnswerKind.THROTTLED, AnswerKind.FAULT):
            raise RetryableAnswerError(classification, attempt)
        return classification

    async def _ask_with_token(self, task: TaskRef, credential: ApiCredential) -> Classification:
        assert self._tokens is not None
        product = task.business_product_id
        token = await self._tokens.current(credential)
        classification = await self._send(task, token.value)
        may_be_stale = not self._tokens.is_just_fetched(token) and not self._denials[product]
        if classification.kind is AnswerKind.DENIED and may_be_stale:
            token = await self._tokens.renewed(credential, stale=token)
            await self._pacer.wait_turn()
            classification = await self._send(task, token.value)
        if classification.kind is AnswerKind.DENIED:
            self._denials[product] += 1
        elif classification.kind is AnswerKind.ANSWERED:
            self._denials[product] = 0
        return classification

    async def _send(self, task: TaskRef, token: str) -> Classification:
        assert self._transport is not None
        self.api_calls += 1
        response = await self._transport.ask(
            task.task_kind, task.task_id, target_id=task.business_product_id, token=token
        )
        return classify(task, response, self._secrets)

    def _adapt(self, classification: Classification, started_at: float) -> None:
        """Adapt the rate, the retry budget and the circuit breaker to an answer.

        Raises:
            TransientRemoteError: The run ends, because the server asked for a longer pause than a run waits, because too
                many calls in a row were throttled, or because nothing was reached since its start.
        """
        self._circuit_breaker.on_call_end(classification, self._monotonic())
        if classification.kind is AnswerKind.ANSWERED:
            self._pacer.on_success()
            self._budget.earn()
            self._circuit_breaker.on_success()
        elif classification.kind in (AnswerKind.THROTTLED, AnswerKind.FAULT):
            pause_seconds = classification.retry_after_seconds or 0.0
            self.throttled += classification.kind is AnswerKind.THROTTLED
            self._circuit_breaker.on_pause(pause_seconds, self._clock())
            self._pacer.pause(pause_seconds)
            if classification.kind is AnswerKind.THROTTLED and self._pacer.on_throttled(started_at):
                self._circuit_breaker.on_throttled()

    def _lookup(self, task: TaskRef, classification: Classification, *, attempt: int) -> Lookup:
        now = self._clock()
        pause = max(pause_after(attempt), timedelta(seconds=classification.retry_after_seconds or 0))
        return Lookup(
            task_id=task.task_id,
            task_kind=task.task_kind,
            business_product_id=task.business_product_id,
            lookup_state=classification.lookup_state,
            status=classification.status,
            submitted_at=classification.submitted_at,
            updated_at=classification.updated_at,
            holding_period_days=classification.holding_period_days,
            errors=classification.errors,
            asked_at=now,
            attempt=0 if classification.kind is AnswerKind.NOT_SENT else attempt,
            next_attempt_at=now + pause if classification.ask_again else None,
            reason=classification.reason,
        )


def _not_sent(reason: str) -> Classification:
    return Classification(AnswerKind.NOT_SENT, LookupState.DENIED, reason, ask_again=False)
