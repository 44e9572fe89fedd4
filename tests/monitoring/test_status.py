"""`status` names what no load has read and what no later load reads by itself."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.events import many, write
from support.tables import command_json

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.replays import Replay, ReplayState, record_replay

FIRST = datetime(2026, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    made = Warehouse(str(tmp_path / "warehouse"))
    load(made, open_source(str(write(tmp_path / "events.json", many(20)))))
    return made


def journal(warehouse: Warehouse, archive: str, first: int, last: int, state: ReplayState) -> None:
    start, end = FIRST + first * DAY, FIRST + last * DAY
    name = f"bwp-{archive}-{first}-{last}"
    record_replay(warehouse, Replay(name, archive, "rule", start, end, state, datetime.now(UTC)))


def attention(warehouse: Warehouse, folder: Path) -> list[str]:
    found = command_json("status", "--json", cwd=folder, BWP_WAREHOUSE=warehouse.uri)
    return [line for line in found["attention"] if "archive" in line]


def test_a_hole_between_two_windows_of_an_archive_is_named_with_the_load_that_fills_it(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    journal(warehouse, "a", 0, 5, ReplayState.COMPLETE)
    journal(warehouse, "a", 5, 19, ReplayState.FAILED)
    journal(warehouse, "a", 19, 25, ReplayState.COMPLETE)
    journal(warehouse, "b", 4, 20, ReplayState.COMPLETE)  # another archive, whose windows fill nothing of the first
    (hole,) = attention(warehouse, tmp_path)
    assert hole == (
        "archive a was not read from 2026-05-06 00:00 to 2026-05-20 00:00 UTC, though later windows were: "
        "load archive://a --from 2026-05-06T00:00Z --to 2026-05-20T00:00Z."
    )
    journal(warehouse, "a", 5, 19, ReplayState.COMPLETE)
    assert attention(warehouse, tmp_path) == []


def test_an_unfinished_load_of_an_archive_is_named(warehouse: Warehouse, tmp_path: Path) -> None:
    journal(warehouse, "a", 0, 5, ReplayState.COMPLETE)
    journal(warehouse, "a", 5, 6, ReplayState.STARTED)
    (unfinished,) = attention(warehouse, tmp_path)
    assert "the load of archive a from 2026-05-06 00:00 to 2026-05-07 00:00 UTC has not ended" in unfinished
    assert "load archive://a continues it" in unfinished
