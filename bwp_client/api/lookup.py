"""What a lookup is asked about, and what it ends as."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from bwp_client.events import TaskKind

FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=24)


class LookupState(StrEnum):
    """What we know about a task from having asked."""

    NOT_ASKED = "not_asked"
    PENDING = "pending"
    """Asked; the task has not ended."""
    FOUND = "found"
    NOT_FOUND = "not_found"
    DENIED = "denied"
    FAILED = "failed"
    """The lookup failed, not the task."""


class TaskStatus(StrEnum):
    """The documented statuses; another one is kept as text."""

    IN_PROGRESS = "IN_PROGRESS"
    ON_HOLD = "ON_HOLD"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class TaskRef:
    """One task to ask about."""

    task_kind: TaskKind
    task_id: str
    business_product_id: str


@dataclass(frozen=True, slots=True)
class TaskError:
    """Why a task failed, as Buy with Prime says it; `code` is None when it gave none, `message` is scrubbed."""

    code: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """One row of the lookups table.

    Attributes:
        attempt: How often the API has been asked about this task so far, this time included; 0 when it could not be
            asked at all (no credential, or the credential itself was refused).
        next_attempt_at: When to ask again; None when another try would end the same way.
        reason: One sentence for people; the same cause gives the same sentence, so that reasons can be counted.
        run_id: The run that asked; empty until the pipeline fills it in.
    """

    task_id: str
    task_kind: TaskKind
    business_product_id: str
    lookup_state: LookupState
    status: str | None
    submitted_at: datetime | None
    updated_at: datetime | None
    holding_period_days: int | None
    errors: tuple[TaskError, ...]
    asked_at: datetime
    attempt: int
    next_attempt_at: datetime | None
    reason: str
    run_id: str = ""


def pause_after(attempt: int) -> timedelta:
    """Give the pause after the n-th attempt at one task: a minute, doubled each time, at most a day."""
    doublings = min(max(attempt - 1, 0), 20)
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)
