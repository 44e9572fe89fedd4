"""Doubts about a replay: reasons why events that AWS sent may not have reached our queue, or may have left it again.

That AWS has sent everything and the queue is empty proves only that nothing is left where a load looks. So a window with
any doubt counts as not read: reading it again costs nothing but duplicates. What these functions cannot see is a rule
that was disabled and enabled again between two looks, and messages that somebody else received and deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bwp_client.load.replay_windows import dead_letters
from bwp_client.sources.eventbridge.archive import Setup
from bwp_client.sources.eventbridge.descriptions import created_at
from bwp_client.warehouse.replays import Replay

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import TargetOutputTypeDef

_OF_QUEUE = "dead_letters:"
"""The beginning of the names of the journal's counts of single dead-letter queues."""
_COUNTS = "ApproximateNumberOfMessages"
"""The beginning of the names of the queue attributes that change by themselves."""


def doubts_about_queue(replay: Replay, setup: Setup, now: datetime) -> Iterator[str]:
    """Yield each reason why our queue may not hold the messages of a replay, which an earlier run may have started.

    Args:
        replay: The replay as the journal has it.
        setup: The rule and the queue as they are now.
        now: The current time.
    """
    arn = setup.queue["QueueArn"]
    if replay.rule != setup.rule.arn:
        yield f"it is sent to rule {replay.rule}, and BWP_ARCHIVE__RULE_NAME now names {setup.rule.arn}"
    if replay.queue is None:
        yield "it was started by an older version, which did not record the queue that it is sent to"
    elif replay.queue != arn:
        yield f"its messages are sent to queue {replay.queue}, and BWP_ARCHIVE__QUEUE_URL now names {arn}"
    elif replay.queue_created_at != (created := created_at(setup.queue)):
        yield f"queue {arn} was made anew on {created:%Y-%m-%d %H:%M} UTC"
    else:
        modified = int(setup.queue.get("LastModifiedTimestamp", "0"))
        if replay.before.get("queue_modified_at", modified) != modified:
            at = datetime.fromtimestamp(modified, UTC)
            yield f"attributes of queue {arn} were changed since it was started, on {at:%Y-%m-%d %H:%M} UTC"
    retention = timedelta(seconds=int(setup.queue.get("MessageRetentionPeriod", "345600")))
    planned_at = replay.planned_at or replay.recorded_at
    if now - planned_at > retention:
        yield (
            f"it was started on {planned_at:%Y-%m-%d %H:%M} UTC, and the queue drops a message after {retention} (its "
            "MessageRetentionPeriod)"
        )


def doubts_about_setup(before: Setup, now: Setup, replay: Replay) -> Iterator[str]:
    """Yield what is wrong with the set-up after a replay, or has changed since before.

    Args:
        before: The set-up as it was before the replay was read.
        now: The set-up after everything was read.
        replay: The replay as the journal has it.
    """
    for problem, fix in now.problems:
        yield f"{problem} (fix: {fix})"
    if now.problems:
        return
    rule = f"rule {now.rule.name}"
    if before.archive.created_at != now.archive.created_at:
        yield f"archive {now.archive.name} was made anew meanwhile"
    elif before.archive.retention_days != now.archive.retention_days:
        yield f"the retention of archive {now.archive.name} was changed meanwhile, so events may have expired"
    if before.rule.pattern != now.rule.pattern:
        yield f"the pattern of {rule} was changed meanwhile"
    if _by_id(before) != _by_id(now):
        yield f"the targets of {rule} were changed meanwhile"
    if changed := _changed(before.queue, now.queue):
        yield f"{changed} of the queue was changed meanwhile"
    yield from _doubts_about_dead_letters(before, now, replay)


def _doubts_about_dead_letters(before: Setup, now: Setup, replay: Replay) -> Iterator[str]:
    """Yield why events may be in a dead-letter queue, or may have been in one."""
    later = {dead.arn: dead for dead in now.dead_letters if dead.exists}
    for dead in before.dead_letters:
        if dead.exists and dead.arn not in later:
            yield f"the dead-letter queue {dead.name} is not there any more"
        elif dead.exists and (changed := _changed(dead.attributes or {}, later[dead.arn].attributes or {})):
            yield f"{changed} of the dead-letter queue {dead.name} was changed meanwhile"
    earlier, messages = replay.before, dead_letters(now)
    if not (queues := [name.removeprefix(_OF_QUEUE) for name in earlier if name.startswith(_OF_QUEUE)]):
        # The replay was started by an older version, or there was no dead-letter queue.
        came = sum(messages.values()) - replay.dead_letters
        if came > 0:
            yield f"{came:,} messages came to the dead-letter queue, which no load reads"
        return
    for arn in queues:
        name = arn.rpartition(":")[2]
        if arn not in messages and not any(dead.arn == arn and dead.exists for dead in before.dead_letters):
            yield f"the dead-letter queue {name}, which may hold events, was taken away since the replay was started"
        elif arn in messages and int(created_at(later[arn].attributes or {}).timestamp()) != earlier.get(
            f"dead_letters_created_at:{arn}"
        ):
            yield f"the dead-letter queue {name} was made anew since the replay was started"
    for arn, count in messages.items():
        came, name = count - earlier.get(f"{_OF_QUEUE}{arn}", 0), arn.rpartition(":")[2]
        if came > 0:
            yield f"{came:,} messages came to the dead-letter queue {name}, which no load reads"
        elif came < 0 < count:
            yield f"{-came:,} messages left the dead-letter queue {name}, and others may have come, which no load reads"


def _by_id(setup: Setup) -> dict[str, TargetOutputTypeDef]:
    return {target["Id"]: target for target in setup.rule.targets}


def _changed(earlier: dict[str, str], later: dict[str, str]) -> str:
    """Return the names of the attributes of a queue that were changed, but for those that change by themselves."""
    names = {name for name in earlier | later if earlier.get(name) != later.get(name)}
    found = sorted(name for name in names if not name.startswith(_COUNTS))
    settings = [name for name in found if name != "LastModifiedTimestamp"]
    return ", ".join(settings) or ("an attribute" if found else "")
