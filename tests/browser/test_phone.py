"""A phone: the first figures near the top, the first columns of the tables whole, and the days that the sidebar hides."""

import pytest
from playwright.sync_api import Browser
from support.browser import PHONE_WIDTH, WAIT_MS, open_page, wait_for_lookups, wait_until_drawn

pytestmark = pytest.mark.browser
MOST_PX = 300
FIRST_FIGURE = {"": ".stMain [data-testid=stPageLink]", "tasks": ".stMain [data-testid=stMetric]"}
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


BEGINS_WITH = """([key, columns]) => {
    const grid = document.querySelector(`.st-key-${key} [data-testid=stDataFrameResizable]`);
    const shown = [...grid.querySelectorAll('canvas th')].slice(0, columns.length).map(cell => cell.innerText);
    return JSON.stringify(shown) === JSON.stringify(columns);
}"""


@pytest.mark.parametrize(
    ("name", "key", "columns"),
    [
        ("", "first_tasks", ["Days left", "Error code", "Business product"]),
        ("tasks", "worklist", ["Days left", "Error code", "Business product"]),
        ("error_codes", "codes_table", ["Error code", "State", "Tasks"]),
    ],
)
def test_a_table_begins_with_what_one_needs(
    browser: Browser, address: str, name: str, key: str, columns: list[str]
) -> None:
    page, _ = open_page(browser, f"{address}/{name}", width=PHONE_WIDTH)
    wait_until_drawn(page, name)
    wait_for_lookups(page)
    page.wait_for_function(BEGINS_WITH, arg=[key, columns], timeout=WAIT_MS)
    page.context.close()
