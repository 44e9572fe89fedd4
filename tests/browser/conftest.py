"""A real server and a real browser: plain fixtures over Playwright's synchronous API and the system's Chromium."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

ROOT = Path(__file__).parents[2]
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--font-render-hinting=none",
)  # fmt: skip
START_SECONDS = 60.0
DRAWN = ".js-plotly-plot .main-svg, [data-testid=stDataFrame] canvas"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


def find_browser() -> str | None:
    names = (os.environ.get("BWP_CHROME"), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if name and (path := shutil.which(name))), None)


@dataclass(frozen=True, slots=True)
class Server:
    """One running app."""

    url: str
    folder: Path

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return answer.status == 200
        except urllib.error.HTTPError as error:
            error.close()
            return False


@contextmanager
def running_server(folder: Path, **settings: str) -> Iterator[Server]:
    """Start `streamlit run app.py` from a folder that holds nothing but what the app itself puts there."""
    shutil.copytree(ROOT / ".streamlit", folder / ".streamlit", dirs_exist_ok=True, ignore=lambda *_: ["secrets.toml"])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("BWP_", "STREAMLIT_"))}
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.port", str(port)]
    with (folder / f"server-{port}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment | settings, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert process.poll() is None, (folder / f"server-{port}.log").read_text()
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "the server did not start"
                time.sleep(0.05)
        yield Server(url, folder)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


ServerMaker = Callable[..., Server]


@pytest.fixture
def start_server() -> Iterator[ServerMaker]:
    """Start servers that end with the test."""
    with ExitStack() as stack:
        yield lambda folder, **settings: stack.enter_context(running_server(folder, **settings))


@pytest.fixture(scope="session")
def sample_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the sample was loaded and its errors looked up, by the app itself as on a first run."""
    folder = tmp_path_factory.mktemp("sample")
    with running_server(folder) as server:
        deadline = time.monotonic() + START_SECONDS
        while not (server.ready() and _looked_up(folder)):
            assert time.monotonic() < deadline, "the sample was not loaded"
            time.sleep(0.2)
    return folder


def _looked_up(folder: Path) -> bool:
    from bwp_client.warehouse import Warehouse, newest_run

    run = newest_run(Warehouse(str(folder / "warehouse-sample")))
    return run is not None and run.kind == "enrich" and run.state == "finished"


@pytest.fixture(scope="session")
def sample_server(sample_folder: Path) -> Iterator[Server]:
    """One server over the sample, for tests that need no fresh one."""
    with running_server(sample_folder) as server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = find_browser()
    if executable is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no browser: install chromium or set BWP_CHROME")
        pytest.skip("NO BROWSER: install chromium or set BWP_CHROME")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass(slots=True)
class Visitor:
    """A browser window that reaches this machine only, and notes what it asked of others."""

    context: BrowserContext
    page: Page
    asked_of_others: list[str] = field(default_factory=list)

    def open(self, url: str) -> Page:
        """Go there and wait until the script has run and drawn."""
        self.page.goto(url)
        self.settled()
        return self.page

    def drawn(self) -> None:
        """Wait until a chart is there, or on a page without charts a table."""
        self.page.wait_for_selector(DRAWN)

    def settled(self) -> None:
        """Wait until the script's run has ended."""
        self.page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
        self.page.wait_for_selector("[data-testid=stHeading]")


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Open windows that end with the test."""
    expect.set_options(timeout=20_000)
    visitors: list[Visitor] = []

    def make(*, dark: bool = False, width: int = 1360, height: int = 900) -> Visitor:
        context = browser.new_context(
            color_scheme="dark" if dark else "light", viewport={"width": width, "height": height}
        )
        context.set_default_timeout(20_000)
        visitor = Visitor(context, context.new_page())
        visitors.append(visitor)

        def loopback_only(route: Route) -> None:
            if urlsplit(route.request.url).hostname == "127.0.0.1":
                route.continue_()
            else:
                visitor.asked_of_others.append(route.request.url)
                route.abort()

        context.route("**/*", loopback_only)
        return visitor

    yield make
    for visitor in visitors:
        visitor.context.close()
