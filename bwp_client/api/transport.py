"""The wire: one question out over gql and a shared pool of connections, one reply back; it judges nothing.

Imported only once a client is opened, since gql and httpx take half a second to load.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Final

import httpx
from gql import GraphQLRequest
from gql.transport.exceptions import TransportConnectionFailed, TransportError
from gql.transport.httpx import HTTPXAsyncTransport
from graphql import DocumentNode

from bwp_client.api.queries import document
from bwp_client.api.reply import Reply, Trouble
from bwp_client.api.retry_after import retry_after_seconds
from bwp_client.errors import SettingsError
from bwp_client.events import TaskKind
from bwp_client.settings import ApiSettings

MAX_ANSWER_BYTES: Final = 1 << 20
_CALL: Final = "bwp_call"

# gql writes whole answers to its log when that is set to DEBUG; answers never go to a log.
logging.getLogger("gql.transport.httpx").setLevel(logging.INFO)


class _AnswerTooLargeError(httpx.ReadError):
    """The body went on beyond what an answer can be."""


@dataclass(slots=True)
class _Call:
    """Catches the HTTP side of one gql call, which gql itself keeps only for the latest of all calls."""

    response: httpx.Response | None = None


class _Question(GraphQLRequest):
    """A question whose text is sent as it stands in its document; gql would print it anew for every request."""

    def __init__(self, task_kind: TaskKind, task_id: str) -> None:
        super().__init__(_parsed(task_kind), variable_values={"taskId": task_id})
        self._text = document(task_kind)

    @property
    def payload(self) -> dict[str, Any]:
        return {"query": self._text, "variables": self.variable_values}


@cache
def _parsed(task_kind: TaskKind) -> DocumentNode:
    return GraphQLRequest(document(task_kind)).document


class Wire:
    """Sends questions to one endpoint.

    Args:
        settings: Where the API is, and its version.
        http_transport: Replaces the network.
        timeout_seconds: How long an answer may take altogether.
    """

    def __init__(
        self, settings: ApiSettings, *, http_transport: httpx.AsyncBaseTransport | None, timeout_seconds: float
    ) -> None:
        self._settings = settings
        self._http_transport = http_transport
        self._timeout_seconds = timeout_seconds
        # A proxy from the environment can't reach our own machine's loopback.
        self._trust_env = not settings.is_on_loopback
        self._idle: list[HTTPXAsyncTransport] = []
        self._lanes: list[HTTPXAsyncTransport] = []
        self._tls: ssl.SSLContext | None = None
        self._client: httpx.AsyncClient | None = None

    async def open(self) -> httpx.AsyncClient:
        """Open a pool of connections, for the token endpoint."""
        self._tls = httpx.create_ssl_context(trust_env=self._trust_env)
        self._client = httpx.AsyncClient(**self._client_options(connections=4))
        return self._client

    async def close(self) -> None:
        """Close every connection."""
        while self._lanes:
            await self._lanes.pop().close()  # type: ignore[no-untyped-call]
        if self._client is not None:
            await self._client.aclose()

    async def _lane(self) -> HTTPXAsyncTransport:
        """Give a connection that nobody uses; a pool of many would look at each of them for every request."""
        if self._idle:
            return self._idle.pop()
        lane = HTTPXAsyncTransport(
            self._settings.endpoint, json_deserialize=_json_object, **self._client_options(connections=1)
        )
        await lane.connect()  # type: ignore[no-untyped-call]
        self._lanes.append(lane)
        return lane

    async def _give_up(self, lane: HTTPXAsyncTransport) -> None:
        """Close a connection whose question was cut short: httpcore may count it as in use for ever."""
        if lane in self._lanes:
            self._lanes.remove(lane)
            await lane.close()  # type: ignore[no-untyped-call]

    def _client_options(self, *, connections: int) -> dict[str, Any]:
        assert self._tls is not None
        return {
            "transport": self._http_transport,
            "verify": self._tls,
            "trust_env": self._trust_env,
            "timeout": httpx.Timeout(self._timeout_seconds, connect=min(10.0, self._timeout_seconds)),
            "limits": httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            "follow_redirects": False,
            # Unpacking would let a small answer become a huge one.
            "headers": {"Accept-Encoding": "identity", "User-Agent": "bwp-client"},
            "event_hooks": {"response": [_catch]},
        }

    async def ask(self, task_kind: TaskKind, task_id: str, *, target_id: str, token: str) -> Reply:
        """Send one question.

        Args:
            task_kind: Chooses the query.
            task_id: Its only variable.
            target_id: The business product whose task it is.
            token: The access token.

        Raises:
            SettingsError: The endpoint is no http(s) address.
        """
        call = _Call()
        headers = {
            "Authorization": f"Bearer {token}",
            "x-api-target-id": target_id,
            "x-api-version": self._settings.version,
        }
        lane = await self._lane()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                result = await lane.execute(
                    _Question(task_kind, task_id), extra_args={"headers": headers, "extensions": {_CALL: call}}
                )
        except asyncio.CancelledError:
            await self._give_up(lane)
            raise
        except TimeoutError:
            await self._give_up(lane)
            return Reply(_status(call), trouble=Trouble.SLOW)
        except TransportConnectionFailed as error:
            return Reply(_status(call), trouble=_connection_trouble(error.__cause__))
        except TransportError:
            return _unreadable(call)
        finally:
            if lane in self._lanes:
                self._idle.append(lane)
        errors = result.errors if isinstance(result.errors, list) else [result.errors] if result.errors else []
        return Reply(
            _status(call), result.data, tuple(errors), retry_after_seconds=_wait(call), server_time=_server_time(call)
        )


async def _catch(response: httpx.Response) -> None:
    """Keep the response beside its call, and read it within bounds."""
    call = response.request.extensions.get(_CALL)
    if isinstance(call, _Call):
        call.response = response
    assert isinstance(response.stream, httpx.AsyncByteStream)
    response.stream = _Bounded(response.stream)
    await response.aread()


class _Bounded(httpx.AsyncByteStream):
    """A body that ends with an error when it grows beyond what an answer can be."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > MAX_ANSWER_BYTES:
                raise _AnswerTooLargeError("too large")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def _json_object(raw: bytes) -> dict[str, Any]:
    value = json.loads(raw)
    if not isinstance(value, dict):
        raise TypeError("not a JSON object")
    return value


