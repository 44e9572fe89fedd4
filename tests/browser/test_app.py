"""The app in a real browser, started as a user starts it: a fresh server, nothing configured, sample data.

Every page's direct URL is also opened on a server of its own, for only a fresh one shows whether the router runs first.
"""

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

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
PAGES = ("", "failure_rates", "error_codes", "trends", "tasks", "data_health")
WITHOUT_CHART = {"tasks", "data_health"}
CHART = ".js-plotly-plot .main-svg"
TABLE = "[data-testid=stDataFrame]"
WAIT_MS = 60_000
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

pytestmark = pytest.mark.browser


def find_browser() -> str | None:
    names = [os.environ.get("BWP_CHROME", ""), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
    return next((found for name in names if name and (found := shutil.which(name))), None)


@contextmanager
def running_app(folder: Path) -> Iterator[str]:
    """Start the app in a folder of its own and give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name in ("app.py", "pages", ".streamlit", "bwp_client"):
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BWP_")}
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)],
            cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
                break
            except OSError:
                assert server.poll() is None, (folder / "server.log").read_text()
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = find_browser()
    if executable is None and os.environ.get("CI") != "true":
        pytest.skip("NO BROWSER: install chromium or set BWP_CHROME")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def sample_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def address(sample_home: Path) -> Iterator[str]:
    with running_app(sample_home) as found:
        yield found


def open_page(browser: Browser, url: str, scheme: str = "light") -> tuple[Page, list[str]]:
    """Open a page; give it, and every request that left this machine."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1360, "height": 900})  # type: ignore[arg-type]
    page = context.new_page()
    outside: list[str] = []
    page.on("request", lambda sent: None if "//127.0.0.1" in sent.url or sent.url[:5] in {"data:", "blob:"}
            else outside.append(sent.url))  # fmt: skip
    page.goto(url)
    return page, outside


def test_the_first_start_ends_in_a_drawn_chart_of_sample_data(browser: Browser, address: str) -> None:
    page, outside = open_page(browser, address)
    page.wait_for_selector(CHART, timeout=WAIT_MS)
    page.get_by_text("Sample data").first.wait_for()
    assert page.get_by_text("Failure rate").first.is_visible()
    assert outside == []


def test_errors_of_the_sample_get_looked_up_by_itself(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, f"{address}/error_codes")
    page.wait_for_selector(f"{CHART} >> text=ORDERS_NOT_CLOSED", timeout=WAIT_MS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_draws_in_light_and_dark(browser: Browser, address: str, name: str, scheme: str) -> None:
    page, outside = open_page(browser, f"{address}/{name}", scheme)
    page.wait_for_selector(TABLE if name in WITHOUT_CHART else CHART, timeout=WAIT_MS)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=WAIT_MS)
    assert page.locator("[data-testid=stException]").count() == 0
    assert outside == []
    if folder := os.environ.get("SCREENSHOTS"):
        page.set_viewport_size({"width": 1360, "height": 2600})
        page.wait_for_selector(TABLE if name in WITHOUT_CHART else CHART, timeout=WAIT_MS)
        page.screenshot(path=Path(folder) / f"{name or 'overview'}-{scheme}.png")


def test_a_filter_goes_into_the_url_and_survives_page_links_and_reload(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, f"{address}/failure_rates")
    page.wait_for_selector(CHART, timeout=WAIT_MS)
    page.get_by_text("RETRIEVAL", exact=True).first.click()
    page.wait_for_url("**kind=RETRIEVAL**", timeout=WAIT_MS)
    page.get_by_role("link", name="Trends").click()
    page.wait_for_selector("h1:has-text('Trends')", timeout=WAIT_MS)
    assert "kind=RETRIEVAL" in page.url
    page.reload()
    page.wait_for_selector("h1:has-text('Trends')", timeout=WAIT_MS)
    assert "kind=RETRIEVAL" in page.url


@pytest.mark.parametrize("name", PAGES[1:])
def test_a_direct_url_on_a_fresh_server_opens_with_router_and_filters(
    browser: Browser, address: str, sample_home: Path, name: str
) -> None:
    assert address  # the sample is loaded
    with running_app(sample_home) as fresh:
        page, _ = open_page(browser, f"{fresh}/{name}")
        page.wait_for_selector("[data-testid=stSidebar] >> text=Business products", timeout=WAIT_MS)
        page.wait_for_selector("h1", timeout=WAIT_MS)
        assert page.locator("[data-testid=stException]").count() == 0
        page.context.close()
