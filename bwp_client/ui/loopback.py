"""Refuses requests from other machines while no login is configured, also if the app runs behind a proxy."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from bwp_client.errors import SettingsError
from bwp_client.ui.login import is_configured

PUBLIC_PATHS: Final = ("/readyz", "/_stcore/health")
"""The paths of health checks. They are served to every machine, and return no data."""
_FORWARDED_FOR: Final = (
    "x-forwarded-for", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "cf-connecting-ip",
    "fly-client-ip", "x-original-forwarded-for", "x-forwarded", "forwarded-for", "x-remote-ip", "x-remote-addr",
    "x-originating-ip", "x-envoy-external-address", "x-azure-clientip", "x-appengine-user-ip", "fastly-client-ip",
    "x-vercel-forwarded-for", "do-connecting-ip", "proxy-client-ip", "wl-proxy-client-ip", "x-proxyuser-ip",
)  # fmt: skip
"""Headers in which proxies name the visitor."""
_FORWARDED_HOST: Final = ("x-original-host", "x-forwarded-host", "x-forwarded-server")
"""Headers in which proxies name the host that the visitor asked for. The visitor can write any name there."""
_OF_PROXIES: Final = ("x-forwarded-", "x-original-", "x-scheme", "front-end-https")
"""How the names of other headers begin that only proxies write."""
_FORWARDED_PART: Final = re.compile(r"[;,]\s*")
_HOST: Final = re.compile(r"\[([^\[\]]+)\](?::\d*)?|([^:\[\]]+)(?::\d*)?")
_POLICY_VIOLATION: Final = 1008
_REASON: Final = (
    "Nothing is shown. No login is configured, so the app serves only the machine that it runs on, and this request came "
    "from another machine or through a proxy. Open http://127.0.0.1 or http://localhost on the app's machine, or add [auth] "
    "to .streamlit/secrets.toml and restart the app (docs/login.md).\n"
)


class LoopbackOnly:
    """Middleware that refuses requests from other machines while no login is configured."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, or refuse it: with HTTP status 403, or by closing a websocket before it is accepted."""
        reason = _why_refused(scope) if scope["type"] in ("http", "websocket") else None
        if reason is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await PlainTextResponse(reason, status_code=403)(scope, receive, send)
        else:
            await WebSocketClose(_POLICY_VIOLATION, "No login is configured.")(scope, receive, send)


def _why_refused(scope: Scope) -> str | None:
    """Return the text of the refusal, or None if the request may be served."""
    if scope["path"] in PUBLIC_PATHS and scope["type"] == "http":
        return None
    try:
        if is_configured():
            return None
    except SettingsError as error:
        return None if is_from_this_machine(scope) else f"{error}\n"  # on this machine, the page shows the error
    return None if is_from_this_machine(scope) else _REASON


def is_from_this_machine(scope: Scope) -> bool:
    """Return whether a request was sent by this machine to a loopback address, and was not forwarded for another machine.

    The result is False for a Unix socket, because it has no peer address and is usually opened by a proxy.
    """
    peer, server = scope.get("client"), scope.get("server")
    if not peer or not server or not _is_loopback(peer[0]) or not _is_loopback(server[0]):
        return False
    headers = Headers(scope=scope)
    if "via" in headers:
        return False  # written by proxies alone
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not _is_loopback(_host_in(hosts[0])):
        return False  # a proxy, or a foreign name that resolves to this machine (DNS rebinding)
    visitors, names = _listed(headers, _FORWARDED_FOR), _listed(headers, _FORWARDED_HOST)
    for header in headers.getlist("forwarded"):
        for part in _FORWARDED_PART.split(header.lower()):
            name, _, value = part.partition("=")
            if name.strip() not in ("for", "host", "by", "proto"):
                return False
            if name.strip() != "proto":
                (visitors if name.strip() == "for" else names).append(value.strip().strip('"'))
    is_forwarded = "forwarded" in headers or any(name.startswith(_OF_PROXIES) for name in headers)
    if is_forwarded and not visitors:
        return False  # the visitor may be anybody
    return all(_is_loopback(_host_in(name.strip())) for name in (*visitors, *names))


def _listed(headers: Headers, names: tuple[str, ...]) -> list[str]:
    """Return the items of headers that hold lists."""
    return [item for name in names for value in headers.getlist(name) for item in value.split(",")]


def _host_in(text: str) -> str:
    """Return the host in `host`, `host:port` or `[IPv6]:port`; an IPv6 address may have no brackets."""
    if text.count(":") > 1 and not text.startswith("["):
        return text
    found = _HOST.fullmatch(text)
    return (found[1] or found[2]) if found else ""


def _is_loopback(host: str) -> bool:
    """Return whether a host is `localhost` or a loopback address."""
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
