"""The keys of every page: few stops to the first figure, "/" to search, j, k and Enter in lists."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page
from support.browser import IDLE, WAIT_MS, open_page, wait_for_lookups, wait_until_drawn

pytestmark = pytest.mark.browser
MOST_STOPS = 14
SEARCH = ".st-key-q input"
IN_MAIN = "document.activeElement.matches('[data-testid=stMain]')"
FIRST_CELL = "#glide-cell-1-0"
FOCUSED_ROW = "document.activeElement.id.match(/^glide-cell-\\d+-(\\d+)$/)?.[1]"


def presses_until(page: Page, condition: str, presses: int = 0) -> int:
    """Press Tab until a condition in JavaScript holds for the focused element; return how many keys were pressed."""
    while presses < MOST_STOPS:
        page.keyboard.press("Tab")
        presses += 1
        if page.evaluate(f"(focused => Boolean({condition}))(document.activeElement)"):
            return presses
    raise AssertionError(f"not reached: {condition}")


def wait_for_focus(page: Page, selector: str) -> None:
    page.wait_for_function("selector => document.activeElement.matches(selector)", arg=selector, timeout=WAIT_MS)


def test_the_first_figures_are_few_tab_stops_away(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, address)
    wait_until_drawn(page, "")
    presses_until(page, "focused.innerText === 'Skip to main content'")
    page.keyboard.press("Enter")
    presses = presses_until(page, "focused.innerText.trim().startsWith('Overdue')", 2)
    presses_until(page, "focused.closest('.st-key-overview_rate')", presses)
    page.context.close()


def test_a_page_link_opened_by_a_key_leads_behind_the_filters(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, address)
    wait_until_drawn(page, "")
    presses_until(page, "focused.innerText.trim().endsWith('Failure rates')")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Failure rates')", timeout=WAIT_MS)
    wait_until_drawn(page, "failure_rates")
    assert page.evaluate(IN_MAIN)
    presses_until(page, "focused.closest('[data-testid=stMetric]')")
    page.context.close()


@pytest.mark.parametrize("start", ["tasks", "error_codes?kind=RETRIEVAL"])
def test_a_slash_goes_to_the_search_of_the_tasks(browser: Browser, address: str, start: str) -> None:
    page, outside = open_page(browser, f"{address}/{start}")
    wait_until_drawn(page, start.partition("?")[0])
    page.keyboard.press("/")
    wait_for_focus(page, SEARCH)
    assert "/tasks" in page.url
    assert ("kind=RETRIEVAL" in page.url) == ("kind=" in start)
    page.keyboard.type("a/b?jk")
    assert page.locator(SEARCH).input_value() == "a/b?jk"
    assert outside == []
    page.context.close()


@pytest.mark.parametrize("key", ["Enter", "Escape"])
def test_after_a_search_the_keys_move_in_the_list(browser: Browser, address: str, key: str) -> None:
    page, _ = open_page(browser, f"{address}/tasks")
    wait_until_drawn(page, "tasks")
    wait_for_lookups(page)
    page.keyboard.press("/")
    wait_for_focus(page, SEARCH)
    page.keyboard.type("closed orders")
    page.keyboard.press(key)
    page.wait_for_function("document.activeElement === document.body", timeout=WAIT_MS)
    page.wait_for_url("**q=closed*orders*", timeout=WAIT_MS)
    page.wait_for_selector(IDLE, timeout=WAIT_MS)
    moves_to(page, "j", "0")
    assert page.locator(SEARCH).input_value() == "closed orders"
    page.context.close()


def moves_to(page: Page, key: str, row: str) -> None:
    page.keyboard.press(key)
    page.wait_for_function(f"row => {FOCUSED_ROW} === row", arg=row, timeout=WAIT_MS)


@pytest.mark.parametrize(
    ("start", "opens"), [("tasks", lambda url: "task=" in url), ("", lambda url: "error_code=" in url)]
)
def test_j_and_k_move_in_a_list_and_enter_opens_its_row(
    browser: Browser, address: str, start: str, opens: Callable[[str], bool]
) -> None:
    page, _ = open_page(browser, f"{address}/{start}")
    page.get_by_text("Looking up errors").wait_for(state="detached", timeout=WAIT_MS)
    page.wait_for_selector(IDLE, timeout=WAIT_MS)
    page.wait_for_selector(FIRST_CELL, state="attached", timeout=WAIT_MS)
    moves_to(page, "j", "0")
    moves_to(page, "j", "1")
    moves_to(page, "k", "0")
    moves_to(page, "j", "1")
    second = page.locator("#glide-cell-1-1").first.inner_text()
    page.keyboard.press("Enter")
    page.wait_for_url(opens, timeout=WAIT_MS)
    assert start == "tasks" or f"error_code={second}" in page.url
    page.context.close()


def test_tab_leaves_a_table_at_once(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, f"{address}/tasks")
    page.wait_for_selector(FIRST_CELL, state="attached", timeout=WAIT_MS)
    moves_to(page, "j", "0")
    presses = presses_until(page, "!focused.closest('canvas')")
    assert presses == 1
    page.context.close()
