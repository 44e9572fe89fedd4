"""Names of business products: the configured ones, and those of the sample data."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

NAMES_FILE = "product-names.json"
_LONG_ID = re.compile(r"(\S{0,8}?[0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def product_names(warehouse_uri: str, configured: Mapping[str, str]) -> dict[str, str]:
    """Return the names of business products by ID; a name that several products have is followed by the ID.

    Args:
        warehouse_uri: The warehouse; the folder of a sample warehouse holds a file of names.
        configured: The names in the settings; they override those of the file.
    """
    path = Path(warehouse_uri) / NAMES_FILE
    if warehouse_uri.startswith("s3://") or not path.is_file():
        return distinct_names(configured)
    return distinct_names({**json.loads(path.read_text(encoding="utf-8")), **configured})


def name_of(business_product_id: str, names: Mapping[str, str]) -> str:
    """Return a product's name; without a name, its ID, of which a UUID is shortened."""
    if name := names.get(business_product_id):
        return name
    long_id = _LONG_ID.fullmatch(business_product_id)
    return f"{long_id[1]}…" if long_id else business_product_id


def distinct_names(names: Mapping[str, str], products: Iterable[str] = ()) -> dict[str, str]:
    """Return names with which `name_of` tells products apart: where two look the same, the product's ID is in both.

    Args:
        names: The names by ID.
        products: The IDs of further products, which may have no names.
    """
    shown = {product: name_of(product, names) for product in (*names, *products)}
    seen = Counter(map(_look, shown.values()))
    ambiguous = {product: name for product, name in shown.items() if seen[_look(name)] > 1}
    return {**names, **{product: _with_id(names.get(product, ""), product) for product in ambiguous}}


def _with_id(name: str, product: str) -> str:
    return f"{name} ({product})" if name else product


def _look(name: str) -> str:
    """Return a name without what the eye may miss: case, width, spaces and invisible characters."""
    visible = (character for character in unicodedata.normalize("NFKC", name) if character.isprintable())
    return "".join(visible).casefold().replace(" ", "")
