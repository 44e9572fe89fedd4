"""Returns visitors to the link that they followed before signing in; the login itself always ends at the main page."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.web.server.server_util import AUTH_COOKIE_NAME

from bwp_client.errors import SettingsError
from bwp_client.ui.login import is_configured
from bwp_client.ui.login_gate import FRAME_FILES, PUBLIC_PATHS, is_guarded, path_in_app

COOKIE: Final = "bwp_way_back"
COOKIE_SECONDS: Final = 600
MAX_LENGTH: Final = 2_000
_UNQUOTED: Final = "!$%&'()*+,-./:;=?@[]_~"
_LOGIN_PATHS: Final = ("/oauth2callback", "/auth/")


class LoginRedirect:
    """Middleware that stores the link of a visitor who is not signed in as a cookie, and redirects there after the login."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request: set the cookie before the login, redirect to its link after the login, or pass the request on."""
        if scope["type"] != "http" or not opens_page(request := Request(scope)) or not _has_login():
            await self._app(scope, receive, send)
            return
        is_main = path_in_app(scope) in ("", "/") and not scope.get("query_string")
        if AUTH_COOKIE_NAME not in request.cookies:
            await self._app(scope, receive, _with_cookie(send, "" if is_main else _link(scope)))
            return
        target = request.cookies.get(COOKIE, "")
        if not is_main or not _is_local(target):
            await self._app(scope, receive, send)
            return
        response = RedirectResponse(target, status_code=303)
        response.delete_cookie(COOKIE)
        await response(scope, receive, send)


def opens_page(request: Request) -> bool:
    """Return whether a request opens a page; requests from an open page don't accept HTML."""
    is_visit = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    path = path_in_app(request.scope)
    if not is_visit or path.startswith(_LOGIN_PATHS) or path.endswith(PUBLIC_PATHS) or is_guarded(path):
        return False
    *folders, name = path.split("/")
    return FRAME_FILES not in folders and "." not in name


def _link(scope: Scope) -> str:
    """Return path and query as ASCII, because they become a header and a visitor may send any bytes."""
    query = quote(scope.get("query_string", b""), safe=_UNQUOTED)
    return f"{quote(scope['path'])}{f'?{query}' if query else ''}"


def _has_login() -> bool:
    try:
        return is_configured()
    except SettingsError:
        return True  # the settings of the login can't be read; the page shows the error


def _is_local(link: str) -> bool:
    """Return whether a link stays on this server; a visitor can write any text into the cookie."""
    return link.startswith("/") and not link.startswith("//") and "\\" not in link and link.isprintable()


def _with_cookie(send: Send, link: str) -> Send:
    """Return a `send` that sets the cookie to a link, or deletes it when the link is empty, foreign or too long."""
    response = Response()
    if _is_local(link) and len(link) <= MAX_LENGTH:
        response.set_cookie(COOKIE, link, max_age=COOKIE_SECONDS, httponly=True, samesite="lax")
    else:
        response.delete_cookie(COOKIE)
    headers = [header for header in response.raw_headers if header[0] == b"set-cookie"]

    async def send_with_cookie(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *headers]
        await send(message)

    return send_with_cookie
