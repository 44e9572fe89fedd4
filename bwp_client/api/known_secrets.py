"""The secrets that a run sends to the API, and their removal from what the API answers, in whatever form it repeats them."""

from __future__ import annotations

import base64
import html.entities
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from urllib.parse import quote_plus, unquote, urlsplit

from bwp_client.settings import ApiSettings

MIN_SECRET_CHARACTERS = 4
"""Shorter texts are in too many words."""
_MIN_BASE64_CHARACTERS = 8
_MAX_ESCAPED_CHARACTERS = 64
_REST_OF_WORD = r"[^\s\"'<>]*"
_ESCAPES = "%\\&"
_SECRET = "<secret>"  # noqa: S105 - a placeholder
_BEFORE_IN_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]+\Z")
_AFTER_IN_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")


class KnownSecrets:
    """The secrets of one run: the credentials, the passwords in addresses, and the tokens as they arrive.

    Args:
        settings: The settings of the API; None for no secrets.
    """

    def __init__(self, settings: ApiSettings | None = None) -> None:
        self._plain: dict[str, None] = {}
        self._escaped: dict[str, None] = {}
        self._in_base64: dict[str, None] = {}
        self._pattern: re.Pattern[str] | None = None
        self._escaped_pattern: re.Pattern[str] | None = None
        if settings is None:
            return
        for credential in settings.credentials.values():
            self.add(credential.client_secret.get_secret_value(), user=credential.client_id)
            self.add(credential.client_id)
        for address in (settings.endpoint, settings.token_endpoint):
            try:
                parts = urlsplit(address)
            except ValueError:  # refused when the client is opened
                continue
            self.add(unquote(parts.password or ""), user=unquote(parts.username or ""))

    def add(self, secret: str, *, user: str = "") -> None:
        """Add a secret; with a user, also the pair of both, as HTTP Basic authentication sends it."""
        if len(secret) < MIN_SECRET_CHARACTERS:
            return
        pairs = [f"{user}:{secret}", f"{quote_plus(user)}:{quote_plus(secret)}"] if user else []
        forms = (secret, unicodedata.normalize("NFKC", secret))
        self._plain |= dict.fromkeys(map(re.escape, (*forms, quote_plus(secret))))
        self._escaped |= dict.fromkeys(map(_in_any_spelling, forms))
        self._in_base64 |= dict.fromkeys([*map(_base64_of, pairs), *_inside_base64(secret)])
        self._pattern = self._escaped_pattern = None

    def redact(self, text: str) -> str:
        """Return a text with `<secret>` in place of each secret: as it is, percent-encoded, escaped or in Base64."""
        if not self._plain:
            return text
        # Nearly no text holds an escape, and compiling the pattern of escaped secrets takes long.
        if any(sign in text for sign in _ESCAPES):
            if self._escaped_pattern is None:
                self._escaped_pattern = re.compile("|".join(self._escaped))
            text = self._escaped_pattern.sub(_SECRET, text)
        if self._pattern is None:
            self._pattern = re.compile(f"(?P<base64>{'|'.join(self._in_base64) or '(?!)'})|{'|'.join(self._plain)}")
        redacted, end = "", 0
        for found in self._pattern.finditer(text):
            if found.start() < end:
                continue
            before = text[end : found.start()]
            end = found.end()
            if found["base64"] is not None:  # the whole word, which may encode more than this secret
                before = _BEFORE_IN_BASE64.sub("", before)
                end = _AFTER_IN_BASE64.match(text, end).end()  # type: ignore[union-attr]
            redacted += before + _SECRET
        return redacted + text[end:]


def _in_any_spelling(text: str) -> str:
    """Return a pattern of a text each of whose characters may be escaped for a URL, JSON or HTML.

    A long text is found by its beginning.
    """
    rest = _REST_OF_WORD if len(text) > _MAX_ESCAPED_CHARACTERS else ""
    return "".join(map(_spellings, text[:_MAX_ESCAPED_CHARACTERS])) + rest


def _spellings(character: str) -> str:
    encoded = "".join(f"%(?:25){{0,3}}{_hex(f'{byte:02x}')}" for byte in character.encode("utf-8", "surrogatepass"))
    code = ord(character)
    spellings = [re.escape(character), encoded, rf"\\+u{_hex(f'{code:04x}')}" if code < 0x10000 else ""]
    spellings += [f"&#0{{0,6}}{code};", f"&#[xX]0{{0,6}}{_hex(f'{code:x}')};"]
    spellings += [f"&{name}" for name in _html_names().get(character, [])]
    if character in '"\\/':
        spellings.append(rf"\\+{re.escape(character)}")
    if character == " ":
        spellings.append(r"\+")
    return f"(?:{'|'.join(filter(None, spellings))})"


@cache
def _html_names() -> dict[str, list[str]]:
    """Return each character's names in HTML, such as `quot;`."""
    names: dict[str, list[str]] = {}
    for name, character in html.entities.html5.items():
        if name.endswith(";"):  # older names may end without it
            names.setdefault(character, []).append(f"{name}?" if name[:-1] in html.entities.html5 else name)
    return names


def _hex(digits: str) -> str:
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in digits)


def _inside_base64(secret: str) -> Iterator[str]:
    """Yield patterns of the part that a secret has in a Base64 word, for each of its three places in a group of bytes."""
    data = secret.encode("utf-8", "surrogatepass")
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + data).decode()
        # The first and the last character also hold bits of the bytes around.
        first = 0 if before == 0 else before + 1
        core = encoded[first : (before + len(data)) * 4 // 3]
        if len(core) >= _MIN_BASE64_CHARACTERS:
            yield _either_alphabet(core)


def _base64_of(text: str) -> str:
    encoded = base64.b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")
    return _either_alphabet(encoded)


def _either_alphabet(encoded: str) -> str:
    return "".join({"+": "[+-]", "/": "[/_]"}.get(character, character) for character in encoded)
