"""Take what may name a person or a single case out of text before it is kept or shown."""

from __future__ import annotations

import re
import unicodedata

EXCERPT_CHARACTERS = 300

_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*")
_DISGUISED = re.compile(r"%40|&#0*64;|&#x0*40;|&commat;|\s*[(\[{<]\s*at\s*[)\]}>]\s*", re.IGNORECASE)
_TELEPHONE = re.compile(r"(?:\+|\b00)\d[\d ().\-/]{5,}\d|(?<!\d)\(?\d{3}\)?[ .\-]\d{3}[ .\-]\d{4}(?!\d)")
_NUMBER = re.compile(r"\d(?:[ .\-]?\d){4,}")


def excerpt(raw: bytes) -> str:
    """Give the first part of unreadable bytes as printable text, without e-mail addresses and long numbers."""
    text = raw[: EXCERPT_CHARACTERS * 4].decode("utf-8", "replace")
    text = "".join(character if character.isprintable() else "·" for character in text)
    return _NUMBER.sub("<number>", _EMAIL.sub("<email>", text))[:EXCERPT_CHARACTERS]


def names_a_person(text: str) -> bool:
    """Tell whether a text holds what looks like an e-mail address or a telephone number, also in disguise."""
    text = _DISGUISED.sub("@", unicodedata.normalize("NFKC", text))
    return bool(_EMAIL.search(text) or _TELEPHONE.search(text))
