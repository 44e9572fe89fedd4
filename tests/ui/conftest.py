"""A loaded warehouse to look at, and an app to look with."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.ui.jobs import jobs
from bwp_client.warehouse import Warehouse

MAIN = Path(__file__).parents[2] / "bwp_client" / "ui" / "main.py"
PAGES = ("overview", "failure_rates", "error_codes", "trends", "tasks", "reports", "data_health")


@pytest.fixture(scope="session")
def loaded(sample_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("warehouse") / "w"
    load(Warehouse(str(folder)), open_source(str(sample_folder)))
    return folder


@pytest.fixture(autouse=True)
def _no_jobs_of_other_tests() -> None:
    """A server is told of its own jobs alone; all tests of one process would share them."""
    jobs.cache_clear()


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., AppTest]:
    """Open a page over a warehouse, as a visitor with this query would."""
    monkeypatch.chdir(tmp_path)

    def run(page: str, warehouse: Path | str, **query: str) -> AppTest:
        monkeypatch.setenv("BWP_WAREHOUSE", str(warehouse))
        app = AppTest.from_file(str(MAIN), default_timeout=30)
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
        if page != "overview":
            app.switch_page(f"../../pages/{page}.py").run()
        return app

    return run
