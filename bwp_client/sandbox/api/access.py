"""Who may come in: access tokens, and how many requests a second."""

import secrets
from collections.abc import Callable, Mapping
from typing import Final

from bwp_client.sandbox.api.behaviour import Credential

_ANYONE: Final = Credential(client_secret="")


class TokenIssuer:
    """Issues access tokens and remembers how long each lives."""

    def __init__(self, credentials: Mapping[str, Credential], seconds: float, clock: Callable[[], float]) -> None:
        """Start with no token issued.

        Args:
            credentials: Client ID to credential; empty for any.
            seconds: How long a token lives.
            clock: Monotonic seconds.
        """
        self._credentials = credentials
        self._seconds = seconds
        self._clock = clock
        self._issued: dict[str, tuple[float, Credential]] = {}

    def issue(self, client_id: str, client_secret: str) -> str | None:
        """Give a new token; None for wrong credentials.

        Args:
            client_id: As sent.
            client_secret: As sent.
        """
        if not client_id or not client_secret:
            return None
        credential = self._credentials.get(client_id) if self._credentials else _ANYONE
        if credential is None or (self._credentials and client_secret != credential.client_secret):
            return None
        now = self._clock()
        self._issued = {token: entry for token, entry in self._issued.items() if entry[0] > now}
        token = secrets.token_urlsafe(24)
        self._issued[token] = (now + self._seconds, credential)
        return token

    def holder(self, token: str) -> Credential | None:
        """Give the credential behind a token; None for an unknown or expired one.

        Args:
            token: As sent.
        """
        expires_at, credential = self._issued.get(token, (0.0, _ANYONE))
        return credential if token in self._issued and self._clock() < expires_at else None


class Throttle:
    """Lets a number of requests a second through; up to one second's worth is saved up."""

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        """Start with a second's worth saved up.

        Args:
            per_second: Requests a second; 0 for no limit.
            clock: Monotonic seconds.
        """
        self._per_second = per_second
        self._clock = clock
        self._most = max(1.0, per_second)
        self._left = self._most
        self._seen_at = clock()

    def admits(self) -> bool:
        """Tell whether one more request may pass now, and count it."""
        if not self._per_second:
            return True
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._seen_at) * self._per_second)
        self._seen_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
