"""Names of business products: the configured ones, and those of the sample data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

NAMES_FILE = "product-names.json"
_LENGTH = 11


def product_names(warehouse_uri: str, configured: Mapping[str, str]) -> dict[str, str]:
    """Return the names of business products by ID.

    Args:
        warehouse_uri: The warehouse; the folder of a sample warehouse holds a file of names.
        configured: The names in the settings; they override those of the file.
    """
    path = Path(warehouse_uri) / NAMES_FILE
    if warehouse_uri.startswith("s3://") or not path.is_file():
        return dict(configured)
    return {**json.loads(path.read_text(encoding="utf-8")), **configured}


def name_of(business_product_id: str, names: Mapping[str, str]) -> str:
    """Return a product's name; without a name, its ID, truncated if long."""
    name = names.get(business_product_id)
    return name or (business_product_id if len(business_product_id) <= _LENGTH else business_product_id[:_LENGTH] + "…")
