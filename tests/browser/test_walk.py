"""The way of an analyst: from the overview through a code or a day to its tasks, to one task with its events, and back."""

import re

import pytest
from playwright.sync_api import Browser, Page
from support.browser import CHART, IDLE, WAIT_MS, click_mark, open_page, settled_box

pytestmark = pytest.mark.browser
ROW_HEIGHT, MIDDLE = 35, 17


def choose_row(page: Page, key: str, row: int = 0) -> None:
    """Tick a row by its coordinates, because the table is a canvas."""
    page.locator(f".st-key-{key} canvas").first.wait_for(timeout=WAIT_MS)
    page.wait_for_selector(IDLE, timeout=WAIT_MS)
    page.wait_for_selector("[data-testid=stSkeleton]", state="detached", timeout=WAIT_MS)
    x, y, _, _ = settled_box(page.locator(f".st-key-{key} canvas").first)
    page.mouse.click(x + MIDDLE, y + (row + 1) * ROW_HEIGHT + MIDDLE)


def test_from_the_overview_over_a_code_to_one_task_and_back(browser: Browser, address: str) -> None:
    page, outside = open_page(browser, address)
    choose_row(page, "overview_codes")
    page.wait_for_selector("h1:has-text('Tasks')", timeout=WAIT_MS)
    page.wait_for_url("**/tasks?**code=**", timeout=WAIT_MS)
    choose_row(page, "worklist")
    page.wait_for_url("**task=**", timeout=WAIT_MS)
    page.wait_for_selector("text=Timeline", timeout=WAIT_MS)
    shown = re.search(r"task=([\w-]+)", page.url)
    assert shown
    page.reload()
    page.wait_for_selector("text=Timeline", timeout=WAIT_MS)
    assert f"task={shown[1]}" in page.url
    page.get_by_role("link", name="Overview").click()
    page.wait_for_selector("h1:has-text('Overview')", timeout=WAIT_MS)
    assert outside == []


def test_a_ticked_row_of_the_overview_opens_its_task(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, address)
    choose_row(page, "first_tasks")
    page.wait_for_url("**/tasks?**task=**", timeout=WAIT_MS)
    page.wait_for_selector("text=Timeline", timeout=WAIT_MS)


def test_a_click_on_a_day_opens_its_tasks(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, f"{address}/failure_rates")
    click_mark(page, ".st-key-rates", ".scatterlayer .points path", 9)
    page.wait_for_selector("h1:has-text('Tasks')", timeout=WAIT_MS)
    page.wait_for_url("**/tasks?**from=**", timeout=WAIT_MS)
    days = re.findall(r"(?:from|to)=(\d{4}-\d\d-\d\d)", page.url)
    assert len(set(days)) == 1
    page.wait_for_selector(IDLE, timeout=WAIT_MS)
    page.reload()
    page.wait_for_selector("h1:has-text('Tasks')", timeout=WAIT_MS)
    page.wait_for_url(f"**from={days[0]}**", timeout=WAIT_MS)


def test_a_click_on_a_bar_opens_the_tasks_of_its_code(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, f"{address}/error_codes")
    click_mark(page, ".st-key-codes", ".barlayer .point path")
    page.wait_for_url("**/tasks?**code=**", timeout=WAIT_MS)


def test_a_deep_link_restores_every_filter(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, f"{address}/error_codes")
    page.wait_for_selector(
        f"{CHART} >> text=ORDERS_NOT_CLOSED", timeout=WAIT_MS
    )  # looked up, so that it can be a filter
    page.goto(f"{address}/error_codes?kind=RETRIEVAL&from=2026-01-05&by=month&code=ORDERS_NOT_CLOSED")
    page.wait_for_selector("h1:has-text('Error codes')", timeout=WAIT_MS)
    page.wait_for_selector(IDLE, timeout=WAIT_MS)
    page.wait_for_selector(f"{CHART}, [data-testid=stAlert]", timeout=WAIT_MS)
    for part in ("kind=RETRIEVAL", "from=2026-01-05", "by=month", "code=ORDERS_NOT_CLOSED"):
        assert part in page.url
    page.get_by_text("Failed tasks by error code and month").wait_for(timeout=WAIT_MS)
