"""`doctor api`: inspects addresses, credentials, tokens, target IDs, the permission, the version and the clock.

The API is asked one question about each business product, if possible about the task of a loaded event. Nothing is stored.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from uuid import uuid4

from bwp_client.api.addresses import is_web_address
from bwp_client.api.classify import AGAIN, PERMISSION, AnswerKind, Classification, classify
from bwp_client.api.client import TIMEOUT_SECONDS
from bwp_client.api.credentials import with_stored_credentials
from bwp_client.api.known_secrets import KnownSecrets
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
"""The largest harmless difference of clocks: runs on several machines compare times to see which claims have expired."""
KNOWN_VERSION: Final = "2024-11-01"
_CONSOLE: Final = "in the merchant console under Settings, API credentials"


@dataclass(frozen=True, slots=True)
class _Probe:
    """A question about a business product, and its answer."""

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
    """Return the findings about all preconditions of a lookup.

    Args:
        settings: The settings of the API.
        known: A task of each business product that has events.
        clock: Returns the current time, in UTC.
        monotonic: Returns seconds from a clock that never goes back.
        http_transport: Replaces the network.
        timeout_seconds: The time limit of an answer.
    """
    tasks = {task.business_product_id: task for task in known if task.business_product_id}
    findings = list(_inspect_addresses(settings))
    if not (is_web_address(settings.endpoint) and is_web_address(settings.token_endpoint)):
        return findings
    try:
        settings = with_stored_credentials(settings)
    except BwpError as error:
        return [*findings, Finding("Credentials can't be read.", str(error))]
    if not settings.credentials:
        fix = f'Set BWP_API__CREDENTIALS to JSON: {{"*": {{"client_id": "…", "client_secret": "…"}}}}. Make them {_CONSOLE}.'
        return [*findings, Finding("There is no API credential.", fix)]
    if any(task.task_id.startswith(SAMPLE_TASK_ID_PREFIX) for task in tasks.values()) and not settings.is_on_loopback:
        fix = "Set BWP_WAREHOUSE to a warehouse with your own events, or BWP_API__ENDPOINT to a sandbox."
        return [
            *findings,
            Finding("The warehouse holds sample data, which this API can't know; nothing was asked.", fix),
        ]
    products = list(dict.fromkeys([*tasks, *(name for name in settings.credentials if name != ANY_PRODUCT)]))
    inspection = _ApiInspection(settings, tasks, clock, monotonic, http_transport, timeout_seconds)
    return [*findings, *asyncio.run(inspection.findings(products))]


def _inspect_addresses(settings: ApiSettings) -> Iterator[Finding]:
    for name, address in (("ENDPOINT", settings.endpoint), ("TOKEN_ENDPOINT", settings.token_endpoint)):
        title = name.lower().replace("_", " ")
        if not is_web_address(address):
            yield Finding(
                f"Address {title}: this is no http:// or https:// address.",
                f"Set BWP_API__{name} to an https:// address, or leave it out to use the documented address.",
            )
            continue
        parts = urlsplit(address)
        if parts.scheme == "https" or (parts.scheme == "http" and settings.is_on_loopback):
            yield Finding(f"Address {title}: {parts.scheme}://{parts.hostname}{parts.path}")
        else:
            yield Finding(
                f"Address {title}: {parts.scheme}://{parts.hostname} would send secrets in the open.",
                f"Set BWP_API__{name} to an https:// address, or leave it out to use the documented address.",
            )


class _ApiInspection:
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
        self._secrets = KnownSecrets(settings)
        self._tasks = tasks
        self._clock = clock
        self._monotonic = monotonic
        self._http_transport = http_transport
        self._timeout_seconds = timeout_seconds

    async def findings(self, products: list[str]) -> list[Finding]:
        from bwp_client.api.auth import TokenCache

        findings: list[Finding] = []
        granted: dict[str, AccessToken] = {}  # by the name of the credential
        async with self._transport(self._settings) as transport:
            tokens = TokenCache(
                transport, self._settings.token_endpoint, secrets=self._secrets, monotonic=self._monotonic
            )
            for name, credential in self._settings.credentials.items():
                finding, token = await _inspect_token(tokens, name, credential, self._clock)
                findings.append(finding)
                if token is not None:
                    granted[name] = token
            probes = []
            for product in products:
                name = product if product in self._settings.credentials else ANY_PRODUCT
                if name in granted:
                    probes.append(
                        await self._probe(transport, product, self._settings.credentials[name], granted[name])
                    )
                elif name not in self._settings.credentials:
                    findings.append(_without_credential(product))
            findings += await self._conclude(probes, granted)
        if not products:
            fix = "Load events first, or name business products in BWP_API__CREDENTIALS in place of *."
            findings.append(Finding("Target ID: no business product is known, so no question could be asked.", fix))
        return findings

    def _transport(self, settings: ApiSettings) -> ApiTransport:
        from bwp_client.api.transport import ApiTransport

        return ApiTransport(settings, http_transport=self._http_transport, timeout_seconds=self._timeout_seconds)

    async def _probe(
        self, transport: ApiTransport, product: str, credential: ApiCredential, token: AccessToken
    ) -> _Probe:
        task = self._tasks.get(product) or TaskRef(TaskKind.DELETION, str(uuid4()), product)
        response = await transport.ask(task.task_kind, task.task_id, target_id=product, token=token.value)
        classification = classify(task, response, self._secrets)
        return _Probe(product, credential, product in self._tasks, classification, response, self._clock())

    async def _conclude(self, probes: list[_Probe], granted: dict[str, AccessToken]) -> list[Finding]:
        working = {probe.credential.client_id for probe in probes if probe.classification.kind is AnswerKind.ANSWERED}
        findings = [_target_finding(probe, works_elsewhere=probe.credential.client_id in working) for probe in probes]
        denied = [probe for probe in probes if probe.classification.kind is AnswerKind.DENIED]
        if working:
            findings.append(Finding(f"Permission: {PERMISSION}"))
        elif denied:
            fix = f'Give the credential the permission "{PERMISSION}" {_CONSOLE}; if it has it, the target ID is wrong.'
            findings.append(Finding("Permission: every question was denied.", fix))
        findings += await self._inspect_version(probes, granted)
        findings += self._inspect_clock(probes)
        return findings

    async def _inspect_version(self, probes: list[_Probe], granted: dict[str, AccessToken]) -> list[Finding]:
        version = self._settings.version
        if any(probe.classification.kind is AnswerKind.ANSWERED for probe in probes):
            return [Finding(f"Version: {version}")]
        refused = [probe for probe in probes if probe.classification.kind is AnswerKind.REJECTED]
        if not refused:
            return []
        if version != KNOWN_VERSION:
            async with self._transport(self._settings.model_copy(update={"version": KNOWN_VERSION})) as transport:
                product = refused[0].product
                name = product if product in granted else ANY_PRODUCT
                again = await self._probe(transport, product, refused[0].credential, granted[name])
            if again.classification.kind is not AnswerKind.REJECTED:
                return [Finding(f"Version: {version} is not accepted.", f"Set BWP_API__VERSION to {KNOWN_VERSION}.")]
        fix = "Look up the current version in the API's changelog and set BWP_API__VERSION to it."
        return [Finding(f"Version: the question was not accepted with {version}.", fix)]

    def _inspect_clock(self, probes: list[_Probe]) -> Iterator[Finding]:
        seen = [(probe.response.server_time, probe.asked_at) for probe in probes if probe.response.server_time]
        if not seen:
            return
        server, ours = seen[-1]
        assert server is not None
        lead_seconds = (ours - server).total_seconds()
        if abs(lead_seconds) <= MOST_CLOCK_SECONDS:
            yield Finding("Clock: agrees with Buy with Prime's")
        else:
            yield Finding(
                f"Clock: {abs(lead_seconds):,.0f} seconds {'ahead of' if lead_seconds > 0 else 'behind'} Buy with Prime's.",
                "Switch on time synchronisation (NTP) on this machine.",
            )


async def _inspect_token(
    tokens: TokenCache, name: str, credential: ApiCredential, clock: Callable[[], datetime]
) -> tuple[Finding, AccessToken | None]:
    from bwp_client.api.auth import TokenRefusedError, TokenUnavailableError

    owner = "all business products" if name == ANY_PRODUCT else name
    try:
        token = await tokens.current(credential)
    except TokenRefusedError as refused:
        fix = f"Check client_id and client_secret of {name!r} in BWP_API__CREDENTIALS, or make new ones {_CONSOLE}."
        return Finding(f"Token for {owner}: the credential was refused ({refused}).", fix), None
    except TokenUnavailableError as unavailable:
        return Finding(f"Token for {owner}: {unavailable}", _again(unavailable.retry_after_seconds, clock())), None
    return Finding(f"Token for {owner}: given"), token


def _again(pause_seconds: float | None, now: datetime) -> str:
    if not pause_seconds or pause_seconds <= 60:
        return "Run doctor api again in a minute."
    return f"Run doctor api again after {now + timedelta(seconds=pause_seconds):%Y-%m-%d %H:%M:%S} UTC."


def _without_credential(product: str) -> Finding:
    fix = f'Add {product} to BWP_API__CREDENTIALS, or "*" for all business products.'
    return Finding(f"Target ID {product}: events are known, but no credential is.", fix)


def _target_finding(probe: _Probe, *, works_elsewhere: bool) -> Finding:
    name, classification = f"Target ID {probe.product}", probe.classification
    match classification.kind:
        case AnswerKind.ANSWERED if classification.lookup_state is LookupState.NOT_FOUND and probe.about_known_task:
            return Finding(
                f"{name}: accepted, but the task of an event is not known there.",
                "Check that the credential belongs to the shop of the events; the task may also have been removed.",
            )
        case AnswerKind.ANSWERED:
            return Finding(f"{name}: accepted")
        case AnswerKind.DENIED:
            return Finding(f"{name}: denied.", _fix_of_denial(probe, works_elsewhere=works_elsewhere))
        case AnswerKind.REJECTED:
            return Finding(f"{name}: the question was not accepted.", "See the version below.")
    fix = _again(classification.retry_after_seconds, probe.asked_at)
    return Finding(f"{name}: {classification.reason.removesuffix(AGAIN)}", fix)


def _fix_of_denial(probe: _Probe, *, works_elsewhere: bool) -> str:
    if works_elsewhere:
        return (
            "The credential works for another business product, so it does not belong to this product: name a "
            f"credential of {probe.product}."
        )
    if not probe.about_known_task:
        return (
            "The question was about a made-up task, which the API may deny as well: load events of this product first."
        )
    return f"Check that the credential was made for {probe.product} (TargetId in its download), then the permission."
