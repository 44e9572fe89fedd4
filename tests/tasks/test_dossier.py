"""A task's history and its dossier: the order of time, the rebuilt envelope, and no HTML from the data."""

import json
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from support.events import PRODUCT, envelope, write
from support.lookups import looked_up, store_lookups

from bwp_client.deadlines import Basis, DeadlineCalendar
from bwp_client.load import load
from bwp_client.metrics.guidance import built_in_guidance
from bwp_client.sources import open_source
from bwp_client.tasks.dossier import as_html, as_json, build_dossier
from bwp_client.tasks.history import TaskHistory, read_task_history, rebuild_envelope
from bwp_client.tasks.request_file import read_requests
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.requests import import_requests
from bwp_client.warehouse.snapshot import Snapshot

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
HOSTILE = '<script>alert("x")</script> [link](javascript:alert(1)) & \' ='
FAILED_AT = datetime(2026, 5, 12, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder = tmp_path_factory.mktemp("dossier")
    warehouse = Warehouse(str(folder / "w"))
    detail = {"idempotencyKey": "key-1", "apiVersion": "2024-11-01", "data": {"email": "someone@shopper.invalid"}}
    write(
        folder / "events.json",
        [
            envelope("t-1", outcome="FAILED", time=FAILED_AT, detail=detail),
            envelope("t-1", outcome="FAILED", time=FAILED_AT, detail=detail) | {"replay-name": "r-1"},
            envelope("t-2", time="2026-05-15T10:00:00Z"),
            envelope("bare", outcome="FAILED", time=FAILED_AT),
        ],
    )
    load(warehouse, open_source(str(folder / "events.json")))
    submitted = datetime(2026, 5, 1, 8, tzinfo=UTC)
    store_lookups(
        warehouse,
        [
            looked_up("t-1", state="failed", attempt=1, asked_at=datetime(2026, 5, 12, 10, tzinfo=UTC), reason="made up"),
            looked_up("t-1", submitted_at=submitted, holding_period_days=10, errors=["ORDERS_NOT_CLOSED", None],
                      message=HOSTILE, attempt=2, asked_at=datetime(2026, 5, 13, tzinfo=UTC)),
            looked_up("again", submitted_at=submitted),
            looked_up("again-2", submitted_at=datetime(2026, 5, 16, tzinfo=UTC), state="pending", status="IN_PROGRESS"),
        ],
    )  # fmt: skip
    (folder / "r.csv").write_text(
        f'task_id,received_at,replaced_by,note\nt-1,2026-04-28,t-3,"{HOSTILE.replace(chr(34), "")}"\nwaits,2026-05-02,,\n'
        "again,,again-2,\n"
    )
    found = read_requests(folder / "r.csv", zone=DeadlineCalendar().zone, now=NOW)
    import_requests(warehouse, found.rows, found.columns, source="r.csv")
    return Snapshot.newest(warehouse)


def history(snapshot: Snapshot, task: str) -> TaskHistory:
    found = read_task_history(snapshot, task, DeadlineCalendar(), built_in_guidance())
    assert found is not None
    return found


def content(snapshot: Snapshot, task: str) -> dict[str, Any]:
    return build_dossier(
        history(snapshot, task),
        product_name="A shop & <b>sons</b>",
        zone="UTC",
        as_of=NOW,
        now=NOW,
        versions={"events": 1},
    )


def test_the_entries_are_in_the_order_of_time(snapshot: Snapshot) -> None:
    entries = [(str(entry.at.date()), entry.title, entry.source) for entry in history(snapshot, "t-1").entries()]
    assert entries == [
        ("2026-04-28", "Request received by the shop", "shop"),
        ("2026-05-01", "Submitted to Buy with Prime", "lookup"),
        ("2026-05-11", "Holding period ends", "computed"),
        ("2026-05-12", "Deletion failed", "event"),
        ("2026-05-12", "Looked up", "lookup"),
        ("2026-05-13", "Looked up", "lookup"),
        ("2026-05-29", "Deadline passes", "computed"),
    ]


def test_the_deadline_of_the_history_is_that_of_the_worklist(snapshot: Snapshot) -> None:
    deadline = history(snapshot, "t-1").deadline
    assert deadline is not None
    assert (deadline.last_day, deadline.is_exact) == (date(2026, 5, 28), True)
    bare = history(snapshot, "bare").deadline
    assert bare is not None
    assert (bare.last_day, bare.is_exact) == (date(2026, 6, 12), False)


@pytest.mark.parametrize(
    ("task", "state"),
    [("t-1", "open"), ("t-2", "completed"), ("t-3", "waiting"), ("waits", "waiting"), ("bare", "open")],
)
def test_each_task_has_its_state(snapshot: Snapshot, task: str, state: str) -> None:
    assert history(snapshot, task).state == state


def test_a_replacement_names_the_task_that_it_replaces(snapshot: Snapshot) -> None:
    found = history(snapshot, "t-3")
    assert found.replaces == ["t-1"]
    assert found.deadline is not None
    assert found.deadline.last_day == date(2026, 5, 28)
    again = history(snapshot, "again-2").deadline  # the first of two submissions counts
    assert again is not None
    assert (again.last_day, again.basis, again.is_exact) == (date(2026, 6, 1), Basis.SUBMITTED, False)


def test_nothing_is_known_of_an_unknown_task(snapshot: Snapshot) -> None:
    assert read_task_history(snapshot, "nobody' or 1=1 --", DeadlineCalendar(), built_in_guidance()) is None


def test_an_event_is_rebuilt_from_its_columns(snapshot: Snapshot) -> None:
    (event,) = history(snapshot, "t-1").events
    assert rebuild_envelope(event) == {
        "id": "e-t-1-FAILED-2026-05-12T09:30:00Z",
        "detail-type": "PERSONAL_DATA_DELETION_TASK_FAILED",
        "source": "aws.partner/buywithprime.example/bwp",
        "account": "123456789012",
        "time": "2026-05-12T09:30:00Z",
        "region": "us-east-1",
        "resources": [f"businessProduct/{PRODUCT}/personalDataDeletionTask/t-1"],
        "detail": {"idempotencyKey": "key-1", "apiVersion": "2024-11-01"},
    }


def test_the_json_dossier_says_what_it_proves_and_what_it_does_not(snapshot: Snapshot) -> None:
    read = json.loads(as_json(content(snapshot, "t-1")))
    assert read["deadline"]["last_day"] == "2026-05-28"
    assert read["deadline"]["extended_last_day"] == "2026-07-28"
    assert "Art. 12(3)" in read["deadline"]["how"]
    assert [error["code"] for error in read["errors"]] == ["ORDERS_NOT_CLOSED", "(uncoded)"]
    assert read["proves"]
    assert any("deleted" in line for line in read["does_not_prove"])
    assert "shopper.invalid" not in json.dumps(read)


@pytest.mark.parametrize("task", ["t-1", "t-2", "t-3", "bare"])
def test_the_html_dossier_is_complete_and_escapes_everything(snapshot: Snapshot, task: str) -> None:
    class Seen(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.tags: set[str] = set()
            self.text = ""

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            self.tags.add(tag)

        def handle_data(self, data: str) -> None:
            self.text += data

    page = as_html(content(snapshot, task))
    seen = Seen()
    seen.feed(page)
    assert seen.tags & {"script", "b", "a", "img", "link", "iframe"} == set()
    assert "A shop & <b>sons</b>" in seen.text
    assert "What it does not prove" in seen.text
    if task == "t-1":
        assert HOSTILE in seen.text
    assert page == as_html(content(snapshot, task))
