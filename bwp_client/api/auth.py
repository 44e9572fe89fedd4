"""Access tokens by OAuth 2.0 client credentials, cached per credential and renewed early.

A token lives about 15 minutes, and the token endpoint may throttle a client that asks often. So a token is used for its
whole life, concurrent calls share one renewal, and a refused credential is not tried again in the same run.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from bwp_client.api.body import MAX_ANSWER_BYTES, BodyEncodingError, BodyTooLargeError
from bwp_client.api.known_secrets import KnownSecrets
from bwp_client.api.transport import ApiTransport, retry_after_seconds
from bwp_client.settings import ApiCredential

DEFAULT_LIFE_SECONDS: Final = 900.0
MAX_LIFE_SECONDS: Final = 10 * 86_400.0
RENEW_BEFORE_SECONDS: Final = 15.0
RENEW_BEFORE_SHARE: Final = 0.1
JUST_FETCHED_SECONDS: Final = 1.0
_TRANSIENT_OAUTH_ERRORS: Final = ("temporarily_unavailable", "server_error", "slow_down")
_REFUSAL = re.compile(r"(?:invalid|unauthorized|unsupported)_[a-z_]{1,30}|access_denied")
"""The names by which OAuth 2.0 refuses a credential. A proxy in between sends other errors, such as `Forbidden`."""
_CHECK: Final = "check BWP_API__TOKEN_ENDPOINT."


class TokenRefusedError(Exception):
    """The credential itself was refused, so a retry would fail again."""


class TokenUnavailableError(Exception):
    """The token endpoint returned no token; a later call may succeed.

    Args:
        reason: One sentence for people.
        throttled: Whether the endpoint throttled the call.
        retry_after_seconds: The pause that the endpoint asked for.
        unreachable: Whether no connection could be made.
    """

    def __init__(
        self,
        reason: str,
        *,
        throttled: bool = False,
        retry_after_seconds: float | None = None,
        unreachable: bool = False,
    ) -> None:
        super().__init__(reason)
        self.unreachable = unreachable
        self.throttled = throttled
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token; its times are on the monotonic clock.

    Attributes:
        value: The token.
        new_until: The time until which the token is too new for its expiry to explain a denial.
        renew_at: The time from which the token must be renewed.
    """

    value: str = field(repr=False)
    new_until: float
    renew_at: float


@dataclass(slots=True)
class _CacheEntry:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    token: AccessToken | None = None
    refusal: str | None = None
    failures: int = 0
    failure: TokenUnavailableError | None = None


