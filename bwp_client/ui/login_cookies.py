"""The cookies of a login: they last as long as the login, and what an earlier login left in cookies is deleted."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final

import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.web.server.server_util import AUTH_COOKIE_NAME

from bwp_client.errors import BwpError
from bwp_client.settings import AuthSettings, Settings

CALLBACK: Final = "/oauth2callback"
_PART: Final = re.compile(rf"{AUTH_COOKIE_NAME}(_tokens)?_\d+")
"""The name of a part of a login that was too large for one cookie."""
_MAX_AGE: Final = re.compile(rb"Max-Age=(\d+)", re.IGNORECASE)


class StaleLoginCookies:
    """Middleware that limits how long a new login is stored, and then deletes the parts of an earlier, larger login.

    Streamlit stores the new login for 30 days and leaves the parts of the old one
    (https://github.com/streamlit/streamlit/issues/14290). The browser is given the lifetime only so that it asks for a new
    login in time: `login_sessions` refuses older logins whatever the browser sends.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; if its response stores a login, delete the parts of the earlier login with it."""
        if scope["type"] != "http" or not scope["path"].endswith(CALLBACK):
            await self._app(scope, receive, send)
            return
        parts = [name for name in Request(scope).cookies if _PART.fullmatch(name)]

        async def send_without_parts(message: Message) -> None:
            if message["type"] == "http.response.start":
                deletions = _deletions(parts, message)
                message["headers"] = [*map(_with_lifetime, message.get("headers", [])), *deletions]
            await send(message)

        await self._app(scope, receive, send_without_parts)


def _with_lifetime(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return the header of a response; a cookie of the login lasts no longer than the login."""
    name, value = header
    if name != b"set-cookie" or not value.startswith(AUTH_COOKIE_NAME.encode()):
        return header
    allowed = AuthSettings()
    with suppress(BwpError):  # the page says what is wrong with the settings
        allowed = Settings.load().auth
    seconds = int(allowed.lifetime_hours * 3600)
    return name, _MAX_AGE.sub(lambda found: b"Max-Age=%d" % min(int(found[1]), seconds), value)


def _deletions(parts: list[str], message: Message) -> list[tuple[bytes, bytes]]:
    """Return the headers that delete parts which the response does not set, if it stores a login."""
    headers = [value for name, value in message.get("headers", []) if name == b"set-cookie"]
    stored = {value.partition(b"=")[0].decode("latin-1") for value in headers}
    if AUTH_COOKIE_NAME not in stored:
        return []
    response = Response()
    path = f"/{str(st.get_option('server.baseUrlPath') or '').strip('/')}"
    for name in parts:
        if name not in stored:
            response.delete_cookie(name, path=path)
    return [header for header in response.raw_headers if header[0] == b"set-cookie"]
