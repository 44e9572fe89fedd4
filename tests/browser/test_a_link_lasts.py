"""A copied link shows the same figures in another browser a week later, when the data have gone on."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page
from support.browser import CHART, IDLE, WAIT_MS, open_page, running_app
from support.events import envelope, write

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse

pytestmark = pytest.mark.browser
WEEK = timedelta(days=7)
NEWEST = datetime.now(UTC).replace(hour=22, minute=0, second=0, microsecond=0) - timedelta(days=9)
UTF_8_CSV = "csv:Text - txt - csv (StarCalc):44,34,76"
FIGURES = "[data-testid=stMetricValue]"


def store(home: Path, name: str, first: datetime, last: datetime, failed_of_ten: int) -> None:
    """Load an event every two hours of a time."""
    hours = int((last - first) / timedelta(hours=2)) + 1
    events = [
        envelope(
            f"{name}-{number}", outcome="FAILED" if number % 10 < failed_of_ten else "COMPLETED",
            time=first + number * timedelta(hours=2),
        )
        for number in range(hours)
    ]  # fmt: skip
    write(home / f"{name}.json", events)
    load(Warehouse(str(home / "warehouse")), open_source(str(home / f"{name}.json")))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    store(tmp_path, "earlier", NEWEST - 8 * WEEK, NEWEST, 1)
    return tmp_path


@pytest.fixture
def address(home: Path) -> Iterator[str]:
    with running_app(home, BWP_SOURCE=str(home), BWP_WAREHOUSE=str(home / "warehouse")) as found:
        yield found


def figures(page: Page) -> list[str]:
    page.wait_for_selector("h1:has-text('Failure rates')", timeout=WAIT_MS)
    page.wait_for_selector(CHART, timeout=WAIT_MS)
    page.wait_for_selector(IDLE, timeout=WAIT_MS)
    page.wait_for_selector(FIGURES, timeout=WAIT_MS)
    return page.locator(FIGURES).all_inner_texts()


def test_a_copied_link_shows_the_same_a_week_later(browser: Browser, address: str, home: Path) -> None:
    page, _ = open_page(browser, f"{address}/failure_rates")
    before = figures(page)
    page.get_by_role("button", name="Share", exact=True).click()
    link = page.locator("[data-testid=stPopoverBody] code").first.inner_text(timeout=WAIT_MS)
    page.context.close()

    store(home, "later", NEWEST + timedelta(hours=2), NEWEST + WEEK, 8)
    later, _ = open_page(browser, "about:blank")
    later.clock.install(time=datetime.now(UTC) + WEEK)
    later.goto(link)
    assert figures(later) == before
    later.goto(f"{address}/failure_rates")
    assert figures(later) != before
    later.context.close()


@pytest.mark.skipif(which("soffice") is None, reason="LibreOffice is not installed")
def test_libreoffice_reads_the_workbook_of_a_page(browser: Browser, address: str, tmp_path: Path) -> None:
    page, _ = open_page(browser, f"{address}/failure_rates")
    shown = figures(page)
    page.locator(".st-key-products_download button").first.click()
    with page.expect_download(timeout=WAIT_MS) as started:
        page.locator(".st-key-products_excel button").first.click()
    book = tmp_path / "products.xlsx"
    started.value.save_as(book)
    subprocess.run(
        ["soffice", f"-env:UserInstallation=file://{tmp_path}/office", "--headless", "--convert-to", UTF_8_CSV, "--outdir",
         str(tmp_path), str(book)],
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    rows = pd.read_csv(tmp_path / "products.csv")
    assert f"{int(rows['Failed'].sum()):,}" == shown[1]
    page.context.close()
