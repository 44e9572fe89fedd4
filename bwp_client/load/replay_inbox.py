"""The queue of a load as its replays see it: their messages, and the messages of others, which stay in the queue."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from bwp_client.sources.eventbridge.aws_clients import LONG_POLL_SECONDS, Clients
from bwp_client.sources.eventbridge.messages import replay_names
from bwp_client.sources.eventbridge.queue import BATCH_MESSAGES, Message, VisibilityExtender
from bwp_client.sources.eventbridge.replays import NAME_PREFIX
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.replays import Replay, list_replays

MAX_BATCH_BYTES = 64 * 1024 * 1024
"""The size of the messages that are stored at a time."""
MAX_FOREIGN = 50_000
"""The most messages of other loads that are held at a time: SQS hides 120,000 messages of a queue, and then none more."""


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
    """The least time between two looks at messages of other loads: SQS counts the receives of each, up to a limit."""


@dataclass(slots=True)
class Received:
    """Received messages, which are hidden from other receivers until they are deleted or given back."""

    by_replay: dict[str, dict[str, Message]] = field(default_factory=dict)
    """The messages of each replay in the journal, by message ID."""
    of_other_loads: dict[str, Message] = field(default_factory=dict)
    """The messages of loads into other warehouses, without their bodies."""
    size: int = 0
    """The number of characters in the messages of replays in the journal."""

    @property
    def messages(self) -> int:
        """The number of messages of replays in the journal."""
        return sum(map(len, self.by_replay.values()))


class ReplayInbox:
    """Receives the messages of some replays from the queue, which may hold foreign messages too.

    A message of a load into another warehouse is given back at once. For any other foreign message, the visibility timeout
    is left to end, since SQS counts its receives: a message that is received too often is moved to the dead-letter queue.
    """

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
        self._hidden: dict[str, tuple[Message, float]] = {}
        """The foreign messages of no load that are hidden, and the monotonic time at which each is visible again."""
        self._extender = VisibilityExtender(clients.sqs, queue_url, timing.visibility_seconds)
        self._queue = self._extender.queue
        self._looked_at: set[str] = set()
        """The IDs of the foreign messages received since the last message of the replays that are read."""
        self._received_at = 0.0
        self._search_seconds = timing.batch_seconds
        self.await_last_messages()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Hold received messages while the block runs; release those still held at its end."""
        self._read_journal()
        with self._extender.running():
            try:
                yield
            finally:
                self._extender.give_back([message for message, _ in self._still_hidden()])

    def await_last_messages(self) -> None:
        """Wait for the settling time anew, because messages may still be on their way."""
        self._received_at = time.monotonic()

    def collect(self) -> Received:
        """Receive until the batch is full, its time has passed, or no message of the replays came for the time of a poll.

        The messages of the replays may wait behind many foreign messages. So the search for the first of them goes on while
        the queue returns full answers: at first for the time of a batch. Each search that finds none doubles the time of the
        next search, up to the visibility timeout.
        """
        timing, received = self._timing, Received()
        begun_at = idle_since = time.monotonic()
        while received.messages < timing.batch_messages and received.size < MAX_BATCH_BYTES:
            was_empty = not received.by_replay
            wait_seconds = timing.poll_seconds if was_empty else min(1, timing.poll_seconds)
            messages = self._queue.receive(wait_seconds=wait_seconds)
            if len(messages) > 1:
                messages += self._queue.receive_many(wait_seconds=min(1, timing.poll_seconds))
            is_wanted = self._sort(messages, received)
            now = time.monotonic()
            if is_wanted:
                idle_since = self._received_at = now
                self._looked_at.clear()
            if was_empty and received.by_replay:
                begun_at = now
            is_late = now - begun_at >= (timing.batch_seconds if received.by_replay else self._search_seconds)
            is_idle = not is_wanted and len(messages) < BATCH_MESSAGES and now - idle_since >= wait_seconds
            is_full = len(received.of_other_loads) >= MAX_FOREIGN
            if not messages or is_idle or is_late or is_full:
                break
        in_vain = is_late and not received.by_replay
        self._search_seconds = (
            min(timing.visibility_seconds, 2 * self._search_seconds) if in_vain else timing.batch_seconds
        )
        return received

    def _sort(self, messages: list[Message], received: Received) -> bool:
        """Add messages to what was received; return whether one of them is of a replay that is read."""
        is_wanted = False
        names_of = {message.message_id: replay_names(message.body) for message in messages}
        self._look_up({name for names in names_of.values() for name in names})
        for message in messages:
            names = names_of[message.message_id]
            name = next((name for name in names if name in self.known), None)
            if name is None:
                self._sort_foreign(replace(message, body=""), names, received)
                continue
            received.by_replay.setdefault(name, {})[message.message_id] = message
            received.size += len(message.body)
            is_wanted = is_wanted or name in self._wanted
        return is_wanted

    def _sort_foreign(self, message: Message, names: list[str], received: Received) -> None:
        self.foreign.add(message.message_id)
        self._looked_at.add(message.message_id)
        if self._other_replays.isdisjoint(names):
            self._extender.forget([message])
            self._hidden[message.message_id] = message, time.monotonic() + self._timing.visibility_seconds
        else:
            received.of_other_loads[message.message_id] = message

    def _still_hidden(self) -> list[tuple[Message, float]]:
        now = time.monotonic()
        self._hidden = {name: hidden for name, hidden in self._hidden.items() if hidden[1] > now}
        return list(self._hidden.values())

    def _look_up(self, names: set[str]) -> None:
        """Read the journal again if messages came of replays that it did not have.

        Another load may have started replays since the journal was read. It writes a replay to the journal first, so a
        name that is unknown when its message is received stays unknown.
        """
        unknown = {name for name in names if name.startswith(NAME_PREFIX)} - self.known.keys() - self._other_replays
        if unknown:
            self._read_journal()
            self._other_replays |= unknown - self.known.keys()

    def _read_journal(self) -> None:
        self.known = {replay.replay_name: replay for replay in list_replays(self._warehouse)}

    def is_empty(self, received: Received) -> bool:
        """Return whether the queue holds no more messages of the replays, which AWS has sent completely.

        Args:
            received: What was received last; its messages of other loads are still hidden.
        """
        silence = time.monotonic() - self._received_at
        if silence < self._timing.settle_seconds:
            return False
        depth = self._queue.depth()
        hidden = len(received.of_other_loads) + len(self._still_hidden())
        # A load into another warehouse gives our messages back, at the latest when their visibility timeout ends. After
        # twice that time without one, what is hidden or has come since are messages of its own. But only as many visible
        # messages may be its own as were looked at: ours may wait behind many others.
        is_long = silence >= 2 * self._timing.visibility_seconds
        if depth.delayed or depth.visible > (len(self._looked_at) - hidden if is_long else 0):
            return False
        return depth.not_visible <= hidden or (is_long and bool(self._other_replays))

    def give_back(self, received: Received) -> None:
        """Make the messages of other loads visible to them at once."""
        if received.of_other_loads:
            self._extender.give_back(list(received.of_other_loads.values()))

    def delete(self, messages: list[Message]) -> None:
        """Delete messages.

        Raises:
            RemoteError: The queue refused or failed.
        """
        self._queue.delete(messages)
        self._extender.forget(messages)
