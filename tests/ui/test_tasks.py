"""The tasks page: the worklist, one task by its link, entering a request, pasted IDs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import TextArea
from support.events import PRODUCT, envelope, write
from support.lookups import looked_up, store_lookups
from support.pages import numbers_of_states
from support.reports import run_json
from support.tables import rows

from bwp_client.load import load
from bwp_client.metrics.wording import day
from bwp_client.sources import open_source
from bwp_client.ui.jobs import JobStatus, jobs
from bwp_client.warehouse import TableName, Warehouse

from .conftest import wait_for_job
from .test_pages import words

OpenPage = Callable[..., AppTest]
NOW = datetime.now(UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    events = [envelope(f"done-{n}", time=NOW - timedelta(days=2)) for n in range(30)]
    events += [envelope(f"fail-{n}", outcome="FAILED", time=NOW - timedelta(days=n + 1)) for n in range(5)]
    events += [envelope("long-ago", outcome="FAILED", time=NOW - timedelta(days=200))]
    write(tmp_path / "events.json", events)
    warehouse = Warehouse(str(tmp_path / "w"))
    load(warehouse, open_source(str(tmp_path / "events.json")))
    store_lookups(
        warehouse,
        [
            looked_up("fail-0", submitted_at=NOW - timedelta(days=25), holding_period_days=10, errors=["ORDERS_NOT_CLOSED"],
                      message="[click](javascript:alert(1)) <script>"),
            looked_up("fail-1", submitted_at=NOW - timedelta(days=60), errors=["DATA_SUBJECT_NOT_FOUND"]),
        ],
        finished_at=NOW,
    )  # fmt: skip
    return tmp_path / "w"


def metrics(app: AppTest) -> dict[str, str]:
    return {item.label: item.value for item in app.metric} | numbers_of_states(app)


def tiles(app: AppTest) -> list[str]:
    """Return the numbers of open failures that are overdue, due this week and on time."""
    labels = [item.proto.label for item in app.get("page_link")]
    return [label.partition("[**")[2].removesuffix("**]") for label in labels if "[**" in label]


def test_the_worklist_has_the_nearest_deadline_first_and_counts_by_days_left(home: Path, open_page: OpenPage) -> None:
    app = open_page("tasks", home)
    assert not app.exception
    listed = app.dataframe[0].value
    assert listed["task_id"].tolist() == ["fail-0", "fail-4", "fail-3", "fail-2", "fail-1", "long-ago"]
    assert listed["days_left"].iloc[0] >= 0 > listed["days_left"].iloc[-1]
    counts = metrics(app)
    assert (counts["Overdue"], counts["Within 7 days"], counts["Later"]) == ("2", "1", "3")
    assert "\n6 tasks. " in words(app)


def test_without_waiting_requests_the_list_says_so(home: Path, open_page: OpenPage) -> None:
    assert "No request waits" in words(open_page("tasks", home, due="waiting"))


def test_the_list_has_no_period_unless_it_is_asked_for(home: Path, open_page: OpenPage) -> None:
    days = {"from": (NOW - timedelta(days=4)).date().isoformat(), "to": (NOW - timedelta(days=3)).date().isoformat()}
    app = open_page("tasks", home, **days)
    assert len(app.dataframe[0].value) == 6
    app.toggle[0].set_value(True).run()
    assert app.dataframe[0].value["task_id"].tolist() == ["fail-3", "fail-2"]
    assert app.query_params["in_period"] == "true"
    assert metrics(open_page("tasks", home, in_period="true", **days))["Later"] == "2"


def test_the_days_of_a_mark_take_the_place_of_the_period(home: Path, open_page: OpenPage) -> None:
    on = f"{NOW - timedelta(days=3):%Y-%m-%d}"
    days = {"from": f"{NOW - timedelta(days=1):%Y-%m-%d}", "to": f"{NOW:%Y-%m-%d}"}
    app = open_page("tasks", home, on=on, in_period="true", **days)
    assert app.dataframe[0].value["task_id"].tolist() == ["fail-2"]
    assert not app.toggle
    assert f"The list holds the tasks that failed on {day(NOW - timedelta(days=3))}, whatever the period" in words(app)
    app.button(key="show_all").click().run()
    assert "whatever the period" not in words(app)
    assert app.toggle(key="in_period").value


@pytest.mark.parametrize(
    ("query", "tasks"),
    [
        ({"due": "overdue"}, ["fail-1", "long-ago"]),
        ({"due": "Overdue"}, ["fail-1", "long-ago"]),
        ({"due": "later"}, ["fail-4", "fail-3", "fail-2"]),
        ({"q": "orders_not"}, ["fail-0"]),
        ({"q": "FAIL-3"}, ["fail-3"]),
        ({"q": "not closed  fail-0"}, ["fail-0"]),
        ({"code": "DATA_SUBJECT_NOT_FOUND"}, ["fail-1"]),
        ({"on": f"{NOW - timedelta(days=3):%Y-%m-%d}"}, ["fail-2"]),
        ({"on": f"{NOW - timedelta(days=4):%Y-%m-%d}..{NOW - timedelta(days=3):%Y-%m-%d}"}, ["fail-3", "fail-2"]),
        ({"with_code": "DATA_SUBJECT_NOT_FOUND"}, ["fail-1"]),
        ({"of_product": PRODUCT, "q": "fail-2"}, ["fail-2"]),
        ({"of_product": PRODUCT.upper(), "q": "fail-2"}, ["fail-2"]),
        ({"q": "(("}, None),
        ({"due": "closed"}, None),
    ],
)
def test_a_link_opens_the_list_with_its_search_and_filters(
    home: Path, open_page: OpenPage, query: dict[str, str], tasks: list[str] | None
) -> None:
    app = open_page("tasks", home, **query)
    assert not app.exception
    if tasks is None:
        no_task = "No task of this state has" if "q" in query else "No task of this kind is in the list"
        assert no_task in words(app)
    else:
        assert app.dataframe[0].value["task_id"].tolist() == tasks


@pytest.mark.parametrize(
    "query",
    [
        {"on": "yesterday"},
        {"on": "2026-11-09..2026-11-01"},
        {"with_code": "NOPE"},
        {"of_product": "bp-of-nobody"},
        {"due": "soon"},
    ],
)
def test_what_a_link_names_and_the_data_do_not_know_is_named_and_nothing_is_listed(
    home: Path, open_page: OpenPage, query: dict[str, str]
) -> None:
    app = open_page("tasks", home, **query)
    assert not app.exception
    assert [text for text in (item.value for item in app.warning) if "The link asks for it" in text]
    assert not app.dataframe


def test_a_link_to_a_task_opens_it_and_back_leads_to_the_list(home: Path, open_page: OpenPage) -> None:
    app = open_page("tasks", home, task="fail-0")
    assert not app.exception
    assert metrics(app)["State"] == "Open"
    next(button for button in app.button if button.label == "Back to the list").click().run()
    assert not app.exception
    assert "\n6 tasks. " in words(app)


def test_one_task_shows_its_reasons_timeline_and_rebuilt_events(home: Path, open_page: OpenPage) -> None:
    app = open_page("tasks", home, task="fail-0")
    assert not app.exception
    reasons, timeline = (table.value for table in app.dataframe)
    assert reasons["Error code"].tolist() == ["ORDERS_NOT_CLOSED"]
    assert set(timeline["What"]) == {
        "Submitted to Buy with Prime", "Holding period ends", "Deletion failed", "Looked up", "Deadline passes",
    }  # fmt: skip
    assert timeline["When (UTC)"].is_monotonic_increasing
    assert '"detail-type": "PERSONAL_DATA_DELETION_TASK_FAILED"' in "".join(item.value for item in app.code)
    assert "The event as it is stored" in words(app)
    assert not any("javascript" in str(element.value) for element in app.markdown)
    assert "Message of ORDERS_NOT_CLOSED: [click](javascript:alert(1)) <script>" in [text.value for text in app.text]
    assert "if you tell the shopper and give the reason before the deadline." in words(app)


def test_an_overdue_task_says_what_an_extension_takes(home: Path, open_page: OpenPage) -> None:
    app = open_page("tasks", home, task="fail-1")
    assert "The deadline is over. An extension to " in words(app)
    assert "holds only if the shopper was told of it before." in words(app)


def test_the_page_says_that_a_task_is_unknown(home: Path, open_page: OpenPage) -> None:
    app = open_page("tasks", home, task="<b>nobody</b>")
    assert not app.exception
    assert "We have never heard of this task" in words(app)


def test_a_request_entered_on_the_page_closes_the_task(home: Path, open_page: OpenPage) -> None:
    app = open_page("tasks", home, task="fail-0")
    closed = next(item for item in app.date_input if item.label == "Closed on")
    closed.set_value((NOW - timedelta(days=1)).date())
    next(item for item in app.text_input if item.label == "Note").set_value("answered on paper")
    next(button for button in app.button if button.label == "Save").click().run()
    assert not app.exception
    assert wait_for_job("import").status is JobStatus.DONE
    app = open_page("tasks", home, task="fail-0")
    assert metrics(app)["State"] == "Closed"
    assert next(item for item in app.text_input if item.label == "Note").value == "answered on paper"
    app = open_page("tasks", home)
    assert metrics(app)["Closed"] == "1"
    assert "fail-0" not in app.dataframe[0].value["task_id"].tolist()


def test_an_address_in_the_note_is_refused_on_the_page(home: Path, open_page: OpenPage) -> None:
    app = open_page("tasks", home, task="fail-0")
    next(item for item in app.text_input if item.label == "Note").set_value("someone@shopper.invalid")
    next(button for button in app.button if button.label == "Save").click().run()
    assert wait_for_job("import").status is JobStatus.FAILED
    app = open_page("tasks", home, task="fail-0")
    assert "Not saved" in words(app)
    assert "note holds an e-mail address" in words(app)
    assert metrics(app)["State"] == "Open"


def open_pasting(app: AppTest) -> TextArea:
    app.session_state["pasting"] = True
    return app.run().text_area[0]


def test_pasted_tasks_are_listed_and_unknown_ones_become_requests(home: Path, open_page: OpenPage) -> None:
    app = open_page("tasks", home)
    open_pasting(app).set_value("fail-1, done-3\nnobody-knows").run()
    assert not app.exception
    pasted = app.dataframe[1].value
    assert pasted[["task_id", "known"]].values.tolist() == [
        ["fail-1", "failed"], ["done-3", "completed"], ["nobody-knows", "unknown here"],
    ]  # fmt: skip
    next(box for box in app.selectbox if box.label == "Business product of the unknown ones").set_value(PRODUCT).run()
    next(button for button in app.button if button.label.startswith("Add 1")).click().run()
    assert wait_for_job("import").status is JobStatus.DONE
    app = open_page("tasks", home, due="waiting")
    waiting = app.dataframe[0].value
    assert waiting["task_id"].tolist() == ["nobody-knows"]
    assert rows(Warehouse(str(home)), TableName.REQUESTS, "business_product_id") == [(PRODUCT,)]


def test_pasted_tasks_stay_when_their_field_is_closed(home: Path, open_page: OpenPage) -> None:
    app = open_page("tasks", home)
    assert not app.text_area
    open_pasting(app).set_value("fail-1").run()
    app.session_state["pasting"] = False
    assert [field.value for field in app.run().text_area] == ["fail-1"]


def test_of_pasted_tasks_only_known_ones_are_looked_up(home: Path, open_page: OpenPage) -> None:
    """Others end the lookup, and the list of processes, which everybody on the machine can read, is no place for them."""
    app = open_page("tasks", home)
    open_pasting(app).set_value("someone@shopper.invalid").run()
    assert app.button(key="look_up_pasted").disabled
    app.text_area[0].set_value("someone@shopper.invalid, fail-2").run()
    app.button(key="look_up_pasted").click().run()
    assert not app.exception
    arguments = [*map(str, jobs()._jobs["enrich"].process.args)]  # type: ignore[arg-type]
    assert [argument for argument in arguments if argument.startswith("--task")] == ["--task=fail-2"]
    wait_for_job("enrich")


def test_the_overview_counts_open_failures_whenever_they_failed(home: Path, open_page: OpenPage) -> None:
    """As the tasks page does, with those of before the period: one is 200 days old."""
    start = (NOW - timedelta(days=3)).date().isoformat()
    app = open_page("overview", home, **{"from": start})
    assert not app.exception
    assert tiles(app) == ["2", "1", "3"]
    assert "Still to do: 0 due today, 1 in the 7 days after, 3 later. 2 are already overdue." in words(
        open_page("trends", home, **{"from": start})
    )
    (first,) = [table.value for table in app.dataframe if "days_left" in table.value.columns]
    assert first["task_id"].tolist() == ["fail-0", "fail-4", "fail-3", "fail-2"]  # fail-1 is overdue
    tasks = metrics(open_page("tasks", home, **{"from": start}))
    assert [tasks[name] for name in ("Overdue", "Within 7 days", "Later")] == ["2", "1", "3"]


def test_a_deadline_is_near_with_at_most_seven_days_left_on_every_page_and_in_alerts(
    tmp_path: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under CCPA, a task that failed n days ago and was not looked up has 45 - n days left."""
    monkeypatch.setenv("BWP_DEADLINE_RULE", "CCPA")
    ages = {45 - left: left for left in (-1, 0, 6, 7, 8)}
    events = [envelope(f"left-{left}", outcome="FAILED", time=NOW - timedelta(days=age)) for age, left in ages.items()]
    events.append(envelope("done", time=NOW - timedelta(days=1)))
    write(tmp_path / "events.json", events)
    load(Warehouse(str(tmp_path / "w")), open_source(str(tmp_path / "events.json")))
    labels = [item.proto.label for item in open_page("overview", tmp_path / "w").get("page_link")]
    assert [label for label in labels if "[**" in label] == [
        "Overdue :red[**1**]", "Within 7 days :orange[**3**]", "Later :green[**1**]",
    ]  # fmt: skip
    app = open_page("tasks", tmp_path / "w", due="next 7 days")  # as links of earlier releases have it
    listed = app.dataframe[0].value
    assert listed["days_left"].tolist() == [0, 6, 7]
    assert [action.startswith("Tell the shopper today. ") for action in listed["action"]] == [True, False, False]
    assert metrics(app)["Within 7 days"] == "3"
    assert "Within 7 days" in app.radio(key="due").options
    alert = run_json(tmp_path, "check", "--json", "--warehouse", tmp_path / "w", allowed=(1,), BWP_DEADLINE_RULE="CCPA")
    assert alert["figures"]["deadlines_near"] == 3
    assert alert["fired"]["deadline"].startswith("3 open failures must be done within 7 days, the first in 0;")


