"""CSV that no spreadsheet runs, and JSON rows that keep every digit."""

import csv
import io
import json
from pathlib import Path

import pandas as pd
import pytest

from bwp_client.metrics.export import defused, to_csv, to_rows


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "＝", "＋", "－", "＠"])
def test_a_formula_becomes_text(start: str) -> None:
    value = f"{start}HYPERLINK(1)"
    (header, cell) = csv.reader(io.StringIO(to_csv(pd.DataFrame({value: [value]}))))
    assert header == cell == ["'" + value.replace("\r", "\n")]


INVISIBLE = (
    "\u00a0", "\u3000", "\ufeff", "\u200b", "\x00", "\x0b", "\x0c", "\u200e", "\u202e", "\u00ad", "\u2028", "\x85", "\x1b",
    "\u2060", "\u180e", "\u2800", "\u3164", "\ufe0f", " \u00a0 \u200b", '"',
)  # fmt: skip
FORMS = (
    "=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\ufe62", "\ufe63", "\ufe66", "\ufe6b", "\u2212", "\u207a",
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_formula_becomes_text_behind_any_invisible_character(form: str) -> None:
    for before in ("", *INVISIBLE):
        value = f"{before}{form}1+1"
        assert defused(value) == f"'{value}", repr(value)


def test_a_formula_behind_another_separator_becomes_text() -> None:
    value = "a;=1+1;b\t\u00a0@x; -2;c-d"
    _, cell = csv.reader(io.StringIO(to_csv(pd.DataFrame({"name": [value]}))))
    assert cell == ["a;'=1+1;b\t'\u00a0@x;' -2;c-d"]


READ = "keep_default_na=False"


def test_codes_that_pandas_takes_for_missing_survive_the_documented_way_of_reading() -> None:
    codes = ["NA", "null", "None", "nan", "N/A", "NULL", "", "1.0", "007", "TRUE"]
    text = to_csv(pd.DataFrame({"code": codes, "tasks": range(len(codes))}))
    found = pd.read_csv(io.StringIO(text), keep_default_na=False, dtype={"code": "str"})
    assert list(found["code"]) == codes
    assert READ in (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()


@pytest.mark.parametrize(
    "value", ["\u00a0plain", "\ufeffa=b", "\x00", "plain", "a=b", "", "'quoted", 3, -3, None, -0.5]
)
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
