"""The plan of a sample: the number of records of each kind, and the chunk of each."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from bwp_client.sandbox.sample.calendar import DAY, SampleCalendar
from bwp_client.sandbox.sample.rng import I64, draw_array, key, unit_array
from bwp_client.sandbox.sample.task_ids import MAX_NUMBER

RECORDS_PER_CHUNK: Final = 100_000
MIN_CHUNKS: Final = 4
SMALL_PRODUCT_TASKS: Final = 9

_REPLAYED_WEEKS: Final = (
    0.16,
    0.37,
    0.55,
    0.72,
    0.90,
)  # the beginnings of the replayed weeks, as fractions of the window
_MALFORMED_KINDS: Final = 8


@dataclass(frozen=True, slots=True)
class Replay:
    """The replay of some records of a week.

    Attributes:
        name: The `replay-name` of the records.
        first: The number of the week's first task.
        last: The number after the week's last task.
        records: The number of replayed records.
        starts_at: The time at which the records begin to arrive, in Unix seconds.
    """

    name: str
    first: int
    last: int
    records: int
    starts_at: int


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """The numbers of records of a sample; they add up to `events`.

    Attributes:
        seed: The sample's seed.
        events: All records.
        tasks: Tasks with an outcome, each with one event.
        conflicts: Tasks with a second, opposite event.
        duplicates: Records delivered again.
        others: Events of other types.
        malformed: Malformed records.
        replays: The replays.
        chunks: The number of chunks, which hold equal numbers of records.
    """

    seed: int
    events: int
    tasks: int
    conflicts: int
    duplicates: int
    others: int
    malformed: int
    replays: tuple[Replay, ...]
    chunks: int

    @classmethod
    def make(cls, events: int, seed: int, calendar: SampleCalendar) -> "RecordPlan":
        """Return the plan of a sample.

        Args:
            events: All records.
            seed: The sample's seed.
            calendar: The sample's window.

        Raises:
            ValueError: `events` or `seed` is out of range.
        """
        if not 1 <= events <= MAX_NUMBER:
            raise ValueError(f"A sample has 1 to {MAX_NUMBER:,} events, not {events:,}.")
        if seed < 0:
            raise ValueError(f"The seed of a sample is 0 or more, not {seed}.")
        malformed = max(_MALFORMED_KINDS, events // 2_000) if events >= 5_000 else events // 600
        others, duplicates, replayed = events * 6 // 100, events * 3 // 100, events * 18 // 1_000
        conflicts = max(4, events // 5_000) if events >= 1_000 else 0
        tasks = events - malformed - others - duplicates - replayed - conflicts
        replays = tuple(_replays(replayed, tasks, calendar))
        # A week of a very small sample may hold fewer records than the replay should.
        duplicates += replayed - sum(replay.records for replay in replays)
        chunks = max(1, min(MIN_CHUNKS, events // 50), -(-events // RECORDS_PER_CHUNK))
        return cls(seed, events, tasks, conflicts, duplicates, others, malformed, replays, chunks)

    def chunk_of(self, total: int, chunk: int) -> tuple[int, int]:
        """Return the first number of a chunk and the number after its last.

        Args:
            total: The count of numbers in all chunks.
            chunk: The chunk's number, from 0.
        """
        return total * chunk // self.chunks, total * (chunk + 1) // self.chunks

    def spread(self, stream: str, picks: tuple[int, int], over: tuple[int, int]) -> I64:
        """Return different positions, evenly spread with a random jitter.

        Args:
            stream: The name of the random stream.
            picks: The first number of the picks, and the number after the last.
            over: The first position to pick from, and the position after the last; at least as many as there are picks.

        Returns:
            Positions, of shape (picks,).
        """
        numbers = np.arange(*picks)
        count, span = max(1, len(numbers)), over[1] - over[0]
        bounds = over[0] + np.arange(len(numbers) + 1, dtype=np.int64) * span // count
        jitter = unit_array(draw_array(key(self.seed, stream), numbers))
        # The strata are integers and don't overlap, so no position is picked twice.
        return bounds[:-1] + (jitter * np.diff(bounds)).astype(np.int64)

    def small_product_tasks(self) -> I64:
        """Return the numbers of the tasks of the product that is too small to rate, of shape (n,)."""
        count = min(SMALL_PRODUCT_TASKS, self.events // 500)
        return (2 * np.arange(count) + 1) * self.tasks // max(1, 2 * count)


def _replays(records: int, tasks: int, calendar: SampleCalendar) -> list[Replay]:
    replays = []
    for week, fraction in enumerate(_REPLAYED_WEEKS):
        begins = calendar.start + int(fraction * (calendar.end - calendar.start)) // DAY * DAY
        first, last = (int(tasks * calendar.fraction(second)) for second in (begins, begins + 7 * DAY))
        share = records * (week + 1) // len(_REPLAYED_WEEKS) - records * week // len(_REPLAYED_WEEKS)
        # A replay starts ten days after its week, at 09:00 UTC.
        starts_at = begins + 17 * DAY + 9 * 3_600
        day = np.datetime64(begins, "s").astype("datetime64[D]")
        replays.append(Replay(f"privacy-backfill-{day}", first, last, min(share, last - first), starts_at))
    return replays
