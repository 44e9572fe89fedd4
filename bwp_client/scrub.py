"""Take what may name a person or a single case out of text before it is kept or shown."""

from __future__ import annotations

import re
import unicodedata

EXCERPT_CHARACTERS = 300

_READ_BYTES = 4 * EXCERPT_CHARACTERS
_LONGEST_ADDRESS = 254
"""RFC 5321, with the brackets left out."""
_DISGUISED = re.compile(r"%40|&#0*64;|&#x0*40;|&commat;|\\u0040|\s*[(\[{<]\s*at\s*[)\]}>]\s*", re.IGNORECASE)
# Brackets, commas and quotes stand around an address, never in it; braces may stand before its last @. A try begins only
# where a run of other characters does, so that a long one without an @ is looked at once.
_IN_ADDRESS = r"[^\s<>()\[\],;:\"]"
_ANY_ADDRESS = re.compile(rf"(?:\"[^\"]{{0,64}}\"|(?<!{_IN_ADDRESS})){_IN_ADDRESS}*@(?:(?![{{}}@]){_IN_ADDRESS})*")
_LAST_RUN = re.compile(rf"(?<!{_IN_ADDRESS}){_IN_ADDRESS}+\Z")
_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*")
_TELEPHONE = re.compile(r"(?:\+|\b00)\d[\d ().\-/]{5,}\d|(?<!\d)\(?\d{3}\)?[ .\-]\d{3}[ .\-]\d{4}(?!\d)")
_NUMBER = re.compile(r"\d(?:[ .\-]?\d){4,}")


def without_addresses(text: str) -> str:
    """Fold look-alike forms of characters, and put `<email>` in place of whatever has an @ in it, also in disguise."""
    text = _DISGUISED.sub("@", unicodedata.normalize("NFKC", text))
    return _ANY_ADDRESS.sub("<email>", text) if "@" in text else text


def excerpt(raw: bytes) -> str:
    """Give the first part of unreadable bytes as printable text, without e-mail addresses and long numbers."""
    text = raw[:_READ_BYTES].decode(_encoding(raw[:_READ_BYTES]), "replace")
    if len(raw) > _READ_BYTES and (last := _LAST_RUN.search(text)):
        text = text[: max(last.start(), len(text) - _LONGEST_ADDRESS)]  # it may be the begin of an address
    text = "".join(character if character.isprintable() else "·" for character in text)
    return _NUMBER.sub("<number>", without_addresses(text))[:EXCERPT_CHARACTERS]


def _encoding(raw: bytes) -> str:
    """Tell UTF-16, of which every second byte is mostly zero, from what is else UTF-8."""
    for code, zeros in (("utf-16-le", raw[1::2]), ("utf-16-be", raw[::2])):
        if zeros.count(0) * 2 > len(zeros):
            return code
    return "utf-8"


def names_a_person(text: str) -> bool:
    """Tell whether a text holds what looks like an e-mail address or a telephone number, also in disguise."""
    text = _DISGUISED.sub("@", unicodedata.normalize("NFKC", text))
    return bool(_EMAIL.search(text) or _TELEPHONE.search(text))
