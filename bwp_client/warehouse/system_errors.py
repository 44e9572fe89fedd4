"""The operating system's reason for an error of Delta Lake, DuckDB or Python, and what to do about it."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from typing import Final

_NUMBER: Final = re.compile(r"\(os error (\d+)\)|\[errno (\d+)\]", re.IGNORECASE)
_PATH: Final = re.compile(r" (/[^\n:]+?)(?:#\d+)?(?=\n|: |$)")
"""A path in an error of Delta Lake, without the number of an unfinished file."""
_ALLOW: Final = "Let the account that runs this program read and write there"
_FIXES: Final = {
    errno.ENOSPC: "Free some space there",
    errno.EDQUOT: "Free some space there, or have the quota raised",
    errno.EROFS: "Mount the file system with write access, or use another folder",
    errno.EACCES: _ALLOW,
    errno.EPERM: _ALLOW,
    errno.EFBIG: "Raise the limit on the size of files (ulimit -f)",
    errno.EMFILE: "Raise the limit on open files (ulimit -n)",
    errno.ENFILE: "Raise the limit on open files of the machine",
    errno.EIO: "Check the disk",
}
_NUMBERS_BY_TEXT: Final = {os.strerror(number).lower(): number for number in _FIXES}
_ANY_FIX: Final = "Check free space and permissions"


@dataclass(frozen=True, slots=True)
class SystemReason:
    """Why the operating system refused to read or write.

    Attributes:
        text: The reason in the words of the system, such as "No space left on device", and the path if the error names it.
        fix: What to do about it, as the beginning of a sentence.
    """

    text: str
    fix: str = _ANY_FIX


def system_reason(error: BaseException) -> SystemReason | None:
    """Return the operating system's reason for an error; None if the error does not hold one.

    Native libraries raise errors without the number of the system's error. The text holds the number or the system's words,
    often after a long path.
    """
    number = error.errno if isinstance(error, OSError) else None
    text = str(error)
    if number is None and (numbers := _NUMBER.findall(text)):
        number = int("".join(numbers[-1]))
    if number is None:
        number = next((code for words, code in _NUMBERS_BY_TEXT.items() if words in text.lower()), None)
    if number is None:
        return None
    path = (
        error.filename if isinstance(error, OSError) and error.filename else next(iter(_PATH.findall(text)[-1:]), None)
    )
    return SystemReason(os.strerror(number) + (f" ({path})" if path else ""), _FIXES.get(number, _ANY_FIX))
