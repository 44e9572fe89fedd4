"""Remarks: text on the line of a record that is no record, such as the time stamp that a log export writes before each.

The beginning and the end of a damaged record show a brace, and nearly any other part of it a quotation mark. Text with
neither that stands apart from the record on its line is therefore taken for a remark, and is not counted.
"""

from __future__ import annotations

import re
from enum import Enum

MAX_REMARK_BYTES = 4096
_REMARK = re.compile(rb'[^{}"\n\0-\x08\x0b\x0c\x0e-\x1d\x1f\x7f]*+')
_TIME_STAMP = re.compile(
    rb"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?\]?:?"
)
_LITERALS = (b"null", b"true", b"false")


class LineBefore(Enum):
    """What stands on the line before a position."""

    NO_VALUE = "no value"
    VALUE = "value"
    """A JSON value that was read ends at the position."""
    VALUE_AND_SPACE = "value and space"

    def after_padding(self, padding: bytes) -> LineBefore:
        """Return the same for the position after some white space and separators."""
        if b"\n" in padding or self is LineBefore.NO_VALUE:
            return LineBefore.NO_VALUE
        return LineBefore.VALUE_AND_SPACE if padding else self


def end_of_remark(data: bytes, position: int, before: LineBefore, *, is_final: bool) -> int | None:
    """Return where a remark at `position` ends: at a brace on its line, or at the end of the line.

    Args:
        data: The text.
        position: A position after white space and separators.
        before: What stands on the line before it.
        is_final: The object ends with this text.

    Returns:
        The end; `position` if there is no remark; None if that depends on text still to come.
    """
    found = _REMARK.match(data, position, position + MAX_REMARK_BYTES)
    end = found.end() if found else position
    if end == len(data) and not is_final and end - position < MAX_REMARK_BYTES:
        return None
    remark = data[position:end].rstrip(b"\r")
    if data.startswith(b"{", end):
        is_remark = precedes_value(remark)
    elif end == len(data) or data.startswith(b"\n", end):
        is_apart = before is LineBefore.VALUE_AND_SPACE or (before is LineBefore.VALUE and not _is_word(remark[:1]))
        is_remark = (is_apart and _is_harmless(remark)) or _TIME_STAMP.fullmatch(remark.rstrip()) is not None
    else:
        is_remark = False
    return end if is_remark and (before is not LineBefore.VALUE or not _is_word(remark[:1])) else position


def precedes_value(text: bytes) -> bool:
    """Return whether text is a remark on the JSON value that begins directly after it."""
    return not _is_word(text[-1:]) and _REMARK.fullmatch(text) is not None and _is_harmless(text)


def _is_harmless(text: bytes) -> bool:
    if text.strip(b" \t\r,[]") in _LITERALS:
        return False  # a JSON value too
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_word(character: bytes) -> bool:
    return character.isalnum() or character >= b"\x80"
