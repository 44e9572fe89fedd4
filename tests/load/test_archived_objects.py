"""Objects in an archive storage class: named, counted and left for later, and an alarm once."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.events import envelope, text_of
from support.scripted_s3 import Refusal, ScriptedS3
from support.tables import command, reasons, rows

from bwp_client.load import load
from bwp_client.load.quarantine_retry import retry
from bwp_client.sources import open_source
from bwp_client.warehouse import TableName, Warehouse, list_runs

ARCHIVED = Refusal(
    403, "InvalidObjectState", "The operation is not valid for the object's storage class", methods=("GET",)
)
SOURCE = "s3://cold/in/"


def archived(key: str) -> Refusal:
    return Refusal(ARCHIVED.status, ARCHIVED.code, ARCHIVED.message, methods=ARCHIVED.methods, key=key)


@pytest.fixture
def cold(scripted_s3: ScriptedS3) -> ScriptedS3:
    """Return an S3 with three objects of two events each; `in/b.json` and `in/c d.json` are archived."""
    for name in ("a.json", "b.json", "c d.json"):
        scripted_s3.put("cold", f"in/{name}", text_of([envelope(f"{name}-{number}") for number in (1, 2)]))
    scripted_s3.refuse(archived("in/b.json"), archived("in/c d.json"))
    return scripted_s3


def run(tmp_path: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    done = command("load", SOURCE, "--warehouse", "w", "--json", *options, cwd=tmp_path)
    return done.returncode, json.loads(done.stdout), done.stderr


def test_they_are_named_and_counted_and_need_attention_once(cold: ScriptedS3, tmp_path: Path) -> None:
    code, first, said = run(tmp_path)
    assert (code, first["objects"], first["stored"], first["archived"], first["newly_archived"]) == (1, 1, 2, 2, 2)
    assert "s3://cold/in/b.json, s3://cold/in/c d.json" in said
    assert "aws s3api restore-object" in said
    code, second, said = run(tmp_path)
    assert (code, second["read"], second["archived"], second["newly_archived"]) == (0, 0, 2, 0)
    assert "Needs attention" not in said
    cold.put("cold", "in/e.json", text_of([envelope("e")]))
    cold.refuse(*(archived(f"in/{name}.json") for name in ("b", "e")), archived("in/c d.json"))
    code, third, said = run(tmp_path)
    assert (code, third["archived"], third["newly_archived"]) == (1, 3, 1)


def test_what_is_restored_is_read(cold: ScriptedS3, tmp_path: Path) -> None:
    run(tmp_path)
    cold.refuse(archived("in/c d.json"))
    code, done, _ = run(tmp_path)
    assert (code, done["objects"], done["stored"], done["archived"]) == (0, 1, 2, 1)
    cold.refuse()
    assert run(tmp_path)[1]["stored"] == 2
    assert run(tmp_path)[1]["objects"] == 0
    assert len(rows(Warehouse(str(tmp_path / "w")), TableName.EVENTS, "task_id")) == 6


def test_the_run_is_finished_and_holds_their_number(cold: ScriptedS3, tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "w"))
    done = load(warehouse, open_source(SOURCE))
    (row,) = [row for row in list_runs(warehouse) if row.kind == "load"]
    assert (done.archived, row.state, row.counts["archived"], row.counts["objects"]) == (2, "finished", 2, 1)
    load(warehouse, open_source(SOURCE))
    assert len([row for row in list_runs(warehouse) if row.kind == "load"]) == 1


def test_where_all_are_archived_the_source_is_not_empty(cold: ScriptedS3, tmp_path: Path) -> None:
    cold.refuse(ARCHIVED)
    code, done, said = run(tmp_path)
    assert (code, done["objects"], done["archived"]) == (1, 0, 3)
    assert "holds no objects" not in said
    assert run(tmp_path)[0] == 0


def test_in_worker_processes_it_is_the_same(cold: ScriptedS3, tmp_path: Path) -> None:
    padded = text_of([envelope(f"p-{number}", note="x" * 1000) for number in range(1500)])
    for number in range(4):
        cold.put("cold", f"in/p{number}.json", padded)
    code, done, _ = run(tmp_path)
    assert (code, done["objects"], done["archived"], done["newly_archived"]) == (1, 5, 2, 2)


def test_another_failure_is_still_one(cold: ScriptedS3, tmp_path: Path) -> None:
    cold.refuse(archived("in/b.json"), Refusal(403, "AccessDenied", methods=("GET",), key="in/c d.json"))
    done = command("load", SOURCE, "--warehouse", "w", cwd=tmp_path)
    assert done.returncode == 3
    assert "S3 refused s3://cold/in/c d.json" in done.stderr
    assert "(1 objects are in an archive storage class" in done.stderr
    assert "s3://cold/in/b.json" in done.stderr


def test_a_record_in_quarantine_stays_there_while_its_object_is_archived(cold: ScriptedS3, tmp_path: Path) -> None:
    cold.put("cold", "in/q.json", b"broken\n" + text_of([envelope("q")]))
    cold.refuse()
    warehouse = Warehouse(str(tmp_path / "w"))
    assert load(warehouse, open_source(SOURCE)).quarantined == 1
    cold.refuse(archived("in/q.json"))
    assert (retry(warehouse).out_of_reach, reasons(warehouse)) == (1, ["not_json"])
