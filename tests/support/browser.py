"""A real browser, and the app started as a user starts it: in a folder of its own, on a free loopback port."""

import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from support.ports import free_port
from support.waiting import WAIT_SECONDS, wait_until

ROOT = Path(__file__).parents[2]
PAGES = ("", "failure_rates", "error_codes", "trends", "tasks", "reports", "data_health")
CHART = ".js-plotly-plot .main-svg"
TABLE = "[data-testid=stDataFrame], [class*='_card_0']"
WITHOUT_CHART = {"tasks", "data_health"}
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
WAIT_MS = WAIT_SECONDS * 1000
HOVER_MS = 2_000
PHONE_WIDTH = 390
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def find_browser() -> str | None:
    names = [os.environ.get("BWP_CHROME", ""), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
    return next((found for name in names if name and (found := shutil.which(name))), None)


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


def wait_for_server(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until a server answers; fail with its log when it ends before."""

    def answers() -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=10).close()
        except OSError:
            assert server.poll() is None, log.read_text()
            return False
        return True

    wait_until(answers, log.read_text)


@contextmanager
def running_app(folder: Path, *, port: int | None = None, **env: str) -> Iterator[str]:
    """Start the app in a folder of its own and yield its address."""
    port = port or free_port()
    link_app(folder)
    log = folder / "server.log"
    server = start_app(folder, port, log, **env)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for_server(server, port, log)
        yield address
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def open_page(browser: Browser, url: str, scheme: str = "light", width: int = 1360) -> tuple[Page, list[str]]:
    """Open a page; return it, and a list that collects the address of every request to another machine."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]
    context.set_default_timeout(WAIT_MS)  # of navigation too
    page = context.new_page()
    outside: list[str] = []
    page.on("request", lambda sent: None if "//127.0.0.1" in sent.url or sent.url[:5] in {"data:", "blob:"}
            else outside.append(sent.url))  # fmt: skip
    page.goto(url)
    return page, outside


def wait_until_drawn(page: Page, name: str) -> None:
    """Wait until a page of the sample is drawn."""
    if name == "reports":
        page.get_by_role("button", name="Create report").wait_for(timeout=WAIT_MS)
    elif name == "glossary":
        page.get_by_role("heading", name="How the figures are computed").wait_for(timeout=WAIT_MS)
    else:
        page.wait_for_selector(TABLE if name in WITHOUT_CHART else CHART, timeout=WAIT_MS)
    page.wait_for_selector(IDLE, timeout=WAIT_MS)


def wait_for_lookups(page: Page) -> None:
    """Wait until the sample's errors are looked up; until then, the page runs again whenever some are stored."""
    page.get_by_text("Looking up errors").wait_for(state="detached", timeout=WAIT_MS)
    page.wait_for_selector(IDLE, timeout=WAIT_MS)


def settled_box(element: Locator) -> tuple[float, float, float, float]:
    """Scroll to an element and return its x, y, width and height once they have stopped changing."""
    boxes: list[dict[str, float] | None] = [None]

    def has_settled() -> bool:
        element.scroll_into_view_if_needed()
        element.page.wait_for_timeout(100)
        boxes.append(element.bounding_box())  # type: ignore[arg-type]
        return boxes[-1] is not None and boxes[-1] == boxes[-2]

    wait_until(has_settled, lambda: f"the element still moves: {boxes[-3:]}")
    box = boxes[-1]
    assert box is not None
    return box["x"], box["y"], box["width"], box["height"]


def click_mark(page: Page, chart: str, mark: str, index: int = 0) -> None:
    """Click a mark of a chart in its middle.

    Plotly takes a click for one on a mark only after it has shown the mark's hover label.

    Args:
        page: The page.
        chart: Selects the chart.
        mark: Selects its marks.
        index: Which of them.
    """
    page.wait_for_selector(f"{chart} {mark}")
    page.wait_for_selector(IDLE)
    label = page.locator(f"{chart} .hoverlayer > *").first

    def hovers() -> bool:
        x, y, width, height = settled_box(page.locator(f"{chart} {mark}").nth(index))
        page.mouse.move(0, 0)
        page.mouse.move(x + width / 2, y + height / 2)
        try:
            label.wait_for(timeout=HOVER_MS)
        except PlaywrightTimeout:
            return False
        return True

    wait_until(hovers, lambda: f"no hover label of {chart} {mark}")
    page.mouse.down()
    page.mouse.up()


def a_task(page: Page, address: str) -> str:
    """Return the ID of a sample task, from the download of the worklist."""
    page.goto(f"{address}/tasks")
    page.get_by_role("button", name="Task IDs").wait_for(timeout=WAIT_MS)
    with page.expect_download() as download:
        page.get_by_role("button", name="Task IDs").click()
    return download.value.path().read_text().splitlines()[0]
