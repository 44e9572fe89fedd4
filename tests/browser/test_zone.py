"""The switch of the time zone in a browser that is far from UTC."""

import pytest
from playwright.sync_api import Browser, Page
from support.browser import IDLE, PHONE_WIDTH, WAIT_MS, wait_until_drawn

from .test_accessibility import violations

pytestmark = pytest.mark.browser


def open_far_from_utc(browser: Browser, url: str, width: int) -> Page:
    context = browser.new_context(timezone_id="Pacific/Auckland", viewport={"width": width, "height": 900})
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    page.goto(url)
    return page


@pytest.mark.parametrize(("name", "width"), [("tasks", 1360), ("reports", PHONE_WIDTH)])
def test_the_browsers_zone_can_be_chosen_and_back_returns_to_utc(
    browser: Browser, address: str, name: str, width: int
) -> None:
    page = open_far_from_utc(browser, f"{address}/{name}", width)
    wait_until_drawn(page, name)
    page.get_by_text("Pacific/Auckland", exact=True).click()
    page.wait_for_url("**zone=Pacific%2FAuckland**")
    page.wait_for_selector(IDLE)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.go_back()
    page.wait_for_url(f"{address}/{name}")
    page.get_by_role("radio", name="UTC", checked=True).wait_for()
    page.context.close()
