"""Adds our style sheets and scripts to the frame of every page: tiles, print, phones, keys, and the width of the screen.

The frame also names the scripts of Streamlit that draw charts and tables: a browser then fetches and runs them while the
server computes the first page, instead of after it.

Elements of a page are drawn again in every run; these files are read once by the browser. They are files of the app's own
origin and hold no data, so a content security policy needs no exception for them, and the sign-in page may read them too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.file_util import get_static_dir

from bwp_client.ui.login_gate import path_in_app
from bwp_client.ui.login_redirect import opens_page

_FOLDER: Final = Path(__file__).parent / "browser"
_FILES: Final = {
    f"/{name}": _FOLDER / name
    for name in ("early.js", "keys.js", "paper.js", "screen.js", "phone.css", "print.css", "tiles.css")
}
_TAGS: Final = (
    b'<link rel="stylesheet" href="./tiles.css"><link rel="stylesheet" href="./phone.css">'
    b'<link rel="stylesheet" media="print" href="./print.css">'
    b'<script src="./screen.js"></script>'  # before the page connects
    b'<script defer src="./keys.js"></script><script defer src="./paper.js"></script><script defer src="./early.js"></script>'
)
_SCRIPTS_OF_STREAMLIT: Final = Path(get_static_dir(), "static", "js")
_USED_BY_MOST_PAGES: Final = ("PlotlyChart.*.js", "DataFrame.*.js", "arrowFormatUtils.*.js")
_END_OF_HEAD: Final = b"</head>"
_OF_WHOLE_FILES: Final = (b"accept-encoding", b"if-modified-since", b"if-none-match", b"range")
"""Headers of a request that could be answered with less than the whole frame as text."""


def _preload_tags() -> bytes:
    """Return a tag for each script of Streamlit that most pages need; its name contains a hash of the release."""
    names = [file.name for pattern in _USED_BY_MOST_PAGES for file in sorted(_SCRIPTS_OF_STREAMLIT.glob(pattern))]
    return "".join(
        f'<link rel="modulepreload" crossorigin data-early href="./static/js/{name}">' for name in names
    ).encode()


class BrowserFiles:
    """Middleware that serves the files, and names them in the frame of each page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._tags = _TAGS + _preload_tags()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a file, or a page with the tags that load the files, or pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif file := _FILES.get(path_in_app(scope)):
            response = FileResponse(file, headers={"Cache-Control": "no-cache"})
            await response(scope, receive, send)
        elif opens_page(Request(scope)):
            headers = [(name, value) for name, value in scope["headers"] if name.lower() not in _OF_WHOLE_FILES]
            await self._app({**scope, "headers": headers}, receive, _Frame(send, self._tags).send)
        else:
            await self._app(scope, receive, send)


class _Frame:
    """A response, to which the tags are added if it is an HTML page."""

    def __init__(self, send: Send, tags: bytes) -> None:
        self._send = send
        self._tags = tags
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        """Send a message of the response; those of an HTML page are sent together at its end."""
        if message["type"] == "http.response.start" and _is_html(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_whole(self._start)

    async def _send_whole(self, start: Message) -> None:
        body = self._body.replace(_END_OF_HEAD, self._tags + _END_OF_HEAD, 1)
        headers = MutableHeaders(scope=start)
        headers["content-length"] = str(len(body))
        for name in ("etag", "last-modified"):  # those of the file without the tags
            del headers[name]
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def _is_html(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")
