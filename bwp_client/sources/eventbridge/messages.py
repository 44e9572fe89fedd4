"""A queue's messages as a source: a batch of one replay is one object, and each message tells whose it is."""

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
    """Messages of one replay as one object, a line each; there is no reading it again."""

    def __init__(self, url: str, replay_name: str, messages: list[Message]) -> None:
        # A line break between tokens may as well be a space, and inside a text JSON has none.
        lines = [message.body.replace("\r", " ").replace("\n", " ") for message in messages]
        self._text = "\n".join(lines).encode("utf-8", "replace") + b"\n"
        digest = hashlib.sha256(self._text).hexdigest()
        self.label = url
        self._item = SourceObject(f"{url}/{replay_name}/{uuid4().hex[:12]}", digest, len(self._text))

    def objects(self) -> Iterator[SourceObject]:
        """Give the one object."""
        yield self._item

    def open(self, item: SourceObject) -> BinaryIO:  # noqa: ARG002 - there is only one
        """Open it."""
        return BytesIO(self._text)


def replay_of(body: str, known: Collection[str]) -> str | None:
    """Give which of our replays a message is of; none for somebody else's, which is not ours to delete.

    A message that is no JSON is ours when it names one of our replays.
    """
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return next((name for name in known if f'"{name}"' in body), None)
    name = event.get("replay-name") if isinstance(event, dict) else None
    return name if isinstance(name, str) and name in known else None
