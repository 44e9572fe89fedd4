"""Links to the pages: what they name is shown, and what the data don't know is named, with nothing else in its place."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from support.events import NOW, envelope, write
from support.lookups import looked_up, store_lookups

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.ui import page_address
from bwp_client.warehouse import Warehouse

from .conftest import PAGES
from .test_markdown import ESCAPE
from .test_pages import words

OpenPage = Callable[..., AppTest]
FIRST, SECOND = "bp-2f1c8f1e-0000-4000-8000-00000000000a", "bp-2f1c8f1e-0000-4000-8000-00000000000b"
NAMES = {FIRST: "Northstar", SECOND: "Southstar"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a warehouse with 40 outcomes of one product, 5 of them failed, and 20 of another."""
    events = [
        envelope(f"{product[-1]}-{n}", outcome="FAILED" if n < failed else "COMPLETED", product=product,
                 time=NOW - timedelta(days=n % 10))
        for product, count, failed in ((FIRST, 40, 5), (SECOND, 20, 0))
        for n in range(count)
    ]  # fmt: skip
    load(Warehouse(str(tmp_path / "w")), open_source(str(write(tmp_path / "events.json", events))))
    store_lookups(Warehouse(str(tmp_path / "w")), [looked_up("a-0", errors=["ORDERS_NOT_CLOSED"])])
    monkeypatch.setenv("BWP_PRODUCT_NAMES", json.dumps(NAMES))
    return tmp_path / "w"


def outcomes(app: AppTest) -> tuple[int, int]:
    """Return the failed tasks and the outcomes that a page of rates is about."""
    page = app.session_state["page"]
    row = page.metric_row("period_comparison")
    return row["failed"], row["n"]


def unknown(app: AppTest) -> list[str]:
    return [item.value for item in app.warning if "The link asks for it" in item.value]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, (5, 60)),
        ({"product": FIRST}, (5, 40)),
        ({"product": FIRST.upper()}, (5, 40)),
        ({"product": "Northstar"}, (5, 40)),  # as links of earlier releases have it
        ({"product": SECOND}, (0, 20)),
        ({"kind": "deletion"}, (5, 60)),
        ({"by": "Week"}, (5, 60)),
        ({"code": "ORDERS_NOT_CLOSED"}, (1, 60)),
    ],
)
def test_a_link_shows_what_it_names(
    home: Path, open_page: OpenPage, query: dict[str, str], expected: tuple[int, int]
) -> None:
    app = open_page("failure_rates", home, **query)
    assert not app.exception
    assert unknown(app) == []
    assert outcomes(app) == expected


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"product": "bp-of-nobody"}, "bp-of-nobody"),
        ({"product": "Old Name"}, "Old Name"),
        ({"code": "NO_SUCH_CODE"}, "NO_SUCH_CODE"),
        ({"region": "mars-north-1"}, "mars-north-1"),
        ({"kind": "BANANA"}, "BANANA"),
        ({"from": "2026-13-01"}, "2026-13-01"),
        ({"to": "2026-05-01T12:00Z"}, "2026-05-01T12:00Z"),
        ({"by": "fortnight"}, "fortnight"),
    ],
)
def test_what_the_data_do_not_know_is_named_and_nothing_wider_is_shown(
    home: Path, open_page: OpenPage, query: dict[str, str], named: str
) -> None:
    app = open_page("overview", home, **query)
    assert not app.exception
    (text,) = unknown(app)
    assert named in text.replace("\\", "")
    if "by" in query:  # the grouping selects no tasks, so the page is drawn, and the warning says how
        assert outcomes(app) == (5, 60)
        assert "“auto” instead" in text
        assert "nothing else" not in text
        return
    assert "nothing else is shown" in text
    assert not app.metric
    assert not app.get("plotly_chart")
    assert not app.dataframe
    app.button(key="show_all").click().run()
    assert unknown(app) == []
    assert outcomes(app) == (5, 60)


@pytest.mark.parametrize(
    ("page", "query"),
    [
        *((page, {"kind": "BANANA"}) for page in PAGES),
        ("tasks", {"from": "2026-13-01"}),
        ("trends", {"from": "2026-05-02", "to": "2026-05-01"}),
    ],
)
def test_a_page_keeps_its_title_above_what_the_link_asks_for(
    page: str, query: dict[str, str], home: Path, open_page: OpenPage
) -> None:
    title = page.capitalize().replace("_", " ")
    app = open_page(page, home, **query)
    assert not app.exception
    assert [item.value for item in app.title] == [title]
    assert words(app).index(title) < words(app).index(app.warning[0].value)
    assert not app.metric
    app.button(key="show_all").click().run()
    assert unknown(app) == []
    assert [item.value for item in app.title] == [title]


def test_an_unknown_code_keeps_its_heading(home: Path, open_page: OpenPage) -> None:
    app = open_page("error_codes", home, error_code="NO_SUCH_CODE")
    assert [ESCAPE.sub(r"\1", item.value) for item in app.header] == ["NO_SUCH_CODE"]
    assert len(unknown(app)) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("business-product", FIRST),
        ("business_product", FIRST),
        ("Product", FIRST),
        ("products", FIRST),
        ("task-kind", "RETRIEVAL"),
        ("FROM", "2026-05-02"),
        ("regions", "us-east-1"),
    ],
)
def test_a_filter_under_another_name_is_named_and_nothing_wider_is_shown(
    name: str, value: str, home: Path, open_page: OpenPage
) -> None:
    app = open_page("overview", home, **{name: value})
    assert not app.exception
    (text,) = unknown(app)
    assert name in text.replace("\\", "")
    assert not app.metric
    app.button(key="show_all").click().run()
    assert unknown(app) == []
    assert outcomes(app) == (5, 60)


