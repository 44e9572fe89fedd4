"""The scripts of charts and tables: fetched with the frame, once, and run before a page needs them."""

import pytest
from playwright.sync_api import Browser
from support.browser import WAIT_MS, open_page, wait_until_drawn

pytestmark = pytest.mark.browser
FETCHED = """() => performance.getEntriesByType('resource').map(entry => entry.name).filter(
    name => /[/](PlotlyChart|DataFrame|arrowFormatUtils)[.][^/]*[.]js$/.test(name))"""
RUNS = "() => [...document.querySelectorAll('link[data-early]')].every(link => link.dataset.early === 'run')"


def test_the_scripts_run_on_a_page_without_a_chart_and_are_fetched_once(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, f"{address}/glossary")
    wait_until_drawn(page, "glossary")
    page.wait_for_function(RUNS, timeout=WAIT_MS)
    page.get_by_role("link", name="Overview").click()
    wait_until_drawn(page, "")
    fetched = page.evaluate(FETCHED)
    assert len(fetched) == len(set(fetched)) == 3
    page.context.close()
