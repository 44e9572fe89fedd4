"""What every test may use: the support package, a sample written once, and a real S3 server."""

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, sync_playwright
from support.browser import FLAGS, find_browser

from bwp_client.sandbox.sample.writer import write_sample

# Drawing takes long only where the machine is busy.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

pytest_plugins = ["support.api_bench", "support.emulator", "support.s3", "support.scripted_s3"]


def pytest_configure() -> None:
    """Heed the signals that a runner in the background or under `nohup` ignores: tests and their processes inherit that."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the long tests unless `-m` names them."""
    if "soak" in (config.getoption("-m") or ""):
        return
    long = [item for item in items if item.get_closest_marker("soak")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(autouse=True)
def _no_settings_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("BWP_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def sample_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 5,000 sample records in every framing, up to yesterday."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, events=5000, seed=11, until=(datetime.now(UTC) - timedelta(days=1)).date())
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield a browser to the tests of one file; while it runs, nothing else in this process can use asyncio."""
    executable = find_browser()
    if executable is None and os.environ.get("CI") != "true":
        pytest.skip("NO BROWSER: install chromium or set BWP_CHROME")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield launched
        launched.close()
