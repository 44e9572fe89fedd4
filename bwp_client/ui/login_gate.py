"""Serves the routes behind the login only to people who are admitted, and ends the open pages of those who no longer are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.web.server.server_util import AUTH_COOKIE_NAME

from bwp_client.errors import BwpError
from bwp_client.settings import Settings
from bwp_client.ui.login import is_admitted, is_configured
from bwp_client.ui.login_sessions import end_login
from bwp_client.ui.page_messages import accepted_message
from bwp_client.workarounds import read_signed_cookie

PUBLIC_PATHS: Final = ("/readyz", "/_stcore/health", "/_stcore/host-config")
"""Paths for health checks, and those that a browser needs to draw the sign-in page; they return no data."""
FRAME_FILES: Final = "static"
"""The first segment of the paths of the frame's own files, such as its fonts in `/static/media/`."""
PAGE_SOCKET: Final = "/_stcore/stream"
SIGN_OUT: Final = "/auth/logout"
UPLOADS: Final = "/_stcore/upload_file/"
"""The path of uploads. No page has a field for files, and what is uploaded fills the server's memory."""
STRANGERS_MESSAGES_PER_SECOND: Final = 4
"""The messages of a socket that are handled in a second while its visitor is not admitted: each draws the sign-in page, and
many would take the time of all visitors. A person signs in with two messages."""
_GUARDED: Final = {"_stcore", "media", "component", "app"}
"""Segments of the framework's paths with data: metrics, downloads, uploads, components, static files of the app."""
_OTHER_SITES: Final = {"cross-site", "same-site"}
"""Values of the header `Sec-Fetch-Site` for a request that a page of another origin started."""
_PROTOCOL: Final = b"sec-websocket-protocol"
_POLICY_VIOLATION: Final = 1008
_GONE: Final = 1006


def path_in_app(scope: Scope) -> str:
    """Return the path of a request without the folder that the app is served in, whatever the name of that folder."""
    path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return path.removeprefix(f"/{base}") if base else path


def is_guarded(path: str) -> bool:
    """Return whether a path is served only to people who are admitted; the pages and their frame are drawn for everybody."""
    public = next((public for public in PUBLIC_PATHS if path.endswith(public)), "")
    parts = path.removesuffix(public).split("/")
    first = next((part for part in parts if part in _GUARDED or part == FRAME_FILES), FRAME_FILES)
    return first != FRAME_FILES


def claims_in(cookies: Mapping[str, str]) -> dict[str, Any]:
    """Return the claims of the login in a visitor's cookies; none if its signature is wrong."""
    signed = read_signed_cookie(cookies, AUTH_COOKIE_NAME)
    with suppress(ValueError):
        claims = json.loads(signed or b"{}")
        if isinstance(claims, dict) and claims.get("is_logged_in") is True:
            return claims
    return {}


