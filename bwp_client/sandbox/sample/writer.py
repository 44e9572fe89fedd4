"""Writes sample events as files: 18 months of a shop's archive, with everything that a loader must handle."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import numpy as np
from isal import isal_zlib

from bwp_client.sandbox.sample import catalog
from bwp_client.sandbox.sample.calendar import DAY, SampleCalendar
from bwp_client.sandbox.sample.catalog import PRODUCT_NAMES, Kind, Lifecycle, Outcome
from bwp_client.sandbox.sample.payload import Renderer
from bwp_client.sandbox.sample.record_plan import RecordPlan
from bwp_client.sandbox.sample.records import RecordKind, Records, by_arrival
from bwp_client.sandbox.sample.task_ids import TaskFields, encode, seed_tag

__all__ = ["PRODUCT_NAMES", "SampleSummary", "waiting_task_ids", "write_sample"]

_BLOCK: Final = 20_000  # records rendered at a time, which bounds the memory
_GZIP: Final = 16 + 15  # a gzip header around the widest window
_MIN_EVENTS_FOR_PLAIN: Final = 400  # smaller samples have no files of other forms
_MAX_PLAIN: Final = 1_500


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """A summary of a written sample.

    `records` is the sum of `privacy`, `duplicates`, `replays`, `other_types` and `malformed`. A loader
    should store the first kind, detect the next two as duplicates, ignore the fourth and quarantine the fifth.

    Attributes:
        files: The number of files.
        records: All records.
        bytes: The size of the files on disk.
        privacy: First deliveries of privacy events.
        duplicates: Repeated deliveries of privacy events.
        replays: Repeated deliveries of privacy events by a replay of an archive (`replay-name`).
        other_types: Events of other types.
        malformed: Malformed records.
        tasks: Tasks with an outcome.
        completed: Tasks whose latest outcome is COMPLETED.
        failed: Tasks whose latest outcome is FAILED.
        conflicting: Tasks with both outcomes.
        late: First deliveries that arrive a day or more after the event.
        enveloped: First deliveries in the newer form of payload.
        new_envelopes: Duplicates with another outer `id` and the same `idempotencyKey`.
        by_type: First deliveries by event type.
        starts_at: The first second of the window.
        ends_at: The second after the last of the window.
        incident_product: The ID of the business product with the incident.
        incident_from: The start of the incident.
        incident_until: The end of the incident.
    """

    files: int
    records: int
    bytes: int
    privacy: int
    duplicates: int
    replays: int
    other_types: int
    malformed: int
    tasks: int
    completed: int
    failed: int
    conflicting: int
    late: int
    enveloped: int
    new_envelopes: int
    by_type: dict[str, int]
    starts_at: datetime
    ends_at: datetime
    incident_product: str
    incident_from: datetime
    incident_until: datetime


def write_sample(
    out: Path, *, events: int, seed: int, until: date, on_progress: Callable[[int], None] | None = None
) -> SampleSummary:
    """Write sample events into a folder: the same bytes for the same `events`, `seed` and `until`.

    Most files are gzipped JSON Lines in order of arrival; one file is uncompressed with records back to back, and one is a
    JSON array.

    Args:
        out: The folder; created if it is missing.
        events: The number of records, repeated and malformed records included.
        seed: Any number from 0.
        until: The last day of the 18 months, which ends at 06:00 UTC.
        on_progress: Called after each block with the number of records written so far.

    Returns:
        The numbers of records by kind.

    Raises:
        FileExistsError: The folder holds sample files already; two samples in a folder would make the counts wrong.
        ValueError: `events`, `seed` or `until` is out of range.
    """
    calendar = SampleCalendar.until(until, seed)
    plan = RecordPlan.make(events, seed, calendar)
    out.mkdir(parents=True, exist_ok=True)
    if any(out.glob("events-*.json*")):
        raise FileExistsError(f"{out} holds sample events already. Nothing was written; choose an empty folder.")
    writer = _Writer(out, Renderer(plan, calendar), on_progress or (lambda _records: None))
    tally = _Tally(calendar)
    for chunk, records in enumerate(by_arrival(plan, calendar)):
        tally.add(records)
        writer.write_chunk(records, form=_other_form(plan, chunk))
    return tally.summary(writer)


def waiting_task_ids(count: int, *, seed: int, until: date, kind: Kind = Kind.DELETION) -> list[str]:
    """Return the IDs of tasks without events, submitted on the days before `until`, one a day.

    Args:
        count: The number of IDs.
        seed: The seed of the sample that the tasks belong to.
        until: The day after the newest submission.
        kind: Deletion or retrieval.
    """
    midnight = int(datetime(until.year, until.month, until.day, tzinfo=UTC).timestamp())
    return [
        encode(
            TaskFields(seed_tag(seed), kind, number % 4, Lifecycle.WAITING, 0, number, midnight - number * DAY - 3_600)
        )
        for number in range(count)
    ]


def _other_form(plan: RecordPlan, chunk: int) -> str | None:
    if plan.events < _MIN_EVENTS_FOR_PLAIN:
        return None
    return {1: "joined", plan.chunks - 1: "array"}.get(chunk)


@dataclass
class _Writer:
    out: Path
    renderer: Renderer
    on_progress: Callable[[int], None]
    files: int = 0
    records: int = 0
    bytes: int = 0

    def write_chunk(self, records: Records, *, form: str | None) -> None:
        """Write a chunk; when a form is given, the first records are written to a file in that form."""
        if form:
            # Without line breaks between records, a malformed record would make its neighbours unreadable.
            head = np.flatnonzero(records["record_kind"] != RecordKind.MALFORMED)[: min(_MAX_PLAIN, len(records) // 3)]
            self._write_plain(records[head], form)
            records = np.delete(records, head)
        path = self._next_path(".json.gz")
        packer = isal_zlib.compressobj(1, wbits=_GZIP)  # writes no time into the header
        with path.open("wb") as packed:
            for block in _blocks(records):
                texts = self.renderer.render(block)
                texts.append("")
                packed.write(packer.compress("\n".join(texts).encode()))
                self._count(len(block))
            packed.write(packer.flush())
        self.bytes += path.stat().st_size

    def _write_plain(self, records: Records, form: str) -> None:
        texts = self.renderer.render(records)
        path = self._next_path(".json")
        path.write_text("".join(texts) if form == "joined" else "[" + ",\n".join(texts) + "]\n", encoding="utf-8")
        self.bytes += path.stat().st_size
        self._count(len(records))

    def _next_path(self, suffix: str) -> Path:
        self.files += 1
        return self.out / f"events-{self.files:05d}{suffix}"

    def _count(self, records: int) -> None:
        self.records += records
        self.on_progress(self.records)


def _blocks(records: Records) -> Iterator[Records]:
    for first in range(0, len(records), _BLOCK):
        yield records[first : first + _BLOCK]


@dataclass
class _Tally:
    calendar: SampleCalendar
    counts: Counter[str] = field(default_factory=Counter)
    by_type: Counter[str] = field(default_factory=Counter)

    def add(self, records: Records) -> None:
        """Count the records of a chunk."""
        private = records["record_kind"] == RecordKind.PRIVACY
        again = private & (records["delivery"] > 0)
        replayed = private & (records["replay"] > 0)
        first = private & ~again & ~replayed
        opening, final = self._ends(records, first)
        failed = records["outcome"] == Outcome.FAILED
        for name, mask in {
            "privacy": first,
            "duplicates": again,
            "replays": replayed,
            "other_types": records["record_kind"] == RecordKind.OTHER,
            "malformed": records["record_kind"] == RecordKind.MALFORMED,
            "completed": final & ~failed,
            "failed": final & failed,
            "conflicting": final & ~opening,
            "late": first & records["late"],
            "enveloped": first & (records["at"] >= self.calendar.gen_b_from),
            "new_envelopes": again & (records["delivery"] == 2),
        }.items():
            self.counts[name] += int(np.count_nonzero(mask))
        for (kind, outcome), name in catalog.PRIVACY_TYPES.items():
            here = first & (records["kind"] == kind) & (records["outcome"] == outcome)
            self.by_type[name] += int(np.count_nonzero(here))

    @staticmethod
    def _ends(records: Records, first: Records) -> tuple[Records, Records]:
        """Return masks of the first and the last event of each task."""
        failed = records["outcome"] == Outcome.FAILED
        recovers = records["lifecycle"] == Lifecycle.FAILED_THEN_COMPLETED
        relapses = records["lifecycle"] == Lifecycle.COMPLETED_THEN_FAILED
        changed = (recovers & ~failed) | (relapses & failed)
        return first & ~changed, first & (changed | ~(recovers | relapses))

    def summary(self, writer: _Writer) -> SampleSummary:
        """Return the summary of the sample."""
        counts, calendar = self.counts, self.calendar
        return SampleSummary(
            files=writer.files,
            records=writer.records,
            bytes=writer.bytes,
            privacy=counts["privacy"],
            duplicates=counts["duplicates"],
            replays=counts["replays"],
            other_types=counts["other_types"],
            malformed=counts["malformed"],
            tasks=counts["completed"] + counts["failed"],
            completed=counts["completed"],
            failed=counts["failed"],
            conflicting=counts["conflicting"],
            late=counts["late"],
            enveloped=counts["enveloped"],
            new_envelopes=counts["new_envelopes"],
            by_type=dict(self.by_type),
            starts_at=datetime.fromtimestamp(calendar.start, tz=UTC),
            ends_at=datetime.fromtimestamp(calendar.end, tz=UTC),
            incident_product=catalog.PRODUCTS[catalog.INCIDENT_PRODUCT].business_product_id,
            incident_from=datetime.fromtimestamp(calendar.incident[0], tz=UTC),
            incident_until=datetime.fromtimestamp(calendar.incident[1], tz=UTC),
        )
