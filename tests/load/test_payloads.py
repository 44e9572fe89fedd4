"""The payloads as documented, and each of them with the other answer where the documentation leaves one open."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tables import outcomes, rows
from support.wire import lambda_sns, lambda_sqs, logs, received

from bwp_client.events import QuarantineReason, Refused, task_in_resource
from bwp_client.load import load
from bwp_client.load.pipeline import LoadResult
from bwp_client.sources import open_source
from bwp_client.warehouse import TableName, Warehouse

BP = "bp-0c7d3a52-6f0e-4c55-9a41-2f6a1f3b8e10"
SOURCE, ACCOUNT, REGION = "aws.partner/buywithprime/example-store-events", "123456789012", "us-east-1"

DELETION_FAILED = """
{"version": "0", "id": "5b0f6c1e-3d55-4b7e-8a0c-91f0a4f0c7d1", "detail-type": "PERSONAL_DATA_DELETION_TASK_FAILED",
 "source": "aws.partner/buywithprime/example-store-events", "account": "123456789012", "time": "2025-03-14T09:26:53Z",
 "region": "us-east-1", "resources":
 ["businessProduct/bp-0c7d3a52-6f0e-4c55-9a41-2f6a1f3b8e10/personalDataDeletionTask/7e1b2c90-5a3d-4f6e-8b1a-0d2c4e6f8a01"],
 "detail": {}}"""
DELETION_COMPLETED = """
{"version": "0", "id": "a2d4e6f8-1b3c-4d5e-9f70-8192a3b4c5d6", "detail-type": "PERSONAL_DATA_DELETION_TASK_COMPLETED",
 "source": "aws.partner/buywithprime/example-store-events", "account": "123456789012", "time": "2025-03-20T17:02:11Z",
 "region": "us-east-1", "resources":
 ["businessProduct/bp-0c7d3a52-6f0e-4c55-9a41-2f6a1f3b8e10/personalDataDeletionTask/13579bdf-2468-4ace-8bdf-0123456789ab"],
 "detail": {}}"""
RETRIEVAL_FAILED = """
{"version": "0", "id": "c0ffee00-1111-4222-8333-444455556666", "detail-type": "PERSONAL_DATA_RETRIEVAL_TASK_FAILED",
 "source": "aws.partner/buywithprime/example-store-events", "account": "123456789012", "time": "2025-03-15T00:00:04Z",
 "region": "us-east-1", "resources":
 ["businessProduct/bp-0c7d3a52-6f0e-4c55-9a41-2f6a1f3b8e10/personalDataRetrievalTask/9a8b7c6d-5e4f-4a3b-9c2d-1e0f9a8b7c6d"],
 "detail": {}}"""
RETRIEVAL_REPLAYED = """
{"version": "0", "id": "0badcafe-7777-4888-9999-aaaabbbbcccc", "detail-type": "PERSONAL_DATA_RETRIEVAL_TASK_COMPLETED",
 "source": "aws.partner/buywithprime/example-store-events", "account": "123456789012", "time": "2025-03-16T11:45:30Z",
 "region": "us-east-1", "replay-name": "privacy-backfill-2025-04", "resources":
 ["businessProduct/bp-0c7d3a52-6f0e-4c55-9a41-2f6a1f3b8e10/personalDataRetrievalTask/2f4e6d8c-0b1a-4938-8271-605f4e3d2c1b"],
 "detail": {}}"""
GENERATION_B = """
{"version": "0", "id": "e7a1d0c3-90ab-4cde-8f01-23456789abcd", "detail-type": "PERSONAL_DATA_DELETION_TASK_FAILED",
 "source": "aws.partner/buywithprime/example-store-events", "account": "123456789012", "time": "2025-06-02T08:15:00Z",
 "region": "us-east-1", "resources":
 ["businessProduct/bp-0c7d3a52-6f0e-4c55-9a41-2f6a1f3b8e10/personalDataDeletionTask/44d1f2a0-3c5b-4e7d-9f81-a0b1c2d3e4f5"],
 "detail": {"idempotencyKey": "3b9e1f77-0c2d-4a5b-8e6f-7d8c9b0a1e2f",
  "eventDescriptor": "PERSONAL_DATA_DELETION_TASK_FAILED", "resources":
  ["businessProduct/bp-0c7d3a52-6f0e-4c55-9a41-2f6a1f3b8e10/personalDataDeletionTask/44d1f2a0-3c5b-4e7d-9f81-a0b1c2d3e4f5"],
  "eventId": "e7a1d0c3-90ab-4cde-8f01-23456789abcd", "apiVersion": "2024-11-01",
  "subscriptionId": "6d5c4b3a-2f1e-4d0c-9b8a-776655443322", "eventTime": "2025-06-02T08:14:59Z", "data": {}}}"""
GEN_0 = """
{"version": "0", "id": "1", "detail-type": "ORDER_PLACED", "source": "mock", "account": "123456789012",
 "time": "2023-05-01T00:00:00Z", "region": "us-east-1", "resources": [],
 "detail": {"eventType": "ORDER_PLACED", "orderIdentifier": {"orderId": "o-1"}, "contextKeys": {"installationId": "i"}}}"""
WEBHOOK = json.dumps(json.loads(GENERATION_B)["detail"])

COLUMNS = (
    "event_id", "envelope_id", "idempotency_key", "event_type", "task_kind", "outcome", "task_id", "business_product_id",
    "occurred_at", "occurred_month", "event_source", "account", "region", "replay_name", "api_version",
)  # fmt: skip
KEY_B, TASK_B = "3b9e1f77-0c2d-4a5b-8e6f-7d8c9b0a1e2f", "44d1f2a0-3c5b-4e7d-9f81-a0b1c2d3e4f5"
EXPECTED = {
    DELETION_FAILED: (
        "5b0f6c1e-3d55-4b7e-8a0c-91f0a4f0c7d1", "5b0f6c1e-3d55-4b7e-8a0c-91f0a4f0c7d1", None,
        "PERSONAL_DATA_DELETION_TASK_FAILED", "DELETION", "FAILED", "7e1b2c90-5a3d-4f6e-8b1a-0d2c4e6f8a01", BP,
        datetime(2025, 3, 14, 9, 26, 53, tzinfo=UTC), "2025-03", SOURCE, ACCOUNT, REGION, None, None,
    ),
    DELETION_COMPLETED: (
        "a2d4e6f8-1b3c-4d5e-9f70-8192a3b4c5d6", "a2d4e6f8-1b3c-4d5e-9f70-8192a3b4c5d6", None,
        "PERSONAL_DATA_DELETION_TASK_COMPLETED", "DELETION", "COMPLETED", "13579bdf-2468-4ace-8bdf-0123456789ab", BP,
        datetime(2025, 3, 20, 17, 2, 11, tzinfo=UTC), "2025-03", SOURCE, ACCOUNT, REGION, None, None,
    ),
    RETRIEVAL_FAILED: (
        "c0ffee00-1111-4222-8333-444455556666", "c0ffee00-1111-4222-8333-444455556666", None,
        "PERSONAL_DATA_RETRIEVAL_TASK_FAILED", "RETRIEVAL", "FAILED", "9a8b7c6d-5e4f-4a3b-9c2d-1e0f9a8b7c6d", BP,
        datetime(2025, 3, 15, 0, 0, 4, tzinfo=UTC), "2025-03", SOURCE, ACCOUNT, REGION, None, None,
    ),
    RETRIEVAL_REPLAYED: (
        "0badcafe-7777-4888-9999-aaaabbbbcccc", "0badcafe-7777-4888-9999-aaaabbbbcccc", None,
        "PERSONAL_DATA_RETRIEVAL_TASK_COMPLETED", "RETRIEVAL", "COMPLETED", "2f4e6d8c-0b1a-4938-8271-605f4e3d2c1b", BP,
        datetime(2025, 3, 16, 11, 45, 30, tzinfo=UTC), "2025-03", SOURCE, ACCOUNT, REGION, "privacy-backfill-2025-04",
        None,
    ),
    GENERATION_B: (
        KEY_B, "e7a1d0c3-90ab-4cde-8f01-23456789abcd", KEY_B,
        "PERSONAL_DATA_DELETION_TASK_FAILED", "DELETION", "FAILED", TASK_B, BP,
        datetime(2025, 6, 2, 8, 15, 0, tzinfo=UTC), "2025-06", SOURCE, ACCOUNT, REGION, None, "2024-11-01",
    ),
    WEBHOOK: (
        KEY_B, "e7a1d0c3-90ab-4cde-8f01-23456789abcd", KEY_B,
        "PERSONAL_DATA_DELETION_TASK_FAILED", "DELETION", "FAILED", TASK_B, BP,
        datetime(2025, 6, 2, 8, 14, 59, tzinfo=UTC), "2025-06", None, None, None, None, "2024-11-01",
    ),
}  # fmt: skip


Store = Callable[..., tuple[LoadResult, Warehouse]]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Load records in a warehouse of their own, each on one line or indented over many."""
    warehouses = iter(range(1000))

    def run(*records: Any, indent: int | None = None) -> tuple[LoadResult, Warehouse]:
        number = next(warehouses)
        texts = [
            json.dumps(json.loads(record) if isinstance(record, str) else record, indent=indent) for record in records
        ]
        (tmp_path / f"{number}.json").write_text("\n".join(texts))
        warehouse = Warehouse(str(tmp_path / f"warehouse-{number}"))
        return load(warehouse, open_source(str(tmp_path / f"{number}.json"))), warehouse

    return run


