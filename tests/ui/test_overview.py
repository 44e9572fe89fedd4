"""The first screen of the overview says what happened, since when, why, and whether it goes on, in few words."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.two_products import HARBOR, LUMA, make_shop

OpenPage = Callable[..., AppTest]


def headline_of(app: AppTest) -> str:
    assert not app.exception
    return app.subheader[0].value.replace("\\", "")


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BWP_PRODUCT_NAMES", f'{{"{LUMA}": "Luma", "{HARBOR}": "Harbor"}}')


def test_a_rise_at_one_product_that_lasts(tmp_path: Path, open_page: OpenPage) -> None:
    home = make_shop(
        tmp_path,
        lambda day, product: 7 if product == LUMA and day >= 63 else 1,
        lambda day, product: "ORDERS_NOT_CLOSED" if product == LUMA and day >= 63 else "OTHER",
    )
    text = headline_of(open_page("overview", home))
    assert re.match(r"[\d.]+ % of deletions failed, up from 3\.\d %\.", text), text
    assert "Worst: Luma since 2 Nov, mostly ORDERS_NOT_CLOSED. It is still going on." in text, text


def test_an_incident_that_is_over(tmp_path: Path, open_page: OpenPage) -> None:
    home = make_shop(
        tmp_path,
        lambda day, product: 9 if product == LUMA and 63 <= day < 70 else 1,
        lambda day, product: "ORDERS_NOT_CLOSED",
    )
    app = open_page("overview", home)
    text = headline_of(app)
    assert "Worst: Luma, 2–8 Nov, mostly ORDERS_NOT_CLOSED. Over since 9 Nov." in text, text
    labels = [item["text"] for item in json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]["annotations"]]
    assert {"2 Nov: up, Luma", "9 Nov: over"} <= set(labels)  # the days of the headline
    of_code = headline_of(open_page("overview", home, code="ORDERS_NOT_CLOSED"))
    assert re.match(r"[\d.]+ % of deletions failed with ORDERS_NOT_CLOSED", of_code), of_code
    assert "mostly" not in of_code


def test_a_new_code(tmp_path: Path, open_page: OpenPage) -> None:
    home = make_shop(
        tmp_path,
        lambda day, product: 2,
        lambda day, product: "LEGAL_HOLD" if day >= 70 and day % 2 else "OTHER",
    )
    app = open_page("overview", home)
    text = headline_of(app)
    codes = next(item.value for item in app.dataframe if "weeks" in item.value.columns)
    assert (codes["code"].iloc[0], codes["state"].iloc[0]) == ("LEGAL_HOLD", "new")
    assert codes["tasks"].iloc[0] < codes["tasks"].iloc[1]  # what is new comes before what is frequent
    # Four tasks on every other day.
    fresh = "LEGAL_HOLD is new since 10 Nov: 28 tasks, the last on 22 Nov."
    assert text == f"6.7 % of deletions failed, about as before (6.7 %). {fresh}"


def test_a_product_that_may_have_stood_out_by_chance_is_not_named(tmp_path: Path, open_page: OpenPage) -> None:
    """Luma fails more often for two weeks, with many codes, and Harbor so much less that the rate of all is as before."""
    home = make_shop(
        tmp_path,
        lambda day, product: (4 if product == LUMA else 0) if day >= 70 else 2,
        lambda day, product: f"CODE_{day % 7}",
    )
    text = headline_of(open_page("overview", home))
    assert "about as before" in text
    assert "Worst" not in text
    assert "Worst" not in " ".join(item.value for item in open_page("trends", home).text)


def test_the_text_to_copy_says_the_same_with_its_days(tmp_path: Path, open_page: OpenPage) -> None:
    app = open_page("overview", make_shop(tmp_path, lambda day, product: 2, lambda day, product: "OTHER"))
    app.session_state["copy"] = True
    app.run()
    (text,) = [item.value for item in app.code if "deletions failed" in item.value]
    assert text.startswith(headline_of(app))
    assert "(26 Oct 2026 to 22 Nov 2026, as of " in text
