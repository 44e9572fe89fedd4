"""What pages read: the newest snapshot and the metrics over it, kept by version map so that a new load is seen at once.

Cached functions are called by keyword: for each argument without one Streamlit looks up its name anew, 30 µs a time.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar, cast

import pandas as pd
import streamlit as st

from bwp_client.metrics import Bucket, Filters, MetricName, no_denominator, run_metric
from bwp_client.metrics.completeness import Gap, gaps, last_heard, twins
from bwp_client.metrics.guidance import GuidanceTable
from bwp_client.metrics.queries import count_completed_not_looked_up
from bwp_client.settings import SAMPLE_SOURCE, SAMPLE_WAREHOUSE, Settings
from bwp_client.warehouse import Run, Warehouse, list_runs, newest_run
from bwp_client.warehouse.lookup_runs import LookupRun, lookup_runs
from bwp_client.warehouse.product_names import name_of, product_names
from bwp_client.warehouse.schema import TableName
from bwp_client.warehouse.snapshot import Snapshot

RUN_SECONDS = 1.0
MOST_KEPT = 5000
"""Things made of one snapshot that are remembered; the oldest is forgotten first."""
_making_room = Lock()
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


def kept(snapshot: Snapshot, of: Hashable, make: Callable[[], T]) -> T:
    """Give something made of the data, made once: it is shared by all visitors, and must not be changed.

    It is remembered by the snapshot itself, and forgotten with it: Streamlit's own caches take ten times as long to look.

    Args:
        snapshot: The data.
        of: What tells it from everything else made of the same data.
        make: Makes it.
    """
    made = snapshot.made
    found = made.get(of, made)  # nothing is ever made of itself
    if found is not made:
        return cast("T", found)
    new = make()
    with _making_room:
        while len(made) >= MOST_KEPT:
            del made[next(iter(made))]
        made[of] = new
    return new


def metric(
    snapshot: Snapshot,
    name: MetricName,
    filters: Filters,
    *,
    bucket: Bucket = Bucket.DAY,
    min_n: int,
    guidance: GuidanceTable | None = None,
) -> pd.DataFrame:
    """Compute a metric, or return the answer of the same question before; the frame must not be changed."""
    return kept(
        snapshot,
        (name, filters, bucket, min_n, guidance),
        lambda: run_metric(snapshot, name, filters, bucket=bucket, min_n=min_n, guidance=guidance),
    )


def metric_row(snapshot: Snapshot, name: MetricName, filters: Filters, *, min_n: int) -> dict[Hashable, Any]:
    """Compute a metric that has one row; whole numbers stay whole."""

    def row() -> dict[Hashable, Any]:
        (only,) = metric(snapshot, name, filters, min_n=min_n).to_dict("records")
        return only

    return kept(snapshot, ("row", name, filters, min_n), row)


def unrated(snapshot: Snapshot, filters: Filters) -> pd.DataFrame:
    """Name the products without a denominator."""
    return kept(snapshot, ("unrated", filters), lambda: no_denominator(snapshot, filters))


def completed_not_looked_up(snapshot: Snapshot) -> int:
    """Count the completed tasks whose submission is not known."""
    return kept(snapshot, "completed not looked up", lambda: count_completed_not_looked_up(snapshot))


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


def runs_table(snapshot: Snapshot, limit: int = 50) -> list[dict[str, Any]]:
    """Give the newest runs as rows for a table."""
    return kept(snapshot, ("runs", limit), lambda: _runs_table(snapshot.warehouse, limit))


def _runs_table(warehouse: Warehouse, limit: int) -> list[dict[str, Any]]:
    rows = []
    for run in list_runs(warehouse, limit=limit):
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


def not_stored(runs: list[dict[str, Any]]) -> pd.DataFrame:
    """Add up over runs what they did not store, by cause, type or reason."""
    total: Counter[tuple[str, str]] = Counter()
    for run in runs:
        for what in ("duplicate", "ignored", "quarantined"):
            found = run["counts"].get(what)
            if isinstance(found, dict):
                total.update({(what, kind): count for kind, count in found.items() if count})
    order = sorted(total, key=lambda one: one[0])
    return pd.DataFrame([{"Count": what, "Kind": kind, "Records": total[what, kind]} for what, kind in order])


def lookup_runs_of(snapshot: Snapshot, limit: int = 10) -> list[LookupRun]:
    """Give the newest runs that asked Buy with Prime."""
    return kept(snapshot, ("lookup runs", limit), lambda: lookup_runs(list_runs(snapshot.warehouse))[:limit])


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


def completeness(snapshot: Snapshot) -> tuple[pd.DataFrame, list[Gap], pd.DataFrame]:
    """Give when each product was last heard of, the gaps, and events that may be the same one twice."""
    return kept(snapshot, "completeness", lambda: (last_heard(snapshot), gaps(snapshot), twins(snapshot)))


def quarantine_table(snapshot: Snapshot, limit: int = 200) -> pd.DataFrame:
    """Return the newest quarantined records.

    Returns:
        seen_at (datetime64[us, UTC]), reason, file, offset (int64), excerpt and source_uri (str), newest first.
    """
    from bwp_client.warehouse.quarantine import list_quarantined

    version = snapshot.versions.get(TableName.QUARANTINE.value, 0)
    rows = [
        row | {"file": row["source_uri"].rpartition("/")[2]}
        for row in list_quarantined(snapshot.warehouse, version=version, limit=limit)
    ]
    return pd.DataFrame(rows, columns=["seen_at", "reason", "file", "offset", "excerpt", "source_uri"])
