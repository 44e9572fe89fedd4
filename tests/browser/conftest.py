"""One browser and one server with sample data for all browser tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from support.browser import FLAGS, find_browser, running_app


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = find_browser()
    if executable is None and os.environ.get("CI") != "true":
        pytest.skip("NO BROWSER: install chromium or set BWP_CHROME")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def sample_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def address(sample_home: Path) -> Iterator[str]:
    with running_app(sample_home) as found:
        yield found
