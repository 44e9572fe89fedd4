"""The way of somebody who comes to act: from the overview through a code to one task and its event, and back."""

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, Download, Page
from support.browser import CHART, IDLE, TABLE, WAIT_MS, open_page, settled_box, wait_until_drawn

pytestmark = pytest.mark.browser
FIRST_ROW = {"x": 18, "y": 52}  # its tick box
CODE = "ORDERS_NOT_CLOSED"


def wait_for_lookups(page: Page, address: str) -> None:
    """Wait until the child process has looked up the sample's errors of all days, and the page shows them."""
    page.goto(f"{address}/error_codes?from=2020-01-01")
    page.wait_for_selector(f"{CHART} >> text={CODE}", timeout=WAIT_MS)
    page.get_by_text("The errors are known for").wait_for(state="detached", timeout=WAIT_MS)


def download(page: Page, button: str) -> Download:
    with page.expect_download(timeout=WAIT_MS) as found:
        page.get_by_role("button", name=button, exact=False).click()
    return found.value


def text_of(found: Download) -> str:
    return Path(found.path()).read_text(encoding="utf-8")


def test_from_the_overview_to_one_event_and_back(browser: Browser, address: str) -> None:
    page, outside = open_page(browser, address)
    wait_for_lookups(page, address)
    page.goto(address)
    wait_until_drawn(page, "")
    page.get_by_role("link", name="Error codes").click()
    page.wait_for_selector("h1:has-text('Error codes')", timeout=WAIT_MS)
    page.get_by_role("combobox", name="Error codes").fill(CODE)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")  # the open list hides the rest from assistive technology
    page.wait_for_url(f"**code={CODE}**", timeout=WAIT_MS)
    page.get_by_role("link", name="Tasks").click()
    page.wait_for_selector("h1:has-text('Tasks')", timeout=WAIT_MS)
    assert f"code={CODE}" in page.url
    page.wait_for_selector(TABLE, timeout=WAIT_MS)
    page.wait_for_selector(IDLE, timeout=WAIT_MS)
    ids = text_of(download(page, "Task IDs")).splitlines()
    settled_box(page.locator(TABLE).first)
    page.locator(TABLE).first.click(position=FIRST_ROW)
    page.wait_for_url(f"**task={ids[0]}**", timeout=WAIT_MS)
    page.get_by_role("heading", name="Timeline").wait_for(timeout=WAIT_MS)
    page.locator("[data-testid=stExpander] summary", has_text="PERSONAL_DATA_DELETION_TASK_FAILED").first.click()
    shown = page.locator("[data-testid=stExpander] code:visible").first
    shown.wait_for(timeout=WAIT_MS)
    event = json.loads(shown.inner_text())
    assert event["detail-type"] == "PERSONAL_DATA_DELETION_TASK_FAILED"
    assert event["resources"][0].endswith(ids[0])
    page.get_by_role("button", name="Back to the list").click()
    page.get_by_role("button", name="Task IDs").wait_for(timeout=WAIT_MS)
    page.wait_for_url(lambda url: "task=" not in url and f"code={CODE}" in url, timeout=WAIT_MS)
    page.reload()
    page.get_by_role("button", name="Task IDs").wait_for(timeout=WAIT_MS)
    assert text_of(download(page, "Task IDs")).splitlines() == ids
    page.get_by_role("link", name="Overview").click()
    page.wait_for_selector("h1:has-text('Overview')", timeout=WAIT_MS)
    assert outside == []
    page.context.close()


def test_the_downloads_agree_with_each_other_and_the_dossier_stands_alone(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, f"{address}/tasks")
    page.wait_for_selector(TABLE, timeout=WAIT_MS)
    page.wait_for_selector(IDLE, timeout=WAIT_MS)
    ids = text_of(download(page, "Task IDs")).splitlines()
    page.get_by_role("button", name="Download").click()
    rows = list(csv.DictReader(io.StringIO(text_of(download(page, "CSV")))))
    parquet = pq.read_table(download(page, "Parquet").path())
    assert ids == [row["task_id"] for row in rows] == parquet.column("task_id").to_pylist()
    assert len(ids) > 50
    page.goto(f"{address}/tasks?task={ids[0]}")
    page.get_by_role("heading", name="Timeline").wait_for(timeout=WAIT_MS)
    page.wait_for_selector(IDLE, timeout=WAIT_MS)
    read = json.loads(text_of(download(page, "Dossier (JSON)")))
    assert read["task_id"] == ids[0]
    assert read["events"][0]["rebuilt"]["resources"][0].endswith(ids[0])
    alone = page.context.new_page()
    asked: list[str] = []
    alone.on("request", lambda sent: asked.append(sent.url))
    alone.set_content(text_of(download(page, "Dossier (HTML)")))
    assert alone.get_by_role("heading", name="What it does not prove").is_visible()
    assert asked == []
    page.context.close()