def test_the_overview_says_when_no_open_failure_can_be_in_time(tmp_path: Path, open_page: OpenPage) -> None:
    events = [envelope(f"old-{n}", outcome="FAILED", time=NOW - timedelta(days=100 + n)) for n in range(7)]
    write(tmp_path / "events.json", events)
    load(Warehouse(str(tmp_path / "w")), open_source(str(tmp_path / "events.json")))
    app = open_page("overview", tmp_path / "w")
    assert tiles(app) == ["7", "0", "0"]
    assert "No open task can still be in time. Tell the shoppers of the 7 overdue ones." in words(app)


def test_open_failures_are_counted_by_their_code(home: Path, open_page: OpenPage) -> None:
    assert tiles(open_page("overview", home, code="ORDERS_NOT_CLOSED")) == ["0", "1", "0"]
    text = words(open_page("trends", home, code="ORDERS_NOT_CLOSED"))
    assert "Still to do: 0 due today, 1 in the 7 days after, 0 later. 0 are already overdue." in text
    assert metrics(open_page("tasks", home, code="ORDERS_NOT_CLOSED"))["Within 7 days"] == "1"


def test_active_filters_are_named_and_can_be_removed(home: Path, open_page: OpenPage) -> None:
    app = open_page("failure_rates", home, code="ORDERS_NOT_CLOSED")
    assert "Only error code ORDERS_NOT_CLOSED." in words(app)
    assert metrics(app)["Failed tasks"] == "1"
    (rate,) = (item.proto.help for item in app.metric if item.label == "Failure rate")
    assert "1 of 35, other failures among them" in rate
    app.button(key="show_all").click().run()
    assert "Only error code" not in words(app)
    assert metrics(app)["Failed tasks"] == "5"
