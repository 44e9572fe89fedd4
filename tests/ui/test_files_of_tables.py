"""A table's files hold shares of 1 and whole lists, whatever the screen shows."""

import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import openpyxl
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from bwp_client.metrics.export import to_csv
from bwp_client.ui import sharing


@pytest.mark.parametrize(("page", "table", "column"), [
    ("overview", "overview_codes", "share"), ("error_codes", "codes_table", "share"),
    ("failure_rates", "products", "Failure rate"),
])  # fmt: skip
def test_a_share_is_a_percentage_in_excel_and_a_fraction_in_csv(
    loaded: Path, open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch, page: str, table: str, column: str
) -> None:
    files: dict[str, Callable[[], str | bytes]] = {}
    monkeypatch.setattr(sharing, "_draw_file", lambda _, content, file, *__: files.update({file: content}))
    app = open_page(page, loaded)
    shown = next(item.value[column] for item in app.dataframe if column in item.value.columns).dropna()
    app.session_state[f"{table}_download"] = True
    app.run()
    (text,) = (content() for file, content in files.items() if file.endswith(".csv"))
    (book,) = (content() for file, content in files.items() if file.endswith(".xlsx"))
    rows = pd.read_csv(io.StringIO(str(text)))
    assert rows[column].dropna().tolist() == pytest.approx((shown / 100).tolist())
    assert 0 < rows[column].max() <= 1
    assert "..." not in str(text)
    assert isinstance(book, bytes)
    sheet = openpyxl.load_workbook(io.BytesIO(book)).active
    assert sheet is not None
    (cell,) = [cell for cell in sheet[1] if cell.value == column]
    assert sheet.column_dimensions[cell.column_letter].width
    assert sheet.cell(2, cell.column).number_format == "0.00%" or sheet.cell(2, cell.column).value is None


def test_the_weeks_of_a_code_are_a_list_of_whole_weeks(loaded: Path, open_page: Callable[..., AppTest]) -> None:
    app = open_page("overview", loaded)
    weeks = next(item.value["weeks"] for item in app.dataframe if "weeks" in item.value.columns)
    assert {len(counts) for counts in weeks} == {12}
    rows = app.session_state["tables_of_page"]["overview_codes"]()
    assert all(isinstance(counts, list) for counts in rows["weeks"])
    cell = pd.read_csv(io.StringIO(to_csv(rows)))["weeks"].iloc[0]
    assert cell == str([int(count) for count in weeks.iloc[0]])


def test_the_workbook_of_a_page_waits_until_the_page_is_drawn() -> None:
    tables: dict[str, Callable[[], pd.DataFrame]] = {}
    is_drawn = Event()
    with ThreadPoolExecutor(1) as pool:
        book = pool.submit(sharing._workbook, {"Page": "Overview"}, tables, is_drawn)
        tables["rates"] = lambda: pd.DataFrame({"failed": [1]})
        is_drawn.set()
        sheets = openpyxl.load_workbook(io.BytesIO(book.result(60))).sheetnames
    assert sheets == ["About", "Rates"]


def test_a_page_that_was_drawn_says_so(loaded: Path, open_page: Callable[..., AppTest]) -> None:
    assert open_page("overview", loaded).session_state["page_is_drawn"].is_set()


def test_the_picture_of_a_chart_has_the_name_of_what_it_shows(loaded: Path, open_page: Callable[..., AppTest]) -> None:
    app = open_page("overview", loaded)
    (chart,) = app.get("plotly_chart")
    assert json.loads(chart.proto.config)["toImageButtonOptions"]["filename"] == "failure-rate-by-week"


def test_the_name_of_a_file_has_letters_and_digits_only() -> None:
    assert sharing.file_name("Failed tasks by error code, all data") == "failed-tasks-by-error-code-all-data"
    assert sharing.file_name("codes_by_week") == "codes-by-week"
