"""Sends notices through Apprise: by e-mail, Slack, SNS, webhooks and more."""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from bwp_client.errors import SettingsError
from bwp_client.monitoring.exchange import Exchange
from bwp_client.redaction import one_line

_MARK_ROUNDS: Final = 200_000
_MARK_BYTES: Final = 8
_SHORT_LENGTH: Final = 200
_TOO_LARGE: Final = 413
_STATUS: Final = re.compile(r"error=(\d{3})\b")


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice. The only values from the data in it are product names and error codes."""

    title: str
    lines: tuple[str, ...]
    link: str = ""
    topics: tuple[str, ...] = ()
    """The matters that the notice is about. A later notice about all of them makes this notice superfluous."""
    once: str = ""
    """Notices with the same text here are the same notice, whichever process sends it; empty for a notice of its own."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", one_line(self.title))
        object.__setattr__(self, "lines", tuple(map(one_line, self.lines)))

    @property
    def text(self) -> str:
        """The whole text: all lines, then the link."""
        return "\n".join([*self.lines, self.link] if self.link else self.lines)

    @property
    def short_text(self) -> str:
        """The text for a destination that refuses the whole text as too long: the link, or the start of the first line."""
        return self.link or "".join(self.lines[:1])[:_SHORT_LENGTH]


class Destination:
    """One of the configured addresses. Nothing that this class returns contains a part of the address."""

    def __init__(self, address: str, service: Any, name: str) -> None:
        self._address = address
        self._service = service
        self.name = name
        """The kind of service, such as `Slack`, with its position if several destinations are configured."""

    def mark(self, salt: str) -> str:
        """Return a digest by which this destination is recognised later, for example in the log of notices.

        The digest is slow to compute and short, so that nobody can find a password in the address by trying.
        """
        return hashlib.pbkdf2_hmac("sha256", self._address.encode(), salt.encode(), _MARK_ROUNDS, _MARK_BYTES).hex()

    def send(self, notice: Notice) -> str:
        """Send a notice, or a shorter one if the destination refuses it as too long.

        Returns:
            An empty text if the notice was delivered; otherwise the reason why it was not, such as `JSON answered HTTP 500`.
        """
        problem, status = self._deliver(notice.title, notice.text)
        if status != _TOO_LARGE or notice.short_text == notice.text:
            return problem
        shorter_problem, _ = self._deliver(notice.title, notice.short_text)
        return f"{problem}, also to a shorter notice" if shorter_problem else ""

    def _deliver(self, title: str, text: str) -> tuple[str, int | None]:
        """Return the reason of a failure, empty after a delivery, and the HTTP status that the destination answered."""
        exchange = Exchange()
        with _without_quoting_addresses():
            result = exchange.run(lambda: self._notify(title, text))
        if exchange.problem or result is None:
            return f"{self.name} {exchange.problem}", None
        was_sent, has_timed_out, messages = result
        if was_sent:
            return "", None
        statuses = [int(found[1]) for message in messages if (found := _STATUS.search(message))]
        if statuses and 300 <= statuses[-1] < 400:
            reason = f"redirects to another address (HTTP {statuses[-1]}), which loses the notice"
        elif statuses:
            reason = f"answered HTTP {statuses[-1]}"
        elif has_timed_out:
            reason = "did not answer in time"
        elif any("onnection error" in message for message in messages):
            reason = "could not be reached"
        else:
            reason = "did not accept the notice"
        return f"{self.name} {reason}", statuses[-1] if statuses else None

    def _notify(self, title: str, text: str) -> tuple[bool, bool, list[str]]:
        """Return whether the notice was sent, whether a read took too long, and what Apprise logged."""
        import apprise

        sender = apprise.Apprise()
        sender.add(self._service)
        with (
            _quiet_loggers(),
            sender.notify(title=title, body=text, body_format=apprise.NotifyFormat.TEXT) as result,
        ):
            return bool(result), result.timeout_count > 0, [entry.message for entry in result.logs()]


def parse_destinations(addresses: str | None) -> list[Destination]:
    """Return the destinations of notices.

    Args:
        addresses: One or more Apprise addresses, such as `mailto://…`, `slack://…`, `sns://…` or `json://host/path`,
            separated by spaces or commas. None means that nobody is notified.

    Raises:
        SettingsError: Apprise does not know an address. No part of the address is quoted: it may hold a password.
    """
    if not addresses:
        return []
    with _without_quoting_addresses():
        import apprise
        from apprise.utils.parse import parse_urls

        # A followed redirect turns a POST into a GET without the notice, and the answer to that counts as a delivery.
        # Without `async_mode` and timeout a service runs in the thread of the exchange, which can be abandoned, and not in a
        # thread of Apprise, which would hold the end of the process.
        asset = apprise.AppriseAsset(http_redirects=False, async_mode=False, service_timeout=0)
        services = {}
        for address in parse_urls(addresses):  # type: ignore[no-untyped-call]
            try:
                service = apprise.Apprise.instantiate(address, asset=asset)
            except (ValueError, TypeError):
                service = None
            if service is None:
                raise SettingsError(
                    "An address for notices is none that Apprise knows. Nothing was done. Mend --notify or BWP_NOTIFY_URL; "
                    "see https://appriseit.com for the form of addresses."
                )
            service.redirects = False  # also where the address says `redirect=yes`
            services[address] = service
    return [
        Destination(address, service, _name(service, position, len(services)))
        for position, (address, service) in enumerate(services.items(), start=1)
    ]


def _name(service: Any, position: int, count: int) -> str:
    kind = str(service.service_name or "the destination")
    return kind if count == 1 else f"destination {position} of {count} ({kind})"


@contextmanager
def _without_quoting_addresses() -> Iterator[None]:
    """Hold back the warnings and log messages of Apprise and its HTTP client, because they quote addresses."""
    with warnings.catch_warnings(), _quiet_loggers():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _quiet_loggers() -> Iterator[None]:
    """Hold back log messages until every thread has left the block: an abandoned thread may still write."""
    global _quieting  # noqa: PLW0603 - loggers are global too
    with _quieting_lock:
        _quieting += 1
        _let_propagate(is_on=False)
    try:
        yield
    finally:
        with _quieting_lock:
            _quieting -= 1
            _let_propagate(is_on=not _quieting)


def _let_propagate(*, is_on: bool) -> None:
    for name in ("apprise", "urllib3"):
        logging.getLogger(name).propagate = is_on


_quieting = 0
_quieting_lock = threading.Lock()
