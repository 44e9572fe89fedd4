"""Every page: loaded, empty, partial, broken, and opened by a deep link."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse

from .conftest import PAGES

OpenPage = Callable[..., AppTest]
PRODUCT = "bp-11111111-2222-4333-8444-555555555555"


def event(number: int, outcome: str, *, days_ago: float = 1.0, kind: str = "Deletion") -> dict[str, object]:
    time = datetime.now(UTC) - timedelta(days=days_ago)
    return {
        "version": "0",
        "id": f"event-{number}-{outcome}",
        "detail-type": f"PERSONAL_DATA_{kind.upper()}_TASK_{outcome}",
        "source": "aws.partner/buywithprime/made-up",
        "account": "123456789012",
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "us-east-1",
        "resources": [f"businessProduct/{PRODUCT}/personalData{kind}Task/task-{number}"],
        "detail": {},
    }


def warehouse_of(folder: Path, events: list[dict[str, object]]) -> Path:
    source = folder / "events.json"
    source.write_text("\n".join(json.dumps(item) for item in events), encoding="utf-8")
    load(Warehouse(str(folder / "w")), open_source(str(source)))
    return folder / "w"


def words(app: AppTest) -> str:
    elements = [*app.title, *app.subheader, *app.text, *app.caption, *app.info, *app.warning, *app.error, *app.markdown]
    return "\n".join(str(element.value) for element in elements)


def figures(app: AppTest) -> list[dict[str, object]]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_over_loaded_data_shows_its_figures_and_their_n(page: str, loaded: Path, open_page: OpenPage) -> None:
    app = open_page(page, loaded)
    assert not app.exception
    assert not app.error
    assert "all times UTC" in words(app)
    if page == "data_health":
        assert len(app.dataframe) >= 3
    elif page == "tasks":
        assert len(app.dataframe[0].value) > 10
        assert "as of" in words(app)
    elif page == "reports":
        assert "None yet" in words(app)
    else:
        assert figures(app)
        assert "as of" in words(app)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_over_an_empty_warehouse_says_how_to_load(page: str, tmp_path: Path, open_page: OpenPage) -> None:
    app = open_page(page, tmp_path / "nothing")
    assert not app.exception
    assert "No events yet" in words(app)
    assert "bwp_client load" in app.code[0].value


@pytest.mark.parametrize("page", PAGES)
def test_a_page_over_a_broken_warehouse_says_so_without_a_traceback(
    page: str, tmp_path: Path, open_page: OpenPage
) -> None:
    broken = warehouse_of(tmp_path, [event(1, "FAILED")])
    for log in (broken / "outcomes" / "_delta_log").iterdir():
        log.write_text("{broken", encoding="utf-8")
    app = open_page(page, broken)
    assert not app.exception
    assert "Nothing can be shown" in words(app)
    assert app.error


@pytest.mark.parametrize("page", PAGES)
def test_one_failed_task_without_a_completed_one_is_named_not_rated(
    page: str, tmp_path: Path, open_page: OpenPage
) -> None:
    app = open_page(page, warehouse_of(tmp_path, [event(1, "FAILED")]))
    assert not app.exception
    assert "100" not in words(app).replace("100 MB", "")
    if page == "overview":
        assert "not rated" in words(app)


def test_tasks_not_looked_up_are_their_own_part_of_the_codes(tmp_path: Path, open_page: OpenPage) -> None:
    events = [event(n, "COMPLETED") for n in range(40)] + [event(100 + n, "FAILED") for n in range(4)]
    app = open_page("error_codes", warehouse_of(tmp_path, events))
    assert not app.exception
    assert "0 of 4 failed tasks" in words(app)
    (bars, _) = figures(app)
    assert bars["data"][0]["y"] == ["(not looked up)"]  # type: ignore[index]


def test_a_deep_link_opens_with_its_period_and_kind(loaded: Path, open_page: OpenPage) -> None:
    app = open_page("overview", loaded, kind="RETRIEVAL", **{"from": "2026-01-01", "to": "2026-06-30"})
    assert not app.exception
    assert app.session_state["kind"] == "RETRIEVAL"
    assert str(app.session_state["from"]) == "2026-01-01"


def test_junk_in_a_deep_link_is_ignored(loaded: Path, open_page: OpenPage) -> None:
    app = open_page("overview", loaded, kind="BANANA", **{"from": "soon"})
    assert not app.exception
    assert app.session_state["kind"] == "DELETION"


def test_a_wrong_setting_is_explained(monkeypatch: pytest.MonkeyPatch, loaded: Path, open_page: OpenPage) -> None:
    monkeypatch.setenv("BWP_MIN_N", "many")
    app = open_page("overview", loaded)
    assert not app.exception
    assert "BWP_MIN_N" in words(app)


def test_markup_in_the_data_is_shown_as_text(tmp_path: Path, open_page: OpenPage) -> None:
    hostile = [event(n, "COMPLETED") for n in range(30)] + [event(99, "FAILED")]
    app = open_page("data_health", warehouse_of(tmp_path, [*hostile, {"id": "<script>alert(1)</script>"}]))
    assert not app.exception
    assert not any("<script>" in str(element.value) for element in app.markdown)
