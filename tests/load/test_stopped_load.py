"""A load stopped at any step: the next one, or any command that looks, leaves what an undisturbed load leaves."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.events import envelope, many, text_of
from support.failing import Failing, StoppedError
from support.tables import fingerprints, outcomes, reasons

from bwp_client.load import load
from bwp_client.monitoring.status import status_of
from bwp_client.sources import open_source
from bwp_client.warehouse import TableName, Warehouse, list_runs, newest_run
from bwp_client.warehouse.maintenance import bring_up_to_date
from bwp_client.warehouse.snapshot import Snapshot

STEPS = (TableName.EVENTS, TableName.QUARANTINE, TableName.OBJECTS, TableName.OUTCOMES, TableName.RUNS)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    events = many(40)
    for number in range(2):
        part = events[number * 20 : number * 20 + 25]
        (folder / f"{number}.json").write_bytes(text_of([*part, f"broken {number}", envelope("x", id=None)]))
    return folder


def state(warehouse: Warehouse) -> tuple:
    run = newest_run(warehouse)
    assert run is not None
    seen = Snapshot(warehouse, run)
    assert seen.events_not_yet_counted == 0
    counted = seen.rows("select task_kind, outcome, sum(tasks) from daily_counts group by all order by all")
    return fingerprints(warehouse), outcomes(warehouse), reasons(warehouse), counted


def newest_versions(warehouse: Warehouse) -> dict[str, int]:
    return {name.value: warehouse.handle(name).version() for name in STEPS if name is not TableName.RUNS}


@pytest.fixture
def undisturbed(source: Path, tmp_path: Path) -> tuple:
    warehouse = Warehouse(str(tmp_path / "undisturbed"))
    load(warehouse, open_source(str(source)))
    return state(warehouse)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_the_next_load_leaves_the_same_tables_and_publishes_them(
    source: Path, undisturbed: tuple, tmp_path: Path, step: TableName, after: bool
) -> None:
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    with pytest.raises(StoppedError):
        load(Failing(warehouse.uri, step, after=after), open_source(str(source)))
    again = load(warehouse, open_source(str(source)))
    assert again.read == again.stored + again.duplicate + again.ignored + again.quarantined
    assert state(warehouse) == undisturbed
    run = newest_run(warehouse)
    assert run is not None
    assert {name: run.versions[name] for name in newest_versions(warehouse)} == newest_versions(warehouse)
    third = load(warehouse, open_source(str(source)))
    assert (third.objects, third.read) == (0, 0)
    assert newest_run(warehouse) == run


@pytest.mark.parametrize("look", [status_of, bring_up_to_date], ids=["status", "maintain"])
@pytest.mark.parametrize("step", [TableName.OUTCOMES, TableName.RUNS])
def test_any_command_that_looks_finishes_what_was_stored(
    source: Path, undisturbed: tuple, tmp_path: Path, step: TableName, look: Callable[[Warehouse], object]
) -> None:
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    with pytest.raises(StoppedError):
        load(Failing(warehouse.uri, step, after=False), open_source(str(source)))
    look(warehouse)
    assert state(warehouse) == undisturbed
    runs = len(list_runs(warehouse))
    look(warehouse)
    assert len(list_runs(warehouse)) == runs


def test_a_load_stopped_after_an_earlier_one_shows_the_earlier_one_until_it_is_finished(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    for name, events in (("a", many(30)), ("b", [envelope("late", outcome="FAILED")])):
        (tmp_path / name).write_text("".join(json.dumps(event) + "\n" for event in events))
    load(warehouse, open_source(str(tmp_path / "a")))
    before = state(warehouse)[3]
    with pytest.raises(StoppedError):
        load(Failing(warehouse.uri, TableName.RUNS, after=False), open_source(str(tmp_path / "b")))
    assert state(warehouse)[3] == before == [("DELETION", "COMPLETED", 25), ("DELETION", "FAILED", 5)]
    load(warehouse, open_source(str(tmp_path / "b")))
    assert state(warehouse)[3] == [("DELETION", "COMPLETED", 25), ("DELETION", "FAILED", 6)]
