"""A warehouse made of tasks: their outcomes loaded as events, what the API said about them written as lookups."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.snapshot import Snapshot
from support.events import envelope, write
from support.lookups import looked_up, store_lookups

CODES = ("ORDERS_NOT_CLOSED", "DATA_SUBJECT_NOT_FOUND", "LEGAL_HOLD", "NEVER_HEARD_OF")


@dataclass(frozen=True)
class Task:
    """One task; `codes` None means not looked up, a None among them a null code."""

    task_id: str
    outcome: str
    at: datetime
    product: str = "bp-a"
    kind: str = "DELETION"
    region: str = "us-east-1"
    codes: tuple[str | None, ...] | None = None
    submitted_at: datetime | None = None

    @property
    def code_set(self) -> str:
        if self.codes is None:
            return "(not looked up)"
        return " + ".join(sorted({code or "(uncoded)" for code in self.codes})) or "(uncoded)"


def shop_of(folder: Path, tasks: Sequence[Task]) -> Snapshot:
    """Load the tasks' events, write their lookups, and open the newest picture."""
    warehouse = Warehouse(str(folder / "warehouse"))
    events = [
        envelope(
            task.task_id, outcome=task.outcome, kind=task.kind, time=task.at, product=task.product, region=task.region
        )
        for task in tasks
    ]
    random.Random(1).shuffle(events)
    load(warehouse, open_source(str(write(folder / "in.json.gz", events))))
    asked = [task for task in tasks if task.submitted_at is not None]
    if asked:
        now = datetime.now(UTC)
        rows = [
            looked_up(
                task.task_id,
                kind=task.kind,
                status=task.outcome,
                errors=list(task.codes or ()),
                business_product_id=task.product,
                submitted_at=task.submitted_at,
                updated_at=task.at,
                holding_period_days=0,
                asked_at=now,
            )
            for task in asked
        ]
        store_lookups(warehouse, rows, finished_at=now)
    return Snapshot.newest(warehouse)


def random_tasks(seed: int, count: int, *, start: datetime, days: int) -> list[Task]:
    """Give tasks of four products with everything that metrics tell apart; one product has no COMPLETED outcome."""
    dice = random.Random(seed)
    tasks = []
    for number in range(count):
        product = dice.choices(["bp-a", "bp-b", "bp-c", "bp-only-failed"], [5, 3, 1, 1])[0]
        kind = "DELETION" if dice.random() < 0.9 else "RETRIEVAL"
        failed = product == "bp-only-failed" or dice.random() < {"bp-a": 0.1, "bp-b": 0.3, "bp-c": 0.02}[product]
        at = start + timedelta(seconds=dice.randrange(days * 86_400))
        looked_up = failed and dice.random() < 0.8
        codes = (
            tuple(dice.choices([*CODES, None], [6, 3, 2, 1, 2], k=dice.choice([0, 1, 1, 1, 2, 3])))
            if looked_up
            else None
        )
        has_time = looked_up or (not failed and dice.random() < 0.2)
        tasks.append(
            Task(
                f"t-{number}", "FAILED" if failed else "COMPLETED", at, product, kind,
                dice.choice(["us-east-1", "eu-west-1"]), codes,
                at - timedelta(seconds=dice.expovariate(1 / 50_000)) if has_time else None,
            )
        )  # fmt: skip
    return tasks


def frame_of(tasks: Sequence[Task]) -> pd.DataFrame:
    """Give the tasks as rows, for computations in pandas."""
    return pd.DataFrame(
        {
            "task_id": [task.task_id for task in tasks],
            "failed": [task.outcome == "FAILED" for task in tasks],
            "at": pd.to_datetime([task.at for task in tasks], utc=True),
            "product": [task.product for task in tasks],
            "kind": [task.kind for task in tasks],
            "region": [task.region for task in tasks],
            "codes": [task.codes for task in tasks],
            "code_set": [task.code_set for task in tasks],
            "seconds": [
                (task.at - task.submitted_at).total_seconds() if task.submitted_at else float("nan") for task in tasks
            ],
        }
    )
