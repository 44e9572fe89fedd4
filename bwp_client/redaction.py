"""Removes e-mail addresses, secrets, long numbers and line breaks from text before it is stored or shown."""

from __future__ import annotations

import re
import unicodedata

EXCERPT_CHARACTERS = 300

_UNPRINTABLE = "·"
_READ_BYTES = 4 * EXCERPT_CHARACTERS
_LONGEST_ADDRESS = 254
"""The maximum length of an e-mail address: 256 characters (RFC 5321) minus the two angle brackets."""
# The @, and the two characters that NFKC turns into it, as URLs, HTML and JSON escape them.
_DISGUISED = re.compile(
    r"%(?:25){0,3}(?:40|EF%(?:25){0,3}BC%(?:25){0,3}A0|EF%(?:25){0,3}B9%(?:25){0,3}AB)"
    r"|&#0*(?:64|65312|65131);|&#x0*(?:40|ff20|fe6b);|&commat;|\\+u(?:0040|ff20|fe6b)"
    r"|\s*[(\[{<]\s*at\s*[)\]}>]\s*",
    re.IGNORECASE,
)
# A character of an e-mail address. Brackets and punctuation delimit an address; braces are allowed before the @ only. The
# patterns match from the start of a run of such characters only, so a long run without an @ is searched once.
_IN_ADDRESS = r"[^\s<>()\[\],;:\"]"
_ANY_ADDRESS = re.compile(rf"(?:\"[^\"]{{0,64}}\"|(?<!{_IN_ADDRESS})){_IN_ADDRESS}*@(?:(?![{{}}@]){_IN_ADDRESS})*")
_LAST_RUN = re.compile(rf"(?<!{_IN_ADDRESS}){_IN_ADDRESS}+\Z")
# The name of a secret. All text after the name may be the secret: a value in JSON, TOML, YAML or a query string, or the next
# element in XML or a JSON array.
_SECRET_NAME = re.compile(
    r"secret|passw(?:or)?[dt]|passphrase|(?<![a-z])pass(?![a-z])|kennwort|pwd|token|client[^a-z0-9]{0,2}id"
    r"|(?:api|access|private)[^a-z0-9]{0,2}key|authorization|bearer|cookie|credential|signature|(?<![a-z])sig="
    r"|notify[^a-z0-9]{0,2}url|session[^a-z0-9]{0,2}id|(?<![a-z])(?:pin|otp)(?![a-z])",
    re.IGNORECASE,
)
_ESCAPED = re.compile(
    r"\\+u(00[2-7][0-9a-f]|ff[0-5][0-9a-f])|%(?:25)*([2-7][0-9a-f])|&#x0*([2-7][0-9a-f]);", re.IGNORECASE
)
_USER_OF_ADDRESS = re.compile(r"(?<=://)[^\s\"'<>]*@")
_CUT_ADDRESS = re.compile(r"(?<=://)[^\s\"'<>]*\Z")
# Each match of `_SECRET_NAME` contains one of these words. Searching for the words first is much faster than searching for
# the pattern, and nearly every record contains none of them.
_WORDS_OF_SECRETS = (
    "secret", "pass", "pwd", "token", "client", "key", "authorization", "bearer", "cookie", "credential", "sig", "url",
    "wort", "session", "pin", "otp",
)  # fmt: skip
# A secret's name as a value, as in `{"value": …, "name": "client_secret"}`: the secret may come before its name.
_NAMED_BY_A_VALUE = re.compile(r"(?<![a-z])(?:name|key|id)[\"']?\s*[:=]\s*[\"']?[\w.-]*\Z", re.IGNORECASE)
# Secrets that are recognised without a name: access keys and tokens by their prefixes, addresses of webhooks, long words that
# mix upper case, lower case and digits, and lines of a PEM key.
_KNOWN_KEY = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}|\beyJ[\w-]{6,}(?:\.[\w-]*)*|\bxox[a-z]-[\w-]+|\b(?:gh[a-z]|github_pat|glpat|[spr]k_live)[_-]\w+"
    r"|\bAIza[\w-]{20,}|(?<=hooks\.slack\.com/)[^\s\"'<>]+|(?<=/api/webhooks/)[^\s\"'<>]+"
)
_LONG_WORD = re.compile(r"(?<![\w+-])[\w+-]{32,}")
_LINE_OF_KEY = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}\s*")
_SECRET = "<secret>"  # noqa: S105 - a placeholder
_EMAIL = re.compile(r"[\w\"'}!#$%&*+/=?^`{|~.-]@[\w\[]")
_TELEPHONE = re.compile(
    # international: +49 (0) 170 / 123 45 67 or 0049 170 1234567
    r"(?:\+[ (\[]{0,2}|(?<![\w.:,/-])00)[1-9](?:[ ().\-/\[\]]{0,4}\d){6,14}(?!\d)"
    # national, with a separator after the area code: 0170/123 45 67, (030) 901820, 0170.123.45.67
    r"|(?<![\w./-])(?<!\d,)[(\[]?0[1-9]\d{1,4}(?:[)\]] ?| ?[./\-] ?| )\d(?:[ ./\-]?\d){5,9}(?!\d)"
    # North America: (555) 123-4567
    r"|(?<!\d)(?:[(\[]\d{3}[)\]] ?|\d{3}[ ./\-])\d{3}[ ./\-]\d{4}(?!\d)"
    # after its name: tel. 01701234567
    r"|(?:tel|fon|phone|mobile?|handy|whatsapp|sms|fax|ruf|call)[a-z]{0,8}[ .:=#]{0,3}[+(\[]{0,2}"
    r"\d(?:[ ().\-/\[\]]{0,4}\d){5,14}(?!\d)",
    re.IGNORECASE,
)
# Numbers that are no telephone numbers, although parts of them look so.
_UUID_OR_DATE = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|(?<!\d)(?:19|20)\d\d([-/.])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])(?!\d)"
    r"|(?<![\d./-])(?:0?[1-9]|[12]\d|3[01])([-/.])(?:0?[1-9]|[12]\d|3[01])\2(?:19|20)\d\d(?!\d)",
    re.IGNORECASE,
)
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-") | dict.fromkeys(
    map(ord, "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff")
)
"""Dashes of all lengths as hyphens; characters without any width as nothing."""
_NUMBER = re.compile(r"\d(?:[ .\-]?\d){4,}")


