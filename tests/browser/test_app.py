"""The app in a real browser, started as a user starts it: a fresh server, nothing configured, sample data.

Every page's direct URL is also opened on a server of its own: only a fresh server shows whether the router runs first.
"""

from pathlib import Path

import pytest
from playwright.sync_api import Browser
from support.browser import CHART, IDLE, PAGES, WAIT_MS, open_page, running_app

pytestmark = pytest.mark.browser


def test_the_first_start_ends_in_a_drawn_chart_of_sample_data(browser: Browser, address: str) -> None:
    page, outside = open_page(browser, address)
    page.wait_for_selector(CHART, timeout=WAIT_MS)
    page.get_by_text("Sample data").first.wait_for()
    page.get_by_text("Failure rate").first.wait_for()
    assert outside == []


def test_errors_of_the_sample_are_looked_up_without_a_click(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, f"{address}/error_codes")
    page.wait_for_selector(f"{CHART} >> text=ORDERS_NOT_CLOSED", timeout=WAIT_MS)


def test_a_filter_goes_into_the_url_and_survives_page_links_and_reload(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, f"{address}/failure_rates")
    page.wait_for_selector(CHART, timeout=WAIT_MS)
    page.get_by_text("RETRIEVAL", exact=True).first.click()
    page.wait_for_url("**kind=RETRIEVAL**", timeout=WAIT_MS)
    page.wait_for_selector(IDLE, timeout=WAIT_MS)  # the links carry the new filter
    page.get_by_role("link", name="Trends").click()
    page.wait_for_selector("h1:has-text('Trends')", timeout=WAIT_MS)
    page.wait_for_url("**kind=RETRIEVAL**", timeout=WAIT_MS)
    page.reload()
    page.wait_for_selector("h1:has-text('Trends')", timeout=WAIT_MS)
    page.wait_for_url("**kind=RETRIEVAL**", timeout=WAIT_MS)


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
