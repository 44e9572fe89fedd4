"""Every page in the states a shop meets before everything runs: no data, no COMPLETED events, no lookups, one task."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from support.browser import IDLE, PAGES, PHONE_WIDTH, WAIT_MS, open_page, running_app
from support.events import envelope, write

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse

pytestmark = pytest.mark.browser
STATES = ("empty", "no_completed", "no_lookups", "one_task")
PRODUCTS = ("bp-2f1c8f1e-0000-4000-8000-000000000001", "bp-7d3a5b90-0000-4000-8000-000000000002")


def events_of(state: str) -> list[dict[str, object]]:
    """Return the state's events: half a year of two products, one in nine failed; or the newest failure alone."""
    end = datetime.now(UTC) - timedelta(hours=6)
    if state == "one_task":
        return [envelope("t-one", outcome="FAILED", time=end)]
    made = [
        envelope(
            f"t-{number:05d}", outcome="FAILED" if number % 9 == 0 else "COMPLETED",
            time=end - timedelta(hours=2 * number), product=PRODUCTS[number % 2],
        )
        for number in range(2000)
    ]  # fmt: skip
    return made if state == "no_lookups" else [item for item in made if str(item["detail-type"]).endswith("FAILED")]


@pytest.fixture(scope="module", params=STATES)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Yield a state and the address of the app over it."""
    state = str(request.param)
    home = tmp_path_factory.mktemp(state)
    if state != "empty":
        write(home / "events.json", events_of(state))
        load(Warehouse(str(home / "warehouse")), open_source(str(home / "events.json")))
    names = json.dumps(dict(zip(PRODUCTS, ("Teapots & Co", "Lamps Ltd"), strict=True)))
    settings = {"BWP_SOURCE": str(home), "BWP_WAREHOUSE": str(home / "warehouse"), "BWP_PRODUCT_NAMES": names}
    with running_app(home, **settings) as address:
        yield state, address


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_drawn_and_fits_a_phone(browser: Browser, served: tuple[str, str], name: str) -> None:
    state, address = served
    page, outside = open_page(browser, f"{address}/{name}", width=PHONE_WIDTH)
    title = "No events yet" if state == "empty" else ""
    page.wait_for_selector(f"h1:has-text('{title}')", timeout=WAIT_MS)
    page.wait_for_selector(IDLE, timeout=WAIT_MS)
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= PHONE_WIDTH
    assert outside == []
    page.context.close()
    if folder := os.environ.get("SCREENSHOTS"):
        for look in ("light", "dark", "phone"):
            draw(browser, f"{address}/{name}", Path(folder) / f"{state}-{name or 'overview'}-{look}.png", look)


def draw(browser: Browser, url: str, picture: Path, look: str) -> None:
    """Save a picture of a whole page."""
    width = PHONE_WIDTH if look == "phone" else 1360
    page, _ = open_page(browser, url, "dark" if look == "dark" else "light", width)
    page.set_viewport_size({"width": width, "height": 2200})
    page.wait_for_selector("h1", timeout=WAIT_MS)
    page.wait_for_selector(IDLE, timeout=WAIT_MS)
    page.wait_for_selector("[data-testid=stSkeleton]", state="detached", timeout=WAIT_MS)
    page.wait_for_timeout(1000)  # for what a chart or table draws by itself, only for people to look at
    page.screenshot(path=picture)
    page.context.close()
