"""A warehouse with known events and lookups, and reports made of it by the command line."""

import json
from contextlib import chdir
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from bwp_client.cli.app import app
from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse
from support.events import PRODUCT, envelope, write
from support.lookups import looked_up, store_lookups

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
WEEK = "2026-W10"


def week_of_events(monday: datetime, *, failed: int, completed: int, prefix: str, product: str = PRODUCT) -> list[Any]:
    """Return events spread over a week, the last on Sunday evening."""
    count = failed + completed
    return [
        envelope(
            f"{prefix}-{number}",
            outcome="FAILED" if number < failed else "COMPLETED",
            time=monday + timedelta(seconds=600_000 * (number + 1) / count),
            product=product,
        )
        for number in range(count)
    ]


def look_up(warehouse: Warehouse, answers: dict[str, list[str | None]], *, product: str = PRODUCT) -> None:
    """Store a lookup of each failed task, as a run of its own."""
    asked_at = MONDAY + timedelta(days=7)
    rows = [
        looked_up(
            task,
            errors=codes,
            business_product_id=product,
            submitted_at=MONDAY - timedelta(days=3),
            updated_at=MONDAY,
            holding_period_days=10,
            asked_at=asked_at,
        )
        for task, codes in answers.items()
    ]
    store_lookups(warehouse, rows, finished_at=datetime.now(UTC))


def make_warehouse(folder: Path, events: list[Any], answers: dict[str, list[str | None]]) -> Warehouse:
    warehouse = Warehouse(str(folder / "warehouse"))
    load(warehouse, open_source(str(write(folder / "events" / "0.json", events))))
    if answers:
        look_up(warehouse, answers)
    return warehouse


def day_after() -> Any:
    """Return an event after the week of `MONDAY`: reports that wait for data beyond their period wait for it."""
    return envelope("day-after", time=MONDAY + timedelta(days=7, hours=1))


def steady(prefix: str = "t") -> tuple[list[Any], dict[str, list[str | None]]]:
    """Return four weeks of events, in each week 10 failed of 200, and the error codes of each failed task."""
    events, answers = [], {}
    for week in range(4):
        name = f"{prefix}{week}"
        events += week_of_events(MONDAY - timedelta(weeks=3 - week), failed=10, completed=190, prefix=name)
        answers |= {f"{name}-{number}": ["ORDERS_NOT_CLOSED"] for number in range(10)}
    return events, answers


QUIET = {"BWP_REPORT__BROWSER": "none", "BWP_REPORT__MAX_STALE_HOURS": "1000000"}
"""No pictures, and events of last spring count as fresh."""


def run(folder: Path, *arguments: str | Path, allowed: tuple[int, ...] = (0,), **env: str) -> Result:
    """Run the command line in this process, with a folder as the working directory."""
    with chdir(folder):
        done = CliRunner().invoke(app, [str(item) for item in arguments], env={**QUIET, **env})
    assert done.exit_code in allowed, done.output
    return done


def run_json(folder: Path, *arguments: str | Path, allowed: tuple[int, ...] = (0,), **env: str) -> Any:
    return json.loads(run(folder, *arguments, allowed=allowed, **env).stdout)


def report(folder: Path, *options: str, period: str = WEEK, **env: str) -> Result:
    return run(folder, "report", "--period", period, *options, allowed=(0, 1, 2), **env)


def report_json(folder: Path, *options: str, period: str = WEEK, **env: str) -> Any:
    return run_json(folder, "report", "--period", period, *options, "--json", **env)
