"""The row of a run is written once, even if the response was lost; a log that has settled names the newest run."""

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

from bwp_client.warehouse import Run, Warehouse, list_runs, record_run, settled_log

AT = datetime(2026, 5, 1, tzinfo=UTC)


def run(name: str, **versions: int) -> Run:
    return Run(run_id=name, kind="load", source="made up", started_at=AT, finished_at=AT, counts={}, versions=versions)


def test_a_row_that_was_stored_already_is_not_written_again(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    warehouse.create()
    first = record_run(warehouse, run("first", events=3))
    record_run(warehouse, run("second", events=5))
    assert record_run(warehouse, run("first", events=3)) == first
    assert [entry.run_id for entry in list_runs(warehouse)] == ["second", "first"]
    assert first["events"] == 3


def age(folder: Path, seconds: float) -> None:
    """Set the time of the runs table's log, as if it had changed so many seconds ago."""
    at = time.time() - seconds
    os.utime(folder / "runs" / "_delta_log", (at, at))


def test_a_settled_log_stays_the_same_until_a_run_is_written(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    assert settled_log(warehouse) is None
    warehouse.create()
    record_run(warehouse, run("first"))
    assert settled_log(warehouse) is None  # changed a moment ago: a second run might not change its time
    age(tmp_path, 60)
    settled = settled_log(warehouse)
    assert settled is not None
    assert settled_log(warehouse) == settled
    record_run(warehouse, run("second"))
    age(tmp_path, 30)
    assert settled_log(warehouse) not in (None, settled)


def test_a_log_that_was_replaced_is_another_log_even_with_the_same_time(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    warehouse.create()
    age(tmp_path, 60)
    settled = settled_log(warehouse)
    shutil.copytree(tmp_path / "runs", tmp_path / "copy")
    (tmp_path / "runs").rename(tmp_path / "old")
    (tmp_path / "copy").rename(tmp_path / "runs")
    assert settled_log(warehouse) not in (None, settled)
