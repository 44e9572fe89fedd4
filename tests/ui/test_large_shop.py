"""A shop with many products and codes: none is left out of the tables, and a small product can be the cause of a rise."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.events import NOW, envelope, write
from support.lookups import looked_up, store_lookups

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.ui import components
from bwp_client.ui.sections import products
from bwp_client.warehouse import Warehouse

from .test_pages import words

OpenPage = Callable[..., AppTest]
PRODUCTS = [f"bp-{n:08d}-0000-4000-8000-000000000000" for n in range(25)]
SMALLEST = PRODUCTS[-1]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a warehouse of 25 products and 56 days; the product with fewest tasks fails always in the last 28 days."""
    folder = tmp_path_factory.mktemp("large")
    events, lookups = [], []
    for number, product in enumerate(PRODUCTS):
        for n in range(200 if product == SMALLEST else 224):
            day = n % 56
            failed = n % 28 == number or (product == SMALLEST and day < 28)
            task, time = f"t-{number}-{n}", NOW - timedelta(days=day)
            events.append(envelope(task, outcome="FAILED" if failed else "COMPLETED", product=product, time=time))
            if failed:
                lookups.append(looked_up(task, errors=[f"CODE_{number:02}"], business_product_id=product))
    load(Warehouse(str(folder / "w")), open_source(str(write(folder / "events.json", events))))
    store_lookups(Warehouse(str(folder / "w")), lookups)
    return folder / "w"


def test_a_rise_is_blamed_on_the_product_with_fewest_tasks(large: Path, open_page: OpenPage) -> None:
    app = open_page("trends", large, **{"from": f"{(NOW - timedelta(days=27)).date()}", "to": f"{NOW.date()}"})
    assert not app.exception
    assert "at bp-00000024" in words(app).replace("\\", "")


def test_every_product_is_in_the_table(large: Path, open_page: OpenPage) -> None:
    app = open_page("failure_rates", large)
    (table,) = [item.value for item in app.dataframe if "Most frequent code" in item.value]
    assert len(table) == 25
    assert table["Most frequent code"].iloc[0].startswith("CODE_24 (")


def test_the_products_beyond_the_columns_are_summed_up(large: Path, open_page: OpenPage) -> None:
    app = open_page("error_codes", large, more="products")
    tables = [item.value for item in app.dataframe if "(5 other products)" in item.value]
    assert len(tables) == 1


def test_a_phone_names_the_products_that_have_a_code(
    large: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (components, products):
        monkeypatch.setattr(module, "is_narrow", lambda: True, raising=False)
    app = open_page("error_codes", large, more="products")
    assert not app.exception
    cards_of_codes = [text for text in words(app).split("\n") if "bp\\-000000" in text]
    assert len(cards_of_codes) == 20
    assert all(text.count("bp\\-000000") == 1 for text in cards_of_codes)  # each code came at one product


@pytest.mark.parametrize(
    ("codes", "width"), [([], 190), (["A" * 10], 190), (["A" * 10, "B" * 31], 264), (["A" * 200], 330)]
)
def test_the_column_of_codes_is_wide_enough_for_the_longest(codes: list[str], width: int) -> None:
    assert components.code_column(codes)["width"] == width
