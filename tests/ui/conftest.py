"""A loaded warehouse, an app that opens its pages, and the end of jobs."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.waiting import allow_slow_machines, wait_until

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.ui.jobs import Jobs, JobState, is_running, jobs
from bwp_client.warehouse import Warehouse

MAIN = Path(__file__).parents[2] / "bwp_client" / "ui" / "main.py"
PAGE_SECONDS = 300
PAGES = ("overview", "failure_rates", "error_codes", "trends", "tasks", "reports", "data_health")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    allow_slow_machines(items, Path(__file__).parent)


@pytest.fixture(scope="session")
def loaded(sample_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("warehouse") / "w"
    load(Warehouse(str(folder)), open_source(str(sample_folder)))
    return folder


@pytest.fixture(autouse=True)
def _no_jobs_of_other_tests() -> None:
    """Start every test without jobs: all tests of one process would share them, as the visitors of one server do."""
    jobs.cache_clear()


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., AppTest]:
    """Return a function that opens a page over a warehouse, as a visitor with this query and a browser of this zone would."""
    monkeypatch.chdir(tmp_path)

    def run(page: str, warehouse: Path | str, browser_zone: str | None = None, **query: str) -> AppTest:
        monkeypatch.setenv("BWP_WAREHOUSE", str(warehouse))
        app = AppTest.from_file(str(MAIN), default_timeout=PAGE_SECONDS)
        app.context["timezone"] = browser_zone
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
        if page != "overview":
            app.switch_page(f"../../pages/{page}.py").run()
        return app

    return run


def wait_for_job(kind: str, server: Jobs | None = None) -> JobState:
    """Wait until the newest job of a kind has ended, and return its state.

    Args:
        kind: The command.
        server: Whose job; that of the pages unless another is given.
    """
    own = server or jobs()
    wait_until(lambda: not is_running(own.state(kind)), lambda: f"{kind} has not ended: {own.state(kind)}")
    state = own.state(kind)
    assert state is not None, f"{kind} was not started"
    return state
