"""Checks the way to Buy with Prime: credentials, tokens, target IDs, the permission, the version and the clock.

A few questions are asked, each about a task that is known from an event where there is one; nothing is stored.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from uuid import uuid4

from bwp_client.api.classify import AGAIN, PERMISSION, AnswerKind, Classification, classify
from bwp_client.api.client import TIMEOUT_SECONDS
from bwp_client.api.credentials import with_stored_credentials
from bwp_client.api.lookup import LookupState, TaskRef
from bwp_client.api.response import Response
from bwp_client.doctor.findings import Finding
from bwp_client.errors import BwpError
from bwp_client.events import SAMPLE_TASK_ID_PREFIX, TaskKind
from bwp_client.settings import ANY_PRODUCT, ApiCredential, ApiSettings

if TYPE_CHECKING:
    import httpx

    from bwp_client.api.auth import AccessToken, TokenCache
    from bwp_client.api.transport import ApiTransport

MOST_CLOCK_SECONDS: Final = 10.0
"""Runs on several machines tell by the time of day which claims still hold."""
KNOWN_VERSION: Final = "2024-11-01"
_CONSOLE: Final = "in the merchant console under Settings, API credentials"


@dataclass(frozen=True, slots=True)
class _Probe:
    """One question about a business product, and its answer."""

    product: str
    credential: ApiCredential
    about_known_task: bool
    classification: Classification
    response: Response
    asked_at: datetime


def inspect_api(
    settings: ApiSettings,
    known: Iterable[TaskRef],
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    monotonic: Callable[[], float] = time.monotonic,
    http_transport: httpx.AsyncBaseTransport | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> list[Finding]:
    """Look at everything that a lookup needs, one thing after the other.

    Args:
        settings: What to check.
        known: A task of each business product that events are known of.
        clock: Gives the time now, in UTC.
        monotonic: Seconds from a clock that never goes back.
        http_transport: Replaces the network.
        timeout_seconds: How long one answer may take.
    """
    tasks = {task.business_product_id: task for task in known if task.business_product_id}
    checks = list(_check_addresses(settings))
    try:
        settings = with_stored_credentials(settings)
    except BwpError as error:
        return [*checks, Finding("Credentials can't be read.", str(error))]
    if not settings.credentials:
        fix = f'Set BWP_API__CREDENTIALS to JSON: {{"*": {{"client_id": "…", "client_secret": "…"}}}}. Make them {_CONSOLE}.'
        return [*checks, Finding("There is no API credential.", fix)]
    if any(task.task_id.startswith(SAMPLE_TASK_ID_PREFIX) for task in tasks.values()) and not settings.is_on_loopback:
        fix = "Set BWP_WAREHOUSE to a warehouse with your own events, or BWP_API__ENDPOINT to a sandbox."
        return [
            *checks,
            Finding("The warehouse holds sample data, which this API can't know; nothing was asked.", fix),
        ]
    products = list(dict.fromkeys([*tasks, *(name for name in settings.credentials if name != ANY_PRODUCT)]))
    doctor = _Doctor(settings, tasks, clock, monotonic, http_transport, timeout_seconds)
    return [*checks, *asyncio.run(doctor.look(products))]


def _check_addresses(settings: ApiSettings) -> Iterator[Finding]:
    for name, address in (("ENDPOINT", settings.endpoint), ("TOKEN_ENDPOINT", settings.token_endpoint)):
        parts, called = urlsplit(address), name.lower().replace("_", " ")
        host = parts.hostname or "no host"
        if parts.scheme == "https" or (parts.scheme == "http" and settings.is_on_loopback):
            yield Finding(f"Address {called}: {parts.scheme}://{host}{parts.path}")
        else:
            yield Finding(
                f"Address {called}: {parts.scheme or 'no scheme'}://{host} would send secrets in the open.",
                f"Set BWP_API__{name} to an https:// address, or leave it out for the documented one.",
            )


class _Doctor:
    def __init__(
        self,
        settings: ApiSettings,
        tasks: dict[str, TaskRef],
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        http_transport: httpx.AsyncBaseTransport | None,
        timeout_seconds: float,
    ) -> None:
        self._settings = settings
        self._tasks = tasks
        self._clock = clock
        self._monotonic = monotonic
        self._http_transport = http_transport
        self._timeout_seconds = timeout_seconds

    async def look(self, products: list[str]) -> list[Finding]:
        from bwp_client.api.auth import TokenCache

        checks, held = [], {}
        async with self._transport(self._settings) as transport:
            tokens = TokenCache(transport.http, self._settings.token_endpoint, monotonic=self._monotonic)
            for name, credential in self._settings.credentials.items():
                check, token = await _check_token(tokens, name, credential)
                checks.append(check)
                if token is not None:
                    held[name] = token
            probes = []
            for product in products:
                name = product if product in self._settings.credentials else ANY_PRODUCT
                if name in held:
                    probes.append(await self._probe(transport, product, self._settings.credentials[name], held[name]))
                elif name not in self._settings.credentials:
                    checks.append(_without_credential(product))
            checks += await self._judge(probes, held)
        if not products:
            fix = "Load events first, or name business products in BWP_API__CREDENTIALS in place of *."
            checks.append(Finding("Target ID: no business product is known, so no question could be asked.", fix))
        return checks

    def _transport(self, settings: ApiSettings) -> ApiTransport:
        from bwp_client.api.transport import ApiTransport

        return ApiTransport(settings, http_transport=self._http_transport, timeout_seconds=self._timeout_seconds)

    async def _probe(
        self, transport: ApiTransport, product: str, credential: ApiCredential, token: AccessToken
    ) -> _Probe:
        task = self._tasks.get(product) or TaskRef(TaskKind.DELETION, str(uuid4()), product)
        response = await transport.ask(task.task_kind, task.task_id, target_id=product, token=token.value)
        return _Probe(product, credential, product in self._tasks, classify(task, response), response, self._clock())

    async def _judge(self, probes: list[_Probe], held: dict[str, AccessToken]) -> list[Finding]:
        good = {probe.credential.client_id for probe in probes if probe.classification.kind is AnswerKind.ANSWERED}
        checks = [_check_target(probe, elsewhere=probe.credential.client_id in good) for probe in probes]
        denied = [probe for probe in probes if probe.classification.kind is AnswerKind.DENIED]
        if good:
            checks.append(Finding(f"Permission: {PERMISSION}"))
        elif denied:
            fix = f'Give the credential the permission "{PERMISSION}" {_CONSOLE}; if it has it, the target ID is wrong.'
            checks.append(Finding("Permission: every question was denied.", fix))
        checks += await self._check_version(probes, held)
        checks += self._check_clock(probes)
        return checks

    async def _check_version(self, probes: list[_Probe], held: dict[str, AccessToken]) -> list[Finding]:
        version = self._settings.version
        if any(probe.classification.kind is AnswerKind.ANSWERED for probe in probes):
            return [Finding(f"Version: {version}")]
        refused = [probe for probe in probes if probe.classification.kind is AnswerKind.REJECTED]
        if not refused:
            return []
        if version != KNOWN_VERSION:
            async with self._transport(self._settings.model_copy(update={"version": KNOWN_VERSION})) as transport:
                product = refused[0].product
                name = product if product in held else ANY_PRODUCT
                again = await self._probe(transport, product, refused[0].credential, held[name])
            if again.classification.kind is not AnswerKind.REJECTED:
                return [Finding(f"Version: {version} is not accepted.", f"Set BWP_API__VERSION to {KNOWN_VERSION}.")]
        fix = "Look up the current version in the API's changelog and set BWP_API__VERSION to it."
        return [Finding(f"Version: the question was not accepted with {version}.", fix)]

    def _check_clock(self, probes: list[_Probe]) -> Iterator[Finding]:
        seen = [(probe.response.server_time, probe.asked_at) for probe in probes if probe.response.server_time]
        if not seen:
            return
        server, ours = seen[-1]
        assert server is not None
        ahead = (ours - server).total_seconds()
        if abs(ahead) <= MOST_CLOCK_SECONDS:
            yield Finding("Clock: agrees with Buy with Prime's")
        else:
            yield Finding(
                f"Clock: {abs(ahead):,.0f} seconds {'ahead of' if ahead > 0 else 'behind'} Buy with Prime's.",
                "Switch on time synchronisation (NTP) on this machine.",
            )


async def _check_token(tokens: TokenCache, name: str, credential: ApiCredential) -> tuple[Finding, AccessToken | None]:
    from bwp_client.api.auth import TokenRefusedError, TokenUnavailableError

    whose = "all business products" if name == ANY_PRODUCT else name
    try:
        token = await tokens.current(credential)
    except TokenRefusedError as refused:
        fix = f"Check client_id and client_secret of {name!r} in BWP_API__CREDENTIALS, or make new ones {_CONSOLE}."
        return Finding(f"Token for {whose}: the credential was refused ({refused}).", fix), None
    except TokenUnavailableError as unavailable:
        return Finding(f"Token for {whose}: {unavailable}", "Run doctor api again in a minute."), None
    return Finding(f"Token for {whose}: given"), token


def _without_credential(product: str) -> Finding:
    fix = f'Add {product} to BWP_API__CREDENTIALS, or "*" for all business products.'
    return Finding(f"Target ID {product}: events are known, but no credential is.", fix)


def _check_target(probe: _Probe, *, elsewhere: bool) -> Finding:
    classification, name = probe.classification, f"Target ID {probe.product}"
    if classification.kind is AnswerKind.ANSWERED:
        if classification.lookup_state is LookupState.NOT_FOUND and probe.about_known_task:
            fix = "Finding that the credential is of the shop that the events come from; the task may also have been removed."
            return Finding(f"{name}: accepted, but the task of an event is not known there.", fix)
        return Finding(f"{name}: accepted")
    if classification.kind is AnswerKind.DENIED and elsewhere:
        fix = (
            f"The credential works for another business product, so it is not one of {probe.product}: name one that is."
        )
        return Finding(f"{name}: denied.", fix)
    if classification.kind is AnswerKind.DENIED and not probe.about_known_task:
        fix = (
            "The question was about a made-up task, which the API may deny as well: load events of this product first."
        )
        return Finding(f"{name}: denied.", fix)
    if classification.kind is AnswerKind.DENIED:
        fix = (
            f"Finding that the credential was made for {probe.product} (TargetId in its download), then the permission."
        )
        return Finding(f"{name}: denied.", fix)
    if classification.kind is AnswerKind.REJECTED:
        return Finding(f"{name}: the question was not accepted.", "See the version below.")
    return Finding(f"{name}: {classification.reason.removesuffix(AGAIN)}", "Run doctor api again in a minute.")