class TokenCache:
    """The access tokens of one run, one for each credential.

    Args:
        transport: The transport to ask with.
        endpoint: The token endpoint.
        secrets: Takes each new token.
        monotonic: Returns seconds from a clock that never goes back.
    """

    def __init__(
        self, transport: ApiTransport, endpoint: str, *, secrets: KnownSecrets, monotonic: Callable[[], float]
    ) -> None:
        self._transport = transport
        self._endpoint = endpoint
        self._secrets = secrets
        self._monotonic = monotonic
        self._entries: dict[tuple[str, str], _CacheEntry] = {}
        self.token_calls = 0

    async def current(self, credential: ApiCredential) -> AccessToken:
        """Return a valid token.

        Raises:
            TokenRefusedError: The credential was refused, now or earlier in this run.
            TokenUnavailableError: The endpoint returned no token.
        """
        return await self._token(credential, stale=None)

    async def renewed(self, credential: ApiCredential, stale: AccessToken) -> AccessToken:
        """Return a token other than the stale one: newly fetched, unless another call has already renewed it.

        Raises:
            TokenRefusedError: The credential was refused, now or earlier in this run.
            TokenUnavailableError: The endpoint returned no token.
        """
        return await self._token(credential, stale=stale)

    def is_just_fetched(self, token: AccessToken) -> bool:
        """Return whether a token is too new for its expiry to explain a denial."""
        return self._monotonic() < token.new_until

    async def _token(self, credential: ApiCredential, *, stale: AccessToken | None) -> AccessToken:
        key = (credential.client_id, credential.client_secret.get_secret_value())
        entry = self._entries.setdefault(key, _CacheEntry())
        failures = entry.failures
        async with entry.lock:
            if entry.refusal is not None:
                raise TokenRefusedError(entry.refusal)
            if entry.failure is not None and entry.failures > failures:
                # The call failed for which this call waited. One more call for each waiting call would take minutes.
                raise copy(entry.failure)
            token = entry.token
            if token is not None and token is not stale and self._monotonic() < token.renew_at:
                return token
            try:
                entry.token = await self._fetch(credential)
            except TokenRefusedError as refused:
                entry.refusal = self._secrets.redact(str(refused))
                raise TokenRefusedError(entry.refusal) from None
            except TokenUnavailableError as unavailable:
                # A copy has no traceback, whose frames would keep the answer.
                entry.failure = copy(unavailable)
                entry.failures += 1
                raise
            return entry.token

    async def _fetch(self, credential: ApiCredential) -> AccessToken:
        asked_at = self._monotonic()
        answer = _read(await self._post(credential))
        value = answer.get("access_token")
        value = value.strip() if isinstance(value, str) else ""
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            raise TokenUnavailableError("The token endpoint answered without a token.")
        self._secrets.add(value)
        life = _life_seconds(answer.get("expires_in"))
        margin = min(RENEW_BEFORE_SECONDS, life * RENEW_BEFORE_SHARE)
        new_for = min(JUST_FETCHED_SECONDS, life * RENEW_BEFORE_SHARE)
        return AccessToken(value, new_until=self._monotonic() + new_for, renew_at=asked_at + life - margin)

    async def _post(self, credential: ApiCredential) -> httpx.Response:
        self.token_calls += 1
        form = {
            "grant_type": "client_credentials",
            "client_id": credential.client_id,
            "client_secret": credential.client_secret.get_secret_value(),
        }
        try:
            return await self._transport.post_form(self._endpoint, form)
        except TimeoutError:
            raise TokenUnavailableError("The token endpoint did not answer in time.") from None
        except BodyTooLargeError:
            raise TokenUnavailableError(
                f"The token endpoint answered with more than {MAX_ANSWER_BYTES >> 10:,} KiB, which is no token: {_CHECK}"
            ) from None
        except BodyEncodingError:
            raise TokenUnavailableError(
                f"The token endpoint's answer was compressed in a form that was not asked for, or was damaged: {_CHECK}"
            ) from None
        except httpx.HTTPError as error:
            raise TokenUnavailableError(
                "The token endpoint could not be reached: check the network and BWP_API__TOKEN_ENDPOINT.",
                unreachable=isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError),
            ) from None


def _read(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of a token response. An error message quotes only the OAuth error's name from the response."""
    wait = retry_after_seconds(response.headers)
    status = response.status_code
    if status == 429:
        raise TokenUnavailableError(
            "The token endpoint asked us to slow down.", throttled=True, retry_after_seconds=wait
        )
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        answer = None
    error = answer.get("error") if isinstance(answer, dict) else None
    if error in _TRANSIENT_OAUTH_ERRORS:
        raise TokenUnavailableError(f"The token endpoint answered {error}.", retry_after_seconds=wait)
    if isinstance(error, str) and _REFUSAL.fullmatch(error) and (status in (400, 401, 403) or response.is_success):
        raise TokenRefusedError(error)
    if status in (400, 401, 403):
        raise TokenUnavailableError(
            f"The token endpoint answered HTTP {status} without an OAuth error: check BWP_API__TOKEN_ENDPOINT, the network, "
            "and client_id and client_secret in BWP_API__CREDENTIALS.",
            retry_after_seconds=wait,
        )
    if not response.is_success or not isinstance(answer, dict):
        raise TokenUnavailableError(
            f"The token endpoint answered HTTP {status} and no token: {_CHECK}", retry_after_seconds=wait
        )
    return answer


def _life_seconds(value: object) -> float:
    try:
        life = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return DEFAULT_LIFE_SECONDS
    return life if 0 < life < MAX_LIFE_SECONDS else DEFAULT_LIFE_SECONDS
