"""Text from outside on a page: escaped for elements that read Markdown, and without characters that change other text."""

from __future__ import annotations

import re
import string
import unicodedata
from typing import Final

_ESCAPES: Final = {ord(mark): f"\\{mark}" for mark in string.punctuation}
_ADDRESS: Final = re.compile(r"(?<=https:/)(?=/)|(?<=http:/)(?=/)|(?<=www)(?=\.)|(?<=[-.\w+])(?=@[-\w])", re.IGNORECASE)
"""Where the frontend recognises the address of a website or of a mailbox, which it links even if it is escaped."""
_CONTROLS: Final = {"Cc", "Cs"}
_TURNING: Final = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""Directions of the characters that turn the text behind them, also beyond their own sentence."""


def readable(text: str) -> str:
    """Return a text on one line, with a replacement character for each that is a control or turns the text behind it."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}"
        if unicodedata.category(letter) in _CONTROLS or unicodedata.bidirectional(letter) in _TURNING
        else letter
        for letter in " ".join(text.split())
    )


def plain(text: str) -> str:
    """Escape a text so that Markdown shows it literally, on one line: no link, emphasis, formula or HTML.

    Bare addresses get an invisible character, a word joiner, so that they don't become links.
    """
    return _ADDRESS.sub("\N{WORD JOINER}", readable(text)).translate(_ESCAPES)