@pytest.mark.parametrize("indent", [None, 2])
def test_every_documented_payload_gives_the_documented_facts(store: Store, indent: int | None) -> None:
    apart = [payload for payload in EXPECTED if payload != WEBHOOK]
    result, warehouse = store(*apart, GEN_0, indent=indent)
    assert (result.read, result.stored, result.ignored) == (6, 5, 1)
    assert rows(warehouse, TableName.EVENTS, *COLUMNS) == sorted((EXPECTED[payload] for payload in apart), key=repr)


@pytest.mark.parametrize("indent", [None, 2])
def test_a_webhook_body_alone_gives_the_same_event(store: Store, indent: int | None) -> None:
    result, warehouse = store(WEBHOOK, indent=indent)
    assert result.stored == 1
    assert rows(warehouse, TableName.EVENTS, *COLUMNS) == [EXPECTED[WEBHOOK]]


def test_the_event_and_its_webhook_are_one(store: Store) -> None:
    result, _ = store(GENERATION_B, WEBHOOK)
    assert (result.stored, result.duplicate) == (1, 1)


def test_the_doc_pages_own_trailing_comma_is_no_json(store: Store, tmp_path: Path) -> None:
    broken = json.dumps(json.loads(DELETION_FAILED)).replace('"]', '",]')
    (tmp_path / "in.json").write_text(broken + "\n" + json.dumps(json.loads(DELETION_COMPLETED)))
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    result = load(warehouse, open_source(str(tmp_path / "in.json")))
    assert (result.stored, result.quarantined) == (1, 1)
    assert rows(warehouse, TableName.QUARANTINE, "reason", "offset") == [("not_json", 0)]


