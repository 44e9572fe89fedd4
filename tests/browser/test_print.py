"""Each page on paper: its charts and tables fit, and nothing is printed that one can only click."""

import re

import pytest
from playwright.sync_api import Browser
from support.browser import IDLE, PAGES, WAIT_MS, a_task, open_page, wait_for_lookups, wait_until_drawn
from support.waiting import wait_until

pytestmark = pytest.mark.browser
PAPER_PX = 703  # the width of A4 without the margins
CLICKED = "[data-testid=stSidebar], [data-testid=stHeader], .stMain [data-testid=stPopover], .stMain [role=tablist]"
OF_FORMS = ("New report", "Load events from", "Ask Buy with Prime for the reasons of failed tasks")
ABOUT_A_PERIOD = {"", "failure_rates", "error_codes", "trends"}
PERIOD = re.compile(r"^\d+ .*to \d+ \w{3} \d{4} · Data to ")
RIGHT_EDGES = """() => [...document.querySelectorAll('h1, h2, h3, p, .main-svg, [data-testid=stDataFrameResizable]')]
    .map(part => [part.getBoundingClientRect(), part.className])
    .filter(([box]) => box.width > 0).map(([box, name]) => [Math.floor(box.right), String(name)])"""


@pytest.mark.parametrize(("name", "scheme"), [*((name, "light") for name in PAGES), ("", "dark")])
def test_a_printed_page_fits_the_paper(browser: Browser, address: str, name: str, scheme: str) -> None:
    page, _ = open_page(browser, f"{address}/{name}", scheme)
    wait_until_drawn(page, name)
    wait_for_lookups(page)
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": PAPER_PX, "height": 1000})
    assert page.evaluate(RIGHT_EDGES)

    def too_wide() -> list[object]:
        return [edge for edge in page.evaluate(RIGHT_EDGES) if edge[0] > PAPER_PX]

    wait_until(lambda: not too_wide(), lambda: f"beyond the paper: {too_wide()}")  # the page is laid out anew
    assert [part.inner_text() for part in page.locator(CLICKED).all() if part.is_visible()] == []
    assert [text for text in OF_FORMS if any(part.is_visible() for part in page.get_by_text(text).all())] == []
    inverts = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).filter")
    assert inverts.startswith("invert") == (scheme == "dark")
    if name in ABOUT_A_PERIOD:
        assert page.get_by_text(PERIOD).first.is_visible()
    page.context.close()


def test_no_number_and_no_heading_stands_alone_on_paper(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, f"{address}/tasks")
    wait_until_drawn(page, "tasks")
    wait_for_lookups(page)
    page.emulate_media(media="print")
    states = page.locator("[data-testid=stMain] [data-testid=stRadioOption]")
    numbers = page.locator("[data-testid=stMain] [data-testid=stRadioCaption]")
    assert [item.is_visible() for item in states.all()] == [item.is_visible() for item in numbers.all()]
    page.emulate_media(media="screen")
    page.goto(f"{address}/tasks?task={a_task(page, address)}")
    page.get_by_role("heading", name="Your record of this request").wait_for(timeout=WAIT_MS)
    page.wait_for_selector(IDLE, timeout=WAIT_MS)
    page.emulate_media(media="print")
    shown = [heading.inner_text() for heading in page.locator(".stMain h3").all() if heading.is_visible()]
    assert shown == ["Why it failed", "Timeline"]  # the other sections are folded up, or forms
    page.context.close()
