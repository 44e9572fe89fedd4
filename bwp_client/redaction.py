"""Removes e-mail addresses, secrets and long numbers from text before it is stored or shown."""

from __future__ import annotations

import re
import unicodedata

EXCERPT_CHARACTERS = 300

_UNPRINTABLE = "·"
_READ_BYTES = 4 * EXCERPT_CHARACTERS
_LONGEST_ADDRESS = 254
"""The longest e-mail address by RFC 5321, without its brackets."""
_DISGUISED = re.compile(r"%40|&#0*64;|&#x0*40;|&commat;|\\u0040|\s*[(\[{<]\s*at\s*[)\]}>]\s*", re.IGNORECASE)
# Brackets, commas and quotes stand around an address, never in it; braces may stand before its last @. A match starts only
# at the start of a run of other characters, so that a long run without an @ is searched once.
_IN_ADDRESS = r"[^\s<>()\[\],;:\"]"
_ANY_ADDRESS = re.compile(rf"(?:\"[^\"]{{0,64}}\"|(?<!{_IN_ADDRESS})){_IN_ADDRESS}*@(?:(?![{{}}@]){_IN_ADDRESS})*")
_LAST_RUN = re.compile(rf"(?<!{_IN_ADDRESS}){_IN_ADDRESS}+\Z")
# Any text after the name of a secret may be the secret: in JSON, TOML, YAML or a query, or as another XML or JSON element.
_SECRET_NAME = re.compile(
    r"secret|passw(?:or)?d|passphrase|pwd|token|client[^a-z0-9]{0,2}id|api[^a-z0-9]{0,2}key|access[^a-z0-9]{0,2}key"
    r"|private[^a-z0-9]{0,2}key|authorization|bearer|cookie|credential|signature|notify[^a-z0-9]{0,2}url",
    re.IGNORECASE,
)
_ESCAPED = re.compile(r"\\+u00([2-7][0-9a-f])|%(?:25)*([2-7][0-9a-f])|&#x0*([2-7][0-9a-f]);", re.IGNORECASE)
_USER_OF_ADDRESS = re.compile(r"(?<=://)[^\s\"'<>]*@")
_CUT_ADDRESS = re.compile(r"(?<=://)[^\s\"'<>]*\Z")
# Searching for words is much faster than searching for the pattern, and nearly every record has none of them.
_WORDS_OF_SECRETS = (
    "secret", "pass", "pwd", "token", "client", "key", "authorization", "bearer", "cookie", "credential", "signature", "url",
)  # fmt: skip
# Secrets without a name: access keys of AWS, and long runs of capital and small letters with digits.
_AWS_KEY = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}")
_LONG_WORD = re.compile(r"(?<![\w+-])[\w+-]{32,}")
_LINE_OF_KEY = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}\s*")
_SECRET = "<secret>"  # noqa: S105 - a placeholder
_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*")
_TELEPHONE = re.compile(r"(?:\+|\b00)\d[\d ().\-/]{5,}\d|(?<!\d)\(?\d{3}\)?[ .\-]\d{3}[ .\-]\d{4}(?!\d)")
_NUMBER = re.compile(r"\d(?:[ .\-]?\d){4,}")


def without_addresses(text: str) -> str:
    """Return a text in NFKC form with every word that has an @ in it, also a disguised @, replaced by `<email>`."""
    text = _DISGUISED.sub("@", unicodedata.normalize("NFKC", text))
    return _ANY_ADDRESS.sub("<email>", text) if "@" in text else text


def without_secrets(text: str) -> str:
    """Return a text with `<secret>` in place of all text after a secret's name, and of every word that looks like a key."""
    text = unicodedata.normalize("NFKC", text)
    if "\\u00" in text or "%" in text or "&#" in text:
        text = _ESCAPED.sub(_unescaped, text)
    end = _end_of_secret_name(text)
    if end is None and _UNPRINTABLE in text and _end_of_secret_name(text.replace(_UNPRINTABLE, "")) is not None:
        return _SECRET
    if _LINE_OF_KEY.fullmatch(text):
        return _SECRET
    if end is not None:  # the name may itself be part of a password in an address
        users = _USER_OF_ADDRESS.finditer(text) if "@" in text else ()
        end = next((user.start() for user in users if user.start() < end <= user.end()), end)
        text = f"{text[:end]} {_SECRET}"
    text = _USER_OF_ADDRESS.sub(f"{_SECRET}@", text) if "@" in text else text
    return _LONG_WORD.sub(_unless_random, _AWS_KEY.sub(_SECRET, text))


def _end_of_secret_name(text: str) -> int | None:
    lowered = text.lower()
    if not any(word in lowered for word in _WORDS_OF_SECRETS):
        return None
    found = _SECRET_NAME.search(text)
    return found.end() if found else None


def _unless_random(found: re.Match[str]) -> str:
    word = found[0]
    is_random = any(map(str.isdigit, word)) and word != word.lower() and word != word.upper()
    return _SECRET if is_random else word


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(next(filter(None, found.groups())), 16))


def excerpt(raw: bytes) -> str:
    """Return the first part of unreadable bytes as printable text, without secrets, e-mail addresses and long numbers."""
    text = raw[:_READ_BYTES].decode(_encoding(raw[:_READ_BYTES]), "replace")
    if len(raw) > _READ_BYTES:
        text = _CUT_ADDRESS.sub("", text)  # a user and password may stand before an @ beyond the cut
        if last := _LAST_RUN.search(text):
            text = text[: max(last.start(), len(text) - _LONGEST_ADDRESS)]  # it may be the start of an address
    text = without_secrets("".join(character if character.isprintable() else _UNPRINTABLE for character in text))
    return _NUMBER.sub("<number>", without_addresses(text))[:EXCERPT_CHARACTERS]


def _encoding(raw: bytes) -> str:
    """Return UTF-16 if most bytes at even or at odd offsets are zero, else UTF-8."""
    for code, zeros in (("utf-16-le", raw[1::2]), ("utf-16-be", raw[::2])):
        if zeros.count(0) * 2 > len(zeros):
            return code
    return "utf-8"


def names_a_person(text: str) -> bool:
    """Return whether a text holds an e-mail address, also a disguised one, or a telephone number."""
    text = _DISGUISED.sub("@", unicodedata.normalize("NFKC", text))
    return bool(_EMAIL.search(text) or _TELEPHONE.search(text))
