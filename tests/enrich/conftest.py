"""Shops with sample events, and with events written by hand."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.asking import Shop

from bwp_client.load import load
from bwp_client.sandbox.sample.writer import write_sample
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse


@pytest.fixture(scope="session")
def sample_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "events"
    write_sample(folder, events=3_000, seed=11, until=date(2026, 3, 31))
    return folder


@pytest.fixture
def sample_shop(sample_folder, tmp_path) -> Shop:
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    load(warehouse, open_source(str(sample_folder)))
    return Shop(warehouse)


ShopMaker = Callable[..., Shop]


@pytest.fixture
def shop_of(tmp_path) -> ShopMaker:
    """Make a shop from hand-written events."""
    warehouse = Warehouse(str(tmp_path / "warehouse"))

    def make(*events: dict[str, Any]) -> Shop:
        name = tmp_path / f"events-{len(list(tmp_path.iterdir()))}.json"
        name.write_text("\n".join(json.dumps(item) for item in events))
        load(warehouse, open_source(str(name)))
        return Shop(warehouse)

    return make
