"""Hostile strings in every field of the data: no script runs, nothing is fetched, no CSV cell is a formula."""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser
from support.events import envelope
from support.reports import MONDAY, look_up, make_warehouse, report_json

from bwp_client.metrics.export import to_csv

HOSTILE = [
    "<script>window.pwned=1</script>",
    "</script><script>window.pwned=1</script>",
    "<img src=http://evil.example/a.png onerror=window.pwned=1>",
    "'\"><svg onload=window.pwned=1>",
    "<a href='javascript:window.pwned=1'>click</a>",
    "{{ 7*7 }}{% raw %}",
    '=HYPERLINK("http://evil.example","x")',
    "+cmd|' /C calc'!A0",
    "@SUM(1)",
    "--><style>@import 'http://evil.example/x.css'</style>",
    "![x](http://evil.example/m.png)",
    "\u202egnp.exe\u2028\u2029",
    "<b>%{y}</b><extra>http://evil.example</extra>",
]  # fmt: skip
# A slash would end the ID in an event's resource path, a path with unprintable characters is quarantined, and so is an ID
# that may hold an address of a person: a letter or hyphen before an @.
PRODUCTS = [f"bp {''.join(sign for sign in text.replace('/', '-') if sign.isprintable())}" for text in HOSTILE]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a report whose data are hostile in every text: IDs, regions, codes, messages, names."""
    folder = tmp_path_factory.mktemp("hostile")
    events, answers = [], {}
    for index, (text, product) in enumerate(zip(HOSTILE, PRODUCTS, strict=True)):
        for number in range(30):
            task = f"{product}-{number}"
            outcome = "FAILED" if number < 15 else "COMPLETED"
            at = MONDAY + timedelta(hours=index, minutes=number)
            events.append(envelope(task, outcome=outcome, time=at, product=product, region=text, id=f"{text}{number}"))
            if outcome == "FAILED":
                answers.setdefault(product, {})[task] = [text, HOSTILE[index - 1]]
    warehouse = make_warehouse(folder, events, {})
    for product, codes in answers.items():
        look_up(warehouse, codes, product=product)
    names = {product: text for product, text in zip(PRODUCTS, HOSTILE, strict=True) if not text.startswith("{")}
    made = report_json(folder, "--out", "out", "--force", BWP_PRODUCT_NAMES=json.dumps(names))
    assert made["figures"]["failed"] == 15 * len(HOSTILE)
    return folder / "out" / made["key"]


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_in_the_data_runs_and_no_request_leaves_the_page(
    browser: Browser, published: Path, scheme: Any
) -> None:
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    urls: list[str] = []
    messages: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("dialog", lambda dialog: messages.append(dialog.message))
    address = (published / "report.html").as_uri()
    page.goto(address)
    page.wait_for_selector("html[data-drawn=yes]")
    for chart in page.locator(".chart").all():
        chart.hover()
    assert page.evaluate("window.pwned") is None
    assert [url for url in urls if url != address and not url.startswith(("data:", "blob:"))] == []
    assert messages == []
    assert page.locator("main :is(script, img, a, iframe, object, embed, form)").count() == 0
    shown = page.locator("#table-error_codes td:first-child").all_inner_texts()
    assert {" ".join(text.split()) for text in HOSTILE} >= set(shown)
    assert len(shown) == len(HOSTILE)
    context.close()


@pytest.mark.browser
def test_without_scripts_every_number_is_there(browser: Browser, published: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((published / "report.html").as_uri())
    assert page.locator("#table-failure_rate tbody tr").count() == 1
    assert page.locator("figcaption").first.inner_text()
    assert page.locator("dl.headline dd").count() == 4
    context.close()


@pytest.mark.browser
def test_the_content_security_policy_refuses_what_a_script_would_fetch(browser: Browser, published: Path) -> None:
    page = browser.new_page()
    page.goto((published / "report.html").as_uri())
    outcome = page.evaluate(
        """async () => {
            try { await fetch("http://127.0.0.1:9/"); return "fetched"; } catch (error) { return "refused"; }
        }"""
    )
    policy = page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content")
    assert outcome == "refused"
    assert policy is not None
    assert "default-src 'none'" in policy
    page.close()


def test_no_cell_of_any_csv_is_a_formula_and_every_row_is_there(published: Path) -> None:
    tables = sorted((published / "tables").glob("*.csv"))
    assert len(tables) > 10
    for path in tables:
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
        assert len(rows) - 1 == len(pd.read_parquet(path.with_suffix(".parquet"))), path.name
        assert len({len(row) for row in rows}) == 1, path.name
        for cell in (cell for row in rows for cell in row):
            assert not cell.lstrip().startswith(("=", "+", "@")), (path.name, cell)
            if cell.startswith("-"):
                float(cell)


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=("Cs",)))
            | st.sampled_from(HOSTILE)
            | st.text("=+-@\t\r\n\"',;＝＋－＠ a"),
            st.integers(-5, 5),
        ),
        min_size=1,
    )
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_csv_reader_gets_the_same_cells_and_no_formula_whatever_the_text(rows: list[tuple[str, int]]) -> None:
    text = to_csv(pd.DataFrame(rows, columns=["text", "number"]))
    header, *read = csv.reader(io.StringIO(text, newline=""))
    assert header == ["text", "number"]
    assert len(read) == len(rows)
    for (written, number), (cell, count) in zip(rows, read, strict=True):
        assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
        # Apostrophes may be added, before the cell and behind a semicolon or a tab in it.
        assert cell.replace("'", "").replace("\r", "\n") == written.replace("'", "").replace("\r", "\n")
        assert int(count) == number
