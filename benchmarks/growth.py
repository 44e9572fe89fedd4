"""`python -m benchmarks.growth 1 5 20`: the time of a load of 100,000 events by the number of millions stored before."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import data
from benchmarks.measure import run

TOP_UP = 100_000
MILLION = 1_000_000


def main() -> None:
    """Fill one warehouse step by step and measure after each step."""
    if sys.argv[1] == "measure":
        _measure(*sys.argv[2:])
        return
    stored = 0
    print("| million stored | load s | of which outcomes s | CPU s | peak MB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="bwp-bench-") as temporary:
        folder = Path(temporary)
        warehouse = folder / "warehouse"
        for millions in map(int, sys.argv[1:]):
            raw = folder / f"raw-{millions}"
            command = [
                "-m",
                "bwp_client",
                "sample",
                "--out",
                str(raw),
                "--until",
                "2026-11-24",
                "--seed",
                str(millions),
            ]
            subprocess.run(
                [sys.executable, *command, "--events", str((millions - stored) * MILLION)],
                check=True,
                capture_output=True,
            )
            run("-m", "bwp_client", "load", str(raw), "--warehouse", str(warehouse), ok=(0, 1))
            stored = millions
            more = data.top_up(folder, TOP_UP)
            done = run("-m", "benchmarks.growth", "measure", str(warehouse), str(more))
            outcomes = json.loads(done.output)["outcomes"]
            print(
                f"| {millions} | {done.wall_seconds:.2f} | {outcomes:.2f} | {done.cpu_seconds:.2f} "
                f"| {done.peak_megabytes:,.0f} |",
                flush=True,
            )


def _measure(warehouse: str, source: str) -> None:
    """Load and print how long the outcomes took."""
    import bwp_client.load.pipeline as loading
    from bwp_client.sources import open_source
    from bwp_client.warehouse import Warehouse

    refresh, took = loading.refresh_outcomes, 0.0

    def timed(target: Warehouse, **options: Any) -> int:
        nonlocal took
        started = time.perf_counter()
        version = refresh(target, **options)
        took += time.perf_counter() - started
        return version

    loading.refresh_outcomes = timed
    loading.load(Warehouse(warehouse), open_source(source))
    print(json.dumps({"outcomes": took}))


if __name__ == "__main__":
    main()
