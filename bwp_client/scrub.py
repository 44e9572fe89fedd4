"""Take what may name a person or a single case out of text before it is kept or shown."""

from __future__ import annotations

import re

EXCERPT_CHARACTERS = 300

_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*")
_NUMBER = re.compile(r"\d(?:[ .\-]?\d){4,}")


def excerpt(raw: bytes) -> str:
    """Give the first part of unreadable bytes as printable text, without e-mail addresses and long numbers."""
    text = raw[: EXCERPT_CHARACTERS * 4].decode("utf-8", "replace")
    text = "".join(character if character.isprintable() else "·" for character in text)
    return _NUMBER.sub("<number>", _EMAIL.sub("<email>", text))[:EXCERPT_CHARACTERS]
