"""The row of a run is written once, even if the response to writing it was lost."""

from datetime import UTC, datetime
from pathlib import Path

from bwp_client.warehouse import Run, Warehouse, list_runs, record_run

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
