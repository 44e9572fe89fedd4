"""`python -m benchmarks.report WAREHOUSE [--period 2026] [--tries 3]`: a report, its verification, and its bare queries.

The report is published by force, so that no gate is measured, with and without pictures. Verifying is `report rebuild
--verify`. The bare queries open the same snapshot and compute the same tables, and write nothing. All four take turns.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import Measured, median, run

_BARE, _PLAIN, _REPORT, _VERIFY = "bare queries", "report without pictures", "report", "verify"


def main() -> None:
    """Measure and print."""
    if sys.argv[1] == "bare":
        _bare(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("warehouse", type=Path)
    parser.add_argument("--period", default="2026")
    parser.add_argument("--tries", type=int, default=3)
    options = parser.parse_args()
    measured: dict[str, list[Measured]] = {name: [] for name in (_BARE, _PLAIN, _REPORT, _VERIFY)}
    with tempfile.TemporaryDirectory(prefix="bwp-bench-") as folder:
        for number in range(options.tries):
            measured[_BARE].append(run("-m", "benchmarks.report", "bare", str(options.warehouse), options.period))
            measured[_PLAIN].append(_make(options, f"{folder}/plain{number}", "none"))
            out = Path(folder, str(number))
            measured[_REPORT].append(_make(options, str(out), ""))
            (published,) = out.glob("*/manifest.json")
            measured[_VERIFY].append(run("-m", "bwp_client", "report", "rebuild", str(published), "--verify", "--json"))
        sizes = {path: path.stat().st_size for path in out.rglob("*") if path.is_file()}
    inputs = sum(size for path, size in sizes.items() if "inputs" in path.parts)
    page = sum(size for path, size in sizes.items() if path.name == "report.html")
    print(f"{measured[_BARE][0].output.strip()}\n\n| | wall s | CPU s | peak MB |\n|---|---|---|---|")
    walls = {name: median([item.wall_seconds for item in runs]) for name, runs in measured.items()}
    for name, runs in measured.items():
        cpu, peak = median([item.cpu_seconds for item in runs]), max(item.peak_megabytes for item in runs)
        print(f"| {name} | {walls[name]:.2f} | {cpu:.2f} | {peak:,.0f} |")
    print(f"\nVerifying takes {walls[_VERIFY] / walls[_REPORT]:.2f} × the wall time of making the report, ", end="")
    print(f"{walls[_VERIFY] / walls[_PLAIN]:.2f} × without pictures; medians of {options.tries}.")
    print(f"The rows that it carries: {inputs / 1e6:.1f} MB; the page: {page / 1e6:.1f} MB.")


def _make(options: argparse.Namespace, out: str, browser: str) -> Measured:
    os.environ["BWP_REPORT__BROWSER"] = browser
    return run(
        "-m", "bwp_client", "report", "--period", options.period, "--warehouse", str(options.warehouse), "--force",
        "--out", out, "--json", ok=(0, 1),
    )  # fmt: skip


def _bare(warehouse: str, period: str) -> None:
    from bwp_client.metrics.guidance import read_guidance
    from bwp_client.reports.context import ReportContext
    from bwp_client.reports.extract import gather_facts
    from bwp_client.reports.period import Period
    from bwp_client.reports.spec import ReportSpec
    from bwp_client.reports.tables import TABLES
    from bwp_client.settings import Settings
    from bwp_client.warehouse.snapshot import open_snapshot

    now = datetime.now(UTC)
    settings = Settings.load()
    spec = ReportSpec.from_settings(Period.parse(period, now), now, settings)
    snapshot = open_snapshot(warehouse)
    context = ReportContext(snapshot, spec, gather_facts(snapshot, spec, {}, read_guidance(settings.error_codes_file)))
    rows = sum(len(table.compute(context)) for table in TABLES if table.is_wanted(context))
    ((tasks, failed, found),) = snapshot.rows(
        """
        select (select sum(tasks) from product_kinds), count(*), count(*) filter (lookup_state = 'found')
        from failed_tasks
        """
    )
    print(f"{tasks:,} tasks, {failed:,} failed, {found:,} of them looked up; {rows:,} rows in all tables.")


if __name__ == "__main__":
    main()
