"""The records of a sample as arrays, in order of arrival, before they are rendered as JSON."""

from collections.abc import Iterator
from enum import IntEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bwp_client.sandbox.sample import catalog
from bwp_client.sandbox.sample.calendar import DAY, SampleCalendar
from bwp_client.sandbox.sample.catalog import Kind, Lifecycle, Outcome
from bwp_client.sandbox.sample.record_plan import RecordPlan, Replay
from bwp_client.sandbox.sample.rng import I64, draw_array, key, unit_array
from bwp_client.sandbox.sample.task_ids import encode_arrays, seed_tag


class RecordKind(IntEnum):
    """The kind of a record."""

    PRIVACY = 0
    OTHER = 1
    MALFORMED = 2


RECORD: Final = np.dtype(
    [
        ("arrives", np.int64),  # Unix seconds
        ("at", np.int64),  # the event's own time, Unix seconds
        ("number", np.int64),  # of the task, of the event of another type, or of the malformed record
        ("identity", np.uint64),  # the same for all deliveries of an event
        ("task_high", np.uint64),
        ("task_low", np.uint64),
        ("record_kind", np.int8),
        ("product", np.int8),
        ("kind", np.int8),
        ("outcome", np.int8),
        ("lifecycle", np.int8),
        ("replay", np.int8),  # 1 + the index in the plan; 0 for none
        ("delivery", np.int8),  # 0 first, 1 again, 2 again in a new envelope
        ("late", np.bool_),
    ]
)
Records = npt.NDArray[Any]

# A lane is a combination of product and kind. Two lanes belong to the product without COMPLETED deletions.
_RETRIEVAL_SHARE: Final = 0.12
_SILENT_FAILURES, _SILENT_RETRIEVALS = 0.0035, 0.006
_LANES: Final = [
    *(
        (index, kind, product.share * (1 - _RETRIEVAL_SHARE if kind is Kind.DELETION else _RETRIEVAL_SHARE))
        for index, product in enumerate(catalog.PRODUCTS)
        if product.share
        for kind in Kind
    ),
    (catalog.SILENT_PRODUCT, Kind.DELETION, _SILENT_FAILURES),
    (catalog.SILENT_PRODUCT, Kind.RETRIEVAL, _SILENT_RETRIEVALS),
]
_LANE_PRODUCT: Final = np.array([lane[0] for lane in _LANES])
_LANE_KIND: Final = np.array([int(lane[1]) for lane in _LANES])
_LANE_BOUNDS: Final = np.cumsum([lane[2] for lane in _LANES]) / sum(lane[2] for lane in _LANES)

_SMALL_PRODUCT_FAILURES: Final = (2, 6, 7)
_LATE_SHARE: Final = 0.012
_NEW_ENVELOPE_SHARE: Final = 1 / 6


