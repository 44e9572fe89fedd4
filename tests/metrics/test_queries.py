"""Tables by product and the questions beside the metrics equal what the tasks say that the data were made of."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from support.shop import Task, random_tasks, shop_of

from bwp_client.deadlines import DeadlineCalendar
from bwp_client.events import TaskKind
from bwp_client.metrics import Filters, MetricName, no_denominator, run_metric
from bwp_client.metrics.queries import (
    count_completed_not_looked_up,
    count_failures_by_state,
    has_failed,
    known_tasks,
    list_error_codes,
    list_products,
    list_regions,
    rated_products,
)
from bwp_client.tasks.request_file import read_requests
from bwp_client.warehouse.requests import import_requests
from bwp_client.warehouse.snapshot import Snapshot

START = datetime(2026, 3, 2, tzinfo=UTC)
MIDDLE, END = START + timedelta(days=20), START + timedelta(days=40)
FILTERS = {
    "all": Filters(MIDDLE, END),
    "two products and a region": Filters(
        MIDDLE, END, business_products=("bp-b", "bp-only-failed"), regions=("eu-west-1",)
    ),
    "codes": Filters(MIDDLE, END, codes=("ORDERS_NOT_CLOSED", "(not looked up)")),
    "from the middle of an hour": Filters(MIDDLE + timedelta(minutes=17), END),
    "retrievals": Filters(MIDDLE, END, task_kind=TaskKind.RETRIEVAL),
    "nothing": Filters(START - timedelta(days=90), START - timedelta(days=80)),
}
over_filters = pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS.keys())


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    return random_tasks(8, 3000, start=START, days=40)


@pytest.fixture(scope="module")
def snapshot(tasks: list[Task], tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return shop_of(tmp_path_factory.mktemp("shop"), tasks)


def selected(tasks: list[Task], filters: Filters) -> list[Task]:
    return [
        task
        for task in tasks
        if task.kind == filters.task_kind.value
        and (filters.business_products is None or task.product in filters.business_products)
        and (filters.regions is None or task.region in filters.regions)
    ]


def is_in(task: Task, filters: Filters) -> bool:
    return filters.from_time <= task.at < filters.to_time


@over_filters
def test_codes_by_product_count_a_task_under_each_of_its_codes(
    snapshot: Snapshot, tasks: list[Task], filters: Filters
) -> None:
    wanted = Counter(
        (code, task.product)
        for task in selected(tasks, filters)
        if task.outcome == "FAILED" and is_in(task, filters)
        for code in task.code_set.split(" + ")
        if filters.codes is None or code in filters.codes
    )
    found = run_metric(snapshot, MetricName.CODES_BY_PRODUCT, filters)
    assert {(row.code, row.business_product_id): row.tasks for row in found.itertuples()} == wanted
    assert found["tasks"].is_monotonic_decreasing


@over_filters
def test_each_product_is_compared_as_if_it_were_the_only_one(snapshot: Snapshot, filters: Filters) -> None:
    found = run_metric(snapshot, MetricName.COMPARISON_BY_PRODUCT, filters)
    single = [
        run_metric(snapshot, MetricName.PERIOD_COMPARISON, filters.with_(business_products=(product,))).assign(
            business_product_id=product
        )
        for product in rated_products(snapshot, filters)
    ]
    wanted = pd.concat(single, ignore_index=True)[list(found.columns)]
    wanted = wanted[wanted["n"] + wanted["previous_n"] > 0]
    wanted = wanted.sort_values(["failed", "business_product_id"], ascending=[False, True], ignore_index=True)
    pd.testing.assert_frame_equal(found, wanted, check_dtype=len(wanted) > 0)
    assert "bp-only-failed" not in set(found["business_product_id"])


def test_products_codes_and_regions_are_listed(snapshot: Snapshot, tasks: list[Task]) -> None:
    by_size = [product for product, _ in Counter(task.product for task in tasks).most_common()]
    assert list_products(snapshot) == by_size
    retrievals = Counter(task.product for task in tasks if task.kind == "RETRIEVAL")
    assert [retrievals[product] for product in list_products(snapshot, TaskKind.RETRIEVAL)] == sorted(
        retrievals.values(), reverse=True
    )
    assert list_regions(snapshot) == ["eu-west-1", "us-east-1"]
    failed = sorted((task for task in tasks if task.outcome == "FAILED"), key=lambda task: task.at)
    first_seen = dict.fromkeys(code for task in failed for code in task.code_set.split(" + "))
    assert set(list_error_codes(snapshot)) == set(first_seen)
    assert list_error_codes(snapshot)[0] in failed[0].code_set.split(" + ")


@over_filters
def test_failures_without_a_denominator_are_counted(snapshot: Snapshot, tasks: list[Task], filters: Filters) -> None:
    wanted = sum(
        task.product == "bp-only-failed"
        and is_in(task, filters)
        and (filters.codes is None or not set(filters.codes).isdisjoint(task.code_set.split(" + ")))
        for task in selected(tasks, filters)
    )
    assert no_denominator(snapshot, filters)["failed"].sum() == wanted


def test_completed_tasks_without_a_lookup_are_counted(snapshot: Snapshot, tasks: list[Task]) -> None:
    wanted = sum(task.outcome == "COMPLETED" and task.submitted_at is None for task in tasks)
    assert count_completed_not_looked_up(snapshot) == wanted


def test_tasks_are_known_in_the_order_asked(snapshot: Snapshot, tasks: list[Task]) -> None:
    failed = next(task for task in tasks if task.outcome == "FAILED" and task.codes)
    completed = next(task for task in tasks if task.outcome == "COMPLETED" and task.submitted_at is None)
    found = known_tasks(snapshot, [failed.task_id, "nobody", completed.task_id])
    assert found["task_id"].tolist() == [failed.task_id, "nobody", completed.task_id]
    assert found["known"].tolist() == ["failed", "unknown here", "completed"]
    assert found["lookup_state"].tolist() == ["found", "not_asked", "not_asked"]
    assert found["codes"].iloc[0] == failed.code_set
    assert found["business_product_id"].fillna("").tolist() == [failed.product, "", completed.product]
    assert found["at"].iloc[0] == failed.at
    assert [has_failed(snapshot, task) for task in found["task_id"]] == [True, False, False]


@pytest.fixture(scope="module")
def snapshot_with_requests(tasks: list[Task], tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Return data in which every fifth failed task is closed, and others are replaced by a completed task."""
    folder = tmp_path_factory.mktemp("requests")
    warehouse = shop_of(folder, tasks).warehouse
    failed = [task.task_id for task in tasks if task.outcome == "FAILED"]
    completed = [task.task_id for task in tasks if task.outcome == "COMPLETED"]
    lines = [f"{task},,{END:%Y-%m-%d}" for task in failed[::5]]
    lines += [f"{task},{later}," for task, later in zip(failed[1::5], completed, strict=False)]
    path = folder / "requests.csv"
    path.write_text("\n".join(["task_id,replaced_by,closed_at", *lines]), encoding="utf-8")
    found = read_requests(path, zone=DeadlineCalendar().zone, now=END + timedelta(days=1))
    import_requests(warehouse, found.rows, found.columns, source=path.name)
    return Snapshot.newest(warehouse)


@over_filters
def test_the_counts_of_failures_by_state_are_those_of_their_list(
    snapshot_with_requests: Snapshot, filters: Filters
) -> None:
    earlier = filters.with_(from_time=START - timedelta(days=1), to_time=MIDDLE)
    states = run_metric(snapshot_with_requests, MetricName.OPEN_FAILURES, earlier)["state"]
    assert {"open", "closed", "recovered"} == set(states)
    assert count_failures_by_state(snapshot_with_requests, earlier) == states.value_counts().to_dict()
