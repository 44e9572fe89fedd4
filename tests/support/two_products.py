"""A warehouse of two products over twelve weeks, whose failures a test chooses by day."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse
from support.events import envelope, write
from support.lookups import looked_up, store_lookups

LUMA, HARBOR = (f"bp-2f1c8f1e-0000-4000-8000-00000000000{end}" for end in "ab")
START = datetime(2026, 8, 31, tzinfo=UTC)
DAYS, PER_DAY = 84, 30
RateOf = Callable[[int, str], int]
"""Returns how many of thirty tasks of a product fail on a day."""


def make_shop(folder: Path, failures_of: RateOf, code_of: Callable[[int, str], str]) -> Path:
    """Return a warehouse of two products over twelve weeks, whose failed tasks were all looked up."""
    events, answers = [], []
    for day in range(DAYS):
        for product in (LUMA, HARBOR):
            for number in range(PER_DAY):
                task, failed = f"t-{day:02d}-{product[-1]}-{number:02d}", number < failures_of(day, product)
                time = START + timedelta(days=day, minutes=30 * number)
                events.append(envelope(task, outcome="FAILED" if failed else "COMPLETED", time=time, product=product))
                if failed:
                    answers.append(looked_up(task, errors=[code_of(day, product)], business_product_id=product))
    load(Warehouse(str(folder / "w")), open_source(str(write(folder / "events.json", events))))
    store_lookups(Warehouse(str(folder / "w")), answers, finished_at=START + timedelta(days=DAYS))
    return folder / "w"
