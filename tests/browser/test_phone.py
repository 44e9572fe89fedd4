"""A phone: the first figures near the top, cards in place of tables, and the days that the sidebar hides."""

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser
from support.browser import PHONE_WIDTH, WAIT_MS, open_page, wait_for_lookups, wait_until_drawn

pytestmark = pytest.mark.browser
MOST_PX = 300
FIRST_FIGURE = {"": ".stMain [data-testid=stPageLink]", "tasks": ".stMain .st-key-due label"}
HEADER = "[data-testid=stHeader]"
BANNER = ".st-key-sample_banner summary"


@pytest.mark.parametrize("name", FIRST_FIGURE)
def test_the_first_figure_is_near_the_top(browser: Browser, address: str, name: str) -> None:
    page, _ = open_page(browser, f"{address}/{name}", width=PHONE_WIDTH)
    wait_until_drawn(page, name)
    wait_for_lookups(page)
    header, banner, first = (page.locator(part).first.bounding_box() for part in (HEADER, BANNER, FIRST_FIGURE[name]))
    assert header
    assert banner
    assert first
    assert header["y"] + header["height"] <= banner["y"]  # the header hides nothing
    assert first["y"] <= MOST_PX
    page.context.close()


def test_the_days_that_the_sidebar_hides_are_below_the_title(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, address, width=PHONE_WIDTH)
    wait_until_drawn(page, "")
    days = page.locator(".st-key-page_head .stMarkdownColoredText")
    days.wait_for(timeout=WAIT_MS)
    page.set_viewport_size({"width": 1360, "height": 900})
    days.wait_for(state="hidden", timeout=WAIT_MS)
    page.context.close()


OVERFLOWS = "() => document.querySelector('.stMain').scrollWidth > document.querySelector('.stMain').clientWidth"


@pytest.mark.parametrize(
    ("name", "key", "labels"),
    [
        ("", "overview_codes", ["State:", "Tasks:", "Share:", "Next action:"]),
        ("tasks", "worklist", ["Days left:", "Deadline:", "Business product:", "Next action:", "Task ID:"]),
        ("error_codes?more=all", "codes_table", ["State:", "Tasks:", "First seen:"]),
        ("data_health?more=runs", "runs", ["Finished:", "Read or asked:", "State:"]),
    ],
)
def test_rows_are_cards_that_fit_the_screen(
    browser: Browser, address: str, name: str, key: str, labels: list[str]
) -> None:
    page, _ = open_page(browser, f"{address}/{name}", width=PHONE_WIDTH)
    wait_until_drawn(page, name.partition("?")[0])
    wait_for_lookups(page)
    card = page.locator(f".st-key-{key}_card_0")
    card.wait_for(timeout=WAIT_MS)
    text = card.inner_text().replace("\u00a0", " ")
    assert [label for label in labels if label not in text] == []
    assert page.locator("[data-testid=stDataFrame]").count() == 0
    assert not page.evaluate(OVERFLOWS)
    page.context.close()


def test_a_card_opens_its_task(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, address, width=PHONE_WIDTH)
    wait_until_drawn(page, "")
    wait_for_lookups(page)
    card = page.locator(".st-key-first_tasks_card_0")
    text = card.inner_text()
    card.get_by_role("button").click()
    page.wait_for_url("**/tasks?**task=*", timeout=WAIT_MS)
    assert f"Task ID: {parse_qs(urlsplit(page.url).query)['task'][0]}" in text
    page.context.close()


def test_a_wide_screen_has_tables(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, address)
    wait_until_drawn(page, "")
    page.locator(".st-key-overview_codes [data-testid=stDataFrame]").wait_for(timeout=WAIT_MS)
    assert page.locator(".st-key-overview_codes_card_0").count() == 0
    page.context.close()


CUT = """() => [...document.querySelectorAll('.stMain [data-testid=stMetric] *')]
    .filter(part => getComputedStyle(part).textOverflow === 'ellipsis' && part.scrollWidth > part.clientWidth)
    .map(part => part.innerText)"""
HAS_FIGURES = "count => document.querySelectorAll('[data-testid=stMetricValue]').length === count"


@pytest.mark.parametrize("width", [PHONE_WIDTH, 1360])
def test_no_figure_of_a_code_is_cut(browser: Browser, address: str, width: int) -> None:
    page, _ = open_page(browser, f"{address}/error_codes?error_code=ORDERS_NOT_CLOSED", width=width)
    page.get_by_role("heading", name="Messages").wait_for(timeout=WAIT_MS)
    wait_for_lookups(page)
    page.wait_for_function(HAS_FIGURES, arg=3, timeout=WAIT_MS)
    assert page.evaluate(CUT) == []
    page.context.close()


def test_two_figures_stand_beside_each_other(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, f"{address}/failure_rates", width=PHONE_WIDTH)
    wait_until_drawn(page, "failure_rates")
    wait_for_lookups(page)
    first, second = (page.locator(".stMain [data-testid=stMetric]").nth(index).bounding_box() for index in (0, 1))
    assert first
    assert second
    assert first["y"] == second["y"]
    assert second["x"] + second["width"] <= PHONE_WIDTH
    page.context.close()
