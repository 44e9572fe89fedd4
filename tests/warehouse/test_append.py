"""Another process commits between our anti-join over the events table and our append to it."""

from collections import Counter
from pathlib import Path

import pytest
from support.events import envelope, many, outcomes_of, write
from support.overtaken import Overtaken
from support.tables import command_json, fingerprints, outcomes, rows

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import TableName, Warehouse

TO_APPEND = 2
"""The opening of the events table through which a load appends; the first opening only reads the purge floor."""


def _matches(uri: str, events: list) -> bool:
    """Return whether each event is stored once, and whether the outcomes follow from the events."""
    plain = Warehouse(uri)
    stored = Counter(rows(plain, TableName.EVENTS, "event_id", "task_id"))
    assert set(stored.values()) == {1}, [key for key, count in stored.items() if count > 1][:3]
    assert set(stored) == {(event["id"], event["resources"][0].split("/")[-1]) for event in events}
    assert len(fingerprints(plain)) == len(set(fingerprints(plain)))
    found = {(row[0], row[1]): (*row[4:7], row[7]) for row in outcomes(plain)}
    return found == outcomes_of(events)


def test_the_same_batch_from_a_second_process_is_not_doubled(address: str, tmp_path: Path) -> None:
    shared, ours, theirs = many(200), [envelope("only-ours")], [envelope("only-theirs", outcome="FAILED")]
    write(tmp_path / "ours" / "a.json.gz", shared + ours)
    write(tmp_path / "theirs" / "a.json.gz", shared + theirs)
    Warehouse(address).create()
    theirs_done = {}

    def second_process() -> None:
        theirs_done.update(command_json("load", tmp_path / "theirs", "--warehouse", address, "--json", cwd=tmp_path))

    warehouse = Overtaken(address, TableName.EVENTS, second_process, at=TO_APPEND)
    result = load(warehouse, open_source(str(tmp_path / "ours")))
    assert theirs_done["stored"] == 201
    assert (result.read, result.stored, result.duplicate) == (201, 1, 200)
    # The handle opened before the other commit could not be used to append; a new one saw that commit.
    first, second = warehouse.versions_opened[TO_APPEND - 1 :][:2]
    assert first < second
    assert _matches(address, shared + ours + theirs)


def test_another_batch_in_between_loses_nothing(address: str, tmp_path: Path) -> None:
    mine, other = many(50), [envelope(f"other-{number}") for number in range(50)]
    write(tmp_path / "mine" / "a.json", mine)
    write(tmp_path / "other" / "a.json", other)
    Warehouse(address).create()
    other_load = lambda: load(Warehouse(address), open_source(str(tmp_path / "other")))  # noqa: E731
    warehouse = Overtaken(address, TableName.EVENTS, other_load, at=TO_APPEND)
    assert load(warehouse, open_source(str(tmp_path / "mine"))).stored == 50
    assert _matches(address, mine + other)


@pytest.mark.parametrize("table", [TableName.OUTCOMES, TableName.OBJECTS, TableName.QUARANTINE, TableName.RUNS])
def test_a_commit_in_between_to_any_other_table_does_no_harm(table: TableName, tmp_path: Path) -> None:
    uri = str(tmp_path / "warehouse")
    events = many(60)
    source = tmp_path / "in" / "a.json"
    write(source, events)
    with source.open("a") as file:
        file.write("<html>\n")
    Warehouse(uri).create()
    warehouse = Overtaken(uri, table, lambda: load(Warehouse(uri), open_source(str(source))))
    result = load(warehouse, open_source(str(source)))
    assert result.read == 61
    assert _matches(uri, events)
    assert len(rows(Warehouse(uri), TableName.QUARANTINE, "digest")) == 1
