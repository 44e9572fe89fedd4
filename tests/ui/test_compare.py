"""Periods, products and error codes laid over each other on the trends page, and the links that name them."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from support.events import NOW, envelope, write
from support.lookups import looked_up, store_lookups

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse

from .test_links import unknown
from .test_pages import figures, words

OpenPage = Callable[..., AppTest]
PRODUCTS = [f"bp-2f1c8f1e-0000-4000-8000-00000000000{letter}" for letter in "abcdefgh"]
NAMES = dict(zip(PRODUCTS, ["Luma", "Fir", "Vega", "Orchid", "Cedar", "Twin", "Twin", "Pine"], strict=True))
CODES = ["ORDERS_NOT_CLOSED", "LEGAL_HOLD"]
LAST = NOW.date()
PERIOD = {"from": f"{LAST - timedelta(days=27)}", "to": f"{LAST}"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a warehouse of 56 days: at the first product 6 of 15 tasks a day failed in the last 28 days, 1 of 15 before.

    At each of the other seven products 1 of 5 tasks failed on every second day.
    """
    folder = tmp_path_factory.mktemp("compare")
    events, lookups = [], []
    for day in range(56):
        for number, product in enumerate(PRODUCTS):
            failed = (6 if day < 28 else 1) if number == 0 else day % 2
            for n in range(15 if number == 0 else 5):
                task = f"t-{day}-{number}-{n}"
                outcome = "FAILED" if n < failed else "COMPLETED"
                time = NOW - timedelta(days=day, hours=n % 12)
                events.append(envelope(task, outcome=outcome, product=product, time=time))
                if n < failed:
                    lookups.append(looked_up(task, errors=[CODES[n % 2]], business_product_id=product))
    load(Warehouse(str(folder / "w")), open_source(str(write(folder / "events.json", events))))
    store_lookups(Warehouse(str(folder / "w")), lookups)
    return folder / "w"


@pytest.fixture
def trends(shop: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    monkeypatch.setenv("BWP_PRODUCT_NAMES", json.dumps(NAMES))

    def run(**query: Any) -> AppTest:
        app = open_page("trends", shop, **(PERIOD | {"more": "compare"} | query))
        assert not app.exception
        return app

    return run


def sentence(app: AppTest) -> str:
    (found,) = [item.value for item in app.markdown if " of tasks failed " in item.value]
    return str(found).replace("\\", "").strip("*")


def lines(app: AppTest) -> list[dict[str, Any]]:
    """Return the lines of the comparison's chart; empty if there is no such chart."""
    for figure in figures(app):
        found = [item for item in figure["data"] if len(np.atleast_1d((item.get("customdata") or [[]])[0])) == 7]  # type: ignore[attr-defined]
        if found:
            return found
    return []


def test_only_the_open_tab_is_drawn(trends: Callable[..., AppTest]) -> None:
    assert [line["name"] for line in lines(trends())] == ["This period", "Period before"]
    assert lines(trends(more="volume", compare="products")) == []


def test_the_link_to_copy_names_the_products_that_are_compared_by_default(trends: Callable[..., AppTest]) -> None:
    app = trends(compare="products")
    app.session_state["share"] = True
    app.run()
    link = next(item.value for item in app.code if "compare=products" in item.value)
    assert parse_qs(urlsplit(link).query)["compare_product"] == app.multiselect(key="compare_product").value


def test_another_kind_takes_the_place_of_the_first(trends: Callable[..., AppTest]) -> None:
    app = trends()
    app.radio(key="compare").set_value("codes").run()
    assert [line["name"] for line in lines(app)] == CODES
    app.radio(key="compare").set_value("periods").run()
    assert len(lines(app)) == 2
    assert not [key for key in app.query_params if key.startswith("compare")]


def test_two_periods_are_compared_by_the_day_of_the_period(trends: Callable[..., AppTest]) -> None:
    app = trends(compare="periods")
    this, before = lines(app)
    assert list(this["x"]) == list(before["x"]) == list(range(1, 29))
    day = LAST - timedelta(days=55)
    assert before["customdata"][0][5] == f"Day 1: {day.day} {day:%b %Y}"
    assert sentence(app) == ("19.0 % of tasks failed in this period, against 9.0 % in the 4 weeks before: higher.")
    (table,) = [item.value for item in app.dataframe if "first_is" in item.value]
    assert table["failed"].tolist() == [266, 126]
    assert table["n"].tolist() == [1400, 1400]
    assert table["first_is"].tolist() == ["", "higher"]


def test_a_period_without_data_or_with_common_days_is_not_compared(trends: Callable[..., AppTest]) -> None:
    app = trends(compare="periods", against="year")
    assert "none in the same days a year before: not compared, because the data begin on" in sentence(app)
    first = LAST - timedelta(days=30)
    app = trends(compare="periods", against="day", against_from=f"{first}")
    assert "not compared, because the periods have the days from" in sentence(app)
    assert [line["name"] for line in lines(app)] == ["This period", f"From {first.day} {first:%b %Y}"]
    app = trends(compare="periods", against="day", against_from=f"{LAST + timedelta(days=3)}")
    assert "not compared, because the data end on" in sentence(app)


def test_the_products_with_most_failed_tasks_are_compared_by_id(trends: Callable[..., AppTest]) -> None:
    app = trends()
    app.radio(key="compare").set_value("products").run()
    assert not app.exception
    assert app.query_params["compare_product"][0] == PRODUCTS[0]
    assert len(app.query_params["compare_product"]) == 3
    assert sentence(app).startswith("40.0 % of tasks failed at Luma: higher than ")
    app.multiselect(key="compare_product").set_value([PRODUCTS[5], PRODUCTS[6]]).run()
    assert app.query_params["compare_product"] == PRODUCTS[5:7]
    assert len({line["name"] for line in lines(app)}) == 2  # of one name, and not pooled
    assert "no clear change" in sentence(app)


def test_error_codes_are_compared_as_shares_of_all_finished_tasks(trends: Callable[..., AppTest]) -> None:
    app = trends(compare="codes")
    assert sentence(app) == ("13.0 % of tasks failed with ORDERS_NOT_CLOSED, against 6.0 % with LEGAL_HOLD: higher.")
    assert [line["name"] for line in lines(app)] == CODES


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"compare": "bananas"}, "bananas"),
        ({"compare": "periods", "against": "decade"}, "decade"),
        ({"compare": "periods", "against": "day", "against_from": "2026-13-01"}, "2026-13-01"),
        ({"compare": "products", "compare_product": "bp-of-nobody"}, "bp-of-nobody"),
        ({"compare": "codes", "compare_code": "NO_SUCH_CODE"}, "NO_SUCH_CODE"),
        ({"compare": "products", "compare_product": [PRODUCTS[0], "bp-of-nobody"]}, "bp-of-nobody"),
    ],
)
def test_what_the_data_do_not_know_is_named_and_nothing_else_is_compared(
    trends: Callable[..., AppTest], query: dict[str, Any], named: str
) -> None:
    app = trends(**query)
    (text,) = unknown(app)
    assert named in text.replace("\\", "")
    assert lines(app) == []


