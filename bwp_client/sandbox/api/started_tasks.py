"""The tasks that were started here: their holding period, outcome and event, on a clock that can be set forward.

They follow the documented rules: the form of an e-mail address, a holding period of 0 to 180 days (10 by default), a client
token that for eight hours returns the task it started first, and cancellation only while on hold. A rule that the description
leaves open is marked *inferred* below.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bwp_client.sandbox.sample import catalog
from bwp_client.sandbox.sample.catalog import CODE_SETS, PRODUCTS, Kind, Lifecycle, Outcome
from bwp_client.sandbox.sample.task import SampleError, SampleTask
from bwp_client.sandbox.sample.task_ids import TaskFields, encode, seed_tag

DEFAULT_HOLDING_DAYS: Final = 10
MAX_HOLDING_DAYS: Final = 180
TOKEN_LIFE: Final = timedelta(hours=8)
TOKEN_LENGTHS: Final = range(36, 65)
_EMAIL: Final = re.compile(r"^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+[.][a-zA-Z]{2,}$")
_SEED_TAG: Final = seed_tag(0x57A7)

# The beginning of an address decides the outcome of its task, so that a test or a demo can choose it.
OPEN_ORDERS: Final = "open-orders"
UNKNOWN_SHOPPER: Final = "unknown"
_MESSAGES: Final = {
    catalog.ORDERS_NOT_CLOSED: "The deletion task {} failed: one or more orders are not closed.",
    catalog.DATA_SUBJECT_NOT_FOUND: "The deletion task {} failed: the data subject was not found.",
}


class InputError(ValueError):
    """An input that breaks a rule; the message names the field and the rule."""


class CancelError(ValueError):
    """A task that can't be cancelled."""


@dataclass(slots=True)
class StartedTask:
    """A deletion task that was started here."""

    task_id: str
    number: int
    product: catalog.Product
    email: str
    submitted_at: datetime
    holding_days: int
    code: str | None
    ends_at: datetime
    is_cancelled: bool = False
    is_published: bool = False

    @property
    def outcome(self) -> Outcome:
        """The outcome of the task."""
        return Outcome.FAILED if self.code else Outcome.COMPLETED

    @property
    def held_until(self) -> datetime:
        """The time at which the holding period ends and processing begins."""
        return self.submitted_at + timedelta(days=self.holding_days)

    def status(self, now: datetime) -> str:
        """Return the status in the API's answer at a time."""
        if now >= self.ends_at:
            return self.outcome.name
        return "ON_HOLD" if now < self.held_until else "IN_PROGRESS"

    def as_answered(self, now: datetime) -> SampleTask:
        """Return the task as the API answers it at a time."""
        status = self.status(now)
        updated = {"ON_HOLD": self.submitted_at, "IN_PROGRESS": self.held_until}.get(status, self.ends_at)
        error = SampleError(self.code, _MESSAGES[self.code].format(self.task_id)) if self.code else None
        return SampleTask(
            task_id=self.task_id,
            number=self.number,
            kind=Kind.DELETION,
            product=self.product,
            status=status,
            submitted_at=self.submitted_at,
            updated_at=updated,
            holding_period_days=self.holding_days,
            errors=(error,) if error and status == "FAILED" else (),
            email=self.email,
        )

    def as_entry(self) -> dict[str, Any]:
        """Return the partner event of the outcome as an entry of PutPartnerEvents; `detail` is empty, as documented."""
        resource = (
            f"businessProduct/{self.product.business_product_id}/{catalog.TASK_RESOURCES[Kind.DELETION]}/{self.task_id}"
        )
        return {
            "Time": self.ends_at,
            "Source": self.product.source,
            "DetailType": catalog.PRIVACY_TYPES[Kind.DELETION, self.outcome],
            "Resources": [resource],
            "Detail": "{}",
        }


