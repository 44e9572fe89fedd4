"""The task that a lookup is about, and the result of a lookup."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from bwp_client.events import TaskKind

MIN_PAUSE: Final = timedelta(minutes=1)
MAX_PAUSE: Final = timedelta(hours=24)


class LookupState(StrEnum):
    """The result of all lookups of a task so far."""

    NOT_ASKED = "not_asked"
    PENDING = "pending"
    """The API answered; the task has not ended."""
    FOUND = "found"
    NOT_FOUND = "not_found"
    DENIED = "denied"
    FAILED = "failed"
    """The lookup failed, not the task."""


class TaskStatus(StrEnum):
    """The documented statuses of a task; any other status is stored as text."""

    IN_PROGRESS = "IN_PROGRESS"
    ON_HOLD = "ON_HOLD"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class TaskRef:
    """The identity of a task at Buy with Prime."""

    task_kind: TaskKind
    task_id: str
    business_product_id: str


@dataclass(frozen=True, slots=True)
class TaskError:
    """One reason why a task failed, as the API answered it.

    Attributes:
        code: The error code; None for an uncoded error.
        message: The redacted message.
    """

    code: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """One row of the lookups table.

    Attributes:
        attempt: The number of times that the API was asked about this task, this time included; 0 when no query could be
            sent (no credential, or a refused credential).
        next_attempt_at: The time of the next attempt; None if another attempt would end the same way.
        reason: One sentence for people; equal causes have equal sentences, so that reasons can be counted.
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
    """Return the pause after the n-th attempt at one task: a minute, doubled by each attempt, at most a day."""
    doublings = min(max(attempt - 1, 0), 20)
    return min(MIN_PAUSE * (1 << doublings), MAX_PAUSE)
