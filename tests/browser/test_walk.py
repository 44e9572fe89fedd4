"""The way of an analyst: from the overview through a code or a day to its tasks, to one task with its events, and back."""

import re
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page
from support.browser import CHART, IDLE, WAIT_MS, click_mark, open_page, settled_box, wait_for_lookups

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
    page.wait_for_url("**/error_codes?error_code=**", timeout=WAIT_MS)
    page.get_by_role("link", name=re.compile("of them overdue")).click()
    page.wait_for_selector("h1:has-text('Tasks')", timeout=WAIT_MS)
    page.wait_for_url("**/tasks?with_code=**", timeout=WAIT_MS)
    choose_row(page, "worklist")
    page.wait_for_url("**task=**", timeout=WAIT_MS)
    page.wait_for_selector("text=Timeline", timeout=WAIT_MS)
    shown = re.search(r"task=([\w-]+)", page.url)
    assert shown
    page.reload()
    page.wait_for_selector("text=Timeline", timeout=WAIT_MS)
    assert f"task={shown[1]}" in page.url
    assert page.title() == f"Task {shown[1]} · Data deletion failures"
    page.get_by_role("link", name="Overview").click()
    page.wait_for_selector("h1:has-text('Overview')", timeout=WAIT_MS)
    page.wait_for_function("document.title === 'Overview · Data deletion failures'", timeout=WAIT_MS)
    assert outside == []


def test_a_ticked_row_of_the_overview_opens_its_task(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, address)
    choose_row(page, "first_tasks")
    page.wait_for_url("**/tasks?**task=**", timeout=WAIT_MS)
    page.wait_for_selector("text=Timeline", timeout=WAIT_MS)


def test_a_click_on_a_day_opens_its_tasks_and_back_leads_to_the_same_chart(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, f"{address}/failure_rates")
    click_mark(page, ".st-key-rates", ".scatterlayer .points path", 9)
    page.wait_for_selector("h1:has-text('Tasks')", timeout=WAIT_MS)
    page.wait_for_url("**/tasks?on=**", timeout=WAIT_MS)
    only = page.get_by_text(re.compile(r"^Only failed on \d{1,2} \w{3} \d{4}\.$"))
    only.wait_for(timeout=WAIT_MS)
    page.reload()
    only.wait_for(timeout=WAIT_MS)
    page.go_back()
    page.wait_for_selector("h1:has-text('Failure rates')", timeout=WAIT_MS)
    page.wait_for_selector(f".st-key-rates {CHART}", timeout=WAIT_MS)
    page.wait_for_selector(IDLE, timeout=WAIT_MS)
    assert page.get_by_text(re.compile("^Only ")).count() == 0


def test_a_click_on_a_bar_opens_the_tasks_of_its_code(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, f"{address}/error_codes?by=week")
    click_mark(page, ".st-key-codes", ".barlayer .point path")
    page.wait_for_url("**/tasks?by=week&with_code=**", timeout=WAIT_MS)
    page.get_by_role("button", name="Show all").click()
    page.wait_for_url("**/tasks?by=week", timeout=WAIT_MS)
    page.go_back()
    page.wait_for_url("**with_code=**", timeout=WAIT_MS)
    page.get_by_text(re.compile("^Only error code ")).wait_for(timeout=WAIT_MS)


TEXT_ABOVE_CHART = """() => {
    const main = document.querySelector('[data-testid=stMain]');
    const top = main.querySelector('.st-key-overview_rate').getBoundingClientRect().top;
    const texts = [], walker = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode());) {
        const parent = node.parentElement, box = parent.getBoundingClientRect();
        const isHidden = parent.closest('[data-testid=stExpander], [data-testid=stIconMaterial], style');
        if (!isHidden && box.height > 1 && box.bottom <= top) texts.push(node.textContent);
    }
    return texts.join(' ');
}"""


def test_few_words_and_numbers_stand_before_the_first_chart(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, address)
    page.wait_for_selector(f".st-key-overview_rate {CHART}", timeout=WAIT_MS)
    wait_for_lookups(page)
    page.wait_for_function(f"({TEXT_ABOVE_CHART})().includes('Overdue')", timeout=WAIT_MS)  # not in mid-rerun
    words = page.evaluate(TEXT_ABOVE_CHART).split()
    assert len(words) < 45, words
    assert sum(any(map(str.isdigit, word)) for word in words) < 12, words


def test_back_undoes_one_filter_after_the_other(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, f"{address}/failure_rates")
    page.wait_for_selector(CHART, timeout=WAIT_MS)
    page.get_by_text("RETRIEVAL", exact=True).first.click()
    page.wait_for_url("**?kind=RETRIEVAL", timeout=WAIT_MS)
    page.wait_for_selector(IDLE, timeout=WAIT_MS)
    page.get_by_role("link", name="Trends").click()
    page.wait_for_selector("h1:has-text('Trends')", timeout=WAIT_MS)
    page.wait_for_url("**/trends?kind=RETRIEVAL", timeout=WAIT_MS)
    page.go_back()
    page.wait_for_selector("h1:has-text('Failure rates')", timeout=WAIT_MS)
    page.go_back()
    page.wait_for_url("**/failure_rates", timeout=WAIT_MS)
    page.locator("input[type=radio][value='0']:checked").first.wait_for(state="attached", timeout=WAIT_MS)


def saved(page: Page, button: str, folder: Path) -> Path:
    """Click a button, and return the file that it downloads."""
    with page.expect_download(timeout=WAIT_MS) as started:
        page.locator(button).first.click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path


def test_what_a_chart_and_a_table_show_can_be_taken_away(browser: Browser, address: str, tmp_path: Path) -> None:
    page, _ = open_page(browser, address)
    page.wait_for_selector(f".st-key-overview_rate {CHART}", timeout=WAIT_MS)
    wait_for_lookups(page)
    for key, columns in (
        ("overview_rate", {"period_start", "failed", "n", "rate"}),
        ("overview_codes", {"code", "tasks"}),
    ):
        page.locator(f".st-key-{key}_download button").first.click()
        rows = pd.read_csv(saved(page, f".st-key-{key}_csv button", tmp_path), keep_default_na=False)
        book = pd.read_excel(saved(page, f".st-key-{key}_excel button", tmp_path), keep_default_na=False)
        assert list(rows.columns) == list(book.columns)
        assert columns <= set(rows.columns)
        assert len(rows) == len(book) > 0
        page.keyboard.press("Escape")
    page.get_by_role("button", name="Share", exact=True).click()
    sheets = pd.read_excel(saved(page, ".st-key-page_excel button", tmp_path), sheet_name=None)
    assert list(sheets) == ["About", "Overview rate", "Overview codes", "First tasks"]
    page.keyboard.press("Escape")
    page.locator(f".st-key-overview_rate {CHART}").first.hover()
    assert saved(page, ".st-key-overview_rate .modebar-btn", tmp_path).read_bytes().startswith(b"\x89PNG")


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
