"""The work queue: which tasks are asked about, and in which order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from support.asking import ANY, REAL_PRODUCT, Shop, asked_about, event
from support.sandbox import running_sandbox

from bwp_client.sandbox.sample.writer import waiting_task_ids
from bwp_client.warehouse import TABLES, TableName

NOW = datetime(2026, 4, 2, 12, tzinfo=UTC)


def list_requests(shop: Shop, *rows: dict[str, Any]) -> None:
    """Append rows to the requests table."""
    table = pa.Table.from_pylist(list(rows), schema=TABLES[TableName.REQUESTS].schema)
    write_deltalake(shop.warehouse.handle(TableName.REQUESTS), table, mode="append")


def in_order(shop: Shop, url: str, **options: Any) -> list[str]:
    """Enrich with one call at a time; return the numbers of the task IDs in the order of their answers."""
    before = shop.query("select count(*) from lookups")[0][0]
    shop.enrich(url, concurrency=1, **options)
    rows = shop.warehouse.handle(TableName.LOOKUPS).to_pyarrow_table().to_pylist()
    return [row["task_id"][6:8] for row in rows[: len(rows) - before]]


def task_id(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


def test_the_nearest_deadline_comes_first(shop_of):
    shop = shop_of(
        event(1, "FAILED", day=1),  # of the deadlines passed by 2 April the latest
        event(2, "FAILED", day=28),
        event(3, "FAILED", day=4),  # the soonest ahead
        event(4, "FAILED", day=10),
        event(5, "FAILED", day=1) | {"time": "2026-01-05T09:00:00Z"},
        event(6, "FAILED", day=1) | {"time": "2025-06-05T09:00:00Z"},
    )
    with running_sandbox() as sandbox:
        assert in_order(shop, sandbox.url) == ["03", "04", "02", "01", "05", "06"]


def test_when_the_shop_received_a_request_counts_before_when_it_failed(shop_of):
    shop = shop_of(event(1, "FAILED", day=10), event(2, "FAILED", day=20))
    list_requests(
        shop, {"task_id": task_id(2), "task_kind": "DELETION", "received_at": datetime(2026, 3, 5, tzinfo=UTC)}
    )
    with running_sandbox() as sandbox:
        assert in_order(shop, sandbox.url) == ["02", "01"]


def test_the_order_is_never_asked_due_again_waiting_completed(shop_of):
    shop = shop_of(event(1, "FAILED", day=20))
    with running_sandbox() as sandbox:
        assert in_order(shop, sandbox.url) == ["01"]
        assert shop.query("select lookup_state from lookups") == [("denied",)]
        later = shop_of(event(2, "FAILED", day=29), event(3, "COMPLETED", day=5))
        list_requests(
            later,
            {"task_id": task_id(4), "task_kind": "DELETION", "received_at": NOW - timedelta(days=3),
             "business_product_id": REAL_PRODUCT},
        )  # fmt: skip
        later.now += timedelta(minutes=5)
        assert in_order(later, sandbox.url, completed=True, retry_failed=True) == ["02", "01", "04", "03"]


def test_only_named_tasks_are_asked_about_and_without_waiting(shop_of):
    shop = shop_of(event(1, "FAILED", day=20), event(2, "FAILED", day=21), event(3, "COMPLETED", day=5))
    list_requests(
        shop,
        {"task_id": task_id(4), "task_kind": "DELETION", "received_at": NOW, "business_product_id": REAL_PRODUCT},
    )
    wanted = tuple(task_id(number) for number in (2, 3, 4))
    with running_sandbox() as sandbox:
        assert in_order(shop, sandbox.url, tasks=wanted) == ["02", "04", "03"]
        assert in_order(shop, sandbox.url, tasks=wanted) == ["02", "04", "03"]
        assert in_order(shop, sandbox.url, tasks=("' or true --",)) == []


@pytest.fixture
def waiting(sample_shop) -> tuple[Shop, list[str]]:
    """Make a shop with sample events, and the task IDs of three requests without an event."""
    ids = waiting_task_ids(3, seed=11, until=datetime(2026, 4, 1, tzinfo=UTC).date())
    return sample_shop, ids


def test_a_listed_request_without_an_event_is_asked_about_with_each_product_in_turn(waiting):
    shop, ids = waiting
    list_requests(shop, *({"task_id": task, "received_at": NOW} for task in ids))
    with running_sandbox() as sandbox:
        shop.enrich(sandbox.url)
        stored = shop.query(
            "select task_id, lookup_state, status, attempt, next_attempt_at > asked_at from lookups "
            "where task_id not in (select task_id from outcomes) order by 1"
        )
        assert stored == [(task, "pending", stored[0][2], 1, True) for task in sorted(ids)]
        assert stored[0][2] in {"ON_HOLD", "IN_PROGRESS"}
        asked = asked_about(sandbox)
        shop.now += timedelta(minutes=1)
        # The product of each request is known by now, so each takes one call.
        assert shop.enrich(sandbox.url).pending == 3
        assert asked_about(sandbox) == asked + 3


def test_a_request_that_the_shop_closed_is_not_waiting(waiting):
    shop, ids = waiting
    list_requests(shop, *({"task_id": task, "received_at": NOW, "closed_at": NOW} for task in ids))
    with running_sandbox() as sandbox:
        shop.enrich(sandbox.url)
    assert shop.query("select count(*) from lookups where task_id not in (select task_id from outcomes)") == [(0,)]


def test_tasks_without_a_credential_come_last(shop_of):
    others = [event(number, "FAILED", product="bp-other", day=10) for number in range(1, 6)]
    shop = shop_of(*others, event(6, "FAILED", day=20))
    credentials = {REAL_PRODUCT: ANY["*"]}
    with running_sandbox() as sandbox:
        for _ in range(2):
            assert shop.enrich(sandbox.url, limit=1, credentials=credentials, concurrency=1).asked == 1
    assert shop.query("select task_id from lookups where attempt > 0") == [(task_id(6),)]


def test_the_law_of_each_business_product_sets_its_deadline(shop_of):
    # Received a week later, a request under GDPR is due before one under CCPA.
    shop = shop_of(event(1, "FAILED", product="bp-california", day=10), event(2, "FAILED", day=17))
    rules = {"bp-california": "CCPA", "*": "GDPR"}
    with running_sandbox() as sandbox:
        assert in_order(shop, sandbox.url, deadline_rule=rules) == ["02", "01"]
        assert in_order(shop, sandbox.url, retry_failed=True) == ["01", "02"]
