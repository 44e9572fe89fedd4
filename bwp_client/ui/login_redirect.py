"""Brings whoever signs in back to the link they followed: the login itself always ends at the main page."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.web.server.server_util import AUTH_COOKIE_NAME

from bwp_client.errors import SettingsError
from bwp_client.ui.login import is_configured

COOKIE: Final = "bwp_way_back"
SECONDS: Final = 600
MAX_LENGTH: Final = 2_000
_AS_SENT: Final = "!$%&'()*+,-./:;=?@[]_~"
_LOGIN: Final = ("/oauth2callback", "/auth/")


class WayBack:
    """Middleware: keeps the link of a visitor who is not signed in yet in a cookie, and goes there once they are."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or not _is_page(request := Request(scope)) or not _has_login():
            await self._app(scope, receive, send)
            return
        link = _link(scope)
        if not any(name.startswith(AUTH_COOKIE_NAME) for name in request.cookies):
            await self._app(scope, receive, _with_link(send, "" if link == "/" else link))
            return
        wanted = request.cookies.get(COOKIE, "")
        if link != "/" or not _is_ours(wanted):
            await self._app(scope, receive, send)
            return
        answer = RedirectResponse(wanted, status_code=303)
        answer.delete_cookie(COOKIE)
        await answer(scope, receive, send)


def _is_page(request: Request) -> bool:
    """Tell whether somebody goes to a page: what a page fetches by itself asks for no HTML."""
    is_visit = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    return is_visit and not request.scope["path"].startswith(_LOGIN)


def _link(scope: Scope) -> str:
    """Return path and query as ASCII, as a header takes them: a visitor may send any bytes as either."""
    query = quote(scope.get("query_string", b""), safe=_AS_SENT)
    return f"{quote(scope['path'])}{f'?{query}' if query else ''}"


def _has_login() -> bool:
    try:
        return is_configured()
    except SettingsError:
        return True  # there is one that can't be read; the page itself says so


def _is_ours(link: str) -> bool:
    """Tell whether a link stays on this server, whoever wrote it into the cookie."""
    return link.startswith("/") and not link.startswith("//") and "\\" not in link and link.isprintable()


def _with_link(send: Send, link: str) -> Send:
    """Set the cookie with the answer, or take it away where there is nothing to come back to."""
    cookie = Response()
    if _is_ours(link) and len(link) <= MAX_LENGTH:
        cookie.set_cookie(COOKIE, link, max_age=SECONDS, httponly=True, samesite="lax")
    else:
        cookie.delete_cookie(COOKIE)
    headers = [header for header in cookie.raw_headers if header[0] == b"set-cookie"]

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *headers]
        await send(message)

    return sending
