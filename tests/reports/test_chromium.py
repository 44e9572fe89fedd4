"""The sentence about the pictures of a report names the true reason when there are none."""

from pathlib import Path

import pytest
from support.browser import find_browser
from support.reports import make_warehouse, report_json, steady


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_warehouse(tmp_path, *steady())
    return tmp_path


@pytest.mark.parametrize("value", ["none", "None", " none "])
def test_pictures_that_are_switched_off_are_not_called_a_missing_browser(folder: Path, value: str) -> None:
    made = report_json(folder, BWP_REPORT__BROWSER=value)
    assert made["pictures"] == "PDF and PNG were not made: BWP_REPORT__BROWSER is none."


def test_a_machine_without_a_browser_is_said_to_have_none(folder: Path) -> None:
    made = report_json(folder, BWP_REPORT__BROWSER="", PATH=str(folder))
    assert made["pictures"] == "PDF and PNG were not made: no browser was found. Install chromium to get them."


def test_a_configured_browser_that_does_not_exist_is_said_to_be_missing(folder: Path) -> None:
    made = report_json(folder, BWP_REPORT__BROWSER="/nowhere/chromium", PATH=str(folder))
    assert made["pictures"].startswith("PDF and PNG were not made: the browser that BWP_REPORT__BROWSER names was not")


@pytest.mark.browser
def test_another_browser_than_the_configured_one_is_used_and_that_is_said(folder: Path) -> None:
    assert find_browser()
    made = report_json(folder, BWP_REPORT__BROWSER="/nowhere/chromium")
    assert made["pictures"].startswith("PDF and PNG were made by ")
    assert made["pictures"].endswith("; the browser that BWP_REPORT__BROWSER names was not found.")
