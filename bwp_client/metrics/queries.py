"""Queries that are not metrics: the products, error codes and regions in the data, and the state of single tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from bwp_client.events import TaskKind
from bwp_client.ids import normal_id
from bwp_client.metrics.filters import Filters
from bwp_client.metrics.sql_templates import bound, filter_parameters, render_sql
from bwp_client.warehouse.snapshot import Snapshot

UNKNOWN_TASK = "unknown here"


def rated_products(snapshot: Snapshot, filters: Filters) -> list[str]:
    """Return the IDs of the business products that are rated, the product with most tasks first."""
    return _column(snapshot, "rated_products", filter_parameters(filters))


def no_denominator(snapshot: Snapshot, filters: Filters) -> pd.DataFrame:
    """Count the failed tasks of products left out of rates because no COMPLETED event of the product was ever loaded.

    Returns:
        business_product_id (str), failed (int64); most failures first, empty when every product is rated.
    """
    return _frame(snapshot, "no_denominator", filter_parameters(filters))


def list_products(snapshot: Snapshot, task_kind: TaskKind | None = None) -> list[str]:
    """Return the IDs of the business products with tasks of a kind (None: of any), the product with most tasks first."""
    return _column(snapshot, "products", {"all_kinds": task_kind is None, "task_kind": task_kind and task_kind.value})


def list_known_products(snapshot: Snapshot) -> list[str]:
    """Return the IDs of the products that an outcome, a request or a lookup names, the product with most tasks first."""
    return _column(snapshot, "known_products", {})


def list_error_codes(snapshot: Snapshot) -> list[str]:
    """Return every error code, in the order first seen."""
    return _column(snapshot, "error_codes", {})


def list_regions(snapshot: Snapshot) -> list[str]:
    """Return every region, in alphabetical order."""
    return _column(snapshot, "regions", {})


def count_failures_by_state(snapshot: Snapshot, filters: Filters) -> dict[str, int]:
    """Count the failed tasks that the filters select by state, as `open_failures` defines it.

    Returns:
        The number of tasks that are `open`, `recovered` and `closed`; a state without tasks is missing.
    """
    counted = _frame(snapshot, "failures_by_state", filter_parameters(filters))
    return dict(zip(counted["state"].tolist(), counted["tasks"].tolist(), strict=True))


def errors_of_code(snapshot: Snapshot, filters: Filters) -> list[list[dict[str, Any]]]:
    """Return the errors of the newest 1,000 failed tasks that the filters select, each with `code` and `message`.

    Args:
        snapshot: The data.
        filters: The filters; their codes are those that a task must have one of.
    """
    return [
        list(errors) for errors in _column(snapshot, "errors_of_code", filter_parameters(filters)) if errors is not None
    ]


def newest_failures(snapshot: Snapshot, filters: Filters) -> pd.DataFrame:
    """Return the newest failed tasks that the filters select, one row per error code; at most 2,000 rows.

    Returns:
        task_id (str), failed_at (`datetime64[us, UTC]`), business_product_id, code and code_set (str), newest first.
    """
    return _frame(snapshot, "newest_failures", filter_parameters(filters))


def count_completed_not_looked_up(snapshot: Snapshot) -> int:
    """Count the completed tasks whose submission is not known."""
    (tasks,) = _column(snapshot, "completed_not_looked_up", {})
    return int(tasks)


def has_failed(snapshot: Snapshot, task_id: str) -> bool:
    """Return whether the task failed."""
    return bool(_column(snapshot, "failed_task", {"task_id": normal_id(task_id)}))


def known_tasks(snapshot: Snapshot, task_ids: Sequence[str]) -> pd.DataFrame:
    """Return the outcome, the lookup state and the codes of tasks; a task that is named in two spellings is one task.

    Returns:
        task_id (str), known (str: `failed`, `completed`, `waiting` or `unknown here`), at (the outcome's time,
        `datetime64[us, UTC]`), lookup_state (str), codes (str, joined by ` + `), business_product_id (str), in the order of
        `task_ids`. Of an unknown task, at, codes and business_product_id are null.
    """
    named = list(dict.fromkeys(map(normal_id, task_ids)))
    found = _frame(snapshot, "known_tasks", {"task_ids": named})
    rows = pd.DataFrame({"task_id": named}).merge(found, on="task_id", how="left")
    texts = dict.fromkeys(("known", "lookup_state", "codes", "business_product_id"), "str")
    return rows.fillna({"known": UNKNOWN_TASK, "lookup_state": "not_asked"}).astype(texts)


def _frame(snapshot: Snapshot, name: str, values: dict[str, Any]) -> pd.DataFrame:
    sql = render_sql(f"queries/{name}.sql")
    return snapshot.frame(sql, bound(sql, values))


def _column(snapshot: Snapshot, name: str, values: dict[str, Any]) -> list[Any]:
    sql = render_sql(f"queries/{name}.sql")
    return [row[0] for row in snapshot.rows(sql, bound(sql, values))]
