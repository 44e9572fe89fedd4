"""`python -m benchmarks.browser WAREHOUSE`: from start to a drawn chart, and from a filter change to the redrawn one.

The browser is started before, so that what is measured is ours; server and browser share the machine's cores.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
CHART = ".js-plotly-plot .main-svg .scatterlayer path.js-line"
PORT = 8799
WAIT_MS = 60_000
CHANGES = 20
AGAIN = 5
SETTLE_MS = 8_000
"""Time after which a server has read its data."""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

# Records on the page's own clock when the chart is drawn, because a driver notices it later.
NOTE_CHART = """() => {
  const look = () => {
    if (document.querySelector('%s')) { window.chartAt = performance.now(); return; }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""

# Clicks the task kind that is not chosen; returns the ms until the charts' lines differ, and until the script is done.
CHANGE = """() => new Promise(done => {
  const lines = () => [...document.querySelectorAll('.js-plotly-plot .scatterlayer path.js-line')]
    .map(path => path.getAttribute('d')).join('|');
  const before = lines(), started = performance.now();
  let drawn = 0;
  [...document.querySelectorAll('[data-testid=stSidebar] input[type=radio]')].find(one => !one.checked).click();
  const look = () => {
    const now = lines(), elapsed = performance.now() - started;
    if (!drawn && now && now !== before) drawn = elapsed;
    const idle = document.querySelector('[data-testid=stApp]').dataset.testScriptState !== 'running';
    if (drawn && idle) return done([drawn, elapsed]);
    if (elapsed > 20000) throw new Error('the chart was not redrawn');
    requestAnimationFrame(look);
  };
  look();
})"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("warehouse", type=Path)
    options = parser.parse_args()
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        program = os.environ.get("CHROMIUM") or "/usr/bin/chromium"
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        page = browser.new_page(viewport={"width": 1360, "height": 900})
        home = Path(folder)
        for name in ("app.py", "pages", "bwp_client", ".streamlit"):
            (home / name).symlink_to(ROOT / name)
        for start in ("first start with sample data", "second start"):
            print(f"{start}, to a drawn chart: {_start_to_chart(page, home, {}):.1f} s")
        configured = {"BWP_SOURCE": str(home), "BWP_WAREHOUSE": str(options.warehouse.absolute())}
        print(f"start over {options.warehouse.name}: {_start_to_chart(page, home, configured, _changes):.1f} s")
        browser.close()


def _changes(page: Page, address: str) -> None:
    _visits(page, address)
    print("| filter change on | ms to the redrawn chart | ms to the end |\n|---|---|---|")
    for name in ("", "failure_rates", "trends"):
        page.goto(f"{address}/{name}")
        page.wait_for_selector(CHART, timeout=WAIT_MS)
        times = []
        for _ in range(CHANGES):
            page.wait_for_timeout(1000)
            times.append(page.evaluate(CHANGE))
        drawn, done = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"| {name or 'overview'} | {drawn:.0f} | {done:.0f} |")


def _visits(page: Page, address: str) -> None:
    """Open the overview with an empty browser cache, then again; measure from navigation until the rate is drawn."""
    page.wait_for_timeout(SETTLE_MS)
    context = page.context.browser.new_context(viewport={"width": 1360, "height": 900})  # type: ignore[union-attr]
    visitor = context.new_page()
    visitor.add_init_script(f"({NOTE_CHART % CHART})()")
    for which in ("first visit, empty cache", *["the same page again"] * AGAIN):
        visitor.goto(address)
        visitor.wait_for_function("window.chartAt", timeout=WAIT_MS)
        print(f"{which}, to a drawn chart: {visitor.evaluate('window.chartAt') / 1000:.2f} s")
    context.close()
    print()


def _start_to_chart(page: Page, home: Path, settings: dict[str, str], then: object = None) -> float:
    address = f"http://127.0.0.1:{PORT}"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BWP_")}
    started = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(PORT), "--server.headless", "true"],
        cwd=home,
        env=clean | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _is_healthy(address):
            time.sleep(0.05)
        page.goto(address)
        page.wait_for_selector(CHART, timeout=WAIT_MS)
        elapsed = time.perf_counter() - started
        if callable(then):
            then(page, address)
        page.goto("about:blank")
        return elapsed
    finally:
        server.terminate()
        server.wait(20)


def _is_healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    main()
