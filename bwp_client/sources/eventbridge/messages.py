"""Queue messages as a source: a batch of messages of one replay is one object."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from io import BytesIO
from typing import BinaryIO
from uuid import uuid4

from bwp_client.sources.base import SourceObject
from bwp_client.sources.eventbridge.queue import Message


class MessageBatch:
    """A source with one object: the messages of one replay, one per line. Deleted messages can't be received again."""

    def __init__(self, url: str, replay_name: str, messages: list[Message]) -> None:
        # JSON text holds no line break inside strings, and between tokens a space means the same.
        lines = [message.body.replace("\r", " ").replace("\n", " ") for message in messages]
        self._text = "\n".join(lines).encode("utf-8", "replace") + b"\n"
        digest = hashlib.sha256(self._text).hexdigest()
        self.label = url
        self._item = SourceObject(f"{url}/{replay_name}/{uuid4().hex[:12]}", digest, len(self._text))

    def objects(self) -> Iterator[SourceObject]:
        """Yield the object."""
        yield self._item

    def open(self, item: SourceObject) -> BinaryIO:  # noqa: ARG002 - the batch is the only object
        """Open the object."""
        return BytesIO(self._text)


def replay_of(body: str, known: Collection[str]) -> str | None:
    """Return the name of our replay that sent a message, or None for a foreign message, which must not be deleted.

    Args:
        body: The message. A message that is not JSON is ours if it holds the name of one of our replays.
        known: The names of our replays.
    """
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return next((name for name in known if f'"{name}"' in body), None)
    name = event.get("replay-name") if isinstance(event, dict) else None
    return name if isinstance(name, str) and name in known else None
