"""Access control of the local API: access tokens, and a limit on requests a second."""

import secrets
from collections.abc import Callable, Mapping
from typing import Final

from bwp_client.sandbox.api.behaviour import Credential

_UNRESTRICTED: Final = Credential(client_secret="")


class TokenIssuer:
    """Issues access tokens, and returns the credential of each valid token."""

    def __init__(self, credentials: Mapping[str, Credential], seconds: float, clock: Callable[[], float]) -> None:
        """Make an issuer without tokens.

        Args:
            credentials: Client ID to credential; empty accepts every credential.
            seconds: The lifetime of a token.
            clock: Returns monotonic seconds.
        """
        self._credentials = credentials
        self._seconds = seconds
        self._clock = clock
        self._issued: dict[str, tuple[float, Credential]] = {}

    def issue(self, client_id: str, client_secret: str) -> str | None:
        """Return a new token; None for wrong credentials."""
        if not client_id or not client_secret:
            return None
        credential = self._credentials.get(client_id) if self._credentials else _UNRESTRICTED
        if credential is None or (self._credentials and client_secret != credential.client_secret):
            return None
        now = self._clock()
        self._issued = {token: entry for token, entry in self._issued.items() if entry[0] > now}
        token = secrets.token_urlsafe(24)
        self._issued[token] = (now + self._seconds, credential)
        return token

    def holder(self, token: str) -> Credential | None:
        """Return the credential that a token was issued for; None for an unknown or expired token."""
        expires_at, credential = self._issued.get(token, (0.0, _UNRESTRICTED))
        return credential if token in self._issued and self._clock() < expires_at else None


class Throttle:
    """A token bucket that holds the requests of one second."""

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        """Make a full bucket.

        Args:
            per_second: Requests a second; 0 for no limit.
            clock: Returns monotonic seconds.
        """
        self._per_second = per_second
        self._clock = clock
        self._capacity = max(1.0, per_second)
        self._available = self._capacity
        self._refilled_at = clock()

    def admits(self) -> bool:
        """Count a request; return whether it is within the limit."""
        if not self._per_second:
            return True
        now = self._clock()
        self._available = min(self._capacity, self._available + (now - self._refilled_at) * self._per_second)
        self._refilled_at = now
        if self._available < 1:
            return False
        self._available -= 1
        return True
