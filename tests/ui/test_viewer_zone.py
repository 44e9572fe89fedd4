"""The viewer's zone on the tasks and reports pages: offered, in the address, and with the days of that zone."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest
from support.events import envelope, write
from support.pages import numbers_of_states

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.ui.sections import reports
from bwp_client.ui.viewer_zone import zone_of
from bwp_client.warehouse import Warehouse

from .test_pages import words

OpenPage = Callable[..., AppTest]
FIRST_SECOND_AND_END = [
    ("UTC", "2025-10-26", "2025-10-26T00:00:00Z", "2025-10-27T00:00:00Z"),
    ("Europe/Berlin", "2025-10-26", "2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z"),  # 25 hours
    ("Europe/Berlin", "2025-03-30", "2025-03-29T23:00:00Z", "2025-03-30T22:00:00Z"),  # 23 hours
    ("America/Santiago", "2025-09-07", "2025-09-07T04:00:00Z", "2025-09-08T03:00:00Z"),  # begins at 01:00
    ("Pacific/Kiritimati", "2025-06-15", "2025-06-14T10:00:00Z", "2025-06-15T10:00:00Z"),
    ("Pacific/Pago_Pago", "2025-06-15", "2025-06-15T11:00:00Z", "2025-06-16T11:00:00Z"),
    ("Asia/Kathmandu", "2025-06-15", "2025-06-14T18:15:00Z", "2025-06-15T18:15:00Z"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a warehouse with failures a second before, at, and a second before the end of, and at the end of each day."""
    folder = tmp_path_factory.mktemp("zones")
    events = [envelope("done", time=datetime(2025, 12, 31, tzinfo=UTC))]
    for number, (_, _, first, end) in enumerate(FIRST_SECOND_AND_END):
        start, stop, second = datetime.fromisoformat(first), datetime.fromisoformat(end), timedelta(seconds=1)
        moments = {"before": start - second, "first": start, "last": stop - second, "after": stop}
        events += [envelope(f"{number}-{name}", outcome="FAILED", time=time) for name, time in moments.items()]
    load(Warehouse(str(folder / "w")), open_source(str(write(folder / "events.json", events))))
    return folder / "w"


def switch(app: AppTest) -> list[str] | None:
    found = [radio for radio in app.radio if radio.key == "zone"]
    return list(found[0].options) if found else None


def heads(app: AppTest, number: int = 0) -> dict[str, str]:
    """Return the heads and the zones of the columns of times of a table."""
    table = app.dataframe[number]
    shown = [item for name, item in json.loads(table.proto.columns).items() if name in table.value.columns]
    of_times = [item for item in shown if (item.get("type_config") or {}).get("type") == "datetime"]
    return {item["label"]: item["type_config"]["timezone"] for item in of_times}


