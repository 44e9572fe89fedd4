"""Escapes text from outside for elements that read Markdown."""

from __future__ import annotations

import string
from typing import Final

_ESCAPES: Final = {ord(mark): f"\\{mark}" for mark in string.punctuation}


def plain(text: str) -> str:
    """Escape a text so that Markdown shows it literally, on one line: no link, emphasis, formula or HTML."""
    return " ".join(text.split()).translate(_ESCAPES)
