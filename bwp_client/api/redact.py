"""Takes persons and single cases out of the API's messages, so that they may be stored and equal reasons group."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from bwp_client.redaction import without_addresses

MAX_MESSAGE_CHARACTERS: Final = 500
MAX_LABEL_CHARACTERS: Final = 100

# Longer input is cut before any pattern runs: the patterns' cost grows with the length of a word, and a hostile server
# chooses that.
_MAX_READ_CHARACTERS: Final = 4_000

_UUID = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)
_NUMBER = re.compile(r"\d(?:[ .,()/\-]{0,2}\d){4,}")
_HEX_HEAD = re.compile(r"[0-9a-f]{8}", re.IGNORECASE)


def scrub_message(message: str, task_id: str) -> str:
    """Give a message with `<email>`, `<id>` and `<number>` in place of what may name a person or a case.

    Args:
        message: Any text from outside.
        task_id: The task it is about; its ID, and the first 8 digits of it, become `<id>` in any case.
    """
    return _NUMBER.sub("<number>", _without_ids(message, task_id))[:MAX_MESSAGE_CHARACTERS]


def scrub_label(label: str, task_id: str) -> str:
    """Give a code or a status as it came, but for control characters, its length, e-mail addresses and IDs."""
    return _without_ids(label, task_id)[:MAX_LABEL_CHARACTERS]


def _without_ids(text: str, task_id: str) -> str:
    text = without_addresses(_readable(text)).strip()
    text = _UUID.sub("<id>", text)
    forms = _forms_of(task_id)
    lowered = text.lower()
    # Making a pattern takes longer than all the rest; mostly the ID is gone by now.
    return _own_id(forms).sub("<id>", text) if any(form.lower() in lowered for form in forms) else text


def _readable(text: str) -> str:
    """Fold look-alike forms, drop what can't be seen, and cut at a word's end."""
    if len(text) > _MAX_READ_CHARACTERS:
        # Half a word could be the half of an address that no longer looks like one.
        text = text[:_MAX_READ_CHARACTERS].rpartition(" ")[0]
    text = unicodedata.normalize("NFKC", text)
    kept = (" " if char in "\t\r\n\x0b\x0c\x85\u2028\u2029" else char for char in text)
    text = "".join(char for char in kept if char.isprintable())
    return text.strip()


@lru_cache(maxsize=256)
def _forms_of(task_id: str) -> tuple[str, ...]:
    own = _readable(task_id)
    forms = [own, own.replace("-", "")]
    if _HEX_HEAD.match(own):
        forms.append(own[:8])
    return tuple(form for form in forms if form)


@lru_cache(maxsize=256)
def _own_id(forms: tuple[str, ...]) -> re.Pattern[str]:
    # A short ID is replaced only where it stands alone: "7" must not eat every seven.
    patterns = [re.escape(form) if len(form) >= 8 else rf"(?<![^\W_]){re.escape(form)}(?![^\W_])" for form in forms]
    return re.compile("|".join(patterns), re.IGNORECASE)
