"""Reads replays of an archive: receives their messages from the queue, and stores each before deleting it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from bwp_client.errors import BwpError, RemoteError, TerminalRemoteError, TransientRemoteError, UnconfirmedError
from bwp_client.load import load
from bwp_client.load.replay_windows import window_of
from bwp_client.load.results import ArchiveProgress, ArchiveResult
from bwp_client.sources.eventbridge import archive, replays
from bwp_client.sources.eventbridge.aws_clients import LONG_POLL_SECONDS, Clients
from bwp_client.sources.eventbridge.messages import MessageBatch, replay_of
from bwp_client.sources.eventbridge.queue import Message, VisibilityExtender
from bwp_client.sources.eventbridge.replays import ReplayStatus
from bwp_client.warehouse import Run, TableName, Warehouse, record_run
from bwp_client.warehouse.replays import Replay, ReplayState, list_replays, record_replay

MAX_BATCH_BYTES = 64 * 1024 * 1024
"""The size of the messages that are stored at a time."""
_ENDS = {
    "COMPLETED": ReplayState.COMPLETE,
    "FAILED": ReplayState.FAILED,
    "CANCELLED": ReplayState.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class ArchiveTiming:
    """Waiting times and batch sizes; the defaults follow from the behaviour of AWS."""

    poll_seconds: int = LONG_POLL_SECONDS
    empty_polls: int = 3
    """Consecutive long polls without a message before the queue may be empty."""
    settle_seconds: float = 60.0
    """The time after the last message until the queue's counts are reliable."""
    status_seconds: float = 5.0
    """The time between two requests for the state of the replays."""
    stall_seconds: float = 3600.0
    """The time without progress after which a replay is given up."""
    batch_messages: int = 20_000
    batch_seconds: float = 20.0


