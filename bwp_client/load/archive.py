"""Loads a window of an EventBridge archive: replays it into our queue, and stores each message before deleting it.

Order: the replay is written to the journal before AWS is asked; a batch of messages is stored and committed, then deleted
from the queue; the window counts as read once AWS has sent everything, the queue is empty, and nothing was found that can
have taken messages away. A crash at any point leaves a replay that the next run continues, and messages that are delivered
again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from bwp_client.errors import BwpError, SettingsError, UsageError
from bwp_client.load.replay_inbox import ArchiveTiming
from bwp_client.load.replay_reader import ReplayReader
from bwp_client.load.replay_windows import next_window, planned_replay, window_of
from bwp_client.load.results import ArchiveProgress, ArchiveResult
from bwp_client.settings import ArchiveSettings
from bwp_client.sources import SourceAddress
from bwp_client.sources.eventbridge import archive
from bwp_client.sources.eventbridge.aws_clients import Clients, open_clients
from bwp_client.sources.eventbridge.checks import Severity
from bwp_client.sources.eventbridge.descriptions import describe_archive
from bwp_client.sources.eventbridge.replays import ReplayWindow, cancel_replay
from bwp_client.sources.eventbridge.rule_checks import archive_checks
from bwp_client.stop_signals import stop_signals_as_interrupt
from bwp_client.time_ranges import window_options
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.objects import has_read_below
from bwp_client.warehouse.replays import Replay, ReplayState, list_replays, record_replay

__all__ = ["ArchiveTiming", "load_archive"]


def load_archive(
    warehouse: Warehouse,
    url: str,
    settings: ArchiveSettings,
    *,
    window_from: datetime | None = None,
    window_to: datetime | None = None,
    clients: Clients | None = None,
    timing: ArchiveTiming | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    on_progress: Callable[[ArchiveProgress], None] = lambda _: None,
) -> ArchiveResult:
    """Replay a window of an archive and store its privacy events, after completing the replays of an earlier run.

    Args:
        warehouse: The warehouse to write to; created if it does not exist.
        url: `archive://NAME`.
        settings: The queue, and the rule that sends to it.
        window_from: The start; by default the end of the last complete window less the overlap.
        window_to: The end; by default, and at the latest, ten minutes before now.
        clients: AWS clients to use instead of the usual ones.
        timing: Waiting times and batch sizes.
        clock: Returns the current time.
        on_progress: Called after each look at the replay and each batch.

    Raises:
        UsageError: The set-up or the window is wrong; no replay was started.
        RemoteError: AWS refused or failed, or the replay failed; received messages are stored, the window counts as not read.
        WarehouseError: The warehouse cannot be written; messages that are not stored are still in the queue.
    """
    if window_from and window_to and window_to <= window_from:
        raise UsageError("Nothing was started: the window's end is not after its start. Swap --from and --to.")
    clients = clients or open_clients(archive.rule_and_queue(settings)[1])
    load = _ArchiveLoad(warehouse, url, settings, clients, timing or ArchiveTiming(), clock, on_progress)
    with stop_signals_as_interrupt():
        return load.run(window_from, window_to)


class _ArchiveLoad:
    """A load of one archive: the replays of earlier runs that have not ended, then a new window."""

    def __init__(
        self,
        warehouse: Warehouse,
        url: str,
        settings: ArchiveSettings,
        clients: Clients,
        timing: ArchiveTiming,
        clock: Callable[[], datetime],
        on_progress: Callable[[ArchiveProgress], None],
    ) -> None:
        self._warehouse = warehouse
        self._name = archive.archive_name(url)
        self._settings = settings
        self._clients = clients
        self._timing = timing
        self._clock = clock
        self._on_progress = on_progress
        self._result = ArchiveResult(uuid4().hex, url)
        self._windows: list[ReplayWindow] = []

    def run(self, window_from: datetime | None, window_to: datetime | None) -> ArchiveResult:
        warehouse, name, result = self._warehouse, self._name, self._result
        known = list_replays(warehouse)
        setup = _ready_setup(warehouse, self._clients, name, self._settings, known, self._clock())
        earlier = _of_archive(known, setup)
        unfinished = [replay for replay in earlier if replay.state.is_open]
        result.resumed = bool(unfinished)
        if unfinished:
            self._read(unfinished, setup)
        if not unfinished or window_from or window_to:
            window = next_window(
                setup.archive, _of_archive(list_replays(warehouse), setup), window_from, window_to, now=self._clock()
            )
            if not any(read.contains(window) for read in self._windows):
                setup = archive.ready_setup(self._clients, name, self._settings) if unfinished else setup
                warehouse.create()
                self._read([planned_replay(setup, earlier, window, now=self._clock())], setup)
        result.attention += _no_event_ever(warehouse, setup.archive, result)
        result.attention += _absent_events(setup.archive, self._windows, self._clock())
        return result

    def _read(self, replays: list[Replay], setup: archive.Setup) -> None:
        result = ArchiveResult(self._result.load_id, self._result.source)
        ReplayReader(self._warehouse, setup, self._clients, self._timing, self._clock, self._on_progress, result).read(
            replays
        )
        self._result.add_window(result)
        self._windows += map(window_of, replays)


def _of_archive(known: list[Replay], setup: archive.Setup) -> list[Replay]:
    """Return the replays of an archive, without those of an archive that has its name in another place."""
    name, bus = setup.archive.name, setup.archive.rules_arn
    return [replay for replay in known if replay.archive == name and replay.is_on(bus)]


def _ready_setup(
    warehouse: Warehouse, clients: Clients, name: str, settings: ArchiveSettings, known: list[Replay], now: datetime
) -> archive.Setup:
    """Return a set-up without problems; with problems, no open replay that uses it counts as read any more.

    Raises:
        UsageError: There are problems.
        RemoteError: AWS refused or failed.
    """
    rule_name, _ = archive.rule_and_queue(settings)
    doubtful = [
        replay
        for replay in known
        if replay.state.is_open and (replay.archive == name or replay.rule.rpartition("/")[2] == rule_name)
    ]
    try:
        return archive.ready_setup(clients, name, settings)
    except UsageError as error:
        if isinstance(error, SettingsError) or not doubtful:
            raise
        described = describe_archive(clients, name)  # where the archive is missing, nothing is known of rule and queue
        bus = described.rule_arn("").partition(":rule/")[0]
        doubtful = [replay for replay in doubtful if not replay.bus or replay.rule.startswith(f"{bus}:")]
        if not doubtful:
            raise
        for replay in doubtful:
            with suppress(BwpError):
                cancel_replay(clients, replay.replay_name)
            record_replay(warehouse, replace(replay, state=ReplayState.FAILED, recorded_at=now))
        loads = "\n".join(
            f"  bwp load archive://{replay.archive} {window_options(replay.window_from, replay.window_to)}"
            for replay in doubtful
        )
        raise type(error)(
            f"{error}\nEvents of earlier loads may have been lost by this, so their windows do not count as read. Once the "
            f"set-up is right, load each window again:\n{loads}"
        ) from error


def _no_event_ever(warehouse: Warehouse, described: archive.Archive, result: ArchiveResult) -> Iterator[str]:
    """Yield that no event ever came from an archive that holds events."""
    if not described.event_count or result.received > result.foreign:
        return
    if not has_read_below(warehouse, f"{SourceAddress.of_archive(described.name).text}/"):
        yield (
            f"archive {described.name} holds about {described.event_count:,} events, but no load has received any of "
            "them. Unless the window holds no event of Buy with Prime, the events do not reach the queue: run doctor "
            f"archive://{described.name}, and load the window again."
        )


def _absent_events(described: archive.Archive, windows: list[ReplayWindow], now: datetime) -> Iterator[str]:
    """Yield why an archive does not hold all events of the windows that were read, and why it will not hold later ones."""
    expired_before = described.expired_before(now)
    start = min((max(window.start, described.created_at) for window in windows), default=now)
    if expired_before is not None and start < expired_before:
        yield (
            f"archive {described.name} retains events for {described.retention_days} days, so what it held from "
            f"{start:%Y-%m-%d %H:%M} to {expired_before:%Y-%m-%d %H:%M} UTC is gone from it, and was not read now."
        )
    for check in archive_checks(described):
        if check.severity is Severity.WRONG:
            yield f"{check.text}. Fix: {check.fix}"
