"""Redacts the API's messages, so that they may be stored and equal reasons can be counted."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from bwp_client.api.known_secrets import KnownSecrets
from bwp_client.redaction import without_addresses, without_keys, without_telephones

MAX_MESSAGE_CHARACTERS: Final = 500
MAX_LABEL_CHARACTERS: Final = 100

# Longer input is cut before any pattern runs, because the cost of the patterns grows with the length of a word, which a
# hostile server chooses.
_MAX_READ_CHARACTERS: Final = 4_000

_NO_SECRETS: Final = KnownSecrets()
_UUID = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)
_NUMBER = re.compile(r"\d(?:[ .,()/\-]{0,2}\d){4,}")
_HEX_HEAD = re.compile(r"[0-9a-f]{8}", re.IGNORECASE)


def redact_message(message: str, task_id: str, secrets: KnownSecrets = _NO_SECRETS) -> str:
    """Return a message with `<email>`, `<id>`, `<number>` and `<secret>` in place of what may not be stored.

    Secrets are the known ones, whatever they look like, and words that look like keys.

    Args:
        message: Any text from outside.
        task_id: The task that the message is about; its ID, and the first 8 digits of it, are always replaced by `<id>`.
        secrets: The secrets that the API was sent and may repeat.
    """
    return _NUMBER.sub("<number>", without_keys(_without_ids(message, task_id, secrets)))[:MAX_MESSAGE_CHARACTERS]


def redact_label(label: str, task_id: str, secrets: KnownSecrets = _NO_SECRETS) -> str:
    """Return a code or a status, cut to its longest length, without personal data, secrets, IDs and control characters."""
    return without_telephones(_without_ids(label, task_id, secrets))[:MAX_LABEL_CHARACTERS]


def _without_ids(text: str, task_id: str, secrets: KnownSecrets) -> str:
    text = without_addresses(secrets.redact(_readable(text))).strip()
    text = _UUID.sub("<id>", text)
    forms = _forms_of(task_id)
    lowered = text.lower()
    # Compiling the pattern costs more than all other steps, and the ID has usually been replaced already.
    return _id_pattern(forms).sub("<id>", text) if any(form.lower() in lowered for form in forms) else text


def _readable(text: str) -> str:
    """Return a text in compatibility form (NFKC), without invisible characters, cut at the end of a word."""
    if len(text) > _MAX_READ_CHARACTERS:
        # Half an address would not be recognised as an address.
        text = text[:_MAX_READ_CHARACTERS].rpartition(" ")[0]
    text = unicodedata.normalize("NFKC", text)
    spaced = (" " if char in "\t\r\n\x0b\x0c\x85\u2028\u2029" else char for char in text)
    text = "".join(char for char in spaced if char.isprintable())
    return text.strip()


@lru_cache(maxsize=256)
def _forms_of(task_id: str) -> tuple[str, ...]:
    readable_id = _readable(task_id)
    forms = [readable_id, readable_id.replace("-", "")]
    if _HEX_HEAD.match(readable_id):
        forms.append(readable_id[:8])
    return tuple(form for form in forms if form)


@lru_cache(maxsize=256)
def _id_pattern(forms: tuple[str, ...]) -> re.Pattern[str]:
    # A short ID is replaced only as a whole word: the ID "7" must not replace every digit 7.
    patterns = [re.escape(form) if len(form) >= 8 else rf"(?<![^\W_]){re.escape(form)}(?![^\W_])" for form in forms]
    return re.compile("|".join(patterns), re.IGNORECASE)