@dataclass(slots=True)
class StartedTasks:
    """All tasks started here, and their clock."""

    real_now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _clock_offset: timedelta = timedelta()
    _tasks: dict[str, StartedTask] = field(default_factory=dict)
    _tokens: dict[tuple[str, str], tuple[datetime, str]] = field(default_factory=dict)

    def now(self) -> datetime:
        """Return the clock's time."""
        return self.real_now() + self._clock_offset

    def set_clock(self, moment: datetime) -> None:
        """Set the clock, but not to a time before the start of the newest task.

        Args:
            moment: The new time.

        Raises:
            InputError: A task was started after that time.
        """
        if any(task.submitted_at > moment for task in self._tasks.values()):
            raise InputError("The clock can't go back before a task was started.")
        self._clock_offset = moment - self.real_now()

    def start_deletion(self, target_id: str, email: str, holding_days: int | None, token: str | None) -> str:
        """Start a task and return its ID, or return the ID of the task that the same token started less than eight hours ago.

        Args:
            target_id: The business product.
            email: The shopper's address.
            holding_days: The days during which the task can be cancelled; None for the default.
            token: The idempotency key; None without one.

        Raises:
            InputError: An input breaks a rule.
        """
        days = DEFAULT_HOLDING_DAYS if holding_days is None else holding_days
        if not _EMAIL.fullmatch(email):
            raise InputError("/input/dataSubject/email does not have the form of an address")
        if not 0 <= days <= MAX_HOLDING_DAYS:
            raise InputError(f"/input/holdingPeriod is not between 0 and {MAX_HOLDING_DAYS}")
        if token is not None and len(token) not in TOKEN_LENGTHS:
            raise InputError("/input/clientToken/token does not have 36 to 64 characters")
        now = self.now()
        if token is not None:
            started_at, task_id = self._tokens.get((target_id, token), (now - TOKEN_LIFE, ""))
            if now - started_at < TOKEN_LIFE:
                return task_id
        task = self._new(target_id, email, days, now)
        self._tasks[task.task_id] = task
        if token is not None:
            self._tokens[target_id, token] = (now, task.task_id)
        return task.task_id

    def _new(self, target_id: str, email: str, days: int, now: datetime) -> StartedTask:
        product = next(product for product in PRODUCTS if product.business_product_id == target_id)
        number = len(self._tasks) + 1
        held_until = now + timedelta(days=days)
        # Inferred: an unknown shopper fails the task at once, open orders fail it after the holding period.
        if email.startswith(UNKNOWN_SHOPPER):
            code, ends_at = catalog.DATA_SUBJECT_NOT_FOUND, now + timedelta(seconds=1)
        elif email.startswith(OPEN_ORDERS):
            code, ends_at = catalog.ORDERS_NOT_CLOSED, held_until + timedelta(minutes=5)
        else:
            code, ends_at = None, held_until + timedelta(days=1 + number % 20)
        ends_at = ends_at.replace(microsecond=0) + timedelta(seconds=1)
        fields = TaskFields(
            seed_tag=_SEED_TAG,
            kind=Kind.DELETION,
            product=PRODUCTS.index(product),
            lifecycle=Lifecycle.FAILED if code else Lifecycle.COMPLETED,
            code_set=CODE_SETS.index((code,)) if code else 0,
            number=number,
            at=int(ends_at.timestamp()),
        )
        return StartedTask(encode(fields), number, product, email, now, days, code, ends_at)

    def cancel(self, task_id: str) -> None:
        """Cancel a task; it gets no event, and the API no longer knows it (inferred).

        Args:
            task_id: The ID of a task that was started here.

        Raises:
            CancelError: The task is not on hold, or was not started here.
        """
        task = self._tasks.get(task_id)
        if task is None or task.status(self.now()) != "ON_HOLD":
            raise CancelError("The task is not on hold, or was not started here.")
        task.is_cancelled = True

    def find(self, task_id: str) -> StartedTask | None:
        """Return the task with an ID; None when no such task was started here."""
        return self._tasks.get(task_id)

    def due(self) -> list[StartedTask]:
        """Return the ended tasks whose event was not published yet, the earliest first."""
        now = self.now()
        ended = (task for task in self._tasks.values() if task.ends_at <= now)
        unpublished = (task for task in ended if not (task.is_published or task.is_cancelled))
        return sorted(unpublished, key=lambda task: task.ends_at)
