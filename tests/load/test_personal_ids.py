"""Events whose IDs or other fields name a person: no table holds the name."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from support.events import PRODUCT, envelope

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import TableName, Warehouse

JANE, PHONE = "jane.doe@example.com", "0170-1234567"
TASK = "00123456-0170-4123-8456-123456789012"


def resource(task: str, product: str = PRODUCT) -> list[str]:
    return [f"businessProduct/{product}/personalDataDeletionTask/{task}"]


REFUSED: dict[str, dict[str, Any]] = {
    "an address as task": {"resources": resource(JANE)},
    "a disguised address as task": {"resources": resource("jane.doe%40example.com")},
    "a telephone number as task": {"resources": resource(PHONE)},
    "an international number as task": {"resources": resource("+491701234567")},
    "a number with brackets as task": {"resources": resource("(030)901820")},
    "an address as second task": {"resources": [*resource("t-1"), *resource(JANE)]},
    "an address as product": {"resources": resource(TASK, JANE)},
    "an address as event ID": {"id": JANE},
    "an address as key": {"detail": {"idempotencyKey": f"delete:{JANE}"}},
}
EMPTIED: dict[str, dict[str, Any]] = {
    "source": {"source": f"shop/{JANE}"}, "account": {"account": JANE}, "region": {"region": JANE},
    "version": {"detail": {"version": JANE}}, "subscription": {"detail": {"subscriptionId": JANE}},
}  # fmt: skip


def rows(warehouse: Warehouse, table: TableName) -> list[dict[str, Any]]:
    return warehouse.handle(table).to_pyarrow_table().to_pylist()


def loaded(folder: Path, events: list[dict[str, Any]], *, indent: int | None) -> Warehouse:
    (folder / "events.json").write_text("\n".join(json.dumps(event, indent=indent) for event in events))
    warehouse = Warehouse(str(folder / "warehouse"))
    load(warehouse, open_source(str(folder / "events.json")))
    return warehouse


@pytest.mark.parametrize("indent", [None, 2])
def test_an_id_that_names_a_person_is_in_quarantine_without_the_name(tmp_path: Path, indent: int | None) -> None:
    events = [envelope(f"t-{number}") | changes for number, changes in enumerate(REFUSED.values())]
    warehouse = loaded(tmp_path, [*events, envelope(TASK)], indent=indent)
    assert [row["task_id"] for row in rows(warehouse, TableName.EVENTS)] == [TASK]
    quarantined = rows(warehouse, TableName.QUARANTINE)
    assert [row["reason"] for row in quarantined] == ["personal_data_in_id"] * len(REFUSED)
    assert all(" holds an e-mail address or a telephone number)" in row["excerpt"] for row in quarantined)
    text = repr(quarantined)
    assert "jane" not in text
    for part in ("0170-", "1234567", "901820", "4917"):
        assert part not in text


@pytest.mark.parametrize("number", ["0170-1234567-0000-0000-0000-00000000", "+4917012-3456-0000-0000-000000000000"])
def test_a_number_as_long_as_a_uuid_among_uuids_is_in_quarantine(tmp_path: Path, number: str) -> None:
    assert len(number) == len(TASK)
    uuids = [TASK[:-4] + f"{last:04x}" for last in range(5000)]
    ids = [*uuids[:2500], number, *uuids[2500:]]
    warehouse = loaded(tmp_path, [envelope(task) | {"id": str(uuid4())} for task in ids], indent=None)
    assert sorted(row["task_id"] for row in rows(warehouse, TableName.EVENTS)) == uuids
    assert [row["reason"] for row in rows(warehouse, TableName.QUARANTINE)] == ["personal_data_in_id"]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_field_that_decides_nothing_and_holds_an_address_is_empty(tmp_path: Path, indent: int | None) -> None:
    events = [envelope(f"t-{number}") | changes for number, changes in enumerate(EMPTIED.values())]
    warehouse = loaded(tmp_path, events, indent=indent)
    stored = rows(warehouse, TableName.EVENTS)
    assert len(stored) == len(EMPTIED)
    assert "jane" not in repr(stored)
    assert not rows(warehouse, TableName.QUARANTINE)


def test_the_name_of_an_event_type_is_no_telephone_number(tmp_path: Path) -> None:
    warehouse = loaded(tmp_path, [envelope("t-1") | {"detail-type": "call (030) 901820"}, envelope("t-2")], indent=None)
    (run,) = rows(warehouse, TableName.RUNS)
    assert "901820" not in repr(run)
