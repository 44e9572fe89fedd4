"""Keeps text of people who are not signed in, and of identity providers, out of the server's log.

Streamlit writes such text there as it came, and after a failed login a traceback with it.
"""

from __future__ import annotations

import logging
import re
from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose
from streamlit.runtime import backend_operation_handler
from streamlit.runtime.media_file_storage import MediaFileStorageError
from streamlit.web.server.starlette import starlette_auth_routes

from bwp_client.errors import BwpError
from bwp_client.ui.login_cookies import CALLBACK

_ERROR_CODE: Final = re.compile(r"[a-z_]{1,40}")
"""An error code of OAuth 2.0 or OpenID Connect, such as `access_denied`."""
_UNKNOWN_ERROR: Final = "unknown"
_SERVER_NAME: Final = re.compile(r"[!-~]{0,300}")
"""An origin or a host: at most 253 characters, with a scheme and a port."""
_POLICY_VIOLATION: Final = 1008


def log_failed_logins_in_one_line() -> None:
    """Let Streamlit log a failed login as one line, which ends with the type of the error and with its code, if it has one.

    Anybody can cause such an error, for example with a link to the callback that was used before. The text of the error may
    quote the identity provider, which may name a person.
    """
    logging.getLogger(starlette_auth_routes.__name__).addFilter(_shortened)


def log_failed_downloads_in_one_line() -> None:
    """Let Streamlit log a download that fails as one line, if nothing is wrong with the program.

    A visitor can ask for files that no page offers, or no longer offers, as often as they like.
    """
    logging.getLogger(backend_operation_handler.__name__).addFilter(_shortened_if_expected)


def _shortened_if_expected(record: logging.LogRecord) -> bool:
    """Replace an error of ours, or a file that is not offered, by one line; the record is logged in any case."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, BwpError | MediaFileStorageError):
        record.msg, record.args, record.exc_info = f"A download failed: {' '.join(str(error).split())}", (), None
    return True


def log_requests_without_queries() -> None:
    """Let the server log requests without their queries, which hold codes of the login, searches, and text of anybody.

    `streamlit run` logs no requests until its configuration changes: it then sets up all loggers anew, that of requests too.
    """
    requests = logging.getLogger("uvicorn.access")
    requests.disabled = not requests.hasHandlers()
    for logger in (requests, logging.getLogger("uvicorn.error")):  # the second one logs websockets
        logger.addFilter(_without_query)


def _without_query(record: logging.LogRecord) -> bool:
    """Cut the query from the path in a record; the record is logged in any case."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            value.partition("?")[0] if isinstance(value, str) and value.startswith("/") else value
            for value in record.args
        )
    return True


def _shortened(record: logging.LogRecord) -> bool:
    """Replace the errors of a record by their type and code; the record is logged in any case."""
    if isinstance(record.args, tuple):
        record.args = tuple(_reason(value) if isinstance(value, Exception) else value for value in record.args)
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        record.msg, record.args, record.exc_info = f"{record.getMessage()} ({_reason(error)})", (), None
    return True


def _reason(error: BaseException) -> str:
    code = getattr(error, "error", None)
    return f"{type(error).__name__} {code}" if _ERROR_CODE.fullmatch(str(code or "")) else type(error).__name__


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
