"""What came back over the wire for one question, before anybody judges it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Trouble(StrEnum):
    """Why there is no GraphQL answer to read."""

    UNREACHABLE = "unreachable"
    DROPPED = "dropped"
    SLOW = "slow"
    TOO_LARGE = "too_large"
    EMPTY = "empty"
    CUT = "cut"
    HTML = "html"
    NOT_GRAPHQL = "not_graphql"


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer, or the lack of one.

    Attributes:
        http_status: None when no status line arrived.
        data: The `data` of a GraphQL answer, whatever it is.
        errors: The top-level `errors`: what went wrong with the call, never why a task failed.
        trouble: Set when the body is no GraphQL answer; `data` and `errors` are empty then.
        retry_after_seconds: What the server asked us to wait, when it did.
        server_time: What time it was there, when the server says so.
    """

    http_status: int | None
    data: Any = None
    errors: tuple[Any, ...] = ()
    trouble: Trouble | None = None
    retry_after_seconds: float | None = None
    server_time: datetime | None = None
