"""Access tokens by OAuth 2.0 client credentials: kept per credential, renewed early, one renewal for all who wait.

Tokens live about 15 minutes, and the token endpoint may throttle a client that asks often; so a token is used for as
long as it lives, and a credential that was refused is not tried again in the same run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from authlib.oauth2.client import OAuth2Client

from bwp_client.api.retry_after import retry_after_seconds
from bwp_client.settings import ApiCredential

if TYPE_CHECKING:
    import httpx

ASSUMED_LIFE_SECONDS: Final = 900.0
RENEW_BEFORE_SECONDS: Final = 15.0
RENEW_BEFORE_SHARE: Final = 0.1
JUST_FETCHED_SECONDS: Final = 1.0
_PASSING_OAUTH_ERRORS: Final = ("temporarily_unavailable", "server_error", "slow_down")


class TokenRefusedError(Exception):
    """The credential itself was refused; asking again with it is of no use."""


class TokenTroubleError(Exception):
    """No token could be had just now.

    Args:
        reason: What happened, for people.
        throttled: Whether the endpoint asked us to slow down.
        retry_after_seconds: What it asked us to wait, when it did.
    """

    def __init__(self, reason: str, *, throttled: bool = False, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.throttled = throttled
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token.

    Attributes:
        value: What is sent.
        new_until: Until then, on the monotonic clock, it is too new for its expiry to explain a denial.
        renew_at: From then on it must be renewed.
    """

    value: str = field(repr=False)
    new_until: float
    renew_at: float


@dataclass(slots=True)
class _Slot:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    token: AccessToken | None = None
    refusal: str | None = None


class Tokens:
    """The tokens of one run, one per credential.

    Args:
        http: The connection pool to ask through.
        endpoint: The token endpoint.
        monotonic: Seconds from a clock that never goes back.
    """

    def __init__(self, http: httpx.AsyncClient, endpoint: str, *, monotonic: Callable[[], float]) -> None:
        self._http = http
        self._endpoint = endpoint
        self._monotonic = monotonic
        self._slots: dict[tuple[str, str], _Slot] = {}
        self.requests = 0

    async def current(self, credential: ApiCredential) -> AccessToken:
        """Give a token that is good for now.

        Raises:
            TokenRefusedError: The credential was refused, now or earlier in this run.
            TokenTroubleError: The endpoint could not answer just now.
        """
        return await self._token(credential, stale=None)

    async def renewed(self, credential: ApiCredential, stale: AccessToken) -> AccessToken:
        """Give a token other than the stale one: a newer one that somebody else got meanwhile, or a new one.

        Raises:
            TokenRefusedError: The credential was refused, now or earlier in this run.
            TokenTroubleError: The endpoint could not answer just now.
        """
        return await self._token(credential, stale=stale)

    def is_just_fetched(self, token: AccessToken) -> bool:
        """Tell whether a token is too new for its expiry to explain anything."""
        return self._monotonic() < token.new_until

    async def _token(self, credential: ApiCredential, *, stale: AccessToken | None) -> AccessToken:
        key = (credential.client_id, credential.client_secret.get_secret_value())
        slot = self._slots.setdefault(key, _Slot())
        async with slot.lock:
            if slot.refusal is not None:
                raise TokenRefusedError(slot.refusal)
            token = slot.token
            if token is not None and token is not stale and self._monotonic() < token.renew_at:
                return token
            try:
                slot.token = await self._fetch(credential)
            except TokenRefusedError as refused:
                slot.refusal = str(refused)
                raise
            return slot.token

    async def _fetch(self, credential: ApiCredential) -> AccessToken:
        self.requests += 1
        client = _TokenClient(
            self._http,
            client_id=credential.client_id,
            client_secret=credential.client_secret.get_secret_value(),
            token_endpoint_auth_method="client_secret_post",  # noqa: S106 - the name of a method
        )
        asked_at = self._monotonic()
        answer = await client.fetch_token(self._endpoint, grant_type="client_credentials")
        value = answer.get("access_token")
        if not isinstance(value, str) or not value.isascii() or not value.isprintable() or " " in value or not value:
            raise TokenTroubleError("The token endpoint answered without a token.")
        life = _life_seconds(answer.get("expires_in"))
        margin = min(RENEW_BEFORE_SECONDS, life * RENEW_BEFORE_SHARE)
        new_for = min(JUST_FETCHED_SECONDS, life * RENEW_BEFORE_SHARE)
        return AccessToken(value, new_until=self._monotonic() + new_for, renew_at=asked_at + life - margin)


class _TokenClient(OAuth2Client):  # type: ignore[misc] # authlib has no types
    """Authlib's client, sending through the shared connection pool.

    Its own integration for httpx opens a pool per credential and warns that it wants another library.
    """

    async def _fetch_token(
        self, url: str, body: str = "", headers: Any = None, auth: Any = None, method: str = "POST", **_kwargs: Any
    ) -> dict[str, Any]:
        import httpx

        url, headers, body = auth.prepare(method, url, dict(headers), body)
        try:
            response = await self.session.post(url, content=body, headers=headers)
        except httpx.TimeoutException:
            raise TokenTroubleError("The token endpoint did not answer in time.") from None
        except httpx.TransportError:
            raise TokenTroubleError(
                "The token endpoint could not be reached: check the network and BWP_API__TOKEN_ENDPOINT."
            ) from None
        return _read(response)


def _read(response: httpx.Response) -> dict[str, Any]:
    """Read a token answer; what it says beyond a known error's name is never repeated."""
    wait = retry_after_seconds(response.headers.get("retry-after"))
    status = response.status_code
    if status == 429:
        raise TokenTroubleError("The token endpoint asked us to slow down.", throttled=True, retry_after_seconds=wait)
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        answer = None
    error = answer.get("error") if isinstance(answer, dict) else None
    if error in _PASSING_OAUTH_ERRORS:
        raise TokenTroubleError(f"The token endpoint answered {error}.", retry_after_seconds=wait)
    if status in (400, 401, 403) or (status == 200 and error):
        raise TokenRefusedError(_plain(error) if error else f"HTTP {status}")
    if status != 200 or not isinstance(answer, dict):
        raise TokenTroubleError(
            f"The token endpoint answered HTTP {status} and no token: check BWP_API__TOKEN_ENDPOINT.",
            retry_after_seconds=wait,
        )
    return answer


def _plain(value: object) -> str:
    """Give an OAuth error's name; those are short words, and anything else is not repeated."""
    text = str(value)
    return text if len(text) <= 40 and text.replace("_", "").isalpha() and text.isascii() else "unknown error"


def _life_seconds(value: object) -> float:
    try:
        life = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ASSUMED_LIFE_SECONDS
    return life if 0 < life < 10 * 86_400 else ASSUMED_LIFE_SECONDS
