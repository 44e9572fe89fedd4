"""`python -m benchmarks [--events N] [--tries K]`: the benchmark table, as Markdown."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import data
from benchmarks.measure import Measured, median, run

TOP_UP = 10_000


def main() -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--without-pandas", action="store_true", help="leave pandas out; it takes much time and memory")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bwp-bench-") as temporary:
        folder = Path(temporary)
        files = data.write(folder, options.events)
        megabytes = sum(path.stat().st_size for path in files.iterdir()) / 1e6
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; ", end="")
        print(f"about {options.events:,} events, {megabytes:,.0f} MB of gzip; medians of {options.tries}.\n")
        _load_table(folder, files, options.tries, with_pandas=not options.without_pandas)
        _query_table(folder / "warehouse")


def _load_table(folder: Path, files: Path, tries: int, *, with_pandas: bool) -> None:
    warehouse, parquet = folder / "warehouse", folder / "copy.parquet"

    def load() -> Measured:
        shutil.rmtree(warehouse, ignore_errors=True)
        return run("-m", "bwp_client", "load", str(files), "--warehouse", str(warehouse), "--json", ok=(0, 1))

    contestants: dict[str, Callable[[], Measured]] = {
        "DuckDB COPY (read_json) TO Parquet": lambda: run(
            "-m", "benchmarks.contestants", "duckdb", str(files), str(parquet)
        ),
        "pandas.read_json(lines=True)": lambda: run("-m", "benchmarks.contestants", "pandas", str(files), str(parquet)),
        "load": load,
        "load again": lambda: run(
            "-m", "bwp_client", "load", str(files), "--warehouse", str(warehouse), "--json", ok=(0, 1)
        ),
        f"load {TOP_UP:,} more on top": lambda: run(
            "-m",
            "bwp_client",
            "load",
            str(data.top_up(folder, TOP_UP)),
            "--warehouse",
            str(warehouse),
            "--json",
            ok=(0, 1),
        ),
    }
    if not with_pandas:
        del contestants["pandas.read_json(lines=True)"]
    # The contestants alternate, so that a slow minute of the machine affects all of them.
    measured: dict[str, list[Measured]] = {name: [] for name in contestants}
    for _ in range(tries):
        for name, contestant in contestants.items():
            measured[name].append(contestant())
    base = median([one.wall_seconds for one in measured["DuckDB COPY (read_json) TO Parquet"]])
    print("| | wall s | CPU s | cores busy | peak MB | × DuckDB COPY |\n|---|---|---|---|---|---|")
    for name, runs in measured.items():
        wall, cpu = median([one.wall_seconds for one in runs]), median([one.cpu_seconds for one in runs])
        peak = max(one.peak_megabytes for one in runs)
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {cpu / wall:.1f} | {peak:,.0f} | {wall / base:.2f} |")
    for name, runs in measured.items():
        if name.startswith("load"):
            print(f"\n`{name}` said: {runs[-1].output.strip()}")
    print()


def _query_table(warehouse: Path) -> None:
    from bwp_client.metrics import Bucket, Filters, MetricName, run_metric
    from bwp_client.warehouse import Warehouse
    from bwp_client.warehouse.snapshot import Snapshot

    started = time.perf_counter()
    snapshot = Snapshot.newest(Warehouse(str(warehouse)))
    opened = time.perf_counter() - started
    span = snapshot.span()
    assert span is not None
    products = [row[0] for row in snapshot.rows("select distinct business_product_id from product_kinds order by 1")]
    print(f"Opening a snapshot (all summaries): {opened * 1000:,.0f} ms\n")
    print("| a filter change: metric, last 90 days, one product | median ms |\n|---|---|")
    total = 0.0
    for name in MetricName:
        times = []
        for attempt in range(20):
            filters = Filters.last_days(span[1], 90).with_(business_products=(products[attempt % len(products)],))
            started = time.perf_counter()
            run_metric(snapshot, name, filters, bucket=Bucket.DAY)
            times.append(time.perf_counter() - started)
        total += statistics.median(times)
        print(f"| {name.value} | {statistics.median(times) * 1000:.1f} |")
    print(f"| all of them, as the overview asks | {total * 1000:.1f} |")


if __name__ == "__main__":
    main()
