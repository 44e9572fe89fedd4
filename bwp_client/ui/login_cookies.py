"""Deletes what an earlier login left in cookies, which the browser would send with every request."""

from __future__ import annotations

import re
from typing import Final

import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.web.server.server_util import AUTH_COOKIE_NAME

CALLBACK: Final = "/oauth2callback"
_PART: Final = re.compile(rf"{AUTH_COOKIE_NAME}(_tokens)?_\d+")
"""The name of a part of a login that was too large for one cookie."""


class StaleLoginCookies:
    """Middleware that deletes the parts of an earlier, larger login as soon as a new login is stored.

    Streamlit stores the new login and leaves the parts of the old one (https://github.com/streamlit/streamlit/issues/14290).
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
                message["headers"] = [*message.get("headers", []), *_deletions(parts, message)]
            await send(message)

        await self._app(scope, receive, send_without_parts)


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