def without_addresses(text: str) -> str:
    """Return a text in NFKC form, with `<email>` in place of each e-mail address.

    Every word that contains an @ counts as an address, also if the @ is encoded or disguised, as in `%40` or ` (at) `.
    """
    text = _DISGUISED.sub("@", unicodedata.normalize("NFKC", text))
    return _ANY_ADDRESS.sub("<email>", text) if "@" in text else text


def without_secrets(text: str) -> str:
    """Return a text in NFKC form, with `<secret>` in place of its secrets.

    Secrets are all text after the first name of a secret, such as `password`; the user and password of each URL; and words
    that look like keys.
    """
    text = unicodedata.normalize("NFKC", text)
    if "\\u" in text or "%" in text or "&#" in text:
        text = unicodedata.normalize("NFKC", _ESCAPED.sub(_unescaped, text))
    end = _end_of_secret_name(text)
    if end is None and _UNPRINTABLE in text and _end_of_secret_name(text.replace(_UNPRINTABLE, "")) is not None:
        return _SECRET
    if _LINE_OF_KEY.fullmatch(text):
        return _SECRET
    if end is not None:  # the name may be part of the user and password of a URL
        users = _USER_OF_ADDRESS.finditer(text) if "@" in text else ()
        end = next((user.start() for user in users if user.start() < end <= user.end()), end)
        if _NAMED_BY_A_VALUE.search(text[:end]):
            return _SECRET
        text = f"{text[:end]} {_SECRET}"
    return without_keys(text)


