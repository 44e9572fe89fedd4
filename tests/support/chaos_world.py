"""A shop's events, broken records and requests for the chaos test, and the tables that they must end as.

Everything is drawn from a seed. What must be in the tables follows from what was drawn, by no code of the product; task IDs
are those of the sandbox, which knows the answer about each.
"""

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bwp_client.sandbox.sample.catalog import CODE_SETS, PRODUCTS, Kind, Lifecycle
from bwp_client.sandbox.sample.task_ids import TaskFields, encode
from support.events import envelope, text_of

DAY = timedelta(days=1)
DAYS = 60
FLOOR_DAYS = (52, 48, 40)
"""How many days ago the days lie before which a purge removes everything."""
BEHIND_DAYS = 8
"""How many days the clock of some loads is behind."""
ARCHIVE_DAYS = (45, 25, 5)
"""How many days ago the windows of the archive begin and end."""
FAILS = {Lifecycle.FAILED, Lifecycle.COMPLETED_THEN_FAILED}

Key = tuple[str, str, str]
"""The ID, the type and the task of a stored event."""


@dataclass(frozen=True)
class Fact:
    """What one stored row of the events says."""

    key: Key
    kind: str
    product: str
    outcome: str
    at: datetime


@dataclass
class World:
    """What a shop writes, and what must come of it.

    Attributes:
        files: The text of each file to load.
        archived: The events of the archive, the broken ones among them.
        imports: The text of each file of requests. The first one's tasks end before the first floor, and are in the first
            file of events.
    """

    seed: int
    tasks: int
    today: datetime
    files: dict[str, bytes] = field(default_factory=dict)
    archived: list[dict[str, Any]] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    facts: dict[Key, Fact] = field(default_factory=dict)
    broken: Counter[tuple[str, str]] = field(default_factory=Counter)
    """The number of broken records by file and reason."""
    archived_broken: set[str] = field(default_factory=set)
    """The IDs of the broken events of the archive."""
    requests: dict[str, tuple[datetime, str | None]] = field(default_factory=dict)
    """The time of receipt and the note of each task that is requested and not purged."""
    waiting: set[str] = field(default_factory=set)

    @property
    def floors(self) -> list[datetime]:
        return [self.today - days * DAY for days in FLOOR_DAYS]

    @property
    def windows(self) -> list[tuple[datetime, datetime]]:
        first, middle, last = (self.today - days * DAY for days in ARCHIVE_DAYS)
        return [(first, middle), (middle, last)]

    def events_since(self, floor: datetime) -> dict[Key, Fact]:
        return {key: fact for key, fact in self.facts.items() if fact.at >= floor}

    def outcomes_since(self, floor: datetime) -> dict[tuple[str, str], tuple[Any, ...]]:
        """Return (task, kind) → (product, outcome, at, conflicting, events seen): the latest counts, FAILED on a tie."""
        by_task: dict[tuple[str, str], list[Fact]] = {}
        for fact in self.events_since(floor).values():
            by_task.setdefault((fact.key[2], fact.kind), []).append(fact)
        found = {}
        for task, facts in by_task.items():
            latest = max(facts, key=lambda fact: (fact.at, fact.outcome == "FAILED"))
            is_conflicting = len({fact.outcome for fact in facts}) == 2
            found[task] = (latest.product, latest.outcome, latest.at, is_conflicting, len(facts))
        return found

    def failed_once(self) -> set[str]:
        """Return the tasks that some order of loads shows as failed."""
        return {key[2] for key, fact in self.facts.items() if fact.outcome == "FAILED"}


def make_world(seed: int, *, tasks: int = 400, files: int = 24, imports: int = 7, has_archive: bool = True) -> World:
    """Draw a world; without an archive, every event is in a file."""
    dice = random.Random(seed)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    world = World(seed, tasks, today)
    texts: list[list[Any]] = [[] for _ in range(files)]
    early: list[str] = []
    late: list[tuple[str, str]] = []
    number = 0
    while number < tasks:
        number += 1
        task, events = _task(world, dice, number)
        last = max(event["time"] for event in events)
        first = min(event["time"] for event in events)
        is_early = last < f"{world.floors[0]:%Y-%m-%d}" and dice.random() < 0.3
        if is_early and events[0]["detail-type"].split("_")[2] == "DELETION":
            early.append(task)
        elif first > f"{world.floors[-1]:%Y-%m-%d}" and dice.random() < 0.2:
            late.append((task, events[0]["detail-type"].split("_")[2]))
        for event in events:
            _put(world, dice, texts, event, first_file=is_early, has_archive=has_archive)
    _break(world, dice, texts)
    for place, records in enumerate(texts):
        dice.shuffle(records)
        world.files[f"{place:03d}.json"] = _text(records)
    _request(world, dice, early, late, imports - 1)
    return world


