"""The HTTP transport: sends queries through gql and returns each answer as a `Response`, without classifying it.

Imported only when a client is opened, because gql and httpx load slowly.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import AsyncExitStack
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from types import TracebackType
from typing import Any, Final, Self

import httpx
from gql import Client, GraphQLRequest
from gql.client import AsyncClientSession
from gql.transport.exceptions import TransportConnectionFailed, TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.httpx import log as gql_log
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from bwp_client.api.addresses import check_addresses
from bwp_client.api.body import BodyEncodingError, BodyTooLargeError, bound_body
from bwp_client.api.queries import document
from bwp_client.api.response import Response, ResponseFault
from bwp_client.events import TaskKind
from bwp_client.settings import ApiSettings

MAX_CONNECT_SECONDS: Final = 10.0
_STATUS: Final = ":status"
_RETRY: Final = Retry(retry_after_max=86_400)
"""Parses `Retry-After`; a pause of more than a day is cut to a day."""

# At DEBUG gql logs whole answers, which may name persons. Raising the level is the switch that its documentation gives.
gql_log.setLevel(logging.INFO)


class ApiTransport:
    """Sends queries to one endpoint; open it with `async with`.

    Args:
        settings: The API's addresses and version, and the number of concurrent calls.
        http_transport: Replaces the network.
        timeout_seconds: The time limit of one answer in all.

    Raises:
        SettingsError: An endpoint is no http(s) address.
    """

    def __init__(
        self, settings: ApiSettings, *, http_transport: httpx.AsyncBaseTransport | None, timeout_seconds: float
    ) -> None:
        check_addresses(settings)
        self._settings = settings
        self._http_transport = http_transport
        self._timeout_seconds = timeout_seconds
        self._connections = AsyncExitStack()
        self._gql_transport: HTTPXAsyncTransport
        self._session: AsyncClientSession
        self._forms: httpx.AsyncClient

    async def __aenter__(self) -> Self:
        # A proxy named in the environment can't reach this machine's loopback address.
        trust_env = not self._settings.is_on_loopback
        options: dict[str, Any] = {
            "transport": self._http_transport,
            "verify": httpx.create_ssl_context(trust_env=trust_env),
            "trust_env": trust_env,
            "timeout": httpx.Timeout(self._timeout_seconds, connect=min(MAX_CONNECT_SECONDS, self._timeout_seconds)),
            # Unbounded: after a cancelled call httpcore may count its connection as in use for ever, and in a bounded pool
            # the next calls would wait for it. The pacer bounds the calls in flight.
            "limits": httpx.Limits(max_connections=None, max_keepalive_connections=self._settings.concurrency),
            "follow_redirects": False,
            # Decompression could turn a small body into a huge body; see `bound_body`.
            "headers": {"Accept-Encoding": "identity", "User-Agent": "bwp-client"},
        }
        self._gql_transport = HTTPXAsyncTransport(
            self._settings.endpoint, event_hooks={"response": [_check_answer]}, **options
        )
        client = Client(transport=self._gql_transport, execute_timeout=self._timeout_seconds)
        self._session = await self._connections.enter_async_context(client)
        self._forms = await self._connections.enter_async_context(
            httpx.AsyncClient(event_hooks={"response": [bound_body]}, **options)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._connections.aclose()

    async def ask(self, task_kind: TaskKind, task_id: str, *, target_id: str, token: str) -> Response:
        """Send the query about one task and return the answer.

        Args:
            task_kind: Chooses the query.
            task_id: The query's only variable.
            target_id: The business product that the task belongs to.
            token: The access token.
        """
        headers = {
            "Authorization": f"Bearer {token}",
            "x-api-target-id": target_id,
            "x-api-version": self._settings.version,
        }
        request = GraphQLRequest(_parsed(task_kind), variable_values={"taskId": task_id})
        try:
            data = await self._session.execute(request, extra_args={"headers": headers})
        except TransportQueryError as error:
            errors = error.errors if isinstance(error.errors, list) else [error.errors]
            return self._response(error.data, tuple(errors))
        except TransportConnectionFailed as error:
            # The cause of gql's error is the error that httpx or the hook below raised.
            return _failed(error.__cause__)
        except TimeoutError:
            return Response(None, fault=ResponseFault.SLOW)
        return self._response(data)

    async def post_form(self, endpoint: str, form: dict[str, str]) -> httpx.Response:
        """Send a form to the token endpoint and return its answer, within the limits of an answer to a query.

        Raises:
            TimeoutError: The answer did not arrive in time.
            httpx.HTTPError: No answer arrived, or its body can't be read.
        """
        try:
            # httpx limits each read alone, so a slow trickle of bytes would never end.
            async with asyncio.timeout(self._timeout_seconds):
                return await self._forms.post(endpoint, data=form)
        except httpx.ConnectTimeout:
            raise
        except httpx.TimeoutException as error:
            raise TimeoutError from error

    def _response(self, data: Any, errors: tuple[Any, ...] = ()) -> Response:
        # gql keeps the headers of the newest answer only. They belong to this answer, because nothing was awaited since.
        headers = self._gql_transport.response_headers
        assert headers is not None
        return Response(
            int(headers[_STATUS]),
            data,
            errors,
            retry_after_seconds=retry_after_seconds(headers),
            server_time=_server_time(headers),
        )


@cache
def _parsed(task_kind: TaskKind) -> GraphQLRequest:
    return GraphQLRequest(document(task_kind))


class _UnusableAnswerError(httpx.HTTPError):
    """An HTTP answer arrived, but it holds no usable GraphQL answer."""

    def __init__(self, fault: ResponseFault, response: httpx.Response) -> None:
        super().__init__(fault.value)
        self.response = Response(
            response.status_code,
            fault=fault,
            retry_after_seconds=retry_after_seconds(response.headers),
            server_time=_server_time(response.headers),
        )


async def _check_answer(response: httpx.Response) -> None:
    """Read an answer within its limits and refuse unusable ones; an httpx event hook, called before gql sees the answer.

    gql reports neither the fault of an unusable body nor the HTTP status of a GraphQL body. This hook raises the fault as
    an error, and adds the status to the headers, which gql returns, under its name in HTTP/2.

    Raises:
        _UnusableAnswerError: The body can't be read, or is no GraphQL answer.
    """
    fault: ResponseFault | None
    try:
        await bound_body(response)
        await response.aread()
    except BodyTooLargeError:
        fault = ResponseFault.TOO_LARGE
    except BodyEncodingError:
        fault = ResponseFault.ENCODED
    except httpx.TimeoutException:
        fault = ResponseFault.SLOW
    except (httpx.TransportError, httpx.DecodingError):
        fault = ResponseFault.DROPPED
    else:
        fault = _body_fault(response)
    if fault is not None:
        raise _UnusableAnswerError(fault, response)
    response.headers[_STATUS] = str(response.status_code)


def _body_fault(response: httpx.Response) -> ResponseFault | None:
    body = response.content.strip()
    try:
        answer = json.loads(body)
        unreadable = ResponseFault.NOT_GRAPHQL
    except (ValueError, RecursionError):
        answer = None
        unreadable = ResponseFault.CUT if body[:1] == b"{" else ResponseFault.NOT_GRAPHQL
    if isinstance(answer, dict) and ("data" in answer or "errors" in answer):
        return None if answer.get("errors") or answer.get("data") is not None else ResponseFault.NO_DATA
    if not body:
        return ResponseFault.EMPTY
    is_html = "html" in response.headers.get("content-type", "").lower() or body[:1] == b"<"
    return ResponseFault.HTML if is_html else unreadable


def _failed(cause: BaseException | None) -> Response:
    match cause:
        case _UnusableAnswerError():
            return cause.response
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.ProxyError():
            return Response(None, fault=ResponseFault.UNREACHABLE)
        case httpx.TimeoutException():
            return Response(None, fault=ResponseFault.SLOW)
        case httpx.TransportError() | httpx.DecodingError():
            return Response(None, fault=ResponseFault.DROPPED)
    raise cause if cause is not None else AssertionError("gql gave no cause")


def retry_after_seconds(headers: httpx.Headers) -> float | None:
    """Return the pause in seconds that a `Retry-After` header asks for; None when it is missing or unreadable."""
    value = headers.get("retry-after")
    try:
        return None if value is None else float(_RETRY.parse_retry_after(value))
    except (InvalidHeader, ValueError, OverflowError):
        return None


def _server_time(headers: httpx.Headers) -> datetime | None:
    try:
        return parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError):
        return None
