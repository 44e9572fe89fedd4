"""IDs of tasks, business products and events. A UUID is the same ID in capitals and in small letters."""

from __future__ import annotations

import re
from typing import Final

UUID_PATTERN: Final = "(?:[bB][pP]-)?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
"""The form of a UUID, or of a business product's ID, which is `bp-` and a UUID."""
_is_uuid = re.compile(UUID_PATTERN).fullmatch


def normal_id(text: str) -> str:
    """Return the form of an ID in which it is stored and compared: a UUID in small letters, any other ID as it is."""
    return text.lower() if _is_uuid(text) else text