def _status(call: _Call) -> int | None:
    return call.response.status_code if call.response is not None else None


def _wait(call: _Call) -> float | None:
    return retry_after_seconds(call.response.headers.get("retry-after")) if call.response is not None else None


def _server_time(call: _Call) -> datetime | None:
    try:
        return parsedate_to_datetime(call.response.headers["date"]) if call.response is not None else None
    except (KeyError, ValueError):
        return None


def _connection_trouble(cause: BaseException | None) -> Trouble:
    if isinstance(cause, _AnswerTooLargeError):
        return Trouble.TOO_LARGE
    if isinstance(cause, httpx.TimeoutException):
        return Trouble.SLOW
    if isinstance(cause, httpx.UnsupportedProtocol | httpx.InvalidURL):
        raise SettingsError(
            "BWP_API__ENDPOINT is no http:// or https:// address. Nothing was asked. Mend it and start again."
        ) from None
    if isinstance(cause, httpx.ConnectError | httpx.ProxyError):
        return Trouble.UNREACHABLE
    if isinstance(cause, httpx.TransportError | httpx.DecodingError):
        return Trouble.DROPPED
    raise cause if cause is not None else AssertionError("gql gave no cause")


def _unreadable(call: _Call) -> Reply:
    """Say what a body is that gql could not read as a GraphQL answer."""
    if call.response is None:
        return Reply(None, trouble=Trouble.DROPPED)
    body = call.response.content.strip()
    kind = call.response.headers.get("content-type", "").lower()
    if not body:
        trouble = Trouble.EMPTY
    elif "html" in kind or body[:1] == b"<":
        trouble = Trouble.HTML
    elif body[:1] == b"{" and not _is_json(body):
        trouble = Trouble.CUT
    else:
        trouble = Trouble.NOT_GRAPHQL
    return Reply(
        call.response.status_code, trouble=trouble, retry_after_seconds=_wait(call), server_time=_server_time(call)
    )


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
