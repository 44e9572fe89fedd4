"""Every figure is the same whatever zone the machine is in: days, weeks and hours are UTC unless a metric says otherwise."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.events import envelope, write

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse

ALL_METRICS = """
import sys
from datetime import UTC, datetime
from bwp_client.deadlines import DeadlineCalendar
from bwp_client.metrics import Bucket, Filters, MetricName, run_metric
from bwp_client.warehouse.snapshot import open_snapshot

snapshot = open_snapshot(sys.argv[1])
filters = Filters(datetime(2026, 3, 16, tzinfo=UTC), datetime(2026, 4, 13, tzinfo=UTC))
for name in MetricName:
    for bucket in Bucket:
        frame = run_metric(
            snapshot, name, filters, bucket=bucket, calendar=DeadlineCalendar(), now=datetime(2026, 4, 13, tzinfo=UTC)
        )
        print(name, bucket, frame.to_csv())
"""


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    begin = datetime(2026, 3, 1, tzinfo=UTC)  # New York's clocks change on the 8th, Berlin's on the 29th
    events = [
        envelope(
            f"task-{number}",
            outcome="FAILED" if number % (3 if number > 700 else 9) == 0 else "COMPLETED",
            time=begin + timedelta(hours=number),
        )
        for number in range(1000)
    ]
    write(tmp_path / "events.json", events)
    load(Warehouse(str(tmp_path / "w")), open_source(str(tmp_path / "events.json")))
    return tmp_path / "w"


def _printed(warehouse: Path, zone: str) -> str:
    command = [sys.executable, "-c", ALL_METRICS, str(warehouse)]
    return subprocess.run(
        command, env={**os.environ, "TZ": zone}, check=True, capture_output=True, text=True, timeout=120
    ).stdout


def test_no_figure_depends_on_the_zone_of_the_machine(warehouse: Path) -> None:
    expected = _printed(warehouse, "UTC")
    assert "2026-03-16 00:00:00+00:00" in expected
    for zone in ("America/New_York", "Europe/Berlin", "Asia/Kolkata"):
        assert _printed(warehouse, zone) == expected