def test_a_known_and_an_unknown_product_of_several_are_told_apart(trends: Callable[..., AppTest]) -> None:
    app = trends(compare="products", compare_product=[PRODUCTS[0].upper(), "bp-of-nobody", PRODUCTS[1]])
    assert len(unknown(app)) == 1
    assert [line["name"] for line in lines(app)] == ["Luma", "Fir"]


def test_more_products_than_a_chart_holds_are_cut_and_that_is_said(trends: Callable[..., AppTest]) -> None:
    app = trends(compare="products", compare_product=PRODUCTS)
    assert "The link names 8 of the business products to compare; the first 6 are shown." in words(app)
    assert len(lines(app)) == 6
    assert len({line["line"]["color"] for line in lines(app)}) == 6


def test_one_product_alone_is_not_compared(trends: Callable[..., AppTest]) -> None:
    app = trends(compare="products", compare_product=PRODUCTS[0])
    assert "Choose at least 2." in words(app)
    assert lines(app) == []


def test_the_copied_link_compares_the_same(trends: Callable[..., AppTest]) -> None:
    app = trends()
    app.radio(key="compare").set_value("products").run()
    app.session_state["share"] = True
    app.run()
    (link,) = [item.value for item in app.code if "compare=" in item.value]
    parameters = parse_qs(urlsplit(link).query)
    again = trends(**parameters)
    assert sentence(again) == sentence(app)
    assert [line["y"] for line in lines(again)] == [line["y"] for line in lines(app)]


def test_another_choice_is_another_chart(trends: Callable[..., AppTest]) -> None:
    """The chart is cached for the choice, not for the page alone."""
    app = trends(compare="products", compare_product=PRODUCTS[1:3])
    assert [line["name"] for line in lines(app)] == ["Fir", "Vega"]
    app = trends(compare="products", compare_product=PRODUCTS[2:4])
    assert [line["name"] for line in lines(app)] == ["Vega", "Orchid"]


@pytest.mark.parametrize(
    "query",
    [
        {"from": "1900-01-01", "to": "2199-12-31"},
        {"from": "1900-01-01", "to": "2199-12-31", "against": "day"},
        {"from": "1900-01-01", "to": "2199-12-31", "against": "year"},
        {"against": "day", "against_from": "2199-12-31"},
        {"against": "day", "against_from": "1900-01-01"},
        {"from": f"{LAST}", "to": f"{LAST}", "by": "hour"},
        {"by": "month"},
        {"by": "week"},
        {"kind": "RETRIEVAL"},
        {"kind": "RETRIEVAL", "compare": "products"},
        {"kind": "RETRIEVAL", "compare": "codes"},
        {"compare": "products", "product": PRODUCTS[3]},
        {"compare": "codes", "code": CODES, "product": PRODUCTS[0]},
        {"from": "2199-01-01", "to": "2199-12-31"},
    ],
)
def test_every_period_and_filter_is_compared_or_says_why_not(
    trends: Callable[..., AppTest], query: dict[str, Any]
) -> None:
    app = trends(**query)
    assert not unknown(app)


def test_an_emptied_choice_asks_for_two(trends: Callable[..., AppTest]) -> None:
    app = trends(compare="products")
    app.multiselect(key="compare_product").set_value([]).run()
    assert not app.exception
    assert "Choose at least 2." in words(app)
    app = trends(compare="periods", against="day")
    app.date_input(key="against_from").set_value(None).run()
    assert not app.exception
    assert lines(app) == []
