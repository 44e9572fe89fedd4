"""Loaders and readers at once: nothing lost, nothing doubled, no reader hindered."""

import json
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from support.events import many, write
from support.tables import clean_env, command_json, fingerprints, outcomes

from bwp_client.warehouse import Warehouse

LOADER = """
import sys, json, time
from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse
until = time.monotonic() + float(sys.argv[2])
paths = sys.argv[3:]
for number in range(1_000_000):
    if number >= len(paths) and time.monotonic() > until:
        break
    path = paths[number % len(paths)]
    done = load(Warehouse(sys.argv[1]), open_source(path), reread=True)
    assert done.read == done.stored + done.duplicate + done.ignored + done.quarantined
    print(json.dumps([done.stored, done.duplicate]), flush=True)
"""

READER = """
import sys, json, time
from bwp_client.metrics import Bucket, Filters, MetricName, run_metric
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.snapshot import Snapshot
reads, seen = 0, 0
while True:
    if Warehouse(sys.argv[1]).exists():
        snapshot = Snapshot.newest(Warehouse(sys.argv[1]))
        ((tasks,),) = snapshot.rows("select count(*) from outcomes")
        if snapshot.span():
            run_metric(snapshot, MetricName.FAILURE_RATE, Filters.last_days(snapshot.span()[1], 400), bucket=Bucket.DAY)
        assert tasks >= seen, (tasks, seen)
        reads, seen = reads + 1, tasks
        print(json.dumps([reads, seen]), flush=True)
    time.sleep(0.05)
"""


def at_once(tmp_path: Path, seconds: float, parts: int) -> tuple[int, int]:
    """Let two loaders load the same files in different order, again and again, while two readers read."""
    events = many(6000, step=timedelta(minutes=10))
    files = [
        write(tmp_path / "in" / f"{part}.json", events[part * 200 : part * 200 + 300], "lines") for part in range(parts)
    ]
    target = tmp_path / "warehouse"
    command_json("load", files[0], "--warehouse", target, "--json", cwd=tmp_path)
    readers = [_start(READER, target) for _ in range(2)]
    loaders = [_start(LOADER, target, str(seconds), *order) for order in (files, files[::-1])]
    while any(loader.poll() is None for loader in loaders):
        time.sleep(0.1)
        assert all(reader.poll() is None for reader in readers), [reader.communicate()[1] for reader in readers]
    loads = []
    for loader in loaders:
        out, error = loader.communicate(timeout=300)
        assert loader.returncode == 0, error
        loads += [json.loads(line) for line in out.splitlines()]
    reads = 0
    for reader in readers:
        assert reader.poll() is None, reader.communicate()[1]
        reader.kill()
        out, _ = reader.communicate()
        reads += len(out.splitlines())
    alone = tmp_path / "alone"
    command_json("load", tmp_path / "in", "--warehouse", alone, "--json", cwd=tmp_path)
    assert fingerprints(Warehouse(str(target))) == fingerprints(Warehouse(str(alone)))
    assert outcomes(Warehouse(str(target))) == outcomes(Warehouse(str(alone)))
    assert sum(stored for stored, _ in loads) == len(fingerprints(Warehouse(str(alone)))) - 300
    return len(loads), reads


def _start(program: str, *arguments: Path | str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=clean_env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_two_loaders_and_two_readers(tmp_path: Path) -> None:
    loads, reads = at_once(tmp_path, 6, 8)
    assert loads >= 16
    assert reads > 0


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_two_loaders_and_two_readers_for_a_minute(tmp_path: Path) -> None:
    loads, reads = at_once(tmp_path, 60, 30)
    print(f"{loads} loads, {reads} reads")
