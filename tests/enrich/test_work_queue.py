"""The work queue: which tasks are asked about, and in which order."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from support.asking import ANY, REAL_PRODUCT, Shop, asked_about, event, impatient
from support.lookups import looked_up, store_lookups
from support.sandbox import running_sandbox
from support.scripted_api import http
from support.tables import command
from typer.testing import CliRunner

from bwp_client.cli.app import app
from bwp_client.errors import UsageError
from bwp_client.metrics import Filters, MetricName, run_metric
from bwp_client.sandbox.sample.catalog import PRODUCTS
from bwp_client.sandbox.sample.writer import waiting_task_ids
from bwp_client.warehouse import TABLES, TableName
from bwp_client.warehouse.snapshot import Snapshot

NOW = datetime(2026, 4, 2, 12, tzinfo=UTC)
EVER = Filters(datetime(2024, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


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
        assert in_order(shop, sandbox.url, tasks=(wanted[0].upper(),)) == ["02"]


def test_named_tasks_that_are_not_known_are_reported(shop_of):
    shop = shop_of(event(1, "FAILED"))
    list_requests(shop, {"task_id": task_id(4), "task_kind": "DELETION", "received_at": NOW, "closed_at": NOW})
    with running_sandbox() as sandbox:
        with pytest.raises(
            UsageError, match=r"No task with the ID 'typo', \"' or true --\" is known.*Nothing was asked"
        ):
            shop.enrich(sandbox.url, tasks=("typo", "' or true --", "typo"))
        result = shop.enrich(sandbox.url, tasks=(task_id(1), task_id(4).upper(), "typo"))
    assert (result.asked, result.unknown) == (1, ("typo",))


def test_the_command_reports_named_tasks_that_are_not_known(shop_of, tmp_path):
    shop = shop_of(event(1, "FAILED"))
    with running_sandbox() as sandbox:
        env = {
            "BWP_API__ENDPOINT": f"{sandbox.url}/graphql",
            "BWP_API__TOKEN_ENDPOINT": f"{sandbox.url}/token",
            "BWP_API__CREDENTIALS": '{"*": {"client_id": "any", "client_secret": "s"}}',
        }
        options = ("enrich", "--warehouse", shop.warehouse.uri, "--task", "typo")
        alone = command(*options, cwd=tmp_path, **env)
        beside = command(*options, "--task", task_id(1), cwd=tmp_path, **env)
    assert (alone.returncode, beside.returncode) == (2, 1)
    for done in (alone, beside):
        assert "No task with the ID 'typo' is known" in done.stderr
        assert "Traceback" not in done.stderr
    assert "Asked about 1 tasks" in beside.stderr


@pytest.mark.parametrize(
    ("asked_before", "state", "status"),
    [
        (True, "found", "FAILED"), (True, "found", "COMPLETED"), (True, "not_found", None), (True, "denied", None),
        (True, "pending", "IN_PROGRESS"), (False, "found", "FAILED"), (False, "not_found", None),
    ],
)  # fmt: skip
def test_a_failed_task_is_asked_about_again_if_it_was_not_asked_about_since_its_failure(
    shop_of, asked_before, state, status
):
    shop = shop_of(event(1, "FAILED", day=1), event(1, "COMPLETED", day=10), event(1, "FAILED", day=20))
    asked_at = datetime(2026, 3, 5 if asked_before else 25, tzinfo=UTC)
    later = {"next_attempt_at": datetime(2027, 1, 1, tzinfo=UTC) if state == "pending" else None}
    store_lookups(
        shop.warehouse,
        [looked_up(task_id(1), state=state, status=status, errors=["OLD"], asked_at=asked_at, reason="old") | later],
    )
    with running_sandbox() as sandbox:
        assert shop.enrich(sandbox.url).asked == int(asked_before)
        for _ in range(3):
            shop.now += timedelta(days=1)
            assert shop.enrich(sandbox.url).asked == 0


def test_a_task_that_fails_again_is_asked_again_with_pauses_and_the_new_answer_stands(shop_of, bench):
    shop = shop_of(event(1, "FAILED", day=1), event(1, "COMPLETED", day=10), event(1, "FAILED", day=20))
    old = looked_up(task_id(1), errors=["OLD"], asked_at=datetime(2026, 3, 5, tzinfo=UTC), reason="old")
    store_lookups(shop.warehouse, [old])
    error = {"code": "NEW", "message": "made up"}
    bench.api.answers = [http(500, "")]
    assert shop.enrich(bench.api.url, client_factory=impatient).failed == 1
    assert shop.enrich(bench.api.url, client_factory=impatient).asked == 0  # not before its next attempt is due
    shop.now += timedelta(minutes=2)
    bench.api.answers = [http(200, {"data": {"personalDataDeletionTask": {"status": "FAILED", "errors": [error]}}})]
    assert shop.enrich(bench.api.url, client_factory=impatient).found == 1
    assert shop.enrich(bench.api.url, client_factory=impatient).asked == 0
    [(codes, attempts)] = shop.query(
        "select any_value(l.errors) filter (l.asked_at = newest), max(attempt) from lookups l "
        "cross join (select max(asked_at) as newest from lookups)"
    )
    assert ([item["code"] for item in codes], attempts) == (["NEW"], 3)
    frame = run_metric(Snapshot.newest(shop.warehouse), MetricName.ERROR_CODES, EVER)
    assert frame["code"].tolist() == ["NEW"]


def test_a_failure_in_the_future_is_asked_about_once_before_its_time_and_once_after(shop_of):
    moment = datetime.now(UTC)
    shop = shop_of(event(1, "FAILED") | {"time": f"{moment + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"})
    with running_sandbox() as sandbox:
        asked = []
        for hours in (0, 1, 2, 30, 31, 60):
            shop.now = moment + timedelta(hours=hours)
            asked.append(shop.enrich(sandbox.url).asked)
    assert asked == [1, 0, 0, 1, 0, 0]


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


def test_a_request_whose_product_comes_later_is_asked_about_with_it(shop_of):
    ids = waiting_task_ids(2, seed=11, until=datetime(2026, 4, 1, tzinfo=UTC).date())
    first, second = (product.business_product_id for product in PRODUCTS[:2])
    shop = shop_of(event(1, "COMPLETED", task=ids[1], product=second))
    list_requests(shop, {"task_id": ids[0], "received_at": NOW})
    with running_sandbox() as sandbox:
        assert shop.enrich(sandbox.url).denied == 1
        shop_of(event(2, "COMPLETED", task=ids[1], product=first, day=2))
        shop.now += timedelta(minutes=1)
        assert shop.enrich(sandbox.url, retry_failed=True).pending == 1


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


def test_listed_requests_that_a_product_denies_do_not_silence_it(shop_of, bench):
    shop = shop_of(*(event(number, "FAILED") for number in range(3)))
    list_requests(
        shop, *({"task_id": task_id(100 + n), "task_kind": "DELETION", "received_at": NOW} for n in range(12))
    )
    denied = {
        "errors": [{"message": "x", "extensions": {"classification": {"type": "AccessDeniedError"}}}],
        "data": None,
    }
    found = {"data": {"personalDataDeletionTask": {"status": "FAILED", "errors": []}}}
    bench.api.answers = [*[http(200, found)] * 3, *[http(200, denied)] * 11, http(200, found)]
    result = shop.enrich(bench.api.url, concurrency=1, client_factory=impatient)
    assert (result.found, result.denied, result.skipped) == (4, 11, {})


def test_the_product_that_was_left_alone_is_named(shop_of, bench, monkeypatch):
    shop = shop_of(*(event(number, "FAILED") for number in range(14)))
    denied = {
        "errors": [{"message": "x", "extensions": {"classification": {"type": "AccessDeniedError"}}}],
        "data": None,
    }
    bench.api.answers = [http(200, denied)]
    for name, value in {
        "ENDPOINT": f"{bench.api.url}/graphql",
        "TOKEN_ENDPOINT": f"{bench.api.url}/token",
        "CREDENTIALS": '{"*": {"client_id": "a", "client_secret": "b"}}',
        "CONCURRENCY": "1",
        "REQUESTS_PER_SECOND": "500",
    }.items():
        monkeypatch.setenv(f"BWP_API__{name}", value)
    result = CliRunner().invoke(app, ["enrich", "--warehouse", shop.warehouse.uri])
    assert result.exit_code == 1
    assert re.search(rf"business product {REAL_PRODUCT} denied 10 of its tasks in a row, so [34] calls", result.stderr)


@pytest.mark.parametrize("name", ["jane.doe@example.com", "0170-1234567", "typo"])
def test_a_named_task_is_not_repeated_where_it_names_a_person(shop_of, name):
    shop = shop_of(event(1, "FAILED"))
    with pytest.raises(UsageError, match="is known: neither an event nor the shop's list names it") as refused:
        shop.enrich("http://127.0.0.1:9", tasks=(name,))
    assert (name in str(refused.value)) == (name == "typo")