def by_arrival(plan: RecordPlan, calendar: SampleCalendar) -> Iterator[Records]:
    """Yield a sample's records in order of arrival, a chunk at a time.

    Records that arrive after their chunk (late events, repeats) wait for a later chunk, so that memory holds one chunk and
    the waiting records.

    Args:
        plan: The numbers of records.
        calendar: The sample's window and turning points.

    Yields:
        Rows of the dtype `RECORD`.
    """
    waiting = np.zeros(0, dtype=RECORD)
    for chunk in range(plan.chunks):
        records = np.concatenate([waiting, *_make_chunk(plan, calendar, chunk)])
        records["arrives"] = np.minimum(records["arrives"], calendar.end + DAY // 4)
        records = records[np.argsort(records["arrives"], kind="stable")]
        if chunk == plan.chunks - 1:
            yield records
            return
        (boundary,) = calendar.at(np.array([(chunk + 1) / plan.chunks]))
        ready = int(np.searchsorted(records["arrives"], boundary))
        yield records[:ready]
        waiting = records[ready:].copy()


def _make_chunk(plan: RecordPlan, calendar: SampleCalendar, chunk: int) -> list[Records]:
    numbers = plan.chunk_of(plan.tasks, chunk)
    firsts = _tasks(plan, calendar, np.arange(*numbers))
    picks = plan.spread("conflict", plan.chunk_of(plan.conflicts, chunk), numbers) - numbers[0]
    seconds = _conflicts(plan, calendar, firsts, picks)
    _set_task_ids(plan, calendar, firsts, seconds, picks)
    again = plan.spread("duplicate", plan.chunk_of(plan.duplicates, chunk), numbers) - numbers[0]
    replayed = [
        _replayed(plan, index, replay, firsts, numbers)
        for index, replay in enumerate(plan.replays)
        if replay.first < numbers[1] and numbers[0] < replay.last
    ]
    duplicates = _duplicates(plan, calendar, firsts[again])
    return [firsts, seconds, duplicates, *replayed, _others(plan, calendar, chunk), _malformed(plan, calendar, chunk)]


def _blank(plan: RecordPlan, calendar: SampleCalendar, record_kind: RecordKind, numbers: I64, of: int) -> Records:
    """Return records that follow the weekly rhythm of the window and arrive within two minutes of the event."""
    records = np.zeros(len(numbers), dtype=RECORD)
    dice = draw_array(key(plan.seed, f"{record_kind.name} time"), numbers)
    records["at"] = calendar.at((numbers + unit_array(dice)) / max(1, of))
    records["arrives"] = records["at"] + (dice & np.uint64(127)).astype(np.int64)
    records["number"] = numbers
    records["identity"] = draw_array(key(plan.seed, f"{record_kind.name} identity"), numbers)
    records["record_kind"] = record_kind
    return records


def _tasks(plan: RecordPlan, calendar: SampleCalendar, numbers: I64) -> Records:
    records = _blank(plan, calendar, RecordKind.PRIVACY, numbers, plan.tasks)
    lane = np.searchsorted(_LANE_BOUNDS, unit_array(draw_array(key(plan.seed, "lane"), numbers)), side="right")
    records["product"] = _LANE_PRODUCT[lane]
    records["kind"] = _LANE_KIND[lane]
    rates = calendar.failure_rates(records["at"], records["product"], records["kind"])
    failed = unit_array(draw_array(key(plan.seed, "fails"), numbers)) < rates
    # The product without a subscription to completed deletions has events of failed deletions only.
    failed |= (records["product"] == catalog.SILENT_PRODUCT) & (records["kind"] == Kind.DELETION)
    records["outcome"] = failed
    _assign_small_product(plan, records)
    records["lifecycle"] = np.where(records["outcome"] == Outcome.FAILED, Lifecycle.FAILED, Lifecycle.COMPLETED)
    lateness = draw_array(key(plan.seed, "late"), numbers)
    records["late"] = unit_array(lateness) < _LATE_SHARE
    delay = DAY + (lateness % np.uint64(5 * DAY)).astype(np.int64)
    records["arrives"] += np.where(records["late"], delay, 0)
    return records


def _assign_small_product(plan: RecordPlan, records: Records) -> None:
    first = int(records["number"][0]) if len(records) else 0
    for index, number in enumerate(plan.small_product_tasks()):
        if first <= number < first + len(records):
            record = records[number - first : number - first + 1]
            record["product"], record["kind"] = catalog.SMALL_PRODUCT, Kind.DELETION
            record["outcome"] = index in _SMALL_PRODUCT_FAILURES


def _conflicts(plan: RecordPlan, calendar: SampleCalendar, firsts: Records, picks: I64) -> Records:
    """Return second events with the opposite outcome, one to twenty hours after the first event of some tasks."""
    # The silent and the small product get no conflicts, because tests rely on their numbers of tasks.
    firsts["product"][picks] = np.where(firsts["product"][picks] >= catalog.SILENT_PRODUCT, 0, firsts["product"][picks])
    firsts["kind"][picks] = Kind.DELETION
    odd = np.arange(len(picks)) % 2
    firsts["outcome"][picks] = np.where(odd, Outcome.COMPLETED, Outcome.FAILED)
    firsts["lifecycle"][picks] = np.where(odd, Lifecycle.COMPLETED_THEN_FAILED, Lifecycle.FAILED_THEN_COMPLETED)
    firsts["at"][picks] = np.minimum(firsts["at"][picks], calendar.end - 2 * DAY)
    seconds = firsts[picks]
    dice = draw_array(key(plan.seed, "change of mind"), seconds["number"])
    seconds["at"] += 3_600 + (dice % np.uint64(19 * 3_600)).astype(np.int64)
    seconds["arrives"] = np.maximum(seconds["at"], seconds["arrives"]) + 30
    seconds["outcome"] = 1 - seconds["outcome"]
    seconds["identity"] = dice
    seconds["late"] = False
    return seconds


def _set_task_ids(plan: RecordPlan, calendar: SampleCalendar, firsts: Records, seconds: Records, picks: I64) -> None:
    """Set the task IDs, which hold the time of the latest outcome."""
    latest = firsts["at"].copy()
    latest[picks] = seconds["at"]
    lifecycles = firsts["lifecycle"].astype(np.int64)
    product, kind = firsts["product"].astype(np.int64), firsts["kind"].astype(np.int64)
    fails = np.flatnonzero((lifecycles == Lifecycle.FAILED) | (lifecycles == Lifecycle.COMPLETED_THEN_FAILED))
    dice = unit_array(draw_array(key(plan.seed, "codes"), firsts["number"][fails]))
    code_sets = np.zeros(len(firsts), dtype=np.int64)
    code_sets[fails] = calendar.code_sets(latest[fails], product[fails], kind[fails], dice)
    firsts["task_high"], firsts["task_low"] = encode_arrays(
        seed_tag(plan.seed),
        kind=kind,
        product=product,
        lifecycle=lifecycles,
        code_set=code_sets,
        number=firsts["number"],
        at=latest,
    )
    for part in ("task_high", "task_low"):
        seconds[part] = firsts[part][picks]


def _duplicates(plan: RecordPlan, calendar: SampleCalendar, records: Records) -> Records:
    """Return repeated deliveries, seconds to hours later; some of the enveloped records get a new outer ID."""
    dice = draw_array(key(plan.seed, "delay"), records["number"])
    longest = np.where(dice % np.uint64(5) == 0, 40_000, 90).astype(np.uint64)
    records["arrives"] += 3 + (dice % longest).astype(np.int64)
    fresh = (unit_array(dice) < _NEW_ENVELOPE_SHARE) & (records["at"] >= calendar.gen_b_from)
    records["delivery"] = np.where(fresh, 2, 1)
    return records


def _replayed(plan: RecordPlan, index: int, replay: Replay, firsts: Records, numbers: tuple[int, int]) -> Records:
    """Return the records of this chunk that a replay sends again, minute by minute in the order of the events."""
    picks = plan.spread(replay.name, (0, replay.records), (replay.first, replay.last))
    picks = picks[(picks >= numbers[0]) & (picks < numbers[1])]
    records = firsts[picks - numbers[0]]
    progress = (picks - replay.first) / max(1, replay.last - replay.first)
    records["arrives"] = replay.starts_at + (progress * 7_200).astype(np.int64)
    records["replay"] = index + 1
    return records


def _others(plan: RecordPlan, calendar: SampleCalendar, chunk: int) -> Records:
    numbers = np.arange(*plan.chunk_of(plan.others, chunk))
    records = _blank(plan, calendar, RecordKind.OTHER, numbers, plan.others)
    dice = records["identity"]
    products = np.array([index for index, product in enumerate(catalog.PRODUCTS) if product.share])
    records["product"] = products[(dice % np.uint64(len(products))).astype(np.int64)]
    records["kind"] = (dice >> np.uint64(8)) % np.uint64(len(catalog.OTHER_TYPES))
    return records


def _malformed(plan: RecordPlan, calendar: SampleCalendar, chunk: int) -> Records:
    """Return malformed records, each about a task without any other record."""
    numbers = np.arange(*plan.chunk_of(plan.malformed, chunk))
    records = _blank(plan, calendar, RecordKind.MALFORMED, numbers, plan.malformed)
    zeros = np.zeros(len(numbers), dtype=np.int64)
    records["outcome"], records["lifecycle"] = Outcome.FAILED, Lifecycle.FAILED
    records["task_high"], records["task_low"] = encode_arrays(
        seed_tag(plan.seed),
        kind=zeros,
        product=zeros,
        lifecycle=zeros + Lifecycle.FAILED,
        code_set=zeros,
        number=plan.tasks + numbers,
        at=records["at"],
    )
    return records
