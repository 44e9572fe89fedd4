"""The data of the pages: the newest snapshot, and the results computed over it.

Results are cached beside their snapshot and dropped with it, so a finished load shows at once. Streamlit's own caches hash
every argument at each call, so they hold only results that are read a few times per run. Functions with such a cache are
called with keyword arguments, because Streamlit inspects the function's signature for each positional argument.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final, TypeVar, cast
from weakref import WeakKeyDictionary

import pandas as pd
import pyarrow as pa
import streamlit as st
from cachetools import LRUCache

from bwp_client.deadlines import DeadlineCalendar
from bwp_client.metrics import Bucket, Filters, MetricName, run_metric
from bwp_client.metrics.guidance import GuidanceTable
from bwp_client.metrics.queries import list_known_products
from bwp_client.settings import SAMPLE_WAREHOUSE, Settings
from bwp_client.warehouse import Run, Warehouse, newest_run, settled_log
from bwp_client.warehouse.lost_tables import refuse_lost_tables
from bwp_client.warehouse.product_names import distinct_names, name_of, product_names
from bwp_client.warehouse.snapshot import Snapshot

NEWEST_RUN_SECONDS: Final = 1.0
MAX_RESULTS: Final = 5000
"""The number of results cached for one snapshot; the least recently used result is dropped first."""
T = TypeVar("T")
_results: WeakKeyDictionary[Snapshot, LRUCache[Hashable, Any]] = WeakKeyDictionary()
_results_lock = Lock()
_settled_runs: dict[str, tuple[tuple[int, int], Run]] = {}
"""The newest run of each warehouse, with the state of the log from which it was read: opening a table takes as long as half
of a page."""


def warehouse_in_use(settings: Settings) -> Warehouse:
    """Return the warehouse that the pages show: the sample warehouse while no source and no warehouse is configured."""
    return Warehouse(SAMPLE_WAREHOUSE if settings.is_sample else settings.warehouse_uri)


@st.cache_resource(ttl=NEWEST_RUN_SECONDS, show_spinner=False)
def _newest_run(uri: str) -> Run | None:
    warehouse = Warehouse(uri)
    log = settled_log(warehouse)  # before the run is read, so that a later run changes it
    known = _settled_runs.get(uri)
    if known is not None and known[0] == log:
        return known[1]
    run = newest_run(warehouse)
    if run is None:
        refuse_lost_tables(warehouse)
    elif log is not None:
        _settled_runs[uri] = (log, run)
    return run


def _versions(run: Run) -> str:
    return json.dumps([run.run_id, run.versions], sort_keys=True)


@st.cache_resource(max_entries=2, show_spinner=False, hash_funcs={Run: _versions})
def _snapshot(uri: str, run: Run) -> Snapshot:
    return Snapshot(Warehouse(uri), run)


def current_snapshot(settings: Settings) -> Snapshot | None:
    """Return the snapshot of the newest run, or None when nothing was loaded yet.

    Raises:
        BwpError: The warehouse can't be read.
    """
    uri = warehouse_in_use(settings).uri
    run = _newest_run(uri=uri)
    return None if run is None else _snapshot(uri=uri, run=run)


def version_key(settings: Settings) -> str:
    """Return a text that changes with every finished run; empty before the first run."""
    run = _newest_run(uri=warehouse_in_use(settings).uri)
    return "" if run is None else _versions(run)


def cached(snapshot: Snapshot, key: Hashable, make: Callable[[], T]) -> T:
    """Return a result computed over a snapshot, computing it at the first call only. A failure is not cached.

    The result is shared by all visitors and must not be changed.

    Args:
        snapshot: The data.
        key: Distinguishes the result from the others of the same snapshot.
        make: Computes the result.
    """
    with _results_lock:
        results = _results.get(snapshot)
        if results is None:
            results = _results[snapshot] = LRUCache(MAX_RESULTS)
        try:
            return cast("T", results[key])
        except KeyError:
            pass
    result = make()  # outside the lock, so that other threads can compute other results meanwhile
    with _results_lock:
        return cast("T", results.setdefault(key, result))


def metric(
    snapshot: Snapshot,
    name: MetricName,
    filters: Filters,
    *,
    bucket: Bucket = Bucket.DAY,
    min_n: int,
    guidance: GuidanceTable | None = None,
) -> pd.DataFrame:
    """Compute a metric, or return the cached frame, which must not be changed; columns as `run_metric` documents."""
    return cached(
        snapshot,
        (name, filters, bucket, min_n, guidance),
        lambda: run_metric(snapshot, name, filters, bucket=bucket, min_n=min_n, guidance=guidance),
    )


def metric_row(snapshot: Snapshot, name: MetricName, filters: Filters, *, min_n: int) -> dict[Hashable, Any]:
    """Return the only row of a metric by column name; the row is cached and must not be changed."""

    def row() -> dict[Hashable, Any]:
        (only,) = metric(snapshot, name, filters, min_n=min_n).to_dict("records")
        return only

    return cached(snapshot, ("row", name, filters, min_n), row)


def to_arrow(frame: pd.DataFrame) -> pa.Table:
    """Convert a frame to the table that Streamlit sends to the browser; an index without a name is left out."""
    return pa.Table.from_pandas(frame, preserve_index=frame.index.name is not None)


@dataclass(frozen=True, slots=True)
class ProductNames:
    """The names that people use for business products, by business product ID."""

    by_id: dict[str, str]

    def __call__(self, business_product_id: str) -> str:
        """Return a product's name, or the beginning of its ID when it has none; empty for an empty ID."""
        return name_of(business_product_id, self.by_id) if business_product_id else ""


def product_names_of(snapshot: Snapshot, settings: Settings) -> ProductNames:
    """Return the names of the business products, all of them different."""

    def make() -> ProductNames:
        names = product_names(snapshot.warehouse.uri, settings.product_names)
        return ProductNames(distinct_names(names, list_known_products(snapshot)))

    return cached(snapshot, ("product names", json.dumps(settings.product_names)), make)


CACHE_KEYS: Final[dict[str | type[Any], Callable[[Any], Any]]] = {
    Snapshot: lambda snapshot: f"{snapshot.warehouse.uri} {_versions(snapshot.run)}",
    Filters: repr,
    GuidanceTable: id,
    DeadlineCalendar: repr,
    ProductNames: repr,
}
"""The hash functions of our types, for the parameter `hash_funcs` of Streamlit's caches."""
