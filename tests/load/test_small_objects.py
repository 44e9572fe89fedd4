"""Small objects share columns, and give the rows and counts that each gives alone, whatever is in them."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.events import envelope, resource
from support.staging import read_staged

from bwp_client.errors import TransientRemoteError
from bwp_client.load.prefetch import SMALL_BYTES, prefetched
from bwp_client.load.staged import StagedBatch, StagingJob, TimeWindow, Unreadable
from bwp_client.load.staging import stage
from bwp_client.sources import SourceObject

LATEST = 1_800_000_000_000_000
WINDOWS = [TimeWindow(), TimeWindow(from_us=1_777_000_000_000_000)]


class Shelf:
    """A source of objects held in memory; those without bytes fail when they are opened."""

    label = "test://"

    def __init__(self, objects: list[bytes | None]) -> None:
        self.data = {f"test://shelf/{place}": raw for place, raw in enumerate(objects)}
        self.opened: list[str] = []

    def objects(self) -> Iterator[SourceObject]:
        for uri, raw in self.data.items():
            yield SourceObject(uri, "1", len(raw or b""))

    def open(self, item: SourceObject) -> BinaryIO:
        self.opened.append(item.uri)
        raw = self.data[item.uri]
        if raw is None:
            raise TransientRemoteError("it broke off")
        return BytesIO(raw)


def lines() -> st.SearchStrategy[bytes]:
    """Records of every verdict, one to a line."""
    good = st.integers(0, 50).map(lambda at: envelope(f"t-{at}", id=f"e-{at}", time=f"2026-0{at % 5 + 1}-01T00:00:00Z"))
    several = st.integers(0, 50).map(
        lambda at: envelope(f"t-{at}", id=f"m-{at}") | {"resources": [resource(f"t-{at}"), resource(f"u-{at}")]}
    )
    odd = st.sampled_from([{"a": 1}, envelope("t") | {"resources": []}, envelope("t") | {"time": "soon"}])
    other = st.integers(0, 9).map(lambda at: envelope("t", id=f"o-{at}") | {"detail-type": f"ORDER_{at % 3}"})
    return st.one_of(
        good.map(json.dumps), good.map(json.dumps), several.map(json.dumps), odd.map(json.dumps), other.map(json.dumps),
        st.sampled_from(["broken", "", '{"cut', "[1]"]),
    ).map(str.encode)  # fmt: skip


OBJECTS = st.lists(
    st.tuples(st.lists(lines(), max_size=6), st.sampled_from([b"\n", b"\r\n", b""]), st.booleans(), st.booleans()),
    min_size=1,
    max_size=8,
)


def raw_object(parts: list[bytes], end: bytes, *, last: bool, packed: bool) -> bytes:
    text = (end or b"\n").join(parts) + (end if last else b"")
    return gzip.compress(text) if packed else text


def outcome(shelf: Shelf, folder: Path, window: TimeWindow, *, alone: bool) -> tuple:
    job = StagingJob(shelf, folder, window, LATEST)
    items = list(shelf.objects())
    groups = [[item] for item in items] if alone else [items]
    made = [result for number, group in enumerate(groups) for result in stage(group, job, f"t-{alone}-{number}")]
    batches = [result for result in made if isinstance(result, StagedBatch)]
    rows, refused = Counter(), Counter()
    for batch in batches:
        if batch.events:
            rows.update(tuple(row.items()) for row in read_staged(batch.events).to_pylist())
        if batch.quarantine:
            refused.update(tuple(row.items()) for row in read_staged(batch.quarantine).to_pylist())
    counts = {item.uri: counts for batch in batches for item, counts in batch.finished}
    return rows, refused, counts


@settings(max_examples=150, deadline=None)
@given(OBJECTS, st.sampled_from(WINDOWS))
def test_together_equals_alone(chosen: list, window: TimeWindow) -> None:
    shelf = Shelf([raw_object(parts, end, last=last, packed=packed) for parts, end, last, packed in chosen])
    with TemporaryDirectory() as one, TemporaryDirectory() as two:
        assert outcome(shelf, Path(one), window, alone=False) == outcome(shelf, Path(two), window, alone=True)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_no_record_goes_on_from_one_object_into_the_next(tmp_path: Path, end: bytes) -> None:
    """What is cut would go on in what follows, and two records in one line would make up for it in number."""
    event = json.dumps(envelope("t-1")).encode()
    cut, rest = event[:-1] + b', "x":', b"{}}"
    joined = json.dumps(envelope("t-2")).encode() + json.dumps(envelope("t-3")).encode()
    shelf = Shelf([text + end for text in (cut, rest, joined)])
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    together = outcome(shelf, one, TimeWindow(), alone=False)
    assert together == outcome(shelf, two, TimeWindow(), alone=True)
    assert sorted(dict(row)["task_id"] for row in together[0]) == ["t-2", "t-3"]


@pytest.mark.parametrize("count", [1, 2, 300])
def test_an_object_that_can_not_be_opened_costs_only_itself(tmp_path: Path, count: int) -> None:
    good = json.dumps(envelope("t")).encode() + b"\n"
    shelf = Shelf([None if place % 3 == 1 else good for place in range(count)])
    job = StagingJob(shelf, tmp_path, TimeWindow(), LATEST)
    made = list(stage(shelf.objects(), job, "x"))
    bad = [one.item.uri for one in made if isinstance(one, Unreadable)]
    finished = [item.uri for one in made if isinstance(one, StagedBatch) for item, _ in one.finished]
    assert bad == [uri for uri, raw in shelf.data.items() if raw is None]
    assert sorted(finished) == sorted(uri for uri, raw in shelf.data.items() if raw is not None)
    assert sorted(shelf.opened) == sorted(shelf.data)


def test_a_large_object_is_not_fetched_whole() -> None:
    shelf = Shelf([b"x" * (SMALL_BYTES + 1), b"{}\n"])
    assert [fetched for _, fetched in prefetched(shelf.objects(), shelf)] == [None, b"{}\n"]
    assert shelf.opened == ["test://shelf/1"]