def _task(world: World, dice: random.Random, number: int) -> tuple[str, list[dict[str, Any]]]:
    """Draw a task and its events."""
    kind = Kind.RETRIEVAL if dice.random() < 0.1 else Kind.DELETION
    lifecycle = dice.choices(
        [Lifecycle.COMPLETED, Lifecycle.FAILED, Lifecycle.FAILED_THEN_COMPLETED, Lifecycle.COMPLETED_THEN_FAILED],
        [6, 3, 1, 1],
    )[0]
    product = dice.randrange(4)
    at = world.today - DAYS * DAY + timedelta(seconds=dice.randrange(3 * 86_400, (DAYS - 2) * 86_400))
    codes = dice.randrange(len(CODE_SETS) - 2)
    task = encode(TaskFields(world.seed, kind, product, lifecycle, codes, number, int(at.timestamp())))
    outcomes = [("FAILED" if lifecycle in FAILS else "COMPLETED", at)]
    if lifecycle in (Lifecycle.FAILED_THEN_COMPLETED, Lifecycle.COMPLETED_THEN_FAILED):
        is_tie = lifecycle is Lifecycle.COMPLETED_THEN_FAILED and dice.random() < 0.3
        before = at if is_tie else at - timedelta(seconds=dice.randrange(1, 2 * 86_400))
        outcomes.append(("COMPLETED" if lifecycle in FAILS else "FAILED", before))
    events = []
    for outcome, time in outcomes:
        event = envelope(
            task, outcome=outcome, kind=kind.name, time=time, product=PRODUCTS[product].business_product_id
        )
        key = f"k-{world.seed}-{number}-{outcome}"
        event["detail"] = {"idempotencyKey": key, "apiVersion": "2024-11-01"}
        events.append(event)
        name = (key, event["detail-type"], task)
        world.facts[name] = Fact(name, kind.name, PRODUCTS[product].business_product_id, outcome, time)
    return task, events


def _put(
    world: World,
    dice: random.Random,
    texts: list[list[Any]],
    event: dict[str, Any],
    *,
    first_file: bool,
    has_archive: bool,
) -> None:
    """Put an event into a file, into several, or into the archive."""
    start, end = world.windows[0][0], world.windows[-1][1]
    in_archive = has_archive and start <= datetime.fromisoformat(event["time"]) < end and dice.random() < 0.35
    if in_archive:
        world.archived.append(event)
    if first_file:
        texts[0].append(event)
    elif not in_archive or dice.random() < 0.4:
        dice.choice(texts[1:]).append(event)
    if dice.random() < 0.2:
        dice.choice(texts[1:]).append(event | {"id": f"{event['id']}-again"})
    if dice.random() < 0.1:
        dice.choice(texts).append(event | {"detail-type": "ORDER_CREATED"})


def _break(world: World, dice: random.Random, texts: list[list[Any]]) -> None:
    """Add records that can't be read."""
    names = list(world.facts)
    for number in range(len(texts) * 2):
        place = dice.randrange(len(texts))
        task = dice.choice(names)[2]
        reason, record = dice.choice(
            [
                ("not_json", f"no JSON at all, number {number}"),
                ("not_an_envelope", {"said": f"{world.seed}-{number}", "of": task}),
                ("no_task_in_resources", envelope(task, id=f"x-{number}") | {"resources": ["businessProduct/bp-1"]}),
                ("bad_time", envelope(task, id=f"y-{number}", time="2026-05-01T00:00:00")),
            ]
        )
        texts[place].append(record)
        world.broken[f"{place:03d}.json", reason] += 1
    for number in range(8):
        key = f"broken-{world.seed}-{number}"
        time = dice.choice(world.windows)[0] + timedelta(hours=1 + dice.randrange(100))
        world.archived_broken.add(key)
        world.archived.append(
            envelope("none", time=time) | {"resources": ["businessProduct/bp-1"], "detail": {"idempotencyKey": key}}
        )


def _text(records: list[Any]) -> bytes:
    """Return lines; what is no JSON stays as it is."""
    return b"".join(
        record.encode() + b"\n" if isinstance(record, str) else text_of([record], "lines") for record in records
    )


def _request(world: World, dice: random.Random, early: list[str], late: list[tuple[str, str]], imports: int) -> None:
    """List requests of purged tasks, of others, and of tasks without an event."""
    header = "task_id,task_kind,received_at,note"
    received = world.today - (DAYS + 10) * DAY
    world.imports.append("\n".join([header, *(f"{task},DELETION,{received:%Y-%m-%d},early" for task in early)]))
    for number in range(12):
        fields = TaskFields(world.seed, Kind.DELETION, number % 4, Lifecycle.WAITING, 0, 900_000 + number,
                            int((world.today - 3 * DAY).timestamp()))  # fmt: skip
        world.waiting.add(encode(fields))
    listed = [*late, *((task, "DELETION") for task in sorted(world.waiting))]
    dice.shuffle(listed)
    size = 1 + len(listed) // imports
    for begin in range(0, len(listed), size):
        lines = [header]
        for task, kind in listed[begin : begin + size]:
            note = f"note {dice.randrange(1000)}"
            lines.append(f"{task},{kind},{received:%Y-%m-%d},{note}")
            world.requests[task] = (received, note)
        world.imports.append("\n".join(lines))


def write_world(world: World, folder: Path) -> None:
    """Write the files to load, and the files of requests."""
    (folder / "in").mkdir()
    for name, text in world.files.items():
        (folder / "in" / name).write_bytes(text)
    for number, text in enumerate(world.imports):
        (folder / f"requests-{number}.csv").write_text(text, encoding="utf-8")


def key_of_raw(raw: bytes) -> str:
    """Return the ID in the stored bytes of a broken event."""
    return str(json.loads(raw)["detail"]["idempotencyKey"])
