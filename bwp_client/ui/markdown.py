"""Escapes text from outside for elements that read Markdown."""

from __future__ import annotations

import re
import string
from typing import Final

_ESCAPES: Final = {ord(mark): f"\\{mark}" for mark in string.punctuation}
_ADDRESS: Final = re.compile(r"(?<=https:/)(?=/)|(?<=http:/)(?=/)|(?<=www)(?=\.)|(?<=[-.\w+])(?=@[-\w])", re.IGNORECASE)
"""Where the frontend recognises the address of a website or of a mailbox, which it links even if it is escaped."""


def plain(text: str) -> str:
    """Escape a text so that Markdown shows it literally, on one line: no link, emphasis, formula or HTML.

    Bare addresses get an invisible character, a word joiner, so that they don't become links.
    """
    return _ADDRESS.sub("\N{WORD JOINER}", " ".join(text.split())).translate(_ESCAPES)
