"""`maintain` and `purge` at once, and beside writers: whatever the other cleans away, the work goes on and no row is lost."""

import os
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable
from support.events import NOW, envelope, many, outcomes_of, write
from support.tables import fingerprints, outcomes

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import TableName, Warehouse
from bwp_client.warehouse.maintenance import maintain
from bwp_client.warehouse.outcomes import refresh_outcomes
from bwp_client.warehouse.purge import purge

LOADS, EACH = 9, 12
EVENTS = many(LOADS * EACH, start=NOW - timedelta(days=4))
FLOOR = NOW.replace(hour=0) - timedelta(days=3)
RECENT = [event for event in EVENTS if event["time"] >= f"{FLOOR:%Y-%m-%d}"]
STEP = 29
"""In the short run the other one starts at every 29th opening of a table; in the long one at each."""


class Disturbed(Warehouse):
    """Lets another process care for the warehouse once, right before or after a version is opened here."""

    def __init__(self, uri: str, other: Callable[[Warehouse], object], *, at: int, after: bool) -> None:
        super().__init__(uri)
        self._other = other
        self._at = at
        self._after = after
        self.openings = 0

    def handle(self, table: TableName, version: int | None = None) -> DeltaTable:
        self.openings += 1
        is_time = self.openings == self._at
        if is_time and not self._after:
            self._other(Warehouse(self.uri))
        opened = super().handle(table, version)
        if is_time and self._after:
            self._other(Warehouse(self.uri))
        return opened


def maintain_all(warehouse: Warehouse) -> None:
    refresh_outcomes(warehouse, rebuild=True)
    maintain(warehouse, retain_hours=1)


def purge_old(warehouse: Warehouse) -> None:
    purge(warehouse, FLOOR)


CARES = {"maintain": maintain_all, "purge": purge_old}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a warehouse whose files are so old that nothing but the newest run protects them."""
    folder = tmp_path_factory.mktemp("loaded")
    warehouse = Warehouse(str(folder / "warehouse"))
    for at in range(0, len(EVENTS), EACH):
        load(warehouse, open_source(str(write(folder / "in" / f"{at:05d}.json", EVENTS[at : at + EACH]))))
    long_ago = time.time() - 3 * 3600
    for path in Path(warehouse.uri).rglob("*"):
        os.utime(path, (long_ago, long_ago))
    return Path(warehouse.uri)


def check_each(loaded: Path, folder: Path, own: str, other: str, *, after: bool, step: int) -> int:
    """Disturb the work at every `step`-th opening of a table; return the number of openings without disturbance."""
    at = 1
    while True:
        uri = str(shutil.copytree(loaded, folder / str(at)))
        disturbed = Disturbed(uri, CARES[other], at=at, after=after)
        CARES[own](disturbed)
        if disturbed.openings < at:
            return disturbed.openings
        stored = fingerprints(Warehouse(uri))
        wanted = EVENTS if own == other == "maintain" else RECENT
        assert len(stored) == len(set(stored)) == len(wanted), at
        found = {(row[0], row[1]): (*row[4:7], row[7]) for row in outcomes(Warehouse(uri))}
        assert found == outcomes_of(wanted), at
        shutil.rmtree(uri)
        at += step


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("other", CARES)
@pytest.mark.parametrize("own", CARES)
def test_what_the_other_cleans_away_does_not_stop_the_work(
    loaded: Path, tmp_path: Path, own: str, other: str, after: bool
) -> None:
    assert check_each(loaded, tmp_path, own, other, after=after, step=STEP) > STEP


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("other", CARES)
@pytest.mark.parametrize("own", CARES)
def test_the_other_may_start_at_every_opening(loaded: Path, tmp_path: Path, own: str, other: str, after: bool) -> None:
    print(f"{own} beside {other}: {check_each(loaded, tmp_path, own, other, after=after, step=1)} openings")


def test_a_load_beside_a_load_and_a_purge_loses_nothing(loaded: Path, tmp_path: Path) -> None:
    uri = str(shutil.copytree(loaded, tmp_path / "warehouse"))
    own, other = ([envelope(f"{name}-{number}", outcome="FAILED") for number in range(5)] for name in ("own", "other"))
    sources = {
        name: open_source(str(write(tmp_path / f"{name}.json", events)))
        for name, events in {"own": own, "other": other}.items()
    }

    class Overtaken(Warehouse):
        def commit(self, table, rows_for, **options):  # type: ignore[no-untyped-def]
            def disturbed(handle: DeltaTable):  # type: ignore[no-untyped-def]
                found = rows_for(handle)
                if table is TableName.EVENTS and not done:
                    done.append(True)
                    load(Warehouse(uri), sources["other"])
                    purge(Warehouse(uri), FLOOR)
                return found

            return super().commit(table, disturbed, **options)

    done: list[bool] = []
    assert load(Overtaken(uri), sources["own"]).stored == len(own)
    found = {(row[0], row[1]): (*row[4:7], row[7]) for row in outcomes(Warehouse(uri))}
    assert found == outcomes_of([*RECENT, *own, *other])
    assert len(fingerprints(Warehouse(uri))) == len(RECENT) + len(own) + len(other)
