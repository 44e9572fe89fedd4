"""Scans one JSON value in bytes, only as far as is needed to find its end.

The scan follows strings and brackets. It does not decode the value: text that scans as closed may still be refused by the
decoder.
"""

from __future__ import annotations

import re
from enum import Enum

SPACE = b" \t\r\n"
BRACE = 0x7B
_BRACKET = 0x5B
_MAX_DEPTH = 1000
"""The decoder refuses deeper nesting too."""
_CHARACTERS = rb'[^"\\\n]*+(?:\\.[^"\\\n]*+)*+'
_ATOM = rb'(?:[ \t\r\n,:0-9+\-.Eaeflnrstu]++|"' + _CHARACTERS + rb'")*+'
_TO_BRACKET = re.compile(_ATOM + rb"([{}\[\]])")
_TO_END = re.compile(_ATOM)
_IN_STRING = re.compile(_CHARACTERS)


class ScanState(Enum):
    """How the scan of a value ended."""

    CLOSED = "closed"
    BROKEN = "broken"
    """The value cannot go on with the byte that was found."""
    OPEN = "open"
    """The value goes on beyond the bytes that were scanned."""


class ValueScanner:
    """Scans one JSON object or array, from one buffer into the next, without holding any of its bytes."""

    def __init__(self) -> None:
        self._opened = bytearray()
        self._before = b":"
        self._in_string = False

    def scan(self, data: bytes, position: int, end: int | None = None) -> tuple[ScanState, int]:
        """Scan on from `position` to `end`, by default the end of the data.

        Returns:
            The state of the value, and the position up to which the data was consumed. An OPEN value is scanned on with the
            data that follows that position.
        """
        end = len(data) if end is None else end
        if self._in_string:
            position = _end_of(_IN_STRING, data, position, end)
            if data[position:end] in (b"", b"\\"):
                return ScanState.OPEN, position
            if data[position] != ord('"'):
                return ScanState.BROKEN, position
            self._in_string, self._before = False, b'"'
            position += 1
        while found := _TO_BRACKET.match(data, position, end):
            if not self._accepts(found[1], found[0][:-1].rstrip(SPACE)[-1:] or self._before):
                return ScanState.BROKEN, found.end() - 1
            position = found.end()
            if not self._opened:
                return ScanState.CLOSED, position
        stop = _end_of(_TO_END, data, position, end)
        self._before = data[position:stop].rstrip(SPACE)[-1:] or self._before
        if stop == end:
            return ScanState.OPEN, stop
        self._in_string = data[stop] == ord('"')
        return self.scan(data, stop + 1, end) if self._in_string else (ScanState.BROKEN, stop)

    def _accepts(self, bracket: bytes, before: bytes) -> bool:
        """Record a bracket, and return whether it may follow the byte before it."""
        self._before = bracket
        if bracket in b"{[":
            may_open = before in (b":" if not self._opened or self._opened[-1] == BRACE else b"[,")
            self._opened += bracket
            return may_open and len(self._opened) <= _MAX_DEPTH
        return bool(self._opened) and self._opened.pop() == (BRACE if bracket == b"}" else _BRACKET)


def closing(data: bytes, position: int) -> int | None:
    """Return the position after the value that opens at `position`; None if the value does not close."""
    state, end = ValueScanner().scan(data, position)
    return end if state is ScanState.CLOSED else None


def _end_of(pattern: re.Pattern[bytes], data: bytes, position: int, end: int) -> int:
    found = pattern.match(data, position, end)
    return found.end() if found else position
