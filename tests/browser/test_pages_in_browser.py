"""Every page in a real browser: by its direct URL on a fresh server, drawn, and asking nobody else for anything."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

PAGES = {
    "": "Overview",
    "failure_rates": "Failure rates",
    "error_codes": "Error codes",
    "trends": "Trends",
    "data_health": "Data health",
}


@pytest.mark.parametrize("path", PAGES)
def test_a_direct_address_on_a_fresh_server_gives_the_page_with_filters_and_charts(
    start_server, sample_folder, visit, path
):
    visitor = visit()
    page = visitor.open(f"{start_server(sample_folder).url}/{path}")
    expect(page.get_by_role("heading", name=PAGES[path], exact=True)).to_be_visible()
    expect(page.get_by_test_id("stSidebar").get_by_text("Business products")).to_be_visible()
    expect(page.get_by_text("Sample data")).to_be_visible()
    visitor.drawn()
    assert page.get_by_test_id("stException").count() == 0
    assert visitor.asked_of_others == []


@pytest.mark.skipif("BWP_SCREENSHOTS" not in os.environ, reason="set BWP_SCREENSHOTS to have screenshots written")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_screenshots(sample_server, visit, path, dark):
    visitor = visit(dark=dark)
    page = visitor.open(f"{sample_server.url}/{path}")
    visitor.drawn()
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": 1360, "height": min(max(900, height + 20), 3600)})
    page.wait_for_timeout(800)  # canvases are drawn anew at the new size, and nothing says when
    folder = Path(__file__).parents[2] / "screenshots"
    folder.mkdir(exist_ok=True)
    page.screenshot(path=folder / f"{path or 'overview'}-{'dark' if dark else 'light'}.png")
