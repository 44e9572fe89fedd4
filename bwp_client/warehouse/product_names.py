"""What people call business products: the configured names, and those that came with the sample."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

NAMES_FILE = "product-names.json"
_LENGTH = 11


def product_names(warehouse_uri: str, configured: Mapping[str, str]) -> dict[str, str]:
    """Give the names of business products by ID.

    Args:
        warehouse_uri: Whose; the sample's folder holds its own names.
        configured: The setting; it comes first.
    """
    path = Path(warehouse_uri) / NAMES_FILE
    if warehouse_uri.startswith("s3://") or not path.is_file():
        return dict(configured)
    return {**json.loads(path.read_text(encoding="utf-8")), **configured}


def name_of(business_product_id: str, names: Mapping[str, str]) -> str:
    """Give a product's name, else its ID, which is cut where it is long."""
    name = names.get(business_product_id)
    return name or (business_product_id if len(business_product_id) <= _LENGTH else business_product_id[:_LENGTH] + "…")
