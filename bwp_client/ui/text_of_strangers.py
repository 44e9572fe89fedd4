"""Keeps text of people who are not signed in out of the server's log: Streamlit writes it there as it came."""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from bwp_client.ui.login_cookies import CALLBACK

_ERROR_CODE: Final = re.compile(r"[a-z_]{1,40}")
"""An error code of OAuth 2.0 or OpenID Connect, such as `access_denied`."""
_UNKNOWN_ERROR: Final = "unknown"
_SERVER_NAME: Final = re.compile(r"[!-~]{0,300}")
"""An origin or a host: at most 253 characters, with a scheme and a port."""
_POLICY_VIOLATION: Final = 1008


class TextOfStrangers:
    """Middleware that shortens an error at the login to its code, and refuses a websocket whose origin or host is none."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, if need be with a shorter query, or refuse the websocket with HTTP status 403."""
        if scope["type"] == "websocket" and not _has_server_names(scope):
            await WebSocketClose(_POLICY_VIOLATION)(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].endswith(CALLBACK):
            await self._app(_with_error_code(scope), receive, send)
        else:
            await self._app(scope, receive, send)


def _has_server_names(scope: Scope) -> bool:
    headers = HTTPConnection(scope).headers
    return all(_SERVER_NAME.fullmatch(headers.get(name, "")) for name in ("origin", "host"))


def _with_error_code(scope: Scope) -> Scope:
    """Return the scope of a callback with nothing in its query but the error's code, if there is an error."""
    error = HTTPConnection(scope).query_params.get("error")
    if not error:
        return scope
    code = error if _ERROR_CODE.fullmatch(error) else _UNKNOWN_ERROR
    return {**scope, "query_string": f"error={code}".encode()}
