"""An ID in capitals is the same ID where it is a UUID: at every door, and in warehouses that older releases filled."""

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from hypothesis import given
from hypothesis import strategies as st
from support.events import NOW, envelope, write
from support.lookups import looked_up, store_lookups
from support.tables import command, command_json, outcomes, rows

from bwp_client.deadlines import DeadlineCalendar
from bwp_client.enrich.named_tasks import unknown_tasks
from bwp_client.ids import normal_id
from bwp_client.load import load
from bwp_client.metrics.guidance import read_guidance
from bwp_client.metrics.queries import has_failed, known_tasks
from bwp_client.monitoring.status import status_of
from bwp_client.settings import Settings
from bwp_client.sources import open_source
from bwp_client.tasks.history import read_task_history
from bwp_client.warehouse import TABLES, Run, TableName, Warehouse, record_run
from bwp_client.warehouse.engine import small_cursor
from bwp_client.warehouse.maintenance import bring_up_to_date, maintain
from bwp_client.warehouse.normal_ids import normal_id_sql
from bwp_client.warehouse.purge import purge
from bwp_client.warehouse.snapshot import Snapshot

TASK, OTHER, NEW = (f"{number}b6f7c1e-3a52-4e0b-9d52-6c6f0a1b2c3d" for number in range(3))
PRODUCT = "bp-0c7d3a52-6f0e-4c55-9a41-2f6a1f3b8e10"
FAILED_AT = NOW - timedelta(days=3)


def event(task: str, *, outcome: str = "FAILED", number: int = 1, product: str = PRODUCT, **changes: Any) -> dict:
    event_id = f"{number:08d}-aaaa-4000-8000-00000000abcd"
    return envelope(task, outcome=outcome, time=FAILED_AT, product=product, id=event_id, **changes)


def store(folder: Path, warehouse: Warehouse, *events: dict, name: str = "in") -> Any:
    return load(warehouse, open_source(str(write(folder / f"{name}.json", events))))


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(str(tmp_path / "warehouse"))


def take_in(folder: Path, warehouse: Warehouse, text: str) -> dict[str, Any]:
    (folder / "requests.csv").write_text(text)
    imported = command_json("import", folder / "requests.csv", "--warehouse", warehouse.uri, "--json", cwd=folder)
    assert isinstance(imported, dict)
    return imported


# The form of an ID


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TASK.upper(), TASK),
        (PRODUCT.upper(), PRODUCT),
        ("Task-A", "Task-A"),
        (f"{TASK.upper()}0", f"{TASK.upper()}0"),
        (TASK.upper().replace("-", ""), TASK.upper().replace("-", "")),
        (f"X{TASK.upper()}", f"X{TASK.upper()}"),
        ("", ""),
    ],
)
def test_only_uuids_lose_their_capitals(text: str, expected: str) -> None:
    assert normal_id(text) == expected


@given(st.one_of(st.text(), st.from_regex(r"(bp-|BP-)?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{11,13}")))
def test_sql_gives_the_same_form(text: str) -> None:
    ((found,),) = small_cursor().execute(f"select {normal_id_sql('$id')}", {"id": text}).fetchall()
    assert found == normal_id(text)


# Events


@pytest.mark.parametrize("first", [str.upper, str.lower])
def test_a_redelivery_in_the_other_spelling_is_a_duplicate(tmp_path: Path, warehouse: Warehouse, first: Any) -> None:
    second = str.lower if first is str.upper else str.upper
    for number, spell in enumerate((first, second)):
        spelled = event(spell(TASK), product=spell(PRODUCT))
        done = store(tmp_path, warehouse, spelled | {"id": spell(spelled["id"])}, name=str(number))
        assert (done.stored, done.duplicate) == ((1, 0) if number == 0 else (0, 1))
    assert rows(warehouse, TableName.EVENTS, "task_id", "business_product_id") == [(TASK, PRODUCT)]
    assert [row[0] for row in outcomes(warehouse)] == [TASK]
    assert status_of(warehouse).twins == 0


