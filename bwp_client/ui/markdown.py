"""Text from outside, made safe for elements that read Markdown."""

from __future__ import annotations

import string

_ESCAPED = {ord(mark): f"\\{mark}" for mark in string.punctuation}


def plain(text: str) -> str:
    """Give the text so that Markdown shows it as it is: no link, no emphasis, no formula, no HTML, one line."""
    return " ".join(text.split()).translate(_ESCAPED)
