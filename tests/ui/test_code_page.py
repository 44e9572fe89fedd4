"""The page of an error code says since when, where and with what it comes, and leads to its tasks."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.pages import numbers_of_states
from support.two_products import HARBOR, LUMA, make_shop

OpenPage = Callable[..., AppTest]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return data in which one code rises at one product, and another stays as it is."""
    return make_shop(
        tmp_path_factory.mktemp("shop"),
        lambda day, product: 7 if product == LUMA and day >= 63 else 2,
        lambda day, product: "RISEN" if product == LUMA else "STEADY",
    )


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BWP_PRODUCT_NAMES", f'{{"{LUMA}": "Luma", "{HARBOR}": "Harbor"}}')


def texts(app: AppTest) -> str:
    return "\n".join(item.value for item in (*app.text, *app.caption, *app.warning))


def test_a_code_that_rose_names_the_day_and_the_product(shop: Path, open_page: OpenPage) -> None:
    app = open_page("error_codes", shop, error_code="RISEN")
    assert not app.exception
    assert app.header[0].value == "RISEN"
    assert "Up on 2 Nov 2026 (between 1 and 2 Nov 2026): from 3.3 % to 11.7 % of all finished tasks." in texts(app)
    assert "The newest rise began on 2 Nov 2026. It came from Luma alone." in texts(app)
    figures = {item.label: item.value for item in app.metric}
    assert figures["Failed tasks"] == f"{7 * 2 + 21 * 7}"
    (products,) = [item.value for item in app.dataframe if "Period before" in item.value and "product" in item.value]
    assert products["product"].tolist() == ["Luma"]


def test_a_steady_code_says_so(shop: Path, open_page: OpenPage) -> None:
    app = open_page("error_codes", shop, error_code="STEADY")
    assert not app.exception
    assert "It has been about as frequent all the time." in texts(app)
    assert "The rise" not in texts(app)
    assert "None in this period." in texts(app)


def test_a_code_that_is_not_in_the_period_still_has_its_page(shop: Path, open_page: OpenPage) -> None:
    app = open_page("error_codes", shop, error_code="RISEN", product=HARBOR)
    assert not app.exception
    assert "failed with this code" in texts(app)


def test_an_unknown_code_is_named(shop: Path, open_page: OpenPage) -> None:
    app = open_page("error_codes", shop, error_code="NOPE:smile:")
    assert not app.exception
    assert "No failed task has the error code" in texts(app)
    assert not app.metric
    assert not app.dataframe


def test_the_tasks_of_the_code_are_those_of_the_worklist(shop: Path, open_page: OpenPage) -> None:
    app = open_page("error_codes", shop, error_code="RISEN")
    (link,) = [item.proto for item in app.get("page_link") if "of them overdue" in item.proto.label]
    assert "with_code=RISEN" in link.query_string
    opened = open_page("tasks", shop, with_code="RISEN")
    figures = numbers_of_states(opened)
    assert link.label == f"{figures['Open']} open, {figures['Overdue']} of them overdue"


def test_names_are_written_as_they_are_in_tables(
    shop: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {LUMA: "Luma & <b>Sons</b>", HARBOR: "Harbor"}
    monkeypatch.setenv("BWP_PRODUCT_NAMES", json.dumps(names))
    app = open_page("error_codes", shop, more="products")
    assert not app.exception
    assert any(set(names.values()) <= set(map(str, item.value.columns)) for item in app.dataframe)


def test_what_turns_the_text_round_is_left_out(shop: Path, open_page: OpenPage) -> None:
    app = open_page("error_codes", shop, error_code="NO\u202eRISEN")
    assert not app.exception
    assert "\u202e" not in texts(app)