def test_two_spellings_in_one_file_are_one_event(tmp_path: Path, warehouse: Warehouse) -> None:
    done = store(tmp_path, warehouse, event(TASK), event(TASK.upper()))
    assert (done.read, done.stored, done.duplicate) == (2, 1, 1)


def test_an_event_that_names_a_task_in_two_spellings_names_one_task(tmp_path: Path, warehouse: Warehouse) -> None:
    both = event(TASK)
    both["resources"] = [*both["resources"], both["resources"][0].replace(TASK, TASK.upper())]
    done = store(tmp_path, warehouse, both)
    assert (done.read, done.stored, done.duplicate) == (1, 1, 0)
    assert len(outcomes(warehouse)) == 1


def test_both_outcomes_of_a_task_in_two_spellings_conflict(tmp_path: Path, warehouse: Warehouse) -> None:
    store(tmp_path, warehouse, event(TASK), name="a")
    store(tmp_path, warehouse, event(TASK.upper(), outcome="COMPLETED", number=2), name="b")
    ((task, *_, outcome, _, conflicting, seen),) = outcomes(warehouse)
    assert (task, outcome, conflicting, seen) == (TASK, "FAILED", True, 2)


def test_ids_that_are_no_uuids_keep_their_capitals(tmp_path: Path, warehouse: Warehouse) -> None:
    store(tmp_path, warehouse, event("Task-A"), event("task-a"))
    assert [row[0] for row in outcomes(warehouse)] == ["Task-A", "task-a"]


# The shop's list


def test_a_list_in_capitals_is_about_the_same_tasks(tmp_path: Path, warehouse: Warehouse) -> None:
    store(tmp_path, warehouse, event(TASK), event(OTHER, number=2))
    text = f"Task ID;Received At;Closed At\n{TASK.upper()};2026-04-01;\n{OTHER.upper()};2026-04-02;2026-04-29\n"
    take_in(tmp_path, warehouse, text)
    rows_of = {
        row["task_id"]: row
        for row in command_json(
            "metric", "open_failures", "--from", "2026-04-01", "--warehouse", warehouse.uri, "--json", cwd=tmp_path
        )
    }
    assert (rows_of[TASK]["basis"], rows_of[TASK]["exact"]) == ("received", True)
    assert rows_of[OTHER]["state"] == "closed"
    assert command_json("metric", "waiting", "--warehouse", warehouse.uri, "--json", cwd=tmp_path) == []


def test_a_second_import_in_the_other_spelling_changes_the_same_row(tmp_path: Path, warehouse: Warehouse) -> None:
    take_in(tmp_path, warehouse, f"task_id,note\n{TASK.upper()},first\n")
    take_in(tmp_path, warehouse, f"task_id,replaced_by\n{TASK},{NEW.upper()}\n")
    assert rows(warehouse, TableName.REQUESTS, "task_id", "note", "replaced_by") == [(TASK, "first", NEW)]


def test_a_replacement_in_capitals_recovers_the_task(tmp_path: Path, warehouse: Warehouse) -> None:
    store(tmp_path, warehouse, event(TASK), event(NEW, outcome="COMPLETED", number=2))
    take_in(tmp_path, warehouse, f"task_id,replaced_by\n{TASK},{NEW.upper()}\n")
    assert Snapshot.newest(warehouse).rows(
        "select is_recovered from request_facts where task_id = $t", {"t": TASK}
    ) == [(True,)]


def test_one_task_twice_in_a_file_is_refused_in_any_spelling(tmp_path: Path, warehouse: Warehouse) -> None:
    (tmp_path / "r.csv").write_text(f"task_id\n{TASK}\n{TASK.upper()}\n")
    done = command("import", tmp_path / "r.csv", "--warehouse", warehouse.uri, cwd=tmp_path)
    assert done.returncode == 2
    assert "line 3: the same task as in line 2" in done.stderr


# Readers


@pytest.fixture
def filled(tmp_path: Path, warehouse: Warehouse) -> Warehouse:
    store(tmp_path, warehouse, event(TASK))
    store_lookups(warehouse, [looked_up(TASK, errors=["CODE"], business_product_id=PRODUCT)])
    return warehouse


