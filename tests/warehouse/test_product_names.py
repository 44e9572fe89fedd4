"""The names of business products tell them apart."""

import pytest

from bwp_client.warehouse.product_names import distinct_names, name_of

FIRST, SECOND, THIRD = (f"bp-2f1c8f1e-0000-4000-8000-00000000000{end}" for end in "abc")


@pytest.mark.parametrize(
    ("names", "products"),
    [
        ({FIRST: "Northstar", SECOND: "northstar "}, []),
        ({FIRST: "Northstar"}, [SECOND, THIRD]),  # the shortened IDs are the same
        ({FIRST: "bp-2f1c8f1e…"}, [SECOND]),
        ({FIRST: "", SECOND: ""}, []),
        ({FIRST: SECOND}, [SECOND]),
    ],
)
def test_no_two_products_have_the_same_name(names: dict[str, str], products: list[str]) -> None:
    distinct = distinct_names(names, products)
    shown = [name_of(product, distinct) for product in {*names, *products}]
    assert len({name.strip().casefold() for name in shown}) == len(shown)
    assert distinct_names(distinct, products) == distinct


def test_a_name_that_no_other_product_has_stays() -> None:
    assert distinct_names({FIRST: "Northstar"}, [SECOND]) == {FIRST: "Northstar"}
    assert name_of(SECOND, {}) == "bp-2f1c8f1e…"