def without_keys(text: str) -> str:
    """Return a text with `<secret>` in place of the user and password of each URL, and of words that look like keys."""
    return _LONG_WORD.sub(_unless_random, _KNOWN_KEY.sub(_SECRET, without_users(text)))


def _end_of_secret_name(text: str) -> int | None:
    """Return the index after the first name of a secret, or None without such a name."""
    lowered = text.lower()
    if not any(word in lowered for word in _WORDS_OF_SECRETS):
        return None
    found = _SECRET_NAME.search(text)
    return found.end() if found else None


def _unless_random(found: re.Match[str]) -> str:
    """Return the matched word, or `<secret>` if it mixes upper case, lower case and digits."""
    word = found[0]
    is_random = any(map(str.isdigit, word)) and word != word.lower() and word != word.upper()
    return _SECRET if is_random else word


def _unescaped(found: re.Match[str]) -> str:
    """Return the character whose hexadecimal code is in the group of `_ESCAPED` that matched."""
    return chr(int(next(filter(None, found.groups())), 16))


def excerpt(raw: bytes) -> str:
    """Return the beginning of an unreadable record as text, to be stored in the quarantine.

    The text has at most `EXCERPT_CHARACTERS` printable characters. Placeholders replace secrets, e-mail addresses and long
    numbers.
    """
    text = raw[:_READ_BYTES].decode(_encoding(raw[:_READ_BYTES]), "replace")
    if len(raw) > _READ_BYTES:
        text = _CUT_ADDRESS.sub("", text)  # the user and password of a URL may end at an @ after the cut
        if last := _LAST_RUN.search(text):
            # The last run may be the start of an address whose @ is after the cut.
            text = text[: max(last.start(), len(text) - _LONGEST_ADDRESS)]
    text = without_secrets("".join(character if character.isprintable() else _UNPRINTABLE for character in text))
    return _NUMBER.sub("<number>", _TELEPHONE.sub("<number>", without_addresses(text)))[:EXCERPT_CHARACTERS]


def _encoding(raw: bytes) -> str:
    """Return the name of the encoding: UTF-16 if most bytes at even or at odd offsets are zero, else UTF-8."""
    for code, zeros in (("utf-16-le", raw[1::2]), ("utf-16-be", raw[::2])):
        if zeros.count(0) * 2 > len(zeros):
            return code
    return "utf-8"


def without_users(text: str) -> str:
    """Return a text with `<secret>` in place of the user and password of each URL."""
    return _USER_OF_ADDRESS.sub(f"{_SECRET}@", text) if "@" in text else text


def one_line(text: str) -> str:
    """Return a text as one line: line breaks and other unprintable characters become single spaces."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def names_a_person(text: str) -> bool:
    """Return whether a text contains an e-mail address, also with a disguised @, or a telephone number.

    A UUID or a date is no telephone number, and neither are digits without a separator, unless they begin with `+` or 00, or
    follow a word such as `tel`.
    """
    if text.isascii() and text.isalpha():
        return False
    text = _plain(text)
    return bool(_EMAIL.search(text) or _TELEPHONE.search(_UUID_OR_DATE.sub("x", text)))


def without_telephones(text: str) -> str:
    """Return a text with `<number>` in place of each telephone number; a text without any stays as it is."""
    plain = text.translate(_DASHES)
    return _TELEPHONE.sub("<number>", plain) if _TELEPHONE.search(_UUID_OR_DATE.sub("x", plain)) else text


def names_an_address(text: str) -> bool:
    """Return whether a text contains an e-mail address, also with a disguised @."""
    return bool(_EMAIL.search(_plain(text)))


def _plain(text: str) -> str:
    """Return a text in NFKC form, with each disguised @ as such, hyphens for all dashes, and no invisible characters."""
    return _DISGUISED.sub("@", unicodedata.normalize("NFKC", text).translate(_DASHES))
