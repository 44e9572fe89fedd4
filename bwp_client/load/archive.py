"""Loading from an EventBridge archive: a window is replayed into our queue, and each message is stored before it is deleted.

Order: the replay goes to the journal before AWS is asked; a batch of messages is stored and committed, then deleted from
the queue; the window counts as read once AWS has sent everything and nothing is left. A crash at any point leaves a replay
that the next run adopts, and messages that come again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from uuid import uuid4

from bwp_client.errors import BwpError, TerminalRemoteError, UnconfirmedError, UsageError
from bwp_client.load import load
from bwp_client.load.archive_results import ArchiveProgress, ArchiveResult, Pace, not_complete
from bwp_client.load.replay_windows import next_window, planned_replay, window_of
from bwp_client.settings import ArchiveSettings
from bwp_client.sources.eventbridge import archive, replays
from bwp_client.sources.eventbridge.aws_clients import Clients, open_clients
from bwp_client.sources.eventbridge.messages import MessageBatch, replay_of
from bwp_client.sources.eventbridge.queue import Message, VisibilityExtender
from bwp_client.sources.eventbridge.replays import ReplayStatus
from bwp_client.warehouse import Run, TableName, Warehouse, record_run
from bwp_client.warehouse.replays import Replay, ReplayState, list_replays, record_replay

MOST_BYTES = 64 * 1024 * 1024
"""Of the messages of one batch."""
_ENDS = {
    "COMPLETED": ReplayState.COMPLETE,
    "FAILED": ReplayState.FAILED,
    "CANCELLED": ReplayState.CANCELLED,
}


def load_archive(
    warehouse: Warehouse,
    url: str,
    settings: ArchiveSettings,
    *,
    window_from: datetime | None = None,
    window_to: datetime | None = None,
    clients: Clients | None = None,
    pace: Pace | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    on_progress: Callable[[ArchiveProgress], None] = lambda _: None,
) -> ArchiveResult:
    """Replay a window of an archive and store its privacy events; go on with what an earlier run left unfinished first.

    Args:
        warehouse: Where to; made when it is not there.
        url: `archive://NAME`.
        settings: The rule that sends to our queue, and the queue.
        window_from: The begin; by default the last complete window's end less the overlap.
        window_to: The end; by default, and at the latest, ten minutes before now.
        clients: Stand-ins for the AWS clients.
        pace: How long things are waited for.
        clock: Gives the time now.
        on_progress: Called after each look at the replay and each batch.

    Raises:
        UsageError: Set-up or window are not as they must be; no replay was started.
        RemoteError: AWS refused or failed, or the replay did; what came is stored, the window counts as not read.
        WarehouseError: The warehouse can't be written; what was not stored is still in the queue.
    """
    if window_from and window_to and window_to <= window_from:
        raise UsageError("Nothing was started: the window's end is not after its start. Swap --from and --to.")
    name = archive.archive_name(url)
    clients = clients or open_clients(archive.rule_and_queue(settings)[1])
    setup = archive.ready_setup(clients, name, settings)
    known = list_replays(warehouse, name)
    unfinished = [one for one in known if one.state.is_open]
    result = ArchiveResult(uuid4().hex, url, resumed=bool(unfinished))
    reading = _Reading(warehouse, setup, clients, pace or Pace(), clock, on_progress, result)
    if unfinished:
        reading.read(unfinished, known)
        if window_from is None and window_to is None:
            return result
        known = list_replays(warehouse, name)
    window = next_window(setup.archive, known, window_from, window_to, now=clock())
    if any(window_of(one).contains(window) for one in unfinished):
        return result  # an unfinished one that failed has raised
    warehouse.create()
    reading.read([planned_replay(setup.archive, known, window, setup.rule.arn, now=clock())], known)
    return result


class _Reading:
    """Reads replays to their end."""

    def __init__(
        self,
        warehouse: Warehouse,
        setup: archive.Setup,
        clients: Clients,
        pace: Pace,
        clock: Callable[[], datetime],
        on_progress: Callable[[ArchiveProgress], None],
        result: ArchiveResult,
    ) -> None:
        self._warehouse = warehouse
        self._setup = setup
        self._clients = clients
        self._pace = pace
        self._clock = clock
        self._on_progress = on_progress
        self._result = result
        self._started_at = clock()
        self._known: dict[str, Replay] = {}
        self._open: dict[str, Replay] = {}
        self._status: dict[str, ReplayStatus] = {}
        self._foreign: dict[str, Message] = {}
        self._version = 0
        self._moved_at = self._message_at = self._looked_at = 0.0
        self._polled_empty = False

    def read(self, wanted: list[Replay], known: list[Replay]) -> None:
        """Start or adopt replays, and take from the queue until they are complete."""
        self._open = {one.replay_name: one for one in wanted}
        self._known = {one.replay_name: one for one in [*known, *wanted]}
        for one in wanted:
            self._begin(one)
        self._moved_at = self._message_at = time.monotonic()
        visibility_seconds = int(self._setup.queue.get("VisibilityTimeout", "30"))
        self._extender = VisibilityExtender(self._clients.sqs, self._setup.queue_url, visibility_seconds)
        self._queue = self._extender.queue
        with self._extender.running():
            stalled = not self._drain()
        self._finish(stalled=stalled)

    def _begin(self, one: Replay) -> None:
        """Journal first, then ask AWS; what was journalled before and runs already is adopted."""
        if one.state is ReplayState.PLANNED:
            self._journal(one, ReplayState.PLANNED)
            try:
                replays.start_replay(self._clients, self._setup, one.replay_name, window_of(one))
            except UnconfirmedError:
                raise  # the replay may have started: the next run finds out
            except BwpError:
                self._journal(one, ReplayState.REFUSED)
                raise
            self._journal(one, ReplayState.STARTED)
        self._result.windows.append(f"{one.window_from:%Y-%m-%dT%H:%MZ}/{one.window_to:%Y-%m-%dT%H:%MZ}")

    def _journal(self, one: Replay, state: ReplayState) -> None:
        now = replace(one, state=state, recorded_at=self._clock(), counts=self._counts())
        self._version = record_replay(self._warehouse, now)
        self._open[one.replay_name] = now

    def _counts(self) -> dict[str, int]:
        return {name: value for name, value in asdict(self._result).items() if type(value) is int}

    def _drain(self) -> bool:
        """Take messages until nothing more can come; false when a replay makes no progress."""
        empty = 0
        while True:
            self._look()
            messages = self._collect()
            if messages:
                empty = 0
                self._moved_at = time.monotonic()
                self._store(messages)
                continue
            empty += 1
            if self._all_ended() and empty >= self._pace.empty_polls and self._is_empty():
                return True
            if time.monotonic() - self._moved_at > self._pace.stall_seconds:
                return False

    def _look(self) -> None:
        """Ask where the replays stand, now and then; tell how far they are."""
        if time.monotonic() - self._looked_at < self._pace.look_seconds and not self._polled_empty:
            return
        self._looked_at = time.monotonic()
        for name in self._open:
            before = self._status.get(name)
            if before is not None and before.has_ended:
                continue
            now = replays.describe_replay(self._clients, name)
            if now is None or not now.is_of(self._setup, window_of(self._open[name])):
                self._journal(self._open[name], ReplayState.FAILED)
                raise TerminalRemoteError(
                    f"AWS does not know replay {name} any more. What it sent before is stored as it comes; its window does "
                    "not count as read. Load the window again: it gets a new replay."
                )
            if now != before:
                self._moved_at = time.monotonic()
            if now.has_ended:
                self._message_at = time.monotonic()  # what it sent last may still be on its way
            self._status[name] = now
        self._report()

    def _all_ended(self) -> bool:
        return all(name in self._status and self._status[name].has_ended for name in self._open)

    def _is_empty(self) -> bool:
        if time.monotonic() - self._message_at < self._pace.settle_seconds:
            return False
        depth = self._queue.depth()
        return not depth.visible and not depth.delayed and depth.not_visible <= len(self._foreign)

    def _collect(self) -> list[Message]:
        """Receive for a while; give our own messages, one of each, and put the others aside."""
        pace, until = self._pace, time.monotonic() + self._pace.batch_seconds
        found: dict[str, Message] = {}
        size = 0
        while len(found) < pace.batch_messages and size < MOST_BYTES and time.monotonic() < until:
            received = self._queue.receive(wait_seconds=min(1, pace.poll_seconds) if found else pace.poll_seconds)
            if not received:
                break
            received += self._queue.receive_many(wait_seconds=min(1, pace.poll_seconds)) if len(received) > 1 else []
            self._message_at = time.monotonic()
            for message in received:
                if self._is_ours(message):
                    size += len(message.body)
                    found[message.message_id] = message
                else:
                    self._foreign[message.message_id] = message
        self._polled_empty = not found
        return list(found.values())

    def _is_ours(self, message: Message) -> bool:
        """Tell whether a message is of a replay in our journal, which another load may have written to since."""
        if replay_of(message.body, self._known) is not None:
            return True
        if replays.NAME_PREFIX not in message.body or message.message_id in self._foreign:
            return False
        self._known = {one.replay_name: one for one in list_replays(self._warehouse, self._setup.archive.name)}
        return replay_of(message.body, self._known) is not None

    def _store(self, messages: list[Message]) -> None:
        """Load a batch, each replay's messages with its window; what is committed is deleted from the queue."""
        groups: dict[str, list[Message]] = {}
        for message in messages:
            groups.setdefault(replay_of(message.body, self._known) or "", []).append(message)
        for name, group in groups.items():
            one = self._known[name]
            done = load(
                self._warehouse,
                MessageBatch(self._result.source, name, group),
                window_from=one.window_from,
                window_to=one.window_to,
                reread=True,
                keep_raw=True,
                clock=self._clock,
            )
            result = self._result
            for count in ("objects", "read", "stored", "duplicate", "ignored", "quarantined", "outside_window"):
                setattr(result, count, getattr(result, count) + getattr(done, count))
            result.received += len(group)
            self._queue.delete(group)
            self._extender.forget(group)
        self._report()

    def _report(self) -> None:
        total = done = 0
        state = "starting"
        for name, one in self._open.items():
            status = self._status.get(name)
            minutes = _minutes(one.window_from, one.window_to)
            total += minutes
            if status is not None:
                state = status.state.lower()
                reached = one.window_to if status.state == "COMPLETED" else status.replayed_to
                done += max(0, min(minutes, _minutes(one.window_from, reached))) if reached else 0
        self._on_progress(ArchiveProgress(done, total, state, self._result.received, self._result.stored))

    def _finish(self, *, stalled: bool) -> None:
        """Write to the journal how each replay ended, publish that, and raise when one did not complete."""
        self._result.foreign += len(self._foreign)
        self._result.received += len(self._foreign)
        ends: dict[str, ReplayState] = {}
        for name, one in list(self._open.items()):
            status = self._status[name]
            ends[name] = _ENDS[status.state] if status.has_ended and not stalled else ReplayState.TIMED_OUT
            if not status.has_ended:
                replays.cancel_replay(self._clients, name)
            self._journal(one, ends[name])
        self._publish(ends)
        for name, end in ends.items():
            if end is not ReplayState.COMPLETE:
                raise not_complete(end, self._status[name], name, self._result.received, self._pace.stall_seconds)

    def _publish(self, ends: dict[str, ReplayState]) -> None:
        result = self._result
        record_run(
            self._warehouse,
            Run(
                run_id=result.load_id,
                kind="replay",
                source=result.source,
                started_at=self._started_at,
                finished_at=self._clock(),
                state="finished" if set(ends.values()) == {ReplayState.COMPLETE} else "partial",
                counts={"received": result.received, "foreign": result.foreign},
                versions={TableName.REPLAYS.value: self._version},
                window_from=min(one.window_from for one in self._open.values()),
                window_to=max(one.window_to for one in self._open.values()),
            ),
        )


def _minutes(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds() // 60)
