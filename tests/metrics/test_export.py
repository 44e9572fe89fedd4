"""CSV that no spreadsheet runs, and JSON rows that keep every digit."""

import csv
import io
import json

import pandas as pd
import pytest

from bwp_client.metrics.export import defused, to_csv, to_rows


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "＝", "＋", "－", "＠"])
def test_a_formula_becomes_text(start: str) -> None:
    value = f"{start}HYPERLINK(1)"
    (header, cell) = csv.reader(io.StringIO(to_csv(pd.DataFrame({value: [value]}))))
    assert header == cell == ["'" + value.replace("\r", "\n")]


@pytest.mark.parametrize("value", ["plain", "a=b", "", "'quoted", 3, -3, None, -0.5])
def test_everything_else_stays(value: object) -> None:
    assert defused(value) == value


def test_numbers_and_times_stay_what_they_are() -> None:
    frame = pd.DataFrame({"n": [-1, 2], "rate": [-0.1, None], "at": pd.to_datetime(["2026-05-01T00:00Z"] * 2)})
    assert to_csv(frame) == "n,rate,at\n-1,-0.1,2026-05-01T00:00:00+00:00\n2,,2026-05-01T00:00:00+00:00\n"


def test_rows_keep_every_digit() -> None:
    at = pd.to_datetime(["2026-05-01T00:00:00.000123Z", None])
    frame = pd.DataFrame({"rate": [1 / 3, None], "n": [1, 2], "at": at, "name": ["é", None], "ok": [True, False]})
    assert json.loads(json.dumps(to_rows(frame))) == [
        {"rate": 1 / 3, "n": 1, "at": "2026-05-01T00:00:00.000123Z", "name": "é", "ok": True},
        {"rate": None, "n": 2, "at": None, "name": None, "ok": False},
    ]
    assert to_rows(frame.iloc[:0]) == []