def test_pages_and_dossier_find_a_task_in_capitals(filled: Warehouse) -> None:
    snapshot = Snapshot.newest(filled)
    calendar = DeadlineCalendar.of("GDPR", "UTC")
    history = read_task_history(snapshot, TASK.upper(), calendar, read_guidance(None))
    assert history is not None
    assert (history.task_id, len(history.events), len(history.lookups)) == (TASK, 1, 1)
    assert has_failed(snapshot, TASK.upper())
    found = known_tasks(snapshot, [TASK.upper(), TASK, "other"])
    assert found["task_id"].tolist() == [TASK, "other"]
    assert found["known"].tolist() == ["failed", "unknown here"]


def test_filters_and_settings_name_a_product_in_capitals(filled: Warehouse, tmp_path: Path) -> None:
    arguments = ("metric", "failure_rate", "--from", "2026-04-01", "--warehouse", filled.uri, "--json")
    plain = command_json(*arguments, "--business-product", PRODUCT, cwd=tmp_path)
    assert command_json(*arguments, "--business-product", PRODUCT.upper(), cwd=tmp_path) == plain
    credential = {"client_id": "id", "client_secret": "secret"}
    settings = Settings(
        api={"credentials": json.dumps({PRODUCT.upper(): credential})},  # type: ignore[arg-type]
        product_names={PRODUCT.upper(): "Shoes"},
        deadline_rule={PRODUCT.upper(): "CCPA"},
    )
    assert settings.api.credential_for(PRODUCT) is not None
    assert settings.product_names == {PRODUCT: "Shoes"}
    assert settings.deadlines.rule_for(PRODUCT) == "CCPA"


def test_enrich_knows_a_named_task_in_capitals(filled: Warehouse) -> None:
    tables = {
        "outcomes": filled.scan(TableName.OUTCOMES), "requests": filled.scan(TableName.REQUESTS),
    }  # fmt: skip
    named = [TASK.upper(), NEW.upper()]
    assert unknown_tasks(small_cursor(), named, **tables) == (NEW.upper(),)


