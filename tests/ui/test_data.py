"""What is made of a snapshot is made once, shared, and forgotten when there is too much of it."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from bwp_client.ui import data
from bwp_client.warehouse.snapshot import Snapshot


@pytest.fixture
def snapshot() -> Snapshot:
    return cast("Snapshot", SimpleNamespace(made={}))


def test_a_thing_is_made_once_for_each_snapshot_and_question(snapshot: Snapshot) -> None:
    asked: list[str] = []

    def make(what: str) -> Any:
        asked.append(what)
        return [what]

    first = data.kept(snapshot, ("a", 1), lambda: make("a1"))
    assert data.kept(snapshot, ("a", 1), lambda: make("a1 again")) is first
    assert data.kept(snapshot, ("a", 2), lambda: make("a2")) == ["a2"]
    other = cast("Snapshot", SimpleNamespace(made={}))
    assert data.kept(other, ("a", 1), lambda: make("other")) == ["other"]
    assert asked == ["a1", "a2", "other"]


def test_nothing_is_an_answer_too(snapshot: Snapshot) -> None:
    assert data.kept(snapshot, "episode", lambda: None) is None
    assert data.kept(snapshot, "episode", lambda: "asked again") is None


def test_the_oldest_is_forgotten_first(snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "MOST_KEPT", 2)
    for number in range(4):
        data.kept(snapshot, number, lambda number=number: number)
    assert snapshot.made == {2: 2, 3: 3}


def test_what_could_not_be_made_is_asked_for_again(snapshot: Snapshot) -> None:
    def fail() -> str:
        raise ValueError("no data")

    with pytest.raises(ValueError, match="no data"):
        data.kept(snapshot, "a", fail)
    assert data.kept(snapshot, "a", lambda: "made") == "made"
