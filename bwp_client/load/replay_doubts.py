"""Doubts about a replay: reasons why events that AWS sent may not have reached our queue, or may have left it again.

That AWS has sent everything and the queue is empty proves only that nothing is left where a load looks. So a window with
any doubt counts as not read: reading it again costs nothing but duplicates. What these functions cannot see is a rule
that was disabled and enabled again between two looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bwp_client.load.replay_windows import dead_letters
from bwp_client.sources.eventbridge.archive import Setup
from bwp_client.sources.eventbridge.descriptions import created_at
from bwp_client.warehouse.replays import Replay

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import TargetOutputTypeDef

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
    if before.rule.pattern != now.rule.pattern:
        yield f"the pattern of {rule} was changed meanwhile"
    if _by_id(before) != _by_id(now):
        yield f"the targets of {rule} were changed meanwhile"
    earlier, later = _fixed_attributes(before), _fixed_attributes(now)
    changed = sorted(name for name in earlier | later if earlier.get(name) != later.get(name))
    if changed:
        yield f"{', '.join(changed)} of the queue was changed meanwhile"
    for dead in before.dead_letters:
        if dead.exists and not any(dead.arn == other.arn and other.exists for other in now.dead_letters):
            yield f"the dead-letter queue {dead.name} is not there any more"
    came = dead_letters(now) - replay.dead_letters
    if came > 0:
        yield f"{came:,} messages came to the dead-letter queue, which no load reads"


def _by_id(setup: Setup) -> dict[str, TargetOutputTypeDef]:
    return {target["Id"]: target for target in setup.rule.targets}


def _fixed_attributes(setup: Setup) -> dict[str, str]:
    return {name: value for name, value in setup.queue.items() if not name.startswith(_COUNTS)}
