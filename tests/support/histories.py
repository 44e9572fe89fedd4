"""Messy histories of a shop: late and repeated events, conflicting outcomes, a purge, replaced requests, weeks of DST."""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.purge import purge
from support.events import envelope, write
from support.lookups import looked_up, store_lookups
from support.reports import run

PRODUCTS = ("bp-a", "bp-b", "bp-c", "bp-only-failed")
CODES = ("ORDERS_NOT_CLOSED", "DATA_SUBJECT_NOT_FOUND", "LEGAL_HOLD", "NEVER_HEARD_OF", None)


@dataclass
class History:
    """What happened in a shop, as plain values, and the settings under which it is looked at.

    Attributes:
        first_day: The first day with events.
        days: The number of days with events.
        zone: The shop's time zone.
        rule: The law, or the laws by business product.
        purged_before: Data before this day are purged after the second load; None for no purge.
        rises_on: The number of the day from which three times as many tasks fail; None for never.
        loads: The events of each load.
        lookups: Rows of the lookups table.
        requests: The shop's list, a row of text per request.
    """

    first_day: date
    days: int
    zone: str
    rule: str | dict[str, str]
    purged_before: date | None = None
    rises_on: int | None = None
    loads: tuple[list[Any], list[Any], list[Any]] = field(default_factory=lambda: ([], [], []))
    lookups: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)

    @property
    def last_day(self) -> date:
        return self.first_day + timedelta(days=self.days - 1)

    @property
    def settings(self) -> dict[str, str]:
        import json

        return {
            "BWP_TIMEZONE": self.zone,
            "BWP_DEADLINE_RULE": self.rule if isinstance(self.rule, str) else json.dumps(self.rule),
        }


def make_up(history: History, seed: int, *, per_day: int = 30) -> History:
    """Fill a history with tasks whose events are late, repeated and in conflict, with lookups and requests."""
    dice = random.Random(seed)
    start = datetime(history.first_day.year, history.first_day.month, history.first_day.day, tzinfo=UTC)
    failed: list[tuple[str, str, datetime]] = []
    completed: list[str] = []
    for number in range(history.days * per_day):
        day = number // per_day
        # The first and the last event of each day keep every day covered from end to end.
        second = {0: 60, per_day - 1: 86_340}.get(number % per_day, dice.randrange(60, 86_340))
        at = start + timedelta(days=day, seconds=second)
        product = dice.choices(PRODUCTS, [10, 6, 3, 1])[0]
        kind = "RETRIEVAL" if dice.random() < 0.1 else "DELETION"
        rate = {"bp-a": 0.08, "bp-b": 0.2, "bp-c": 0.05, "bp-only-failed": 1.0}[product]
        if history.rises_on is not None and day >= history.rises_on:
            rate = min(1.0, 3 * rate)
        task = f"{kind[0].lower()}-{number:05d}"
        is_failed = dice.random() < rate
        _add_events(history, dice, task, kind, product, at, is_failed=is_failed)
        _add_lookup(history, dice, task, kind, product, at, is_failed=is_failed)
        if kind == "DELETION":
            if is_failed:
                failed.append((task, product, at))
            else:
                completed.append(task)
    _add_requests(history, dice, failed, completed)
    _add_old_events(history, start)
    return history


def store(history: History, folder: Path) -> Warehouse:
    """Load, look up, import and purge as the history says; return the warehouse."""
    warehouse = Warehouse(str(folder / "warehouse"))
    first, late, last = history.loads
    load(warehouse, open_source(str(write(folder / "in" / "1.json", first))))
    store_lookups(warehouse, history.lookups, finished_at=datetime.now(UTC))
    columns = ("task_id", "task_kind", "business_product_id", "received_at", "replaced_by", "closed_at")
    lines = [",".join(columns), *(",".join(row.get(name, "") for name in columns) for row in history.requests)]
    (folder / "requests.csv").write_text("\n".join(lines), encoding="utf-8")
    run(folder, "import", "requests.csv", **history.settings)
    load(warehouse, open_source(str(write(folder / "in" / "2.json", late))))
    if history.purged_before is not None:
        day = history.purged_before
        purge(warehouse, datetime(day.year, day.month, day.day, tzinfo=UTC))
    load(warehouse, open_source(str(write(folder / "in" / "3.json", last))))
    return warehouse


