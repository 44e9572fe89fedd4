"""The answer to one API call, as the transport received it.

It has its own module, so that `classify.py` can be imported without gql and httpx, which `transport.py` needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class ResponseFault(StrEnum):
    """Why an API call has no usable GraphQL answer."""

    UNREACHABLE = "unreachable"
    DROPPED = "dropped"
    SLOW = "slow"
    TOO_LARGE = "too_large"
    ENCODED = "encoded"
    EMPTY = "empty"
    CUT = "cut"
    HTML = "html"
    NOT_GRAPHQL = "not_graphql"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to one API call.

    Attributes:
        http_status: The HTTP status code; None when no status line arrived.
        data: The `data` of the GraphQL answer, of any JSON type.
        errors: The top-level `errors`: why the call failed, never why a task failed.
        fault: Why there is no usable GraphQL answer; `data` and `errors` are then empty.
        retry_after_seconds: The pause that the server asked for; None when it asked for none.
        server_time: The server's clock, from its `Date` header; None when that is missing or unreadable.
    """

    http_status: int | None
    data: Any = None
    errors: tuple[Any, ...] = ()
    fault: ResponseFault | None = None
    retry_after_seconds: float | None = None
    server_time: datetime | None = None