def b(**changes: Any) -> dict[str, Any]:
    """Give generation B with other values in its detail; None takes the name away."""
    event = json.loads(GENERATION_B)
    event["detail"] = {name: value for name, value in (event["detail"] | changes).items() if value is not None}
    return event


@pytest.mark.parametrize(
    ("detail", "event_id"),
    [
        ({}, KEY_B),
        ({"idempotencyKey": None}, "e7a1d0c3-90ab-4cde-8f01-23456789abcd"),
        ({"idempotencyKey": ""}, "e7a1d0c3-90ab-4cde-8f01-23456789abcd"),
        ({"eventId": "another-id"}, KEY_B),
        ({"eventId": None}, KEY_B),
        ({"idempotencyKey": None, "eventId": "another-id"}, "e7a1d0c3-90ab-4cde-8f01-23456789abcd"),
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_an_event_is_known_by_its_key_else_by_its_id(
    store: Store, detail: dict[str, Any], event_id: str, indent: int | None
) -> None:
    _, warehouse = store(b(**detail), indent=indent)
    assert rows(warehouse, TableName.EVENTS, "event_id", "task_id") == [(event_id, TASK_B)]


def test_what_the_detail_repeats_is_taken_from_the_envelope(store: Store) -> None:
    odd = b(
        eventDescriptor="PERSONAL_DATA_DELETION_TASK_COMPLETED",
        resources=["businessProduct/other/personalDataDeletionTask/other"],
        eventTime="2024-01-01T00:00:00Z",
        data={
            "personalDataDeletionTask": {"taskId": "other", "errors": [{"code": "X"}], "dataSubject": {"email": "e"}}
        },
    )
    _, warehouse = store(odd)
    assert rows(warehouse, TableName.EVENTS, *COLUMNS) == [EXPECTED[GENERATION_B]]


def test_a_key_shared_by_two_tasks_or_two_types_is_two_events(store: Store) -> None:
    other_task = b()
    other_task["resources"] = [f"businessProduct/{BP}/personalDataDeletionTask/another"]
    other_type = b() | {"detail-type": "PERSONAL_DATA_DELETION_TASK_COMPLETED"}
    result, warehouse = store(b(), other_task, other_type, b())
    assert (result.stored, result.duplicate) == (3, 1)
    assert {row[0] for row in rows(warehouse, TableName.EVENTS, "event_id")} == {KEY_B}


def test_an_id_that_changes_on_replay_is_found_by_the_key_and_else_stored_as_a_twin(store: Store) -> None:
    replayed = b() | {"id": "new", "replay-name": "again"}
    result, _ = store(b(), replayed)
    assert (result.stored, result.duplicate) == (1, 1)
    thin = json.loads(DELETION_FAILED)
    result, warehouse = store(thin, thin | {"id": "new", "replay-name": "again"})
    assert (result.stored, result.duplicate) == (2, 0)
    assert len({row[0] for row in rows(warehouse, TableName.EVENTS, "fingerprint")}) == 1
    ((_, _, _, _, outcome, _, conflicting, seen),) = outcomes(warehouse)
    assert (outcome, conflicting, seen) == ("FAILED", False, 2)  # one failed task, whatever was seen


PATHS = [
    [f"businessProduct/{BP}/personalDataDeletionTask/t"],
    [f"personalDataDeletionTask/t/businessProduct/{BP}"],
    [f"businessProduct/{BP}/shop/s-1/personalDataDeletionTask/t"],
    [f"businessProduct/{BP}/personalDataDeletionTask/t/attempt/2"],
    [f"businessProduct/{BP}/personalDataRetrievalTask/t"],  # the type says which kind it is
    [f"businessProduct/{BP}/personalDataDeletionTask/t"] * 2,
]


@pytest.mark.parametrize("resources", PATHS)
@pytest.mark.parametrize("indent", [None, 2])
def test_a_task_is_found_wherever_it_stands_in_the_path(store: Store, resources: list[str], indent: int | None) -> None:
    _, warehouse = store(json.loads(DELETION_FAILED) | {"resources": resources}, indent=indent)
    found = rows(warehouse, TableName.EVENTS, "task_id", "business_product_id", "task_kind")
    assert found == [("t", BP, "DELETION")]


def test_an_event_that_names_several_tasks_ends_each_of_them(store: Store) -> None:
    event = json.loads(DELETION_FAILED) | {
        "resources": [f"businessProduct/bp-{number % 2}/personalDataDeletionTask/t-{number}" for number in range(5)]
    }
    result, warehouse = store(event, event)
    assert (result.read, result.stored, result.duplicate) == (2, 1, 1)
    found = [(row[0], row[2], row[4]) for row in outcomes(warehouse)]
    assert found == [(f"t-{number}", f"bp-{number % 2}", "FAILED") for number in range(5)]


@pytest.mark.parametrize("wrap", [lambda_sqs, lambda_sns, received, logs])
def test_what_comes_in_one_wrapper_is_counted_one_by_one_also_beside_an_event_of_several_tasks(
    store: Store, wrap: Callable[[list[str]], dict[str, Any]]
) -> None:
    plain = [json.loads(DELETION_FAILED) | {"id": f"e-{number}"} for number in range(3)]
    several = b() | {"resources": [f"businessProduct/bp-1/personalDataDeletionTask/t-{number}" for number in range(4)]}
    wrapper = wrap([json.dumps(event) for event in (*plain, several, plain[0], several)])
    result, warehouse = store(wrapper, b() | {"resources": ["businessProduct/bp-1/personalDataDeletionTask/t-9"]})
    assert (result.read, result.stored, result.duplicate) == (7, 5, 2)
    assert len(rows(warehouse, TableName.EVENTS, "event_id")) == 3 + 4 + 1


SAME = {
    "another id": lambda event: event | {"id": "x"},
    "a replay": lambda event: event | {"id": "x", "replay-name": "r"},
    "another eventId": lambda event: event | {"id": "x", "detail": event["detail"] | {"eventId": "y"}},
    "other order": lambda event: dict(reversed((event | {"id": "x"}).items())),
    "data in another order": lambda event: (
        event | {"id": "x", "detail": dict(reversed((event["detail"] | {"data": {"b": 2, "a": 1}}).items()))}
    ),
}
DIFFERENT = {
    "time": lambda event: event | {"time": "2025-06-02T08:15:01Z"},
    "type": lambda event: event | {"detail-type": "PERSONAL_DATA_DELETION_TASK_COMPLETED"},
    "source": lambda event: event | {"source": "aws.partner/buywithprime/other"},
    "account": lambda event: event | {"account": "210987654321"},
    "region": lambda event: event | {"region": "eu-west-1"},
    "task": lambda event: event | {"resources": [f"businessProduct/{BP}/personalDataDeletionTask/u"]},
    "product": lambda event: event | {"resources": [f"businessProduct/bp-2/personalDataDeletionTask/{TASK_B}"]},
    "key": lambda event: event | {"detail": event["detail"] | {"idempotencyKey": "k"}},
    "version": lambda event: event | {"detail": event["detail"] | {"apiVersion": "2025-01-01"}},
    "subscription": lambda event: event | {"detail": event["detail"] | {"subscriptionId": "s"}},
}


def test_a_fingerprint_is_what_an_event_says(store: Store) -> None:
    base = b(data={"a": 1, "b": 2})

    def fingerprint(event: dict[str, Any], indent: int | None) -> str:
        _, warehouse = store(event, indent=indent)
        ((found,),) = rows(warehouse, TableName.EVENTS, "fingerprint")
        return found

    first = fingerprint(base, None)
    assert fingerprint(base, 2) == first  # read as a line and read exactly
    for change in SAME.values():
        assert fingerprint(change(base), None) == first


@pytest.mark.parametrize("indent", [None, 2])
def test_every_part_of_what_an_event_says_changes_its_fingerprint(store: Store, indent: int | None) -> None:
    base = b(idempotencyKey=None)
    others = [change(base) | {"id": name} for name, change in DIFFERENT.items()]
    result, warehouse = store(base, *others, indent=indent)
    found = [row[0] for row in rows(warehouse, TableName.EVENTS, "fingerprint")]
    assert len(set(found)) == len(found) == result.stored == 1 + len(DIFFERENT)


NAME = st.text(st.characters(codec="utf-8", categories=("L", "N", "Pd", "S")), min_size=1, max_size=30)
PAIRS = st.lists(
    st.tuples(NAME.filter(lambda name: "Task" not in name and name != "businessProduct"), NAME), max_size=4
)


@given(NAME, NAME, PAIRS, st.sampled_from(["personalDataDeletionTask", "personalDataRetrievalTask"]), st.randoms())
def test_any_path_of_pairs_with_a_product_and_a_task_gives_both(product, task, others, kind, dice) -> None:
    pairs = [("businessProduct", product), (kind, task), *others]
    dice.shuffle(pairs)
    assert task_in_resource("/".join(part for pair in pairs for part in pair)) == (product, task)


@given(
    st.lists(st.text(max_size=12) | st.sampled_from(["businessProduct", "personalDataDeletionTask", ""]), max_size=8)
)
def test_any_other_text_is_refused_and_never_a_fault(parts: list[str]) -> None:
    path = "/".join(parts)
    try:
        product, task = task_in_resource(path)
    except Refused as refused:
        reason = refused.reason
    else:
        assert f"businessProduct/{product}" in path
        assert f"personalDataDeletionTask/{task}" in path
        assert path.isprintable()
        return
    # Nothing but these two, and never a fault.
    assert reason in {QuarantineReason.ODD_RESOURCE, QuarantineReason.NO_TASK}