@pytest.mark.parametrize("page", ["tasks", "reports"])
@pytest.mark.parametrize(
    ("browser", "setting", "offered"),
    [
        ("Asia/Kathmandu", "Europe/Berlin", ["UTC", "Asia/Kathmandu"]),
        ("Europe/London", "UTC", ["UTC", "Europe/London"]),
        (None, "Europe/Berlin", ["UTC", "Europe/Berlin"]),
        ("Etc/UTC", "Europe/Berlin", ["UTC", "Europe/Berlin"]),
        ("../../etc/passwd", "Europe/Berlin", ["UTC", "Europe/Berlin"]),
        ("Atlantis/Capital", "UTC", None),
        ("Africa/Abidjan", "UTC", None),
        (None, "UTC", None),
    ],
)
def test_the_zone_of_the_browser_is_offered_else_that_of_the_settings(
    page: str, browser: str | None, setting: str, offered: list[str] | None, home: Path, open_page: OpenPage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("BWP_TIMEZONE", setting)
    app = open_page(page, home, browser)
    assert not app.exception
    assert switch(app) == offered
    assert not [radio for radio in open_page("overview", home, browser).radio if radio.key == "zone"]


@pytest.mark.parametrize(("zone", "day", "first", "end"), FIRST_SECOND_AND_END)
def test_the_chosen_period_has_the_days_of_the_zone(
    zone: str, day: str, first: str, end: str, home: Path, open_page: OpenPage
) -> None:
    number = FIRST_SECOND_AND_END.index((zone, day, first, end))
    app = open_page("tasks", home, zone=zone.lower(), in_period="true", **{"from": day, "to": day})
    assert not app.exception
    listed = set(app.dataframe[0].value["task_id"])
    assert {task for task in listed if task.startswith(f"{number}-")} == {f"{number}-first", f"{number}-last"}
    label = app.toggle(key="in_period").label
    assert label.endswith(f"({zone})") == (zone != "UTC"), label
    assert heads(app) == {f"Failed ({zone})": zone}


def test_a_choice_goes_into_the_address_and_the_link_and_leads_to_other_pages(home: Path, open_page: OpenPage) -> None:
    app = open_page("tasks", home, "Asia/Kathmandu")
    assert heads(app) == {"Failed (UTC)": "UTC"}
    app.radio(key="zone").set_value("Asia/Kathmandu").run()
    assert app.query_params["zone"] == "Asia/Kathmandu"
    assert heads(app) == {"Failed (Asia/Kathmandu)": "Asia/Kathmandu"}
    app.session_state["share"] = True
    app.run()
    (link,) = [item.value for item in app.code if "zone=" in item.value]
    copied = {key: texts[0] for key, texts in parse_qs(urlsplit(link).query).items()}
    colleague = open_page("tasks", home, "America/Lima", **copied)
    assert switch(colleague) == ["UTC", "America/Lima", "Asia/Kathmandu"]
    assert heads(colleague) == {"Failed (Asia/Kathmandu)": "Asia/Kathmandu"}
    colleague.radio(key="zone").set_value("UTC").run()
    assert "zone" not in colleague.query_params
    targets = [item.proto.query_string for item in app.get("page_link")]
    assert all("zone=Asia%2FKathmandu" in target for target in targets if target)


def test_a_zone_that_the_browser_calls_otherwise_is_offered_once(home: Path, open_page: OpenPage) -> None:
    assert switch(open_page("tasks", home, "Asia/Calcutta", zone="Asia/Kolkata")) == ["UTC", "Asia/Kolkata"]
    assert switch(open_page("tasks", home, "Asia/Calcutta")) == ["UTC", "Asia/Calcutta"]


def test_one_task_has_its_times_in_the_zone(home: Path, open_page: OpenPage) -> None:
    app = open_page("tasks", home, task="6-first", zone="Asia/Kathmandu")
    timeline = next(number for number, item in enumerate(app.dataframe) if "What" in item.value.columns)
    assert heads(app, timeline) == {"When (Asia/Kathmandu)": "Asia/Kathmandu"}
    assert next(item.label.partition(", ")[2] for item in app.expander) == "15 Jun 2025 00:00:00 Asia/Kathmandu"


def test_the_days_of_a_mark_stay_utc_days_in_every_zone(home: Path, open_page: OpenPage) -> None:
    query = {"on": "2025-06-15", "due": "open"}
    in_utc = open_page("tasks", home, **query)
    local = open_page("tasks", home, zone="Pacific/Kiritimati", **query)
    assert set(local.dataframe[0].value["task_id"]) == set(in_utc.dataframe[0].value["task_id"])
    assert "failed on 15 Jun 2025 (UTC)" in words(local)
    assert "failed on 15 Jun 2025." in words(in_utc)


@pytest.mark.parametrize("page", ["tasks", "reports"])
@pytest.mark.parametrize("name", ["Mars/Phobos", "Europe/Berlin/x", "+05:45", "localtime", "../UTC"])
def test_an_unknown_zone_is_named_and_nothing_is_shown_in_its_place(
    page: str, name: str, home: Path, open_page: OpenPage
) -> None:
    app = open_page(page, home, zone=name)
    assert not app.exception
    (text,) = [item.value for item in app.warning if "The link asks for it" in item.value]
    assert name in text.replace("\\", "")
    assert app.title[0].value == page.capitalize()
    assert not app.dataframe
    assert not [item for item in app.button if item.key == "report_make"]
    app.button(key="show_utc").click().run()
    assert "zone" not in app.query_params
    assert not [item.value for item in app.warning if "The link asks for it" in item.value]


def test_a_zone_is_read_in_any_case_and_every_name_of_utc_is_utc() -> None:
    names = ("europe/BERLIN", "asia/katmandu", "utc", "Etc/GMT", "Zulu", "")
    assert [str(zone_of(name)) for name in names] == ["Europe/Berlin", "Asia/Katmandu", "UTC", "UTC", "UTC", "None"]


@pytest.mark.parametrize(
    ("zone", "now", "made", "says"),
    [
        ("UTC", "2026-11-22T21:00Z", "last-week", "is 9 Nov 2026 to 15 Nov 2026 (UTC); the week up to now ends in 3 h"),
        (
            "Asia/Shanghai",
            "2026-11-22T21:00Z",
            "2026-W47",
            "is 16 Nov 2026 to 22 Nov 2026, in UTC days; its last hours",
        ),
        (
            "America/Los_Angeles",
            "2026-11-23T01:00Z",
            "2026-W46",
            "is 9 Nov 2026 to 15 Nov 2026, in UTC days; the week after",
        ),
    ],
)
def test_a_report_is_made_of_the_period_that_ended_last_in_the_zone(
    zone: str, now: str, made: str, says: str, home: Path, open_page: OpenPage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.fromisoformat(now)

    started: list[object] = []
    monkeypatch.setattr(reports, "datetime", Clock)
    monkeypatch.setattr(reports, "start_job", lambda _, options, **__: started.append(options["period"]))
    app = open_page("reports", home, zone=zone)
    text = " ".join(item.value for item in app.caption).replace("\\", "")
    assert says in text, text
    app.button(key="report_make").click().run()
    assert started == [made]


def test_the_counts_of_overview_and_tasks_agree_in_utc(home: Path, open_page: OpenPage) -> None:
    labels = [item.proto.label for item in open_page("overview", home, "Asia/Kathmandu").get("page_link")]
    tiles = [label.partition("[**")[2].removesuffix("**]") for label in labels if "[**" in label]
    counts = numbers_of_states(open_page("tasks", home, "Asia/Kathmandu"))
    assert tiles == [counts[name] for name in ("Overdue", "Within 7 days", "Later")]


def test_files_stay_in_utc(home: Path, open_page: OpenPage) -> None:
    app = open_page("tasks", home, task="6-first", zone="Asia/Kathmandu")
    rows = app.session_state["tables_of_page"]["timeline"]()
    assert str(rows["When (UTC)"].dtype) == "datetime64[us, UTC]"
    assert rows["When (UTC)"].dt.date.iloc[0] == date(2025, 6, 14)
