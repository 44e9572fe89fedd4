"""`python -m benchmarks.report WAREHOUSE [--period 2026]`: a report of a year against its bare queries.

The report is published by force, without pictures, so that no gate and no browser is measured. The bare queries open the same
snapshot and compute the same tables, and write nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import run


def main() -> None:
    """Measure and print."""
    if sys.argv[1] == "bare":
        _bare(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("warehouse", type=Path)
    parser.add_argument("--period", default="2026")
    options = parser.parse_args()
    os.environ["BWP_REPORT__BROWSER"] = ""
    with tempfile.TemporaryDirectory(prefix="bwp-bench-") as folder:
        bare = run("-m", "benchmarks.report", "bare", str(options.warehouse), options.period)
        made = run(
            "-m", "bwp_client", "report", "--period", options.period, "--warehouse", str(options.warehouse), "--force",
            "--out", folder, "--json", ok=(0, 1),
        )  # fmt: skip
        sizes = {path: path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()}
        inputs = sum(size for path, size in sizes.items() if "inputs" in path.parts)
        page = sum(size for path, size in sizes.items() if path.name == "report.html")
    print(f"{bare.output.strip()}\n\n| | wall s | CPU s | peak MB |\n|---|---|---|---|")
    for name, one in (("bare queries", bare), ("report", made)):
        print(f"| {name} | {one.wall_seconds:.1f} | {one.cpu_seconds:.1f} | {one.peak_megabytes:,.0f} |")
    print(f"\nThe rows that it carries: {inputs / 1e6:.1f} MB; the page: {page / 1e6:.1f} MB.")


def _bare(warehouse: str, period: str) -> None:
    from bwp_client.reports.context import ReportContext
    from bwp_client.reports.extract import gather_facts
    from bwp_client.reports.period import Period
    from bwp_client.reports.spec import ReportSpec
    from bwp_client.reports.tables import TABLES
    from bwp_client.settings import Settings
    from bwp_client.warehouse.snapshot import open_snapshot

    now = datetime.now(UTC)
    spec = ReportSpec.from_settings(Period.parse(period, now), now, Settings.load())
    snapshot = open_snapshot(warehouse)
    context = ReportContext(snapshot, spec, gather_facts(snapshot, spec, {}))
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
