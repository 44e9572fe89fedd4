"""Asks Buy with Prime about tasks, politely, and ends every question in a lookup."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from bwp_client.api.classify import AGAIN, DENIED, Signal, Verdict, judge
from bwp_client.api.lookup import Lookup, LookupState, TaskRef, pause_after
from bwp_client.api.rate_limit import MAX_PAUSE_SECONDS, Pacer, Patience, RetryBudget
from bwp_client.settings import ApiCredential, ApiSettings

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState

    from bwp_client.api.auth import Tokens
    from bwp_client.api.transport import Wire

TRIES: Final = 5
FIRST_BACKOFF_SECONDS: Final = 0.5
LONGEST_BACKOFF_SECONDS: Final = 30.0
DENIALS_UNTIL_SILENT: Final = 10
TIMEOUT_SECONDS: Final = 30.0
_SENDABLE_ID = re.compile(r"[\x21-\x7e]{1,200}")

NO_CREDENTIAL: Final = (
    'There is no API credential for this business product. Add it (or one for all, as "*") to BWP_API__CREDENTIALS '
    "and run enrich again."
)
UNSENDABLE: Final = "The event names a task or business product in a form that can't be sent to the API."


def _refused_credential(how: str) -> str:
    return (
        f"Buy with Prime refused the API credential of this business product ({how}). Check client_id and "
        "client_secret in BWP_API__CREDENTIALS, or generate new API credentials in the merchant console under "
        "Settings, then run enrich again."
    )


def _utc_now() -> datetime:
    return datetime.now(UTC)


class BuyWithPrimeClient:
    """One run's connection to the API; open it with `async with`.

    Args:
        settings: Where the API is, which credentials to use, and how fast to ask.
        clock: The present, in UTC.
        monotonic: Seconds from a clock that never goes back.
        sleep: Waits.
        jitter: Gives a number between two others.
        http_transport: Replaces the network.
        timeout_seconds: How long one answer may take altogether.
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
        self._sleep = sleep
        self._jitter = jitter
        self._http_transport = http_transport
        self._timeout_seconds = timeout_seconds
        self._pacer = Pacer(
            settings.requests_per_second, concurrency=settings.concurrency, monotonic=monotonic, sleep=sleep
        )
        self._wire: Wire | None = None
        self._tokens: Tokens | None = None
        self._budget = RetryBudget()
        self._patience = Patience()
        # Denials in a row per business product: after the first, another one says nothing about the token.
        self._denials: Counter[str] = Counter()
        self.requests = 0
        self.throttled = 0

    async def __aenter__(self) -> Self:
        from bwp_client.api.auth import Tokens
        from bwp_client.api.transport import Wire

        self._wire = Wire(self._settings, http_transport=self._http_transport, timeout_seconds=self._timeout_seconds)
        self._tokens = Tokens(await self._wire.open(), self._settings.token_endpoint, monotonic=self._monotonic)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._wire is not None:
            await self._wire.close()

    @property
    def token_requests(self) -> int:
        """How many tokens were asked for."""
        return self._tokens.requests if self._tokens else 0

    @property
    def requests_per_second(self) -> float:
        """The pace at present."""
        return self._pacer.rate

    async def look_up(self, task: TaskRef, *, attempt: int = 1) -> Lookup:
        """Ask about one task; whatever comes back ends as a lookup.

        Args:
            task: Which task.
            attempt: Which attempt at this task it is, over all runs; the pause before the next one grows with it.

        Raises:
            TransientRemoteError: Too many calls in a row were throttled or failed. This task and those not yet asked
                are left as they were, for a later run.
            TerminalRemoteError: Too many questions in a row were not accepted; likewise.
            SettingsError: An endpoint is no http(s) address.
        """
        credential = self._settings.credential_for(task.business_product_id)
        if not (_SENDABLE_ID.fullmatch(task.business_product_id) and 1 <= len(task.task_id) <= 200):
            unsendable = Verdict(Signal.REFUSED, LookupState.FAILED, UNSENDABLE, ask_again=False)
            return self._lookup(task, unsendable, attempt=attempt)
        if credential is None:
            return self._lookup(task, _unasked(NO_CREDENTIAL), attempt=attempt)
        if self._denials[task.business_product_id] >= DENIALS_UNTIL_SILENT:
            return self._lookup(task, _unasked(DENIED), attempt=attempt)
        verdict = await self._ask_until_clear(task, credential)
        if verdict.signal is Signal.FAULT:
            self._patience.faulted(verdict.reason.removesuffix(AGAIN))
        elif verdict.signal is Signal.REFUSED:
            self._patience.refused(verdict.reason)
        return self._lookup(task, verdict, attempt=attempt)

    async def _ask_until_clear(self, task: TaskRef, credential: ApiCredential) -> Verdict:
        from tenacity import AsyncRetrying

        retrying = AsyncRetrying(sleep=self._sleep, wait=self._backoff_seconds, retry=self._is_worth_retrying)
        verdict: Verdict = await retrying(self._ask_once, task, credential)
        return verdict

    def _is_worth_retrying(self, state: RetryCallState) -> bool:
        if state.outcome is None or state.outcome.failed:
            return False
        verdict: Verdict = state.outcome.result()
        return (
            verdict.signal in (Signal.THROTTLED, Signal.FAULT)
            # A pause longer than we are ready to make belongs to the next run.
            and (verdict.retry_after_seconds or 0) <= MAX_PAUSE_SECONDS
            and state.attempt_number < TRIES
            and self._budget.take()
        )

    def _backoff_seconds(self, state: RetryCallState) -> float:
        """Full jitter: anything between nothing and the doubled bound, on top of what the server asked for."""
        assert state.outcome is not None
        verdict: Verdict = state.outcome.result()
        bound = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** (state.attempt_number - 1))
        return (verdict.retry_after_seconds or 0) + self._jitter(0, bound)

    async def _ask_once(self, task: TaskRef, credential: ApiCredential) -> Verdict:
        from bwp_client.api.auth import TokenRefusedError, TokenTroubleError

        async with self._pacer.room():
            started_at = await self._pacer.turn()
            try:
                verdict = await self._ask_with_token(task, credential)
            except TokenRefusedError as refused:
                return _unasked(_refused_credential(str(refused)))
            except TokenTroubleError as trouble:
                verdict = Verdict(
                    Signal.THROTTLED if trouble.throttled else Signal.FAULT,
                    LookupState.FAILED,
                    f"{trouble}{AGAIN}",
                    ask_again=True,
                    retry_after_seconds=trouble.retry_after_seconds,
                )
            self._take_note(verdict, started_at)
            return verdict

    async def _ask_with_token(self, task: TaskRef, credential: ApiCredential) -> Verdict:
        assert self._tokens is not None
        product = task.business_product_id
        token = await self._tokens.current(credential)
        verdict = await self._send(task, token.value)
        may_be_stale = not self._tokens.is_just_fetched(token) and not self._denials[product]
        if verdict.signal is Signal.TOKEN and may_be_stale:
            token = await self._tokens.renewed(credential, stale=token)
            await self._pacer.turn()
            verdict = await self._send(task, token.value)
        if verdict.signal is Signal.TOKEN:
            self._denials[product] += 1
        elif verdict.signal is Signal.CLEAN:
            self._denials[product] = 0
        return verdict

    async def _send(self, task: TaskRef, token: str) -> Verdict:
        assert self._wire is not None
        self.requests += 1
        reply = await self._wire.ask(task.task_kind, task.task_id, target_id=task.business_product_id, token=token)
        return judge(task, reply)

    def _take_note(self, verdict: Verdict, started_at: float) -> None:
        if verdict.signal is Signal.THROTTLED:
            self.throttled += 1
            if self._pacer.note_throttled(started_at, verdict.retry_after_seconds):
                self._patience.throttled()
        elif verdict.signal is Signal.CLEAN:
            self._pacer.note_clean()
            self._budget.earn()
            self._patience.clean()

    def _lookup(self, task: TaskRef, verdict: Verdict, *, attempt: int) -> Lookup:
        now = self._clock()
        wait = max(pause_after(attempt), timedelta(seconds=min(verdict.retry_after_seconds or 0, 86_400)))
        return Lookup(
            task_id=task.task_id,
            task_kind=task.task_kind,
            business_product_id=task.business_product_id,
            lookup_state=verdict.lookup_state,
            status=verdict.status,
            submitted_at=verdict.submitted_at,
            updated_at=verdict.updated_at,
            holding_period_days=verdict.holding_period_days,
            errors=verdict.errors,
            asked_at=now,
            attempt=0 if verdict.signal is Signal.UNASKED else attempt,
            next_attempt_at=now + wait if verdict.ask_again else None,
            reason=verdict.reason,
        )


def _unasked(reason: str) -> Verdict:
    return Verdict(Signal.UNASKED, LookupState.DENIED, reason, ask_again=False)
