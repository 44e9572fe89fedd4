"""The reports page: empty, with reports, with a damaged one, compared, and making one through the command line."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest
from support.tables import command_json

from bwp_client.ui import published_reports
from bwp_client.ui.sections.reports import OTHER

from .conftest import wait_for_job

QUIET = {
    "BWP_REPORT__BROWSER": "none", "BWP_REPORT__MIN_LOOKUP_COVERAGE": "0",
    "BWP_REPORT__MAX_STALE_HOURS": "100",  # the sample ends yesterday morning, or some hours earlier
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "reports"
    for name, value in {**QUIET, "BWP_REPORT__OUT": str(folder)}.items():
        monkeypatch.setenv(name, value)
    return folder


def make(loaded: Path, folder: Path, period: str) -> str:
    done = command_json(
        "report", "--period", period, "--warehouse", loaded, "--out", folder, "--json", cwd=folder.parent, **QUIET
    )
    key: str = done["key"]
    return key


def captions(app: AppTest) -> str:
    return " ".join(item.value for item in app.caption)


def test_without_reports_it_says_so(open_page: Callable[..., AppTest], loaded: Path, folder: Path) -> None:
    app = open_page("reports", loaded)
    assert not app.exception
    assert "No reports yet" in captions(app)


def test_without_data_no_form_is_said_to_be_above(
    open_page: Callable[..., AppTest], tmp_path: Path, folder: Path
) -> None:
    app = open_page("reports", tmp_path / "nothing")
    assert captions(app) == "No reports yet."


def test_the_form_names_the_days_of_the_period(open_page: Callable[..., AppTest], loaded: Path, folder: Path) -> None:
    app = open_page("reports", loaded)
    assert "Last week is " in captions(app).replace("\\", "")
    app.selectbox(key="report_period").set_value("last-year").run()
    assert "Last year is 1 Jan " in captions(app).replace("\\", "")


def test_reports_are_listed_opened_and_compared(open_page: Callable[..., AppTest], loaded: Path, folder: Path) -> None:
    day = datetime.now(UTC).date() - timedelta(days=10)
    first = make(loaded, folder, f"{day - timedelta(days=6)}..{day}")
    second = make(loaded, folder, f"{day - timedelta(days=13)}..{day - timedelta(days=7)}")
    app = open_page("reports", loaded, report=first)
    assert not app.exception
    assert set(app.dataframe[0].value["Key"]) == {first, second}
    assert app.selectbox(key="report").value == first
    frame = app.get("iframe")[0].proto
    assert str(frame).count("data:text/html;base64,") == 1
    sentence = next(item.value for item in app.text if "of the tasks failed in" in item.value)
    assert sentence.index(f"{day - timedelta(days=6)}..{day}") < sentence.index(f"{day - timedelta(days=13)}..")
    products, codes = (item.value for item in app.dataframe[-2:])
    assert list(products.columns[:3]) == ["Business product", *codes.columns[1:3]]
    assert (codes["Difference"] == codes.iloc[:, 2] - codes.iloc[:, 1]).all()
    unknown = open_page("reports", loaded, view="compare", compare_to="nothing")
    assert any("No report nothing was published here" in item.value for item in unknown.warning)
    assert not any("of the tasks failed in" in item.value for item in unknown.text)


def test_two_reports_of_one_period_are_compared_row_by_row(
    open_page: Callable[..., AppTest], loaded: Path, folder: Path
) -> None:
    day = datetime.now(UTC).date() - timedelta(days=10)
    key = make(loaded, folder, f"{day - timedelta(days=6)}..{day}")
    later = Path(shutil.copytree(folder / key, folder / f"{key}_2")) / "manifest.json"
    value = json.loads(later.read_text(encoding="utf-8"))
    value["question"] |= {"edition": 2, "replaces": key}
    later.write_text(json.dumps(value | {"key": f"{key}_2"}), encoding="utf-8")
    app = open_page("reports", loaded, view="compare", compare_from=key, compare_to=f"{key}_2")
    assert not app.exception
    assert not any("of the tasks failed in" in item.value for item in app.text)
    assert app.selectbox(key="compare_from").value == key
    unknown = open_page("reports", loaded, view="compare", compare_from="nothing")
    assert any("No report nothing was published here" in item.value for item in unknown.warning)


def test_the_link_to_copy_names_the_reports_that_are_shown_by_default(
    open_page: Callable[..., AppTest], loaded: Path, folder: Path
) -> None:
    day = datetime.now(UTC).date() - timedelta(days=10)
    before = make(loaded, folder, f"{day - timedelta(days=13)}..{day - timedelta(days=7)}")
    newest = make(loaded, folder, f"{day - timedelta(days=6)}..{day}")
    app = open_page("reports", loaded, view="compare")
    app.session_state["share"] = True
    app.run()
    link = next(item.value for item in app.code if "view=compare" in item.value)
    parameters = parse_qs(urlsplit(link).query)
    assert (parameters["compare_from"], parameters["compare_to"]) == ([before], [newest])
    make(loaded, folder, f"{day + timedelta(days=1)}..{day + timedelta(days=7)}")
    opened = open_page("reports", loaded, **{key: values[0] for key, values in parameters.items()})
    assert (opened.selectbox(key="compare_from").value, opened.selectbox(key="compare_to").value) == (before, newest)


def test_a_report_whose_place_a_later_one_took_is_marked(
    open_page: Callable[..., AppTest], loaded: Path, folder: Path
) -> None:
    key = make(loaded, folder, "2026-10")
    later = Path(shutil.copytree(folder / key, folder / f"{key}_2")) / "manifest.json"
    value = json.loads(later.read_text(encoding="utf-8"))
    value["question"] |= {"edition": 2, "replaces": key}
    later.write_text(json.dumps(value | {"key": f"{key}_2"}), encoding="utf-8")
    shown = open_page("reports", loaded).dataframe[0].value
    assert dict(zip(shown["Key"], shown["State"], strict=True)) == {
        key: f"replaced by {key}_2", f"{key}_2": "published",
    }  # fmt: skip


def test_a_damaged_report_is_named_and_the_others_are_shown(
    open_page: Callable[..., AppTest], loaded: Path, folder: Path
) -> None:
    key = make(loaded, folder, "2026-10")
    bad = folder / "bad" / "manifest.json"
    bad.parent.mkdir()
    bad.write_text("{}")
    app = open_page("reports", loaded)
    assert not app.exception
    assert "bad can" in app.warning[0].value
    assert list(app.dataframe[0].value["Key"]) == [key]
    (folder / key / "report.html").write_text("<script>alert(1)</script>")
    published_reports.report_file.clear()  # type: ignore[attr-defined]
    changed = open_page("reports", loaded)
    assert "is not what was published" in " ".join(item.value for item in changed.text)
    assert not changed.get("iframe")


def test_a_report_is_made_from_the_page(open_page: Callable[..., AppTest], loaded: Path, folder: Path) -> None:
    app = open_page("reports", loaded)
    today = datetime.now(UTC).date()
    if today.day > 2:
        app.selectbox(key="report_period").set_value("last-month").run()
    else:  # the sample may end a day before today, and so before the end of the last month
        app.selectbox(key="report_period").set_value(OTHER).run()
        month_before_last = today.replace(day=1) - timedelta(days=32)
        app.text_input(key="report_which").set_value(f"{month_before_last:%Y-%m}").run()
    app.button(key="report_make").click().run()
    state = wait_for_job("report")
    assert state.result["state"] == "published", state
    key = state.result["key"]
    assert (folder / key / "manifest.json").is_file()
    app.run()
    app.button(key="report_open").click().run()
    assert app.query_params["report"] == key
    assert not app.warning
    assert len(app.get("iframe")) == 1


def test_reports_are_listed_while_the_warehouse_is_away(
    open_page: Callable[..., AppTest], loaded: Path, folder: Path, tmp_path: Path
) -> None:
    day = datetime.now(UTC).date() - timedelta(days=10)
    key = make(loaded, folder, f"{day - timedelta(days=6)}..{day}")
    (tmp_path / "damaged" / "runs" / "_delta_log").mkdir(parents=True)
    (tmp_path / "damaged" / "runs" / "_delta_log" / f"{0:020}.json").write_text("no log")
    for warehouse, title in (("away", "No events yet"), ("damaged", "Nothing can be shown")):
        app = open_page("reports", tmp_path / warehouse, report=key)
        assert not app.exception
        assert app.title[0].value == title
        assert list(app.dataframe[0].value["Key"]) == [key]
        assert not [button for button in app.button if button.key == "report_make"]
        assert not open_page("tasks", tmp_path / warehouse).dataframe
