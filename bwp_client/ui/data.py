"""What pages read: the newest snapshot and the metrics over it, kept by version map so that a new load is seen at once.

Cached functions are called by keyword: for each argument without one Streamlit looks up its name anew, 30 µs a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from bwp_client.completeness import Gap, gaps, last_heard, twins
from bwp_client.lookup_runs import LookupRun, lookup_runs
from bwp_client.metrics import Bucket, Filters, MetricName, no_denominator, run_metric
from bwp_client.metrics.splits import codes_by_product
from bwp_client.names import name_of, product_names
from bwp_client.settings import SAMPLE_SOURCE, SAMPLE_WAREHOUSE, Settings
from bwp_client.warehouse import Run, Warehouse, list_runs, newest_run
from bwp_client.warehouse.schema import TableName
from bwp_client.warehouse.snapshot import Snapshot

RUN_SECONDS = 1.0
T = TypeVar("T")


def warehouse_in_use(settings: Settings) -> Warehouse:
    """Give the warehouse that the pages show: the sample's when nothing is configured."""
    return Warehouse(SAMPLE_WAREHOUSE if settings.is_sample else settings.warehouse_uri)


@st.cache_resource(ttl=RUN_SECONDS, show_spinner=False)
def _newest_run(uri: str) -> Run | None:
    return newest_run(Warehouse(uri))


@st.cache_resource(max_entries=2, show_spinner=False)
def _snapshot(uri: str, versions: str, _run: Run) -> Snapshot:  # noqa: ARG001 - the version map is the cache key
    return Snapshot(Warehouse(uri), _run)


def current_snapshot(settings: Settings) -> Snapshot | None:
    """Give the newest run's snapshot; none when nothing was loaded yet.

    Raises:
        BwpError: The warehouse can't be read.
    """
    uri = warehouse_in_use(settings).uri
    run = _newest_run(uri=uri)
    return None if run is None else _snapshot(uri=uri, versions=_key(run), _run=run)


def _key(run: Run) -> str:
    return json.dumps([run.run_id, run.versions], sort_keys=True)


def version_key(settings: Settings) -> str:
    """Give a text that changes with every finished run."""
    run = _newest_run(uri=warehouse_in_use(settings).uri)
    return "" if run is None else _key(run)


def metric(
    snapshot: Snapshot, name: MetricName, filters: Filters, *, bucket: Bucket = Bucket.DAY, min_n: int
) -> pd.DataFrame:
    """Compute a metric, or give the answer of the same question before."""
    return _metric(
        _snapshot=snapshot, key=_key(snapshot.run), name=name.value, filters_key=repr(filters), _filters=filters,
        bucket=bucket.value, min_n=min_n,
    )  # fmt: skip


@st.cache_data(max_entries=2000, show_spinner=False)
def _metric(
    _snapshot: Snapshot,
    key: str,  # noqa: ARG001 - part of the cache key
    name: str,
    filters_key: str,  # noqa: ARG001 - part of the cache key
    _filters: Filters,
    bucket: str,
    min_n: int,
) -> pd.DataFrame:
    return run_metric(_snapshot, name, _filters, bucket=Bucket(bucket), min_n=min_n)


@st.cache_data(max_entries=500, show_spinner=False)
def _unrated(_snapshot: Snapshot, key: str, filters_key: str, _filters: Filters) -> pd.DataFrame:  # noqa: ARG001
    return no_denominator(_snapshot, _filters)


def unrated(snapshot: Snapshot, filters: Filters) -> pd.DataFrame:
    """Name the products without a denominator."""
    return _unrated(_snapshot=snapshot, key=_key(snapshot.run), filters_key=repr(filters), _filters=filters)


@st.cache_data(max_entries=500, show_spinner=False)
def _codes_split(_snapshot: Snapshot, key: str, filters_key: str, _filters: Filters) -> pd.DataFrame:  # noqa: ARG001
    return codes_by_product(_snapshot, _filters)


def codes_split(snapshot: Snapshot, filters: Filters) -> pd.DataFrame:
    """Count failed tasks by error code and business product."""
    return _codes_split(_snapshot=snapshot, key=_key(snapshot.run), filters_key=repr(filters), _filters=filters)


@st.cache_data(ttl=60, show_spinner=False)
def _names(uri: str, configured: str) -> dict[str, str]:
    return product_names(uri, json.loads(configured))


