"""Results over a snapshot are computed once, shared, and dropped with the snapshot or when there are too many."""

import gc
import threading
import weakref
from typing import Any, cast

import pytest

from bwp_client.ui import data
from bwp_client.warehouse.snapshot import Snapshot


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
