"""Loads a window of an EventBridge archive: replays it into our queue, and stores each message before deleting it.

Order: the replay is written to the journal before AWS is asked; a batch of messages is stored and committed, then deleted
from the queue; the window counts as read once AWS has sent everything and the queue is empty. A crash at any point leaves a
replay that the next run continues, and messages that are delivered again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from bwp_client.errors import UsageError
from bwp_client.load.replay_reader import ArchiveTiming, ReplayReader
from bwp_client.load.replay_windows import next_window, planned_replay, window_of
from bwp_client.load.results import ArchiveProgress, ArchiveResult
from bwp_client.settings import ArchiveSettings
from bwp_client.sources.eventbridge import archive
from bwp_client.sources.eventbridge.aws_clients import Clients, open_clients
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.replays import list_replays

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
    name = archive.archive_name(url)
    clients = clients or open_clients(archive.rule_and_queue(settings)[1])
    setup = archive.ready_setup(clients, name, settings)
    known = list_replays(warehouse, name)
    unfinished = [replay for replay in known if replay.state.is_open]
    result = ArchiveResult(uuid4().hex, url, resumed=bool(unfinished))
    reader = ReplayReader(warehouse, setup, clients, timing or ArchiveTiming(), clock, on_progress, result)
    if unfinished:
        reader.read(unfinished, known)
        if window_from is None and window_to is None:
            return result
        known = list_replays(warehouse, name)
    window = next_window(setup.archive, known, window_from, window_to, now=clock())
    if any(window_of(replay).contains(window) for replay in unfinished):
        return result  # complete by now: a replay that fails raises an error
    warehouse.create()
    reader.read([planned_replay(setup.archive, known, window, setup.rule.arn, now=clock())], known)
    return result