class ReplayReader:
    """Reads replays to their end."""

    def __init__(
        self,
        warehouse: Warehouse,
        setup: archive.Setup,
        clients: Clients,
        timing: ArchiveTiming,
        clock: Callable[[], datetime],
        on_progress: Callable[[ArchiveProgress], None],
        result: ArchiveResult,
    ) -> None:
        self._warehouse = warehouse
        self._setup = setup
        self._clients = clients
        self._timing = timing
        self._clock = clock
        self._on_progress = on_progress
        self._result = result
        self._started_at = clock()
        self._known: dict[str, Replay] = {}
        self._open: dict[str, Replay] = {}
        self._status: dict[str, ReplayStatus] = {}
        self._foreign: dict[str, Message] = {}
        self._version = 0
        self._moved_at = self._message_at = self._status_at = 0.0
        self._polled_empty = False

    def read(self, wanted: list[Replay], known: list[Replay]) -> None:
        """Start or continue replays, and store the messages of the queue until they are complete.

        Raises:
            RemoteError: AWS refused or failed, or a replay did not complete.
            WarehouseError: The warehouse cannot be written.
        """
        self._open = {replay.replay_name: replay for replay in wanted}
        self._known = {replay.replay_name: replay for replay in [*known, *wanted]}
        for replay in wanted:
            self._begin(replay)
        self._moved_at = self._message_at = time.monotonic()
        visibility_seconds = int(self._setup.queue.get("VisibilityTimeout", "30"))
        self._extender = VisibilityExtender(self._clients.sqs, self._setup.queue_url, visibility_seconds)
        self._queue = self._extender.queue
        with self._extender.running():
            stalled = not self._drain()
        self._finish(stalled=stalled)

    def _begin(self, replay: Replay) -> None:
        """Start a replay, after writing it to the journal; a replay that was started before is continued."""
        if replay.state is ReplayState.PLANNED:
            self._journal(replay, ReplayState.PLANNED)
            try:
                replays.start_replay(self._clients, self._setup, replay.replay_name, window_of(replay))
            except UnconfirmedError:
                raise  # the replay may have started: the next run finds out
            except BwpError:
                self._journal(replay, ReplayState.REFUSED)
                raise
            self._journal(replay, ReplayState.STARTED)
        self._result.windows.append(f"{replay.window_from:%Y-%m-%dT%H:%MZ}/{replay.window_to:%Y-%m-%dT%H:%MZ}")

    def _journal(self, replay: Replay, state: ReplayState) -> None:
        now = replace(replay, state=state, recorded_at=self._clock(), counts=self._counts())
        self._version = record_replay(self._warehouse, now)
        self._open[replay.replay_name] = now

    def _counts(self) -> dict[str, int]:
        return {name: value for name, value in asdict(self._result).items() if type(value) is int}

    def _drain(self) -> bool:
        """Store messages until no more can come; return False if a replay makes no progress."""
        empty = 0
        while True:
            self._update_status()
            messages = self._collect()
            if messages:
                empty = 0
                self._moved_at = time.monotonic()
                self._store(messages)
                continue
            empty += 1
            if self._all_ended() and empty >= self._timing.empty_polls and self._is_empty():
                return True
            if time.monotonic() - self._moved_at > self._timing.stall_seconds:
                return False

    def _update_status(self) -> None:
        """Ask AWS for the state of the replays, now and then, and report the progress."""
        if time.monotonic() - self._status_at < self._timing.status_seconds and not self._polled_empty:
            return
        self._status_at = time.monotonic()
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
                self._message_at = time.monotonic()  # its last messages may still be on their way
            self._status[name] = now
        self._report()

    def _all_ended(self) -> bool:
        return all(name in self._status and self._status[name].has_ended for name in self._open)

    def _is_empty(self) -> bool:
        if time.monotonic() - self._message_at < self._timing.settle_seconds:
            return False
        depth = self._queue.depth()
        return not depth.visible and not depth.delayed and depth.not_visible <= len(self._foreign)

    def _collect(self) -> list[Message]:
        """Receive for a while, and return the messages of our replays, each once; the others are put aside."""
        timing, until = self._timing, time.monotonic() + self._timing.batch_seconds
        found: dict[str, Message] = {}
        size = 0
        while len(found) < timing.batch_messages and size < MAX_BATCH_BYTES and time.monotonic() < until:
            received = self._queue.receive(wait_seconds=min(1, timing.poll_seconds) if found else timing.poll_seconds)
            if not received:
                break
            received += self._queue.receive_many(wait_seconds=min(1, timing.poll_seconds)) if len(received) > 1 else []
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
        """Return whether a message is of a replay in our journal, which another load may have written to since."""
        if replay_of(message.body, self._known) is not None:
            return True
        if replays.NAME_PREFIX not in message.body or message.message_id in self._foreign:
            return False
        self._known = {replay.replay_name: replay for replay in list_replays(self._warehouse, self._setup.archive.name)}
        return replay_of(message.body, self._known) is not None

    def _store(self, messages: list[Message]) -> None:
        """Load the messages of each replay with its window, and delete them from the queue once they are committed."""
        groups: dict[str, list[Message]] = {}
        for message in messages:
            groups.setdefault(replay_of(message.body, self._known) or "", []).append(message)
        for name, group in groups.items():
            replay = self._known[name]
            done = load(
                self._warehouse,
                MessageBatch(self._result.source, name, group),
                window_from=replay.window_from,
                window_to=replay.window_to,
                reread=True,
                keep_raw=True,
                clock=self._clock,
            )
            self._result.add(done)
            self._result.received += len(group)
            self._queue.delete(group)
            self._extender.forget(group)
        self._report()

    def _report(self) -> None:
        total = done = 0
        state = "starting"
        for name, replay in self._open.items():
            status = self._status.get(name)
            minutes = _minutes(replay.window_from, replay.window_to)
            total += minutes
            if status is not None:
                state = status.state.lower()
                reached = replay.window_to if status.state == "COMPLETED" else status.replayed_to
                done += max(0, min(minutes, _minutes(replay.window_from, reached))) if reached else 0
        self._on_progress(ArchiveProgress(done, total, state, self._result.received, self._result.stored))

    def _finish(self, *, stalled: bool) -> None:
        """Write the end of each replay to the journal, publish it, and raise an error for a replay that did not complete."""
        self._result.foreign += len(self._foreign)
        self._result.received += len(self._foreign)
        ends: dict[str, ReplayState] = {}
        for name, replay in list(self._open.items()):
            status = self._status[name]
            ends[name] = _ENDS[status.state] if status.has_ended and not stalled else ReplayState.TIMED_OUT
            if not status.has_ended:
                replays.cancel_replay(self._clients, name)
            self._journal(replay, ends[name])
        self._publish(ends)
        for name, end in ends.items():
            if end is not ReplayState.COMPLETE:
                raise _not_complete(end, self._status[name], name, self._result.received, self._timing.stall_seconds)

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
                window_from=min(replay.window_from for replay in self._open.values()),
                window_to=max(replay.window_to for replay in self._open.values()),
            ),
        )


def _not_complete(
    end: ReplayState, status: ReplayStatus, name: str, received: int, stall_seconds: float
) -> RemoteError:
    """Return the error of a replay that did not complete: why, what is stored, and what to do."""
    stored = (
        f"The {received:,} messages that came are stored; the window does not count as read. Load it again: it gets a new "
        "replay, and nothing is doubled."
    )
    if end is ReplayState.TIMED_OUT:
        minutes = round(stall_seconds / 60)
        return TransientRemoteError(f"Replay {name} made no progress for {minutes} minutes and was given up. {stored}")
    reason = f" ({status.reason})" if status.reason else ""
    how = "was cancelled" if end is ReplayState.CANCELLED else "failed at AWS"
    return TerminalRemoteError(f"Replay {name} {how}{reason}. {stored}")


def _minutes(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds() // 60)
