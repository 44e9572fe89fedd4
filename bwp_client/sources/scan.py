"""Follows one JSON value through bytes, as far as telling it from the next one needs."""

from __future__ import annotations

import re
from enum import Enum

MAX_RECORD_BYTES = 4 * 1024 * 1024
"""EventBridge entries are under 1 MB; anything longer than this is not one record and is not searched for one."""

SPACE = b" \t\r\n"
BRACE = 0x7B
_TOKEN = re.compile(rb'"(?:[^"\\\n]|\\.)*+"|[{}\[\]]|[ \t\r\n,:0-9+\-.Eaeflnrstu]++')
_MAX_DEPTH = 1000
"""The decoder refuses deeper nesting too."""


class Shape(Enum):
    """What becomes of a value."""

    CLOSED = "closed"
    BROKEN = "broken"
    OPEN = "open"


def scan(data: bytes, position: int) -> tuple[Shape, int, int]:
    """Follow a value from where it opens; give what becomes of it, where, and how many tokens were looked at.

    It closes, breaks off or goes on beyond the data. Only what tells one record from the next is looked at: strings,
    brackets, and what stands before a bracket.
    """
    limit = min(len(data), position + MAX_RECORD_BYTES)
    opened = bytearray()
    before, at, tokens = b":", position, 0
    for tokens, token in enumerate(_TOKEN.finditer(data, position, limit), 1):
        if token.start() != at:
            break
        text, at = token.group(), token.end()
        first = text[:1]
        if first in b"{[":
            if before not in (b":" if not opened or opened[-1] == BRACE else b"[,"):
                return Shape.BROKEN, at, tokens
            if len(opened) >= _MAX_DEPTH:
                return Shape.BROKEN, at, tokens
            opened += first
        elif first in b"}]":
            if not opened or opened.pop() != (BRACE if first == b"}" else ord("[")):
                return Shape.BROKEN, at, tokens
            if not opened:
                return Shape.CLOSED, at, tokens
        elif first != b'"':
            first = text.rstrip(SPACE)[-1:] or before
        before = first
    at_end = at == len(data) or (limit == len(data) and data[at : at + 1] == b'"' and b"\n" not in data[at:])
    return (Shape.OPEN if at_end else Shape.BROKEN), max(at, position + 1), tokens


def closing(data: bytes, position: int) -> int | None:
    """Give where the value that opens at `position` closes; none if it does not."""
    shape, at, _ = scan(data, position)
    return at if shape is Shape.CLOSED else None
