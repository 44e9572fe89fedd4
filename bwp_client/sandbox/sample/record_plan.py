"""How many records of each kind a sample holds, and in which chunk each falls."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from bwp_client.sandbox.sample.calendar import DAY, SampleCalendar
from bwp_client.sandbox.sample.rng import I64, draw_array, key, unit_array
from bwp_client.sandbox.sample.task_ids import MAX_NUMBER

RECORDS_PER_CHUNK: Final = 100_000
FEWEST_CHUNKS: Final = 4
SMALL_PRODUCT_TASKS: Final = 9

_REPLAYED_WEEKS: Final = (0.16, 0.37, 0.55, 0.72, 0.90)  # where in the window each replayed week begins
_MALFORMED_KINDS: Final = 8


@dataclass(frozen=True, slots=True)
class Replay:
    """One week of which a share is sent again.

    Attributes:
        name: What the records carry as `replay-name`.
        first: Number of the week's first task.
        last: Number after the week's last task.
        records: How many are sent again.
        starts_at: Unix seconds at which they begin to arrive.
    """

    name: str
    first: int
    last: int
    records: int
    starts_at: int


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """The exact numbers behind a sample; they add up to `events`.

    Attributes:
        seed: The sample's seed.
        events: Records in all.
        tasks: Tasks with an outcome, each with one event.
        conflicts: Tasks with a second, opposite event.
        duplicates: Records delivered again.
        others: Events of types that have nothing to do with privacy.
        malformed: Records that are no proper event.
        replays: Weeks sent again in part.
        chunks: Into how many parts of equal size the window is cut.
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
        """Share out the records.

        Args:
            events: Records in all.
            seed: The sample's seed.
            calendar: The sample's window.

        Raises:
            ValueError: `events` or `seed` is outside what a sample can be.
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
        # A week of a very small sample may hold fewer records than should be sent again.
        duplicates += replayed - sum(replay.records for replay in replays)
        chunks = max(1, min(FEWEST_CHUNKS, events // 50), -(-events // RECORDS_PER_CHUNK))
        return cls(seed, events, tasks, conflicts, duplicates, others, malformed, replays, chunks)

    def chunk_of(self, total: int, chunk: int) -> tuple[int, int]:
        """Give the part of `total` things that belongs to a chunk, as first and after the last.

        Args:
            total: How many things the window holds.
            chunk: The chunk's number, from 0.
        """
        return total * chunk // self.chunks, total * (chunk + 1) // self.chunks

    def spread(self, stream: str, picks: tuple[int, int], over: tuple[int, int]) -> I64:
        """Pick different positions, evenly spread with a random jitter.

        Args:
            stream: What they are picked for.
            picks: First and after the last of the picks' numbers.
            over: First and after the last position to pick from; holds at least as many as there are picks.
        """
        numbers = np.arange(*picks)
        count, span = max(1, len(numbers)), over[1] - over[0]
        bounds = over[0] + np.arange(len(numbers) + 1, dtype=np.int64) * span // count
        jitter = unit_array(draw_array(key(self.seed, stream), numbers))
        # Whole-numbered strata that don't overlap, so no position is picked twice.
        return bounds[:-1] + (jitter * np.diff(bounds)).astype(np.int64)

    def small_product_tasks(self) -> I64:
        """Give the numbers of the few tasks of the product that is too small to rate."""
        count = min(SMALL_PRODUCT_TASKS, self.events // 500)
        return (2 * np.arange(count) + 1) * self.tasks // max(1, 2 * count)


def _replays(records: int, tasks: int, calendar: SampleCalendar) -> list[Replay]:
    replays = []
    for place, fraction in enumerate(_REPLAYED_WEEKS):
        begins = calendar.start + int(fraction * (calendar.end - calendar.start)) // DAY * DAY
        first, last = (int(tasks * calendar.fraction(second)) for second in (begins, begins + 7 * DAY))
        share = records * (place + 1) // len(_REPLAYED_WEEKS) - records * place // len(_REPLAYED_WEEKS)
        # A replay was started ten days after its week, at nine in the morning.
        starts_at = begins + 17 * DAY + 9 * 3_600
        day = np.datetime64(begins, "s").astype("datetime64[D]")
        replays.append(Replay(f"privacy-backfill-{day}", first, last, min(share, last - first), starts_at))
    return replays
