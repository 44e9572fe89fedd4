"""Every page for everybody: no axe violation in light and dark, usable on a phone, reachable by keyboard."""

import os
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from support.browser import IDLE, PAGES, PHONE_WIDTH, TABLE, WAIT_MS, a_task, open_page, wait_until_drawn

pytestmark = pytest.mark.browser
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
BACKGROUND = {"light": "rgb(255, 255, 255)", "dark": "rgb(16, 21, 28)"}
NOTHING_FADES = """() => [...document.querySelectorAll('[data-testid=stElementContainer]')].every(
    element => getComputedStyle(element).opacity === '1'
)"""
FOCUSED = """() => {
    const focused = document.activeElement;
    return (focused.getAttribute('aria-label') || (focused.closest('label') || focused).innerText || '').trim();
}"""


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{item['id']}: {node['html'][:160]} {node['target']}" for item in found for node in item["nodes"]]


@pytest.mark.parametrize("name", [*PAGES, "glossary", "error_codes?error_code=ORDERS_NOT_CLOSED", "one task"])
def test_no_page_violates_wcag_2_1_aa_and_each_fits_a_phone(browser: Browser, address: str, name: str) -> None:
    page, outside = open_page(browser, f"{address}/{'' if name == 'one task' else name}")
    if name == "one task":
        page.goto(f"{address}/tasks?task={a_task(page, address)}")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.reload()
        wait_for(page, name)
        for expander in page.locator("[data-testid=stExpander] summary").all():
            expander.click()
        page.wait_for_function(NOTHING_FADES, timeout=WAIT_MS)
        page.wait_for_selector(IDLE, timeout=WAIT_MS)
        assert background(page) == BACKGROUND[scheme]
        assert violations(page) == []
        assert page.locator("[data-testid=stException]").count() == 0
        take_screenshots(page, f"{name or 'overview'}-{scheme}")
    assert outside == []
    page.set_viewport_size({"width": PHONE_WIDTH, "height": 844})
    page.reload()
    wait_for(page, name)
    widths = page.evaluate(
        "[document.documentElement, document.querySelector('[data-testid=stMain]')].map(part => part.scrollWidth)"
    )
    assert max(widths) <= PHONE_WIDTH
    page.context.close()


def take_screenshots(page: Page, name: str) -> None:
    """Write pictures for people to look at, wide and as on a phone, into the folder that SCREENSHOTS names."""
    if folder := os.environ.get("SCREENSHOTS"):
        for width, ending in ((PHONE_WIDTH, "-phone"), (1360, "")):
            page.set_viewport_size({"width": width, "height": 3000})
            page.wait_for_timeout(1000)  # for what a chart or table draws by itself
            page.screenshot(path=Path(folder) / f"{re.sub('[^a-z_-]+', '-', name.lower())}{ending}.png")


def wait_for(page: Page, name: str) -> None:
    if name == "one task":
        page.get_by_role("heading", name="Timeline").wait_for(timeout=WAIT_MS)
        page.wait_for_selector(IDLE, timeout=WAIT_MS)
    else:
        wait_until_drawn(page, name)


def background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"))


def test_the_pages_are_reached_and_filtered_by_keyboard_alone(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, address)
    wait_until_drawn(page, "")
    tab_to(page, "Tasks")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Tasks')", timeout=WAIT_MS)
    page.wait_for_selector(TABLE, timeout=WAIT_MS)
    tab_to(page, "Open")
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**due=overdue**", timeout=WAIT_MS)
    page.context.close()


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the element of that name has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED).split("\n")[-1] == name:
            return
    raise AssertionError(f"{name} is not reached by the Tab key")