class LoginGate:
    """Middleware that serves guarded paths only to people who are admitted, while a login is configured.

    The socket of a page is open to everybody, because the sign-in page is drawn through it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or a websocket, refuse it, or check each of its messages."""
        if scope["type"] == "websocket" and scope["path"].endswith(PAGE_SOCKET):
            await _PageSocket(scope, receive, send).serve(self._app)
        elif scope["type"] == "websocket" and not is_visitor_admitted(scope):
            await WebSocketClose(_POLICY_VIOLATION)(scope, receive, send)
        elif scope["type"] == "http" and is_guarded(path_in_app(scope)):
            await self._serve_guarded(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].endswith(SIGN_OUT):
            await self._sign_out(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _serve_guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, stored by no browser and no proxy; or answer that there is no such path."""
        is_upload = UPLOADS in scope["path"] and _has_login()
        if is_upload or not is_visitor_admitted(scope):
            await PlainTextResponse("Not found\n", status_code=404)(scope, receive, send)
        else:
            await self._app(scope, receive, _stored_nowhere(send))

    async def _sign_out(self, scope: Scope, receive: Receive, send: Send) -> None:
        """End the login, unless a page of another site asks for it: such a page must not sign its visitors out."""
        connection = HTTPConnection(scope)
        if connection.headers.get("sec-fetch-site") in _OTHER_SITES:
            await PlainTextResponse("Sign out on a page of the app.\n", status_code=403)(scope, receive, send)
            return
        end_login(claims_in(connection.cookies))
        await self._app(scope, receive, send)


class _PageSocket:
    """The websocket of a page.

    The socket of a person who is no longer admitted is closed at the next message, before anything is done with the message;
    the browser then opens a new socket. A visitor who is not admitted can't resume an earlier page, whose buttons start jobs:
    the sign-in page takes its place at once, because the browser does not always ask for it.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._is_admitted = is_visitor_admitted(scope)
        self._is_closed = False
        self._must_draw = False
        self._next_turn = 0.0

    async def serve(self, app: ASGIApp) -> None:
        scope = self._scope if self._is_admitted else _without_page(self._scope)
        await app(scope, self._next_message, self._send_if_open)

    async def _next_message(self) -> Message:
        if self._must_draw:
            self._must_draw = False
            return {"type": "websocket.receive", "bytes": BackMsg(rerun_script=ClientState()).SerializeToString()}
        while True:
            message = await self._receive()
            if self._is_closed:
                return {"type": "websocket.disconnect", "code": _GONE}
            if message["type"] != "websocket.receive":
                self._must_draw = (
                    message["type"] == "websocket.connect" and not self._is_admitted and _names_page(self._scope)
                )
                return message
            if not self._is_admitted:
                await self._wait_for_turn()
            was_admitted, self._is_admitted = self._is_admitted, is_visitor_admitted(self._scope)
            if was_admitted and not self._is_admitted:
                self._is_closed = True
                await self._send({"type": "websocket.close", "code": _POLICY_VIOLATION})
                return {"type": "websocket.disconnect", "code": _POLICY_VIOLATION}
            if not _has_login():
                return message
            accepted = accepted_message(message.get("bytes") or b"", is_admitted=self._is_admitted)
            if accepted is not None:
                return {"type": "websocket.receive", "bytes": accepted}

    async def _wait_for_turn(self) -> None:
        """Wait until the visitor's next message may be handled; the server reads no more from the socket meanwhile."""
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(self._next_turn - now)
        self._next_turn = max(now, self._next_turn) + 1 / STRANGERS_MESSAGES_PER_SECOND

    async def _send_if_open(self, message: Message) -> None:
        """Send a message; once the visitor has gone, the app gets the end of the connection instead of waiting messages."""
        if self._is_closed:
            return
        try:
            await self._send(message)
        except OSError:
            self._is_closed = True


def _protocols(scope: Scope) -> list[bytes]:
    return b",".join(value for name, value in scope["headers"] if name == _PROTOCOL).split(b",")


def _names_page(scope: Scope) -> bool:
    """Return whether a websocket names the page that the visitor wants to resume, by its ID as the third protocol."""
    return len(_protocols(scope)) > 2


def _without_page(scope: Scope) -> Scope:
    """Return the scope of a websocket without the ID of the page that the visitor wants to resume."""
    others = [(name, value) for name, value in scope["headers"] if name != _PROTOCOL]
    first_two = b",".join(_protocols(scope)[:2])
    return {**scope, "headers": [*others, (_PROTOCOL, first_two)] if first_two else others}


def _stored_nowhere(send: Send) -> Send:
    """Return a `send` that forbids to store a response: the next visitor of a browser or a proxy may not be admitted."""

    async def send_unstored(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["cache-control"] = "no-store"
        await send(message)

    return send_unstored


def _has_login() -> bool:
    try:
        return is_configured()
    except BwpError:
        return True  # nobody is let in until the secrets can be read


def is_visitor_admitted(scope: Scope) -> bool:
    """Return whether a visitor may see data: no login is configured, or the cookies hold the login of an admitted person."""
    try:
        return not is_configured() or is_admitted(claims_in(HTTPConnection(scope).cookies), Settings.load().auth)
    except BwpError:
        return False
