"""One server with sample data for all browser tests of the app."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.browser import running_app
from support.waiting import allow_slow_machines


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    allow_slow_machines(items, Path(__file__).parent)


@pytest.fixture(scope="session")
def sample_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def address(sample_home: Path) -> Iterator[str]:
    with running_app(sample_home) as found:
        yield found
