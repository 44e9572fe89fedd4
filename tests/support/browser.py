"""A real browser, and the app started as a user starts it: in a folder of its own, on a free loopback port."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
PAGES = ("", "failure_rates", "error_codes", "trends", "tasks", "reports", "data_health")
CHART = ".js-plotly-plot .main-svg"
TABLE = "[data-testid=stDataFrame]"
WITHOUT_CHART = {"tasks", "data_health"}
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
WAIT_MS = 60_000
PHONE_WIDTH = 390
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def find_browser() -> str | None:
    names = [os.environ.get("BWP_CHROME", ""), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
    return next((found for name in names if name and (found := shutil.which(name))), None)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def link_app(folder: Path) -> None:
    """Put the app into a folder; a `.streamlit` that is there already stays."""
    for name in ("app.py", "pages", ".streamlit", "bwp_client"):
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)


def start_app(folder: Path, port: int, log: Path, *options: str, **env: str) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BWP_")}
    with log.open("wb") as stream:
        return subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), *options],
            cwd=folder, env=environment | env, stdout=stream, stderr=subprocess.STDOUT,
        )  # fmt: skip


@contextmanager
def running_app(folder: Path, *, port: int | None = None, **env: str) -> Iterator[str]:
    """Start the app in a folder of its own and give its address."""
    port = port or free_port()
    link_app(folder)
    log = folder / "server.log"
    server = start_app(folder, port, log, **env)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
                break
            except OSError:
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < deadline, "the server did not start"
                time.sleep(0.05)
        yield address
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def open_page(browser: Browser, url: str, scheme: str = "light", width: int = 1360) -> tuple[Page, list[str]]:
    """Open a page; give it, and every request that left this machine."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]
    page = context.new_page()
    outside: list[str] = []
    page.on("request", lambda sent: None if "//127.0.0.1" in sent.url or sent.url[:5] in {"data:", "blob:"}
            else outside.append(sent.url))  # fmt: skip
    page.goto(url)
    return page, outside


def wait_until_drawn(page: Page, name: str) -> None:
    """Wait until a page of the sample stands."""
    if name == "reports":
        page.get_by_role("button", name="Make a report").wait_for(timeout=WAIT_MS)
    else:
        page.wait_for_selector(TABLE if name in WITHOUT_CHART else CHART, timeout=WAIT_MS)
    page.wait_for_selector(IDLE, timeout=WAIT_MS)