def test_a_parameter_that_is_no_filter_narrows_nothing(home: Path, open_page: OpenPage) -> None:
    app = open_page("overview", home, utm_source="mail")
    assert unknown(app) == []
    assert outcomes(app) == (5, 60)


@pytest.mark.parametrize(
    ("page", "key"),
    [("failure_rates", "more"), ("error_codes", "more"), ("trends", "more"), ("data_health", "more")],
)
def test_an_unknown_tab_is_named(page: str, key: str, home: Path, open_page: OpenPage) -> None:
    app = open_page(page, home, **{key: "nowhere"})
    assert not app.exception
    (text,) = unknown(app)
    assert "nowhere" in text


def test_a_known_and_an_unknown_product_are_shown_and_named(home: Path, open_page: OpenPage) -> None:
    app = open_page("overview", home, product=[FIRST, "bp-of-nobody"])
    assert outcomes(app) == (5, 40)
    assert len(unknown(app)) == 1


def test_another_choice_takes_the_place_of_what_is_not_known(home: Path, open_page: OpenPage) -> None:
    app = open_page("overview", home, product="bp-of-nobody")
    app.multiselect(key="product").set_value([SECOND]).run()
    assert unknown(app) == []
    assert outcomes(app) == (0, 20)
    assert app.query_params["product"] == SECOND


def test_the_link_to_copy_fixes_the_days_and_has_ids(home: Path, open_page: OpenPage) -> None:
    app = open_page("tasks", home, product="Northstar", due="overdue")
    app.session_state["share"] = True
    app.run()
    (link,) = [item.value for item in app.code if "product=" in item.value]
    parameters = parse_qs(urlsplit(link).query)
    last = NOW.date()
    assert parameters["product"] == [FIRST]
    assert parameters["due"] == ["overdue"]
    assert (parameters["from"], parameters["to"]) == ([f"{last - timedelta(days=9)}"], [f"{last}"])
    assert parameters["kind"] == ["DELETION"]
    opened = open_page("overview", home, **{key: values[0] for key, values in parameters.items() if key != "due"})
    assert outcomes(opened) == (5, 40)


def test_a_period_that_is_not_the_usual_one_counts_as_narrowing(home: Path, open_page: OpenPage) -> None:
    day = NOW.date() - timedelta(days=2)
    app = open_page("overview", home, **{"from": f"{day}", "to": f"{day}"})
    assert f"Only {day.day} {day:%b %Y}." in words(app)
    app.button(key="show_all").click().run()
    assert outcomes(app) == (5, 60)
    assert "from" not in app.query_params


def test_another_address_in_the_same_session_is_followed(home: Path, open_page: OpenPage) -> None:
    """As with Back and Forward of the browser."""
    app = open_page("overview", home)
    app.query_params["product"] = SECOND
    app.run()
    assert outcomes(app) == (0, 20)
    del app.query_params["product"]
    app.run()
    assert outcomes(app) == (5, 60)


@pytest.mark.parametrize("letters", ["x", "É", "(", "\0"])
def test_a_very_long_search_is_cut_and_finds_nothing(letters: str, home: Path, open_page: OpenPage) -> None:
    app = open_page("tasks", home, q=letters * 50_000)
    assert not app.exception
    field = app.text_input(key="q")
    assert 0 < len(field.value or "") < 5000
    field.set_value(letters * 900_000).run()
    assert not app.exception
    assert 0 < len(app.query_params["q"][0]) < 5000


@pytest.mark.parametrize("address", ["http://[", "http://\u2100/", "", "https://app.invalid/tasks?x=1"])
def test_an_address_that_a_browser_made_up_breaks_no_page(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "context", SimpleNamespace(url=address))
    host = "https://app.invalid/tasks" if address.startswith("https") else ""
    assert page_address.link({"kind": ["DELETION"]}) == f"{host}?kind=DELETION"


@pytest.mark.parametrize(
    "query",
    [
        {"to": "9999-12-31"},
        {"from": "0001-01-01"},
        {"on": "2026-04-01..9999-12-31"},
        {"on": "0001-01-01"},
        {"on": ".."},
    ],
)
def test_a_day_at_the_ends_of_the_calendar_is_named(query: dict[str, str], home: Path, open_page: OpenPage) -> None:
    app = open_page("tasks", home, **query)
    assert not app.exception
    (value,) = query.values()
    assert [text for text in unknown(app) if ESCAPE.sub(r"\1", text).startswith(f"“{value}”")]


def test_a_switch_with_an_unknown_value_is_named_and_nothing_wider_is_shown(home: Path, open_page: OpenPage) -> None:
    day = f"{NOW.date() - timedelta(days=2)}"
    app = open_page("tasks", home, in_period="yes", **{"from": day, "to": day})
    (text,) = unknown(app)
    assert "yes" in text
    assert not app.dataframe
    for value in ("true", "TRUE"):
        assert open_page("tasks", home, in_period=value, **{"from": day, "to": day}).toggle(key="in_period").value


@pytest.mark.parametrize("page", ["overview", "trends"])
def test_the_longest_period_is_drawn(page: str, home: Path, open_page: OpenPage) -> None:
    app = open_page(page, home, **{"from": "1900-01-01", "to": "2199-12-31"})
    assert not app.exception
    assert outcomes(app) == (5, 60)


def test_a_later_day_is_refused_before_a_period_overflows(home: Path, open_page: OpenPage) -> None:
    app = open_page("overview", home, to="2999-12-31")
    assert not app.exception
    assert unknown(app)
