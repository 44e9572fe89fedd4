"""The window of an archive that a load replays next, and the journal's row for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from bwp_client.errors import UsageError
from bwp_client.sources.eventbridge.archive import Archive, Setup
from bwp_client.sources.eventbridge.descriptions import created_at
from bwp_client.sources.eventbridge.replays import ARCHIVE_DELAY, NAME_PREFIX, OVERLAP, ReplayWindow
from bwp_client.warehouse.replays import Replay, ReplayState, replay_past_now, watermark

_MINUTE = timedelta(minutes=1)
_COUNTS = ("", "NotVisible", "Delayed")


def next_window(
    archive: Archive, known: list[Replay], start: datetime | None, end: datetime | None, *, now: datetime
) -> ReplayWindow:
    """Return the window to replay, in whole minutes.

    It ends at least `ARCHIVE_DELAY` before now, because events reach an archive late. By default it begins before the end of
    the last complete window, so that the two windows overlap.

    Args:
        archive: The archive.
        known: Its replays so far.
        start: The requested start; by default the last complete window's end less the overlap.
        end: The requested end; by default the newest possible.
        now: The current time.

    Raises:
        UsageError: The first window needs a start, or the window is empty.
    """
    newest_end = _floor(now - ARCHIVE_DELAY)
    read_to = watermark(known, now)
    wanted = start or (read_to and read_to - OVERLAP)
    if wanted is None and (past_now := replay_past_now(known, now)):
        raise UsageError(
            f"Nothing was started. The only window of archive {archive.name} that was read ends on "
            f"{past_now.window_to:%Y-%m-%d %H:%M} UTC, which is later than now: this machine's clock was ahead, or is "
            f"behind. Check it, then read that window again: bwp load archive://{archive.name} "
            f"--from {past_now.window_from:%Y-%m-%dT%H:%MZ}."
        )
    if wanted is None:
        raise UsageError(
            f"Nothing was started. No window of archive {archive.name} was read yet: give --from. It was made on "
            f"{archive.created_at:%Y-%m-%d} and holds about {archive.event_count:,} events"
            + (f", each for {archive.retention_days} days." if archive.retention_days else ".")
        )
    first = _floor(wanted)
    last = min(newest_end, newest_end if end is None else _ceil(end))
    if last <= first:
        raise UsageError(
            f"Nothing was started. The window from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC is empty. A window "
            "ends at least 10 minutes before now, for events reach an archive late; mend --from and --to."
        )
    return ReplayWindow(first, last)


def planned_replay(setup: Setup, known: list[Replay], window: ReplayWindow, *, now: datetime) -> Replay:
    """Return a new replay for the journal. Its name holds window and attempt, and is unique.

    Args:
        setup: The archive, and the rule and the queue that the replay is sent to.
        known: The archive's replays so far.
        window: The window to replay.
        now: The current time.
    """
    attempt = 1 + sum(window_of(replay) == window for replay in known)
    first, last = (f"{time:%Y%m%dT%H%M}" for time in (window.start, window.end))
    name = f"{NAME_PREFIX}{first}-{last}-{attempt}-{uuid4().hex[:8]}"
    return Replay(
        name,
        setup.archive.name,
        setup.rule.arn,
        window.start,
        window.end,
        ReplayState.PLANNED,
        now,
        queue_counts(setup),
        queue=setup.queue["QueueArn"],
        queue_created_at=created_at(setup.queue),
        planned_at=now,
    )


def queue_counts(setup: Setup) -> dict[str, int]:
    """Return what the journal records of the queues, so that a later load sees whether they were changed.

    Returns:
        In `queue_modified_at` when the attributes of the queue were changed last, in seconds since 1970; in `dead_letters`
        the approximate number of messages in all dead-letter queues, in `dead_letters:ARN` that of each, and in
        `dead_letters_created_at:ARN` when AWS created it.
    """
    by_queue = dead_letters(setup)
    return {
        "queue_modified_at": int(setup.queue.get("LastModifiedTimestamp", "0")),
        "dead_letters": sum(by_queue.values()),
        **{f"dead_letters:{arn}": messages for arn, messages in by_queue.items()},
        **{
            f"dead_letters_created_at:{dead.arn}": int(dead.attributes.get("CreatedTimestamp", "0"))
            for dead in setup.dead_letters
            if dead.attributes is not None
        },
    }


def dead_letters(setup: Setup) -> dict[str, int]:
    """Return the approximate number of messages in each dead-letter queue that can be described, by its ARN."""
    return {
        dead.arn: sum(int(dead.attributes.get(f"ApproximateNumberOfMessages{name}", "0")) for name in _COUNTS)
        for dead in setup.dead_letters
        if dead.attributes is not None
    }


def window_of(replay: Replay) -> ReplayWindow:
    """Return the window of a replay in the journal."""
    return ReplayWindow(replay.window_from, replay.window_to)


def _floor(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(second=0, microsecond=0)


def _ceil(time: datetime) -> datetime:
    return _floor(time + _MINUTE - timedelta(microseconds=1))