class Names:
    """Turns business product IDs into what people call them."""

    def __init__(self, settings: Settings) -> None:
        self._names = _names(uri=warehouse_in_use(settings).uri, configured=json.dumps(settings.product_names))

    def __call__(self, business_product_id: str) -> str:
        """Give the name, else the beginning of the ID; nothing for none."""
        return name_of(business_product_id, self._names) if business_product_id else ""


@st.cache_data(max_entries=4, show_spinner=False)
def runs_table(uri: str, key: str, limit: int = 50) -> list[dict[str, Any]]:  # noqa: ARG001 - the key is for the cache
    """Give the newest runs as rows for a table."""
    rows = []
    for run in list_runs(Warehouse(uri), limit=limit):
        counts = run.counts
        rows.append(
            {
                "finished": run.finished_at,
                "run": run.kind,
                "source": "sample data" if run.source == SAMPLE_SOURCE else run.source,
                "read": counts.get("read", counts.get("asked")),
                "stored": counts.get("stored", counts.get("found")),
                "duplicate": _counted(counts.get("duplicate")),
                "ignored": _counted(counts.get("ignored")),
                "quarantined": _counted(counts.get("quarantined")),
                "seconds": (run.finished_at - run.started_at).total_seconds(),
                "state": run.state,
                "counts": counts,
            }
        )
    return rows


@st.cache_data(max_entries=4, show_spinner=False)
def lookup_runs_of(uri: str, key: str, limit: int = 10) -> list[LookupRun]:  # noqa: ARG001 - the key is for the cache
    """Give the newest runs that asked Buy with Prime."""
    return lookup_runs(list_runs(Warehouse(uri)))[:limit]


@st.cache_data(max_entries=4, ttl=10, show_spinner=False)
def replays_table(uri: str, key: str, jobs: str) -> list[dict[str, Any]]:  # noqa: ARG001 - the keys are for the cache
    """Give every archive replay in its newest state, as rows for a table; the newest window first."""
    from bwp_client.warehouse.replays import list_replays

    names = ("received", "stored", "duplicate", "quarantined", "foreign")
    return [
        {
            "archive": one.archive,
            "from": one.window_from,
            "to": one.window_to,
            "state": one.state.value,
            **{name: None if one.state.is_open else one.counts.get(name) for name in names},
            "recorded": one.recorded_at,
            "replay": one.replay_name,
        }
        for one in list_replays(Warehouse(uri))
    ]


def _counted(value: Any) -> int | None:
    if isinstance(value, dict):
        return sum(value.values())
    return value if isinstance(value, int) else None


@st.cache_data(max_entries=4, show_spinner=False)
def completeness(_snapshot: Snapshot, key: str) -> tuple[pd.DataFrame, list[Gap], pd.DataFrame]:  # noqa: ARG001
    """Give when each product was last heard of, the gaps, and events that may be the same one twice."""
    return last_heard(_snapshot), gaps(_snapshot), twins(_snapshot)


@st.cache_data(max_entries=4, show_spinner=False)
def quarantine_table(uri: str, key: str, version: int, limit: int = 200) -> pd.DataFrame:  # noqa: ARG001
    """Give the newest quarantined records."""
    from bwp_client.warehouse.engine import connect, relation
    from bwp_client.warehouse.schema import TABLES

    warehouse = Warehouse(uri)
    handle = warehouse.handle(TableName.QUARANTINE, version)
    files = warehouse.readable(TableName.QUARANTINE, warehouse.data_files(handle))
    connection = connect()
    try:
        return connection.execute(
            f"""
            select seen_at, reason, split_part(source_uri, '/', -1) as file, "offset", excerpt, source_uri
            from {relation(files, TABLES[TableName.QUARANTINE].schema)}
            order by seen_at desc, source_uri, "offset" limit {int(limit)}
            """
        ).df()
    finally:
        connection.close()


def kept(snapshot: Snapshot, of: str, make: Callable[[], T]) -> T:
    """Give something made of the data, made once: it is shared by all visitors, and must not be changed.

    Args:
        snapshot: The data.
        of: What tells it from everything else made of the same data.
        make: Makes it.
    """
    made: T = _kept(key=_key(snapshot.run), of=of, _make=make)
    return made


@st.cache_resource(max_entries=3000, show_spinner=False)
def _kept(key: str, of: str, _make: Callable[[], Any]) -> Any:  # noqa: ARG001 - the first two are the key
    return _make()
