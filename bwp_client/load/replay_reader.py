"""Reads replays of an archive: receives their messages from the queue, and stores each before deleting it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from typing import NoReturn

from bwp_client.errors import (
    BwpError,
    RemoteError,
    SettingsError,
    TerminalRemoteError,
    TransientRemoteError,
    UnconfirmedError,
    UsageError,
)
from bwp_client.load import load
from bwp_client.load.replay_doubts import doubts_about_queue, doubts_about_setup
from bwp_client.load.replay_inbox import ArchiveTiming, Received, ReplayInbox
from bwp_client.load.replay_windows import window_of
from bwp_client.load.results import ArchiveProgress, ArchiveResult
from bwp_client.sources import SourceAddress
from bwp_client.sources.eventbridge import archive, replays
from bwp_client.sources.eventbridge.aws_clients import Clients
from bwp_client.sources.eventbridge.messages import MessageBatch
from bwp_client.sources.eventbridge.replays import ReplayStatus
from bwp_client.stop_signals import raise_if_stopped
from bwp_client.time_ranges import window_options
from bwp_client.warehouse import Run, TableName, Warehouse, record_run
from bwp_client.warehouse.replays import Replay, ReplayState, list_replays, record_replay

_MAY_HAVE_STARTED = "Whether the replay has started is not known; the next load finds out, and continues it."


class ReplayReader:
    """Reads some replays to their end, once."""

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
        """Prepare to read.

        Args:
            warehouse: The warehouse to write to.
            setup: The archive, the rule and the queue, as they are before the first replay starts.
            clients: The AWS clients.
            timing: Waiting times and batch sizes.
            clock: Returns the current time.
            on_progress: Called after each look at the replays and each batch.
            result: Filled with the counts of everything that is read.
        """
        self._warehouse = warehouse
        self._setup = setup
        self._clients = clients
        self._timing = timing
        self._clock = clock
        self._on_progress = on_progress
        self._result = result
        self._started_at = clock()
        self._open: dict[str, Replay] = {}
        self._results: dict[str, ArchiveResult] = {}
        self._status: dict[str, ReplayStatus] = {}
        self._version = 0
        self._begun_at = self._moved_at = self._status_at = 0.0
        self._polled_empty = False

    def read(self, wanted: list[Replay]) -> None:
        """Start or continue replays, and store the messages of the queue until they are complete.

        Raises:
            RemoteError: AWS refused or failed, or a replay did not complete.
            WarehouseError: The warehouse cannot be written.
        """
        self._open = {replay.replay_name: replay for replay in wanted}
        for replay in wanted:
            self._begin(replay)
        self._begun_at = self._moved_at = time.monotonic()
        self._inbox = ReplayInbox(self._warehouse, self._clients, self._setup.queue_url, self._timing, list(self._open))
        with self._inbox.open():
            stalled = not self._drain()
        self._finish(stalled=stalled)

    def _begin(self, replay: Replay) -> None:
        """Start a replay, after writing it to the journal; a replay that was started before is continued."""
        for doubt in doubts_about_queue(replay, self._setup, self._clock()):
            self._give_up(replay, f"Replay {replay.replay_name} may have lost events: {doubt}")
        if replay.state is ReplayState.PLANNED:
            self._journal(replay, ReplayState.PLANNED)
            try:
                replays.start_replay(self._clients, self._setup, replay.replay_name, window_of(replay))
            except UnconfirmedError as error:
                # The next run finds out whether the replay has started.
                raise UnconfirmedError(str(error).replace(replays.NOT_STARTED, _MAY_HAVE_STARTED)) from error
            except BwpError:
                self._journal(replay, ReplayState.REFUSED)
                raise
            self._journal(replay, ReplayState.STARTED)
        self._result.windows.append(f"{replay.window_from:%Y-%m-%dT%H:%MZ}/{replay.window_to:%Y-%m-%dT%H:%MZ}")

    def _journal(self, replay: Replay, state: ReplayState) -> None:
        counts = {name: value for name, value in asdict(self._result_of(replay)).items() if type(value) is int}
        counts |= replay.before
        now = replace(replay, state=state, recorded_at=self._clock(), counts=counts)
        self._version = record_replay(self._warehouse, now)
        self._open[replay.replay_name] = now

    def _result_of(self, replay: Replay) -> ArchiveResult:
        """Return the counts of one replay's messages; foreign messages are counted with the first replay."""
        empty = ArchiveResult(self._result.load_id, SourceAddress.of_archive(replay.archive).text)
        return self._results.setdefault(replay.replay_name, empty)

    def _drain(self) -> bool:
        """Store messages until no more can come; return False if a replay makes no progress."""
        quiet = 0
        while True:
            raise_if_stopped()
            self._update_status()
            begun_at = time.monotonic()
            received = self._inbox.collect()
            self._polled_empty = not received.by_replay
            if received.by_replay.keys() & self._open.keys():
                quiet, self._moved_at = 0, time.monotonic()
                self._inbox.give_back(received)
                self._store(received)
                continue
            quiet += 1
            self._store(received)
            is_empty = self._all_ended() and quiet >= self._timing.empty_polls and self._inbox.is_empty(received)
            self._inbox.give_back(received)
            if is_empty:
                return True
            if time.monotonic() - self._moved_at > self._timing.stall_seconds:
                return False
            if received.of_other_loads:
                time.sleep(max(0.0, begun_at + self._timing.foreign_seconds - time.monotonic()))

    def _update_status(self) -> None:
        """Ask AWS for the state of the replays, now and then, and report the progress."""
        if time.monotonic() - self._status_at < self._timing.status_seconds and not self._polled_empty:
            return
        self._status_at = time.monotonic()
        for name, replay in self._open.items():
            before = self._status.get(name)
            if before is not None and before.has_ended:
                continue
            now = replays.describe_replay(self._clients, name)
            if now is None and before is None and time.monotonic() - self._begun_at < self._timing.unknown_seconds:
                continue  # AWS may not know a replay yet that it has just started
            if now is None:
                self._give_up(replay, f"AWS does not know replay {name} any more")
            if not now.is_of(self._setup, window_of(replay)):
                self._give_up(replay, f"AWS describes replay {name} as that of another archive or window")
            if not now.is_sent_to(self._setup.rule.arn):
                self._give_up(replay, f"Replay {name} is not sent to rule {self._setup.rule.arn}, but to another")
            if now != before:
                self._moved_at = time.monotonic()
            if now.has_ended:
                self._inbox.await_last_messages()
            self._status[name] = now
        self._report()

    def _all_ended(self) -> bool:
        return all(name in self._status and self._status[name].has_ended for name in self._open)

    def _store(self, received: Received) -> None:
        """Load the messages of each replay with its window, and delete them from the queue once they are committed."""
        for name, messages in received.by_replay.items():
            replay, group = self._inbox.known[name], list(messages.values())
            counted = self._result_of(replay)
            done = load(
                self._warehouse,
                MessageBatch(counted.source, name, group),
                window_from=replay.window_from,
                window_to=replay.window_to,
                reread=True,
                keep_raw=True,
                clock=self._clock,
            )
            for result in (counted, self._result):
                result.add(done)
                result.received += done.read + done.outside_window  # a message may hold several records
            self._inbox.delete(group)
        if received.by_replay:
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
        foreign = len(self._inbox.foreign)
        first = next(iter(self._open.values()))
        for result in (self._result_of(first), self._result):
            result.foreign += foreign
            result.received += foreign
        errors = [self._end(replay, stalled=stalled) for replay in list(self._open.values())]
        for replay in self._open.values():
            self._publish(replay)
        for error in errors:
            if error is not None:
                raise error

    def _end(self, replay: Replay, *, stalled: bool) -> RemoteError | None:
        """Write the end of a replay to the journal; return an error if the replay did not complete."""
        name, status = replay.replay_name, self._status.get(replay.replay_name)
        reason = f" ({status.reason})" if status is not None and status.reason else ""
        kind: type[RemoteError] = TerminalRemoteError
        if stalled or status is None or not status.has_ended:
            minutes = round(self._timing.stall_seconds / 60)
            state, kind = ReplayState.TIMED_OUT, TransientRemoteError
            why = f"Replay {name} made no progress for {minutes} minutes and was given up"
            try:
                replays.cancel_replay(self._clients, name)
            except BwpError as error:
                why += f"; it goes on at AWS, because it could not be cancelled: {str(error).partition('. ')[0]}"
        elif status.state == "CANCELLED":
            state, why = ReplayState.CANCELLED, f"Replay {name} was cancelled{reason}"
        elif status.state == "FAILED":
            state, why = ReplayState.FAILED, f"Replay {name} failed at AWS{reason}"
        elif doubts := self._doubts(replay):
            state, kind = ReplayState.FAILED, TransientRemoteError
            why = f"Replay {name} may have lost events: {'; '.join(doubts)}"
        else:
            state, why = ReplayState.COMPLETE, ""
        self._journal(replay, state)
        return kind(self._not_read(replay, why)) if why else None

    def _doubts(self, replay: Replay) -> list[str]:
        """Look at everything once more that may have taken messages away."""
        before = self._setup
        known = {other.replay_name: other for other in list_replays(self._warehouse, replay.archive)}
        if (other := known.get(replay.replay_name)) is not None and other.was_not_read:
            return [f"another load that read it ended with {other.state.value}"]
        try:
            now = archive.describe_setup(self._clients, before.archive.name, before.rule.name, before.queue_url)
        except (RemoteError, SettingsError) as error:
            raise TransientRemoteError(
                f"All messages that came are stored, but whether all came could not be checked: {error} Until then, the "
                f"window does not count as read. Load archive://{replay.archive} again: it checks this replay anew."
            ) from error
        except UsageError as error:
            return [str(error).partition(". ")[0]]
        return [*doubts_about_queue(replay, now, self._clock()), *doubts_about_setup(before, now, replay)]

    def _give_up(self, replay: Replay, why: str) -> NoReturn:
        """End a replay that can't be read to its end, and raise the error that says why."""
        with suppress(BwpError):
            replays.cancel_replay(self._clients, replay.replay_name)
        self._journal(replay, ReplayState.FAILED)
        self._publish(self._open[replay.replay_name])
        raise TerminalRemoteError(self._not_read(replay, why))

    def _not_read(self, replay: Replay, why: str) -> str:
        """Return the message of a replay that did not complete: why, the state of the data, and the next step."""
        counts = self._result_of(replay)
        stored = f"The {counts.received - counts.foreign:,} messages that came are stored"
        if not self._begun_at:
            stored = "The messages that an earlier load received are stored"
        foreign = f", {counts.foreign:,} foreign messages were left in the queue" if counts.foreign else ""
        again = f"bwp load archive://{replay.archive} {window_options(replay.window_from, replay.window_to)}"
        return (
            f"{why}. {stored}{foreign}; the window does not count as read. Load the window again: {again}. It gets a new "
            "replay, and nothing is doubled."
        )

    def _publish(self, replay: Replay) -> None:
        """Write the row of the runs table: one for each window."""
        counts = self._result_of(replay)
        record_run(
            self._warehouse,
            Run(
                run_id=f"{self._result.load_id}-{replay.replay_name}",
                kind="replay",
                source=counts.source,
                started_at=self._started_at,
                finished_at=self._clock(),
                state="finished" if replay.state is ReplayState.COMPLETE else "partial",
                counts={"received": counts.received, "foreign": counts.foreign},
                versions={TableName.REPLAYS.value: self._version},
                window_from=replay.window_from,
                window_to=replay.window_to,
            ),
        )


def _minutes(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds() // 60)
