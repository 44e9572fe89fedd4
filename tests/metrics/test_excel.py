"""Workbooks, opened by another library than the one that wrote them."""

from datetime import UTC, date, datetime
from io import BytesIO

import openpyxl
import pandas as pd
import pytest

from bwp_client.metrics.excel import to_excel


def sheet_of(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    book = openpyxl.load_workbook(BytesIO(to_excel({"rows": frame})))
    return list(book["rows"].iter_rows(values_only=True))


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@x", "http://example.com", "{=1}", "007", "1e5", "\t=1", "'quoted", "a\nb", "NA"]
)
def test_a_text_stays_a_text(text: str) -> None:
    book = openpyxl.load_workbook(BytesIO(to_excel({"rows": pd.DataFrame({text: [text]})})))
    for cell in (book["rows"]["A1"], book["rows"]["A2"]):
        assert (cell.value, cell.data_type, cell.hyperlink) == (text, "s", None)


def test_values_keep_their_types() -> None:
    time = datetime(2026, 3, 29, 1, 30, 5, tzinfo=UTC)
    frame = pd.DataFrame({
        "at": pd.Series([time, None], dtype="datetime64[us, UTC]").dt.tz_convert("Europe/Berlin"),
        "day": [date(2026, 3, 29), None],
        "n": pd.Series([3, None], dtype="Int64"),
        "rate": [0.125, None],
        "known_share": [1.0, 0.5],
        "sure": pd.Series([True, None], dtype="boolean"),
        "codes": [["A", "B"], None],
        "text": ["x" * 40_000, None],
    })  # fmt: skip
    book = openpyxl.load_workbook(BytesIO(to_excel({"rows": frame})))
    _, first, second = book["rows"].iter_rows(values_only=True)
    day = datetime(2026, 3, 29)  # noqa: DTZ001 - Excel knows no zones
    assert first == (time.replace(tzinfo=None), day, 3, 0.125, 1, True, "A, B", "x" * 32_767)
    assert book["rows"]["A2"].number_format == 'yyyy-mm-dd hh:mm:ss "UTC"'
    assert second == (None, None, None, None, 0.5, None, None, None)
    assert book["rows"].column_dimensions["D"].width
    assert book["rows"].auto_filter.ref == "A1:H3"


def test_a_frame_without_rows_is_a_sheet_with_its_header() -> None:
    assert sheet_of(pd.DataFrame({"code": pd.Series(dtype="str")})) == [("code",)]


def test_sheets_get_names_that_excel_accepts() -> None:
    frame = pd.DataFrame({"n": [1]})
    titles = ["a/b:c", "A b C", "x" * 40, "X" * 33, "", "'quoted'", "[]", "y" * 30 + "'s"]
    book = openpyxl.load_workbook(BytesIO(to_excel(dict.fromkeys(titles, frame))))
    assert len({name.casefold() for name in book.sheetnames}) == len(titles)
    assert book.sheetnames == ["a b c", "A b C 2", "x" * 31, "X" * 29 + " 2", "Sheet", "quoted", "Sheet 2", "y" * 30]
