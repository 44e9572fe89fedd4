"""The queue of a load as its replays see it: their messages, and the messages of others, which stay in the queue."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from bwp_client.sources.eventbridge.aws_clients import LONG_POLL_SECONDS, Clients
from bwp_client.sources.eventbridge.messages import replay_names
from bwp_client.sources.eventbridge.queue import Message, VisibilityExtender
from bwp_client.sources.eventbridge.replays import NAME_PREFIX
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.replays import Replay, list_replays

MAX_BATCH_BYTES = 64 * 1024 * 1024
"""The size of the messages that are stored at a time."""


@dataclass(frozen=True, slots=True)
class ArchiveTiming:
    """Waiting times and batch sizes; the defaults follow from the behaviour of AWS."""

    poll_seconds: int = LONG_POLL_SECONDS
    empty_polls: int = 3
    """Consecutive long polls without a message of the replays before the queue may be empty."""
    settle_seconds: float = 60.0
    """The time after the last message until the queue's counts are reliable."""
    status_seconds: float = 5.0
    """The time between two requests for the state of the replays."""
    unknown_seconds: float = 60.0
    """The time for which AWS may not know a replay that was just started."""
    stall_seconds: float = 3600.0
    """The time without progress after which a replay is given up."""
    batch_messages: int = 20_000
    batch_seconds: float = 20.0
    visibility_seconds: int = 120
    """How long a received message is hidden from other receivers, unless it is held for longer."""
    foreign_seconds: float = 1.0
    """The least time between two looks at foreign messages: SQS counts the receives of each message, up to a limit."""


@dataclass(slots=True)
class Received:
    """Received messages. All of them are hidden from other receivers until they are deleted or given back."""

    by_replay: dict[str, dict[str, Message]] = field(default_factory=dict)
    """The messages of each replay in the journal, by message ID."""
    foreign: dict[str, Message] = field(default_factory=dict)
    """The other messages, without their bodies."""
    size: int = 0
    """The number of characters in the messages of replays in the journal."""

    @property
    def messages(self) -> int:
        """The number of messages of replays in the journal."""
        return sum(map(len, self.by_replay.values()))


class ReplayInbox:
    """Receives the messages of some replays from the queue, which may hold messages of others too."""

    def __init__(
        self, warehouse: Warehouse, clients: Clients, queue_url: str, timing: ArchiveTiming, wanted: Collection[str]
    ) -> None:
        """Open the queue.

        Args:
            warehouse: The warehouse with the journal.
            clients: The AWS clients.
            queue_url: The queue.
            timing: Waiting times and batch sizes.
            wanted: The names of the replays that are read, which the journal has.
        """
        self.known: dict[str, Replay] = {}
        """Every replay in the journal, of whatever archive, by name."""
        self.foreign: set[str] = set()
        """The IDs of the foreign messages received so far."""
        self._warehouse = warehouse
        self._timing = timing
        self._wanted = frozenset(wanted)
        self._other_replays: set[str] = set()
        self._extender = VisibilityExtender(clients.sqs, queue_url, timing.visibility_seconds)
        self._queue = self._extender.queue
        self._received_at = 0.0
        self.await_last_messages()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Hold received messages while the block runs; release those still held at its end."""
        self._read_journal()
        with self._extender.running():
            yield

    def await_last_messages(self) -> None:
        """Wait for the settling time anew, because messages may still be on their way."""
        self._received_at = time.monotonic()

    def collect(self) -> Received:
        """Receive for a while: until the batch is full, or no message of the replays has come for the time of a poll."""
        timing, received = self._timing, Received()
        begun_at = idle_since = time.monotonic()
        while received.messages < timing.batch_messages and received.size < MAX_BATCH_BYTES:
            wait_seconds = min(1, timing.poll_seconds) if received.messages else timing.poll_seconds
            messages = self._queue.receive(wait_seconds=wait_seconds)
            if len(messages) > 1:
                messages += self._queue.receive_many(wait_seconds=min(1, timing.poll_seconds))
            is_wanted = self._sort(messages, received)
            now = time.monotonic()
            if is_wanted:
                idle_since = self._received_at = now
            is_idle = not is_wanted and now - idle_since >= wait_seconds
            if not messages or is_idle or now - begun_at >= timing.batch_seconds:
                break
        return received

    def _sort(self, messages: list[Message], received: Received) -> bool:
        """Add messages to what was received; return whether one of them is of a replay that is read."""
        is_wanted = False
        for message in messages:
            name = self._replay_of(message)
            if name is None:
                received.foreign[message.message_id] = replace(message, body="")
                self.foreign.add(message.message_id)
                continue
            received.by_replay.setdefault(name, {})[message.message_id] = message
            received.size += len(message.body)
            is_wanted = is_wanted or name in self._wanted
        return is_wanted

    def _replay_of(self, message: Message) -> str | None:
        """Return the replay in the journal that sent a message; None for a foreign message, which must not be deleted.

        Another load may have started replays since the journal was read. It writes a replay to the journal first, so a
        name that is unknown when its message is received stays unknown.
        """
        names = replay_names(message.body)
        unknown = {name for name in names if name.startswith(NAME_PREFIX)} - self.known.keys() - self._other_replays
        if unknown:
            self._read_journal()
            self._other_replays |= unknown - self.known.keys()
        return next((name for name in names if name in self.known), None)

    def _read_journal(self) -> None:
        self.known = {replay.replay_name: replay for replay in list_replays(self._warehouse)}

    def is_empty(self, received: Received) -> bool:
        """Return whether no more messages of the replays can come, after everything they sent.

        Args:
            received: What was received last; its foreign messages are still hidden.
        """
        silence = time.monotonic() - self._received_at
        if silence < self._timing.settle_seconds:
            return False
        depth = self._queue.depth()
        held = len(received.foreign)
        # A load into another warehouse gives our messages back, at the latest when their visibility timeout ends. After
        # twice that time without one, what is hidden or has come since are messages of its own.
        is_long = silence >= 2 * self._timing.visibility_seconds
        if depth.delayed or depth.visible > (held if is_long else 0):
            return False
        return depth.not_visible <= held or (is_long and bool(self._other_replays))

    def give_back(self, received: Received) -> None:
        """Make the foreign messages visible to their owner at once."""
        if received.foreign:
            self._extender.give_back(list(received.foreign.values()))

    def delete(self, messages: list[Message]) -> None:
        """Delete messages.

        Raises:
            RemoteError: The queue refused or failed.
        """
        self._queue.delete(messages)
        self._extender.forget(messages)
