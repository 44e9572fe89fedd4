"""Every page: loaded, empty, partial, broken, and opened by a deep link."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.lookups import looked_up, store_lookups

from bwp_client.load import load
from bwp_client.metrics import Bucket
from bwp_client.sources import open_source
from bwp_client.ui import drill_down, filters
from bwp_client.ui.page import TASKS_PAGE
from bwp_client.warehouse import Warehouse
from bwp_client.workarounds import MOST_PAGES

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
    assert not app.error, [element.value for element in app.error]
    assert "Data to " in words(app)
    if page == "data_health":
        assert len(app.dataframe) == 1
    elif page == "tasks":
        assert len(app.dataframe[0].value) > 10
    elif page == "reports":
        assert "No reports yet" in words(app)
    else:
        assert figures(app)
        assert page == "overview" or any(" n " in item.proto.help for item in app.subheader)


def helps(app: AppTest) -> list[str]:
    """Return the text behind every "?" of a page and its sidebar."""
    return [item.proto.help for item in app if getattr(item, "proto", None) is not None and hasattr(item.proto, "help")]


@pytest.mark.parametrize("page", PAGES)
def test_what_is_behind_a_question_mark_has_under_40_words(page: str, loaded: Path, open_page: OpenPage) -> None:
    found = helps(open_page(page, loaded))
    assert any(found)
    assert [text for text in found if len(text.split()) >= 40] == []


TABS = {
    "failure_rates": ("finished", "kinds", "submission", "rows"),
    "error_codes": ("actions", "products", "together"),
    "trends": ("compare", "volume", "hours", "time"),
    "data_health": ("reasons", "runs", "quarantine", "archive"),
}


@pytest.mark.parametrize(("page", "tab"), [(page, tab) for page, tabs in TABS.items() for tab in tabs])
def test_every_further_tab_is_drawn_over_loaded_data(page: str, tab: str, loaded: Path, open_page: OpenPage) -> None:
    first, app = open_page(page, loaded), open_page(page, loaded, more=tab)
    assert not app.exception
    assert not app.error
    assert words(app) != words(first)  # another section than that of the first tab
    assert [text for text in helps(app) if len(text.split()) >= 40] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_chart_and_table_has_a_menu_of_downloads(page: str, loaded: Path, open_page: OpenPage) -> None:
    app = open_page(page, loaded)
    shown = len(app.dataframe) + len(app.get("plotly_chart"))
    menus = [key for key in app.session_state.to_dict() if key.endswith("_download")]
    assert len(menus) == shown
    for key in menus:
        app.session_state[key] = True
    app.run()
    assert not app.exception
    labels = [item.proto.label for item in app.get("download_button")]
    assert labels.count("CSV") == labels.count("Excel") == shown
    assert labels.count("Parquet") == (page == "tasks")


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
        assert "1 deletion failed" in words(app).replace("\\", "")
        assert "No failure rate for" in words(app)
    if page == "failure_rates":
        assert [item.value for item in app.metric if item.label == "Failed tasks"] == ["1"]
    if page == "trends":
        assert [item.value for item in app.metric if item.label == "This period"] == ["not rated"]
    if page in {"failure_rates", "trends"}:
        assert "No failure rate for" in words(app)
        assert "No task of this kind ended" not in words(app)


def test_days_with_too_few_tasks_to_rate_are_drawn_as_weeks(tmp_path: Path, open_page: OpenPage) -> None:
    events = [event(n, "FAILED" if n % 9 == 0 else "COMPLETED", days_ago=1 + n / 12) for n in range(400)]
    app = open_page("failure_rates", warehouse_of(tmp_path, events))
    assert "Failure rate by week" in words(app)
    app.selectbox(key="by").set_value("day").run()
    assert "Failure rate by day" in words(app)


@pytest.mark.parametrize(
    ("days", "outcomes", "bucket"),
    [
        (28, 28 * 20, Bucket.DAY),
        (28, 28 * 20 - 1, Bucket.WEEK),
        (28, 79, Bucket.WEEK),  # on average no week holds twenty, but some week may
        (120, 1200, Bucket.WEEK),
        (365, 250, Bucket.MONTH),
        (365, 20_000, Bucket.WEEK),
        (800, 10, Bucket.MONTH),
        (7, 50, Bucket.DAY),  # one week alone shows nothing over time
    ],
)
def test_auto_takes_the_finest_bucket_that_can_be_rated(days: int, outcomes: int, bucket: Bucket) -> None:
    assert filters.choose_bucket("auto", days, outcomes, min_n=20) is bucket


def test_a_page_that_stops_half_way_lets_the_next_one_draw(tmp_path: Path, open_page: OpenPage) -> None:
    broken = warehouse_of(tmp_path, [event(1, "FAILED")])
    for log in (broken / "outcomes" / "_delta_log").iterdir():
        log.write_text("{broken", encoding="utf-8")
    for _ in range(MOST_PAGES + 1):
        assert "Nothing can be shown" in words(open_page("overview", broken))


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


def test_a_mark_stands_for_the_days_of_its_bucket_within_the_period_of_the_page(
    loaded: Path, open_page: OpenPage
) -> None:
    app = open_page("failure_rates", loaded)
    page, last = app.session_state["page"], app.session_state["to"]
    day = last - timedelta(days=5)
    point = {"x": f"{day}T00:00:00", "customdata": [1, 20, 0.0, 0.2, ""]}
    assert drill_down.filters_of_period(page, Bucket.DAY)(point) == {"start": day, "end": day}
    diamond = {"x": f"{day}T00:00:00", "customdata": "higher"}  # outside the baseline: a word, and no error code
    assert drill_down.filters_of_period(page, Bucket.DAY)(diamond) == {"start": day, "end": day}
    point = {"x": f"{last - timedelta(days=2)}", "customdata": ["A_CODE"]}
    assert drill_down.filters_of_period_and_code(page, Bucket.WEEK)(point) == {
        "start": last - timedelta(days=2),
        "end": last,
        "code": "A_CODE",
    }
    assert drill_down.filters_of_code({"y": "A_CO…", "customdata": "A_CODE"}) == {"code": "A_CODE"}
    assert drill_down.filters_of_code({"y": "A_CO…"}) == {}


def test_a_click_on_a_mark_opens_its_tasks_and_leaves_the_filters(loaded: Path, open_page: OpenPage) -> None:
    app = open_page("error_codes", loaded)
    period = app.session_state["from"], app.session_state["to"]
    day = period[1] - timedelta(days=5)
    app.session_state["go_to"] = (TASKS_PAGE, {"on": [f"{day}"], "with_code": ["(not looked up)"]})
    app.run()
    assert not app.exception
    assert app.title[0].value == "Tasks"
    assert (app.session_state["from"], app.session_state["to"]) == period
    assert app.session_state["code"] == []
    assert f"Only failed on {day.day} {day:%b %Y}, error code (not looked up)." in words(app)
    app.button(key="show_all").click().run()
    assert "failed on" not in words(app)
    assert "on" not in app.query_params


def test_an_empty_baseline_is_no_silence(tmp_path: Path, open_page: OpenPage) -> None:
    steady = [
        event(day * 100 + n, "FAILED" if n % 20 == 0 else "COMPLETED", days_ago=day)
        for day in range(1, 20)
        for n in range(40)
    ]
    burst = [event(90_000 + n, "FAILED" if n % 2 else "COMPLETED", days_ago=8) for n in range(80)]
    app = open_page("failure_rates", warehouse_of(tmp_path, [*steady, *burst]))
    assert not app.exception
    notes = app.subheader[0].proto.help
    assert "this period as a whole" in notes
    assert "Diamond" in notes


def test_the_pages_say_what_can_be_trusted(tmp_path: Path, open_page: OpenPage) -> None:
    now = datetime.now(UTC)
    ago = 1 + (now - now.replace(hour=12, minute=0)) / timedelta(
        days=1
    )  # at noon, so that both ends of the day lack data
    outcomes = [event(n, "COMPLETED", days_ago=ago) for n in range(30)] + [event(99, "FAILED", days_ago=ago)]
    warehouse = warehouse_of(tmp_path, outcomes)
    assert "⚠ The data of the selected tasks begin" in words(open_page("overview", warehouse))
    app = open_page("data_health", warehouse)
    assert not app.exception
    assert "⚠ The reason is known for 0 of 1 failed task (0 %)." in words(app)
    assert "✓ Every product with failures here has a failure rate." in words(app)


def test_the_rows_of_rates_have_no_empty_columns(tmp_path: Path, open_page: OpenPage) -> None:
    events = [event(n, "FAILED" if n // 10 % 10 == 0 else "COMPLETED", days_ago=1 + n % 10) for n in range(200)]
    days = {"from": f"{datetime.now(UTC) - timedelta(days=10):%Y-%m-%d}", "to": f"{datetime.now(UTC):%Y-%m-%d}"}
    app = open_page("failure_rates", warehouse_of(tmp_path, events), more="rows", by="day", **days)
    assert not app.exception
    (rows,) = [
        item.value for item in app.dataframe if "Finished" in item.value.columns and "Completed" in item.value.columns
    ]
    assert [name for name in rows.columns if rows[name].astype(str).eq("").all()] == []
    assert "Failure rate" in rows.columns


def test_the_runs_are_newest_first_with_their_age(tmp_path: Path, open_page: OpenPage) -> None:
    now, home = datetime.now(UTC), warehouse_of(tmp_path, [event(n, "FAILED", days_ago=9) for n in range(3)])
    for hours in (5, 1, 3):  # recorded in another order than they finished
        store_lookups(Warehouse(str(home)), [looked_up(f"task-{hours}")], finished_at=now - timedelta(hours=hours))
    app = open_page("data_health", home, more="runs")
    assert not app.exception
    (runs,) = [item.value for item in app.dataframe if "age" in item.value.columns]
    assert runs["age"].tolist() == ["just now", "60 min ago", "3 h ago", "5 h ago"]
    assert runs["finished"].is_monotonic_decreasing
    assert "Newest first" in next(item.proto.help for item in app.subheader if item.value == "Runs")
    asked = open_page("data_health", home, more="reasons")
    (runs,) = [item.value for item in asked.dataframe if "Age" in item.value.columns]
    assert runs["Age"].tolist() == ["3 h ago"]  # rows of a run are summed up


def test_a_wrong_file_of_error_codes_is_explained(
    monkeypatch: pytest.MonkeyPatch, loaded: Path, open_page: OpenPage
) -> None:
    monkeypatch.setenv("BWP_ERROR_CODES_FILE", "/nowhere.toml")
    app = open_page("error_codes", loaded)
    assert not app.exception
    assert "BWP_ERROR_CODES_FILE" in words(app)


@pytest.mark.parametrize("page", ["overview", "failure_rates", "error_codes", "trends"])
def test_no_chart_has_over_two_thousand_points_a_trace(page: str, loaded: Path, open_page: OpenPage) -> None:
    app = open_page(page, loaded, by="hour", **{"from": "2024-01-01"})
    assert not app.exception
    for figure in figures(app):
        for trace in figure["data"]:  # type: ignore[attr-defined]
            values = trace.get("y") if trace.get("y") is not None else []
            assert len(values if isinstance(values, list) else []) <= 2000


def test_the_trends_say_how_the_newest_week_went(tmp_path: Path, open_page: OpenPage) -> None:
    def week(days_ago: int, failed: int, outcomes: int) -> list[dict[str, object]]:
        return [
            event(
                days_ago * 1000 + number, "FAILED" if number < failed else "COMPLETED", days_ago=days_ago + number % 5
            )
            for number in range(outcomes)
        ]

    warehouse = warehouse_of(tmp_path, [*week(1, 10, 200), *week(8, 60, 200), *week(15, 8, 200)])
    text = words(open_page("trends", warehouse))
    # The week before it, not the period before.
    assert "Last 7 days: 5.0 % of deletions failed, down from 30.0 %." in text
    start = (datetime.now(UTC) - timedelta(days=10)).date().isoformat()
    assert "Last 7 days" not in words(open_page("trends", warehouse, **{"from": start}))


def test_codes_that_are_new_are_named(tmp_path: Path, open_page: OpenPage) -> None:
    old = [event(number, "FAILED", days_ago=40) for number in range(8)]
    new = [event(100 + number, "FAILED", days_ago=3) for number in range(6)]
    done = [event(1000 + number, "COMPLETED", days_ago=number % 50) for number in range(200)]
    warehouse = warehouse_of(tmp_path, [*old, *new, *done])
    asked = [looked_up(f"task-{number}", errors=["OLD_CODE"]) for number in range(8)]
    asked += [looked_up(f"task-{100 + number}", errors=["NEW_CODE"]) for number in range(6)]
    store_lookups(Warehouse(str(warehouse)), asked)
    headline = words(open_page("overview", warehouse)).replace("\\", "")
    assert "NEW_CODE is new since " in headline
    assert "OLD_CODE is" not in headline
    text = words(open_page("trends", warehouse))
    seen = datetime.now(UTC) - timedelta(days=3)
    assert f"NEW_CODE is new: 6 tasks, none in the 4 weeks before. First seen {seen.day} {seen:%b %Y}" in text
    assert "OLD_CODE is" not in text


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ({}, "Failed tasks by error code and week, all data"),
        ({"more": "Weekday and hour"}, "Failure rate by weekday and hour"),
        ({"more": "Time to outcome"}, "Time until a task completed"),
        ({"more": "nothing"}, "Failed tasks by error code and week, all data"),
    ],
)
def test_only_the_open_tab_is_drawn(query: dict[str, str], title: str, loaded: Path, open_page: OpenPage) -> None:
    app = open_page("trends", loaded, **query)
    assert not app.exception
    drawn = {str(item.value) for item in app.subheader}
    others = {"Failed tasks by error code and week, all data", "Failure rate by weekday and hour"} - {title}
    assert title in drawn
    assert not others & drawn