def _add_events(
    history: History, dice: random.Random, task: str, kind: str, product: str, at: datetime, *, is_failed: bool
) -> None:
    start = datetime(history.first_day.year, history.first_day.month, history.first_day.day, tzinfo=UTC)
    region = dice.choice(["us-east-1", "eu-west-1"])
    outcome = "FAILED" if is_failed else "COMPLETED"
    event = envelope(task, outcome=outcome, kind=kind, time=at, product=product, region=region)
    load_number = 1 if dice.random() < 0.1 else 0  # late
    history.loads[load_number].append(event)
    if dice.random() < 0.05:  # repeated, in the same load or in a later
        history.loads[dice.choice([load_number, 2])].append(event)
    if dice.random() < 0.06 and product != "bp-only-failed":
        # The other outcome came before this event, or in the same second: then the task counts as failed.
        other = "COMPLETED" if is_failed else "FAILED"
        before = timedelta(0) if is_failed and dice.random() < 0.3 else timedelta(hours=dice.randrange(1, 200))
        earlier = envelope(task, outcome=other, kind=kind, time=at - before, product=product, region=region)
        if at - before >= start:
            history.loads[dice.choice([0, 1])].append(earlier)
    elif dice.random() < (0.2 if is_failed else 0.02) and product == "bp-a" and at - timedelta(hours=5) >= start:
        # The task was first reported under another product; the latest event counts.
        moved = envelope(task, outcome=outcome, kind=kind, time=at - timedelta(hours=5), product="bp-b", region=region)
        history.loads[0].append(moved)


def _add_lookup(
    history: History, dice: random.Random, task: str, kind: str, product: str, at: datetime, *, is_failed: bool
) -> None:
    chance = dice.random()
    if chance > (0.85 if is_failed else 0.2):
        return
    submitted = (at - timedelta(seconds=dice.expovariate(1 / 400_000))).replace(microsecond=0)
    codes = dice.choices(CODES, [6, 3, 2, 1, 1], k=dice.choice([0, 1, 1, 1, 2, 3])) if is_failed else []
    history.lookups.append(
        looked_up(
            task, kind=kind, status="FAILED" if is_failed else "COMPLETED", errors=codes, business_product_id=product,
            submitted_at=submitted, updated_at=at, holding_period_days=dice.choice([0, 10, 30]),
            asked_at=at + timedelta(days=1),
        )
    )  # fmt: skip


def _add_requests(
    history: History, dice: random.Random, failed: list[tuple[str, str, datetime]], completed: list[str]
) -> None:
    """List a third of the failed tasks, most without their kind: received, replaced by a task, or closed."""
    zone = ZoneInfo(history.zone)
    chosen = dice.sample(failed, len(failed) // 3)
    replacing = iter(dice.sample(completed, 30))
    later_failed = iter(sorted((item for item in failed if item not in chosen), key=lambda item: item[2], reverse=True))
    for number, (task, product, at) in enumerate(chosen):
        received = (at - timedelta(days=dice.randrange(1, 30))).astimezone(zone)
        row = {"task_id": task}
        if number % 4 != 1:
            row["received_at"] = received.date().isoformat() if number % 2 else received.isoformat(timespec="minutes")
        if number % 3 == 0:
            row |= {"task_kind": "DELETION", "business_product_id": product}
        if number % 5 == 0 and number < 100:
            row["replaced_by"] = next(replacing)
        elif number % 7 == 0 and number < 100:
            row["replaced_by"] = next(later_failed)[0]
        elif number % 11 == 0:
            row["closed_at"] = (at + timedelta(days=2)).astimezone(zone).date().isoformat()
        history.requests.append(row)
    for number in range(5):
        day = history.last_day - timedelta(days=number)
        history.requests.append({"task_id": f"waiting-{number}", "received_at": day.isoformat()})


def _add_old_events(history: History, start: datetime) -> None:
    """Add events from before the purge to the last load, which ignores them."""
    if history.purged_before is not None:
        history.loads[2].extend(
            envelope(f"d-too-old-{number}", outcome="FAILED", time=start + timedelta(hours=number), product="bp-a")
            for number in range(20)
        )
