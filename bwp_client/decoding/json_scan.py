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
    LONG = "long"
    """Too long for a record, and whole as far as a record may go."""


def scan(data: bytes, position: int) -> tuple[Shape, int, int]:
    """Follow a value from where it opens; give what becomes of it, where, and how many tokens were looked at.

    It closes, breaks off, goes on beyond the data or beyond what a record may have. Only what tells one record from the next
    is looked at: strings, brackets, and what stands before a bracket.
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
    at_end = at == limit or (data[at : at + 1] == b'"' and data.find(b"\n", at, limit) < 0)
    at = max(at, position + 1)
    if not at_end:
        return Shape.BROKEN, at, tokens
    return (Shape.OPEN if limit == len(data) else Shape.LONG), at, tokens


def closing(data: bytes, position: int) -> int | None:
    """Give where the value that opens at `position` closes; none if it does not."""
    shape, at, _ = scan(data, position)
    return at if shape is Shape.CLOSED else None


_TO_A_BRACKET = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\\n]|\\.)*+")*+([{}\[\]])')
_TO_THE_END = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\\n]|\\.)*+")*+')
_IN_STRING = re.compile(rb'(?:[^"\\\n]|\\.)*+')


class Long:
    """Follows a value that is too long for a record to where it closes, from one text into the next, and holds none of it."""

    def __init__(self) -> None:
        self._opened = bytearray()
        self._before = b":"
        self._in_string = False

    def follow(self, data: bytes, position: int) -> tuple[Shape, int]:
        """Go on; give what becomes of the value (never LONG), and up to where the text was dealt with."""
        if self._in_string:
            position = _IN_STRING.match(data, position).end()  # type: ignore[union-attr]
            if data[position : position + 1] != b'"':
                is_open = position >= len(data) - 1 and data[position:] in (b"", b"\\")
                return (Shape.OPEN if is_open else Shape.BROKEN), position
            self._in_string, self._before = False, b'"'
            position += 1
        while found := _TO_A_BRACKET.match(data, position):  # a search would begin anew inside a string without an end
            if not self._takes(found[1], found[0][:-1].rstrip(SPACE)[-1:] or self._before):
                return Shape.BROKEN, found.end() - 1
            position = found.end()
            if not self._opened:
                return Shape.CLOSED, position
        end = _TO_THE_END.match(data, position).end()  # type: ignore[union-attr]
        self._before = data[position:end].rstrip(SPACE)[-1:] or self._before
        if end == len(data):
            return Shape.OPEN, end
        self._in_string = data[end : end + 1] == b'"'
        return self.follow(data, end + 1) if self._in_string else (Shape.BROKEN, end)

    def _takes(self, bracket: bytes, before: bytes) -> bool:
        """Take a bracket, unless it can't stand there."""
        self._before = bracket
        if bracket in b"{[":
            may_open = before in (b":" if not self._opened or self._opened[-1] == BRACE else b"[,")
            self._opened += bracket
            return may_open and len(self._opened) <= _MAX_DEPTH
        return bool(self._opened) and self._opened.pop() == (BRACE if bracket == b"}" else ord("["))