def test_a_purge_finds_a_task_in_capitals_in_an_excerpt(filled: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text(f'{{"resources": ["x/{TASK.upper()}"]\n')
    load(filled, open_source(str(tmp_path / "broken.json")))
    purge(filled, NOW)
    assert rows(filled, TableName.QUARANTINE, "excerpt") == [("(purged)",)]


# Warehouses that older releases filled


def in_capitals(warehouse: Warehouse, table: TableName) -> None:
    """Write the table's rows as an older release stored them, from data in capitals."""
    stored = warehouse.handle(table).to_pyarrow_table()
    names = [
        name for name in ("event_id", "task_id", "replaced_by", "business_product_id") if name in stored.schema.names
    ]
    for name in names:
        values = [value and value.upper() for value in stored.column(name).to_pylist()]
        stored = stored.set_column(stored.schema.get_field_index(name), name, pa.array(values, pa.string()))
    shutil.rmtree(warehouse.address(table))
    DeltaTable.create(warehouse.address(table), TABLES[table].schema, partition_by=list(TABLES[table].partition_by))
    transactions = {"bwp.outcomes.events_version": 1} if table is TableName.OUTCOMES else {}
    warehouse.commit(table, lambda _: stored, app_id="older release", app_transactions=lambda: transactions)


@pytest.fixture
def older(tmp_path: Path, warehouse: Warehouse) -> Warehouse:
    store(tmp_path, warehouse, event(TASK))
    store_lookups(warehouse, [looked_up(TASK, errors=["CODE"], business_product_id=PRODUCT)])
    take_in(tmp_path, warehouse, f"task_id,received_at\n{TASK},2026-04-20\n")
    for table in (TableName.EVENTS, TableName.OUTCOMES, TableName.LOOKUPS, TableName.REQUESTS):
        in_capitals(warehouse, table)
    return warehouse


def test_only_tables_that_an_older_release_created_are_searched_for_capitals(older: Warehouse, tmp_path: Path) -> None:
    new = Warehouse(str(tmp_path / "new"))
    new.create()
    store(tmp_path, new, event(TASK), name="new")
    tables = (TableName.EVENTS, TableName.OUTCOMES)
    assert all("lower(" in older.scan(table) for table in tables)
    assert all("lower(" not in new.scan(table) for table in tables)
    maintain(new, rebuild=True, retain_hours=1)
    assert all("lower(" not in new.scan(table) for table in tables)


def test_a_warehouse_in_capitals_is_read_without_a_migration(older: Warehouse) -> None:
    snapshot = Snapshot.newest(older)
    assert snapshot.rows("select task_id, lookup_state, codes from failed_tasks") == [(TASK, "found", ["CODE"])]
    assert snapshot.rows("select task_id from waiting_requests") == []
    assert snapshot.rows("select task_id, received_at is not null from request_facts") == [(TASK, True)]


def test_a_redelivery_to_a_warehouse_in_capitals_is_a_duplicate(older: Warehouse, tmp_path: Path) -> None:
    done = store(tmp_path, older, event(TASK), name="again")
    assert (done.stored, done.duplicate) == (0, 1)
    assert [row[0] for row in outcomes(older)] == [TASK]


def test_a_later_event_joins_the_task_in_capitals(older: Warehouse, tmp_path: Path) -> None:
    store(tmp_path, older, event(TASK, outcome="COMPLETED", number=2), name="later")
    ((task, *_, conflicting, seen),) = outcomes(older)
    assert (task, conflicting, seen) == (TASK, True, 2)


def test_outcomes_in_two_spellings_become_one(older: Warehouse) -> None:
    """An older release stored two tasks where there was one."""
    lower = rows(older, TableName.OUTCOMES, *TABLES[TableName.OUTCOMES].schema.names)[0]
    names = TABLES[TableName.OUTCOMES].schema.names
    second = dict(zip(names, lower, strict=True)) | {"task_id": TASK}
    version = older.commit(
        TableName.OUTCOMES,
        lambda _: pa.Table.from_pylist([second], schema=TABLES[TableName.OUTCOMES].schema),
        app_id="older release",
        app_transactions=lambda: {"bwp.outcomes.events_version": 1},
    )
    run = {"kind": "load", "source": "x", "started_at": NOW, "finished_at": NOW, "counts": {}}
    record_run(older, Run(**run, versions={"outcomes": version}))  # type: ignore[arg-type]
    bring_up_to_date(older)
    assert [row[0] for row in outcomes(older)] == [TASK]
    version = older.handle(TableName.OUTCOMES).version()
    bring_up_to_date(older)
    assert older.handle(TableName.OUTCOMES).version() == version


def test_requests_in_two_spellings_are_read_as_one(older: Warehouse, tmp_path: Path) -> None:
    closed = {"task_id": TASK, "closed_at": NOW, "received_at": NOW}
    added = pa.Table.from_pylist([closed], schema=TABLES[TableName.REQUESTS].schema)
    version = older.commit(TableName.REQUESTS, lambda _: added, app_id="older release")
    run = {"kind": "import", "source": "x", "started_at": NOW, "finished_at": NOW, "counts": {}}
    record_run(older, Run(**run, versions={"requests": version}))  # type: ignore[arg-type]
    facts = "select task_id, received_at < $now, closed_at from request_facts"
    assert Snapshot.newest(older).rows(facts, {"now": NOW}) == [(TASK, True, NOW)]
    assert take_in(tmp_path, older, f"task_id,note\n{TASK.upper()},x\n")["stored"] == 1
    assert [row[0] for row in rows(older, TableName.REQUESTS, "task_id")] == [TASK]


def test_a_purge_removes_what_is_stored_in_capitals(older: Warehouse) -> None:
    purge(older, NOW)
    tables = (TableName.EVENTS, TableName.OUTCOMES, TableName.LOOKUPS, TableName.REQUESTS)
    assert [rows(older, table, "task_id") for table in tables] == [[], [], [], []]
