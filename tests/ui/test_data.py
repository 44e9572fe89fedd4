"""Results over a snapshot are computed once, shared, and dropped with the snapshot or when there are too many."""

import gc
import os
import threading
import time
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from bwp_client.ui import data
from bwp_client.warehouse import Run, Warehouse, newest_run, record_run
from bwp_client.warehouse.snapshot import Snapshot


def test_the_newest_run_is_read_again_only_after_the_log_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse(str(tmp_path))
    warehouse.create()
    log = tmp_path / "runs" / "_delta_log"
    reads: list[str] = []
    monkeypatch.setattr(data, "newest_run", lambda of: reads.append(of.uri) or newest_run(of))

    def found(changed_at: float) -> str:
        os.utime(log, (changed_at, changed_at))
        data._newest_run.clear()
        run = data._newest_run(uri=warehouse.uri)
        return "" if run is None else run.run_id

    now = time.time()
    for name, settled_at in (("first", now - 60), ("second", now - 30)):
        at = datetime(2026, 5, 1, tzinfo=UTC)
        record_run(warehouse, Run(run_id=name, kind="load", source="made up", started_at=at, finished_at=at, counts={}))
        reads.clear()
        assert [found(time.time()), found(time.time())] == [name, name]
        assert len(reads) == 2  # changed a moment ago
        assert [found(settled_at), found(settled_at)] == [name, name]
        assert len(reads) == 3


class Stub:
    """Stands for a snapshot: the cache only needs its identity."""


def stub() -> Snapshot:
    return cast("Snapshot", Stub())


@pytest.fixture
def snapshot() -> Snapshot:
    return stub()


def test_a_result_is_computed_once_for_each_snapshot_and_key(snapshot: Snapshot) -> None:
    computed: list[str] = []

    def make(name: str) -> Any:
        computed.append(name)
        return [name]

    first = data.cached(snapshot, ("a", 1), lambda: make("a1"))
    assert data.cached(snapshot, ("a", 1), lambda: make("a1 again")) is first
    assert data.cached(snapshot, ("a", 2), lambda: make("a2")) == ["a2"]
    other = stub()
    assert data.cached(other, ("a", 1), lambda: make("other")) == ["other"]
    assert computed == ["a1", "a2", "other"]


def test_none_is_cached_like_any_other_result(snapshot: Snapshot) -> None:
    assert data.cached(snapshot, "episode", lambda: None) is None
    assert data.cached(snapshot, "episode", lambda: "computed again") is None


def test_the_least_recently_used_result_is_dropped_first(snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "MAX_RESULTS", 2)
    for key in (0, 1):
        data.cached(snapshot, key, lambda key=key: f"first {key}")  # type: ignore[misc]
    data.cached(snapshot, 0, lambda: "unused")
    data.cached(snapshot, 2, lambda: "first 2")
    assert data.cached(snapshot, 0, lambda: "again") == "first 0"
    assert data.cached(snapshot, 1, lambda: "again") == "again"


def test_a_failure_is_not_cached(snapshot: Snapshot) -> None:
    def fail() -> str:
        raise KeyError("no data")

    for _ in range(2):
        with pytest.raises(KeyError, match="no data"):
            data.cached(snapshot, "a", fail)
    assert data.cached(snapshot, "a", lambda: "made") == "made"


def test_two_threads_that_compute_the_same_result_share_the_first(snapshot: Snapshot) -> None:
    both_compute = threading.Barrier(2, timeout=60)
    results: list[object] = []

    def make() -> object:
        both_compute.wait()
        return object()

    threads = [threading.Thread(target=lambda: results.append(data.cached(snapshot, "a", make))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == 2
    assert results[0] is results[1]


def test_results_are_dropped_with_their_snapshot() -> None:
    class Result:
        pass

    snapshot: Snapshot | None = stub()
    assert snapshot is not None
    result = weakref.ref(data.cached(snapshot, "a", Result))
    assert result() is not None
    snapshot = None
    gc.collect()
    assert result() is None
