"""A sample task, derived from its ID alone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from bwp_client.sandbox.sample import catalog
from bwp_client.sandbox.sample.catalog import CODE_SETS, PRODUCTS, Kind, Lifecycle, Product
from bwp_client.sandbox.sample.rng import draw, mix, unit
from bwp_client.sandbox.sample.task_ids import TaskFields, decode

_HOLDING_PERIODS_DAYS: Final = (10,) * 14 + (0, 1, 3, 5, 7, 14, 21, 30)
_DAY_SECONDS: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class SampleError:
    """An entry of a failed task's `errors`."""

    code: str | None
    message: str


@dataclass(frozen=True, slots=True)
class SampleTask:
    """A task as the API answers it.

    Attributes:
        task_id: The task's ID.
        number: The task's number within its sample.
        kind: Deletion or retrieval.
        product: The business product that the task belongs to.
        status: `COMPLETED`, `FAILED`, `ON_HOLD` or `IN_PROGRESS`.
        submitted_at: The time at which the shop submitted the task.
        updated_at: The time of the last change: just before the latest event, if there is one.
        holding_period_days: The holding period; None for a retrieval.
        errors: The reasons why the task failed; None if the API answers null.
        email: The shopper's address, a canary.
    """

    task_id: str
    number: int
    kind: Kind
    product: Product
    status: str
    submitted_at: datetime
    updated_at: datetime
    holding_period_days: int | None
    errors: tuple[SampleError, ...] | None
    email: str


def task_from_id(task_id: str, *, now: datetime | None = None) -> SampleTask | None:
    """Return the task with an ID; None when the ID is not of a sample.

    Args:
        task_id: Any text.
        now: The time of the answer, by default the present. Only waiting tasks depend on it.
    """
    fields = decode(task_id)
    if fields is None:
        return None
    dice = mix(int(task_id.replace("-", ""), 16) ^ fields.number)
    holding = _holding_period_days(fields, dice)
    if fields.lifecycle is Lifecycle.WAITING:
        status, submitted, updated = _waiting(fields, holding or 0, dice, now or datetime.now(UTC))
    else:
        failed = fields.lifecycle in {Lifecycle.FAILED, Lifecycle.COMPLETED_THEN_FAILED}
        status = "FAILED" if failed else "COMPLETED"
        updated = _utc(fields.at) - timedelta(microseconds=20_000 + draw(dice, 1) % 950_000)
        age_seconds = _age_seconds(fields, holding or 0, dice, failed=failed)
        if fields.lifecycle in {Lifecycle.FAILED_THEN_COMPLETED, Lifecycle.COMPLETED_THEN_FAILED}:
            age_seconds += 2 * _DAY_SECONDS  # the submission is before both events
        submitted = updated - timedelta(seconds=age_seconds)
    return SampleTask(
        task_id=task_id,
        number=fields.number,
        kind=fields.kind,
        product=PRODUCTS[fields.product],
        status=status,
        submitted_at=submitted,
        updated_at=updated,
        holding_period_days=holding,
        errors=_errors(task_id, fields, dice) if status == "FAILED" else (),
        email=catalog.canary_email(fields.number),
    )


def _utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _holding_period_days(fields: TaskFields, dice: int) -> int | None:
    if fields.kind is Kind.RETRIEVAL:
        return None
    return _HOLDING_PERIODS_DAYS[draw(dice, 2) % len(_HOLDING_PERIODS_DAYS)]


def _waiting(fields: TaskFields, holding_days: int, dice: int, now: datetime) -> tuple[str, datetime, datetime]:
    submitted = _utc(fields.at) + timedelta(microseconds=draw(dice, 1) % 1_000_000)
    started = submitted + timedelta(days=holding_days, milliseconds=2_100 if holding_days else 300)
    if fields.kind is Kind.DELETION and now < started:
        return "ON_HOLD", submitted, submitted + timedelta(milliseconds=200)
    return "IN_PROGRESS", submitted, started


def _age_seconds(fields: TaskFields, holding_days: int, dice: int, *, failed: bool) -> float:
    """Return the seconds from submission to the last change, always positive."""
    first, second = unit(draw(dice, 3)), unit(draw(dice, 4))
    hold = holding_days * _DAY_SECONDS
    retrieval = fields.kind is Kind.RETRIEVAL
    if not failed:
        # A few tasks take longer than the 30 days that the API expects.
        longest_days = 36 if second < 0.004 else 6 if retrieval else 24
        return hold + (0.02 + longest_days * (first if second < 0.004 else first**2)) * _DAY_SECONDS
    first_code = (CODE_SETS[fields.code_set] or (None,))[0]
    seconds = 0.4 + 5 * first
    minutes = 5 + 900 * first
    if first_code == catalog.DATA_SUBJECT_NOT_FOUND:
        return seconds
    if first_code == catalog.ORDERS_NOT_CLOSED:
        return hold + minutes if second < 0.75 else minutes
    if first_code in {catalog.LEGAL_HOLD_ACTIVE, catalog.RETURN_IN_PROGRESS}:
        return minutes
    if retrieval:
        return minutes * 20
    return hold + (0.5 + 14 * first**2) * _DAY_SECONDS


def _errors(task_id: str, fields: TaskFields, dice: int) -> tuple[SampleError, ...] | None:
    codes = CODE_SETS[fields.code_set]
    if codes is None:
        return None
    return tuple(
        SampleError(code, _message(code, task_id, fields, draw(dice, 10 + index))) for index, code in enumerate(codes)
    )


def _message(code: str | None, task_id: str, fields: TaskFields, dice: int) -> str:
    """Return an error message; like the API's messages it embeds the task ID, and sometimes more identifiers."""
    what = fields.kind.name.lower()
    order = f"{100 + dice % 900}-{draw(dice, 1) % 10**7:07d}-{draw(dice, 2) % 10**7:07d}"
    if code == catalog.ORDERS_NOT_CLOSED:
        which = f"order {order} is" if dice >> 32 & 1 else "one or more orders are"
        return f"The {what} task {task_id} failed: {which} not closed."
    if code == catalog.DATA_SUBJECT_NOT_FOUND:
        who = f" {catalog.canary_email(fields.number)}" if dice >> 32 & 3 == 0 else ""
        return f"The {what} task {task_id} failed: the data subject{who} was not found."
    if code == catalog.LEGAL_HOLD_ACTIVE:
        return f"The {what} task {task_id} failed: a legal hold is active."
    if code == catalog.DOWNSTREAM_TIMEOUT:
        reference = f"{dice % 10**15:015d}"
        return f"The {what} task {task_id} failed: a downstream service did not answer (reference {reference})."
    if code == catalog.RETURN_IN_PROGRESS:
        return f"The {what} task {task_id} failed: a return for order {order} is in progress."
    return f"The {what} task {task_id} failed: something went wrong."
