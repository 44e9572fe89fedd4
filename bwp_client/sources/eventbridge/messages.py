"""Queue messages as a source: a batch of messages of one replay is one object."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO
from uuid import uuid4

from bwp_client.sources.base import SourceObject
from bwp_client.sources.eventbridge.queue import Message
from bwp_client.sources.eventbridge.replays import NAME_PREFIX

_OUR_NAMES = re.compile(rf'"({re.escape(NAME_PREFIX)}[.\-_A-Za-z0-9]+)"')


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


def replay_names(body: str) -> list[str]:
    """Return the names of the replays that may have sent a message: at most one for an event.

    A message that is no JSON is of a replay of ours if it holds the replay's name.
    """
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return list(dict.fromkeys(_OUR_NAMES.findall(body)))
    name = event.get("replay-name") if isinstance(event, dict) else None
    return [name] if isinstance(name, str) else []
