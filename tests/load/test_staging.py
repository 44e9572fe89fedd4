"""Objects as the loader reads them: every framing, wherever the blocks end, and whatever else lies in the object."""

import gc
import gzip
import io
import json
import random
import zlib
from types import TracebackType

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.events import envelope, resource
from support.packing import as_parquet
from support.staging import Dripping, stage
from support.wire import lambda_kinesis

from bwp_client.decoding.compression import CutShortError, blocks

# What might be taken for the end of a record, inside a string.
TRICKY = st.text(st.sampled_from('ab{}[]",:\\\n\r\t /é😀\0'), max_size=10) | st.sampled_from(
    ["}{", "},{", '"}{"', "}\n{", "\\", '\\"}{', '{"version":"0"}', "]", "}]"]
)
NESTED = st.recursive(
    TRICKY | st.integers() | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TRICKY, inner, max_size=3),
    max_leaves=8,
)
SIZES = st.lists(st.integers(1, 700), min_size=1, max_size=5)
# (before the first, between two, after the last, indentation)
FRAMINGS = {
    "lines": ("", "\n", "\n", None),
    "lines without the last newline": ("", "\n", "", None),
    "carriage returns": ("", "\r\n", "\r\n", None),
    "blank lines": ("\n \n", "\n\n", "\n\n", None),
    "joined": ("", "", "", None),
    "spaces": (" ", " ", " ", None),
    "pretty": ("", "\n", "\n", 2),
    "pretty joined": ("", "", "", 2),
    "tabs": ("", "\n", "", "\t"),
    "array": ("[", ", ", "]", None),
    "array on lines": ("[\n", ",\n", "\n]\n", None),
    "pretty array": ("[\n  ", ",\n  ", "\n]", 2),
}


def framed(texts: list[str], framing: str, *, bom: bool = False) -> tuple[bytes, list[int]]:
    """Give the object and where each record begins."""
    before, between, after, _ = FRAMINGS[framing]
    data, offsets = ("\ufeff" if bom else "").encode() + before.encode(), []
    for place, text in enumerate(texts):
        data += between.encode() if place else b""
        offsets.append(len(data))
        data += text.encode()
    return data + after.encode(), offsets


def written(events: list[dict], framing: str) -> list[str]:
    indent = FRAMINGS[framing][3]
    return [json.dumps(event, indent=indent, ensure_ascii=place % 2 == 0) for place, event in enumerate(events)]


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(NESTED, min_size=1, max_size=6), st.sampled_from(sorted(FRAMINGS)), SIZES, st.booleans(), st.booleans())
def test_every_framing_gives_the_same_records_at_their_exact_places(
    values: list, framing: str, sizes: list[int], bom: bool, packed: bool
) -> None:
    events = [
        envelope(f"t-{place}", id=f"e-{place}", detail={"data": value, "list": [{"x": 1}, {"y": value}]}, extra=[value])
        for place, value in enumerate(values)
    ]
    data, offsets = framed(written(events, framing), framing, bom=bom)
    if packed:
        data, sizes = gzip.compress(data), [max(2, size) for size in sizes]
    found, refused, _ = stage(data, sizes)
    assert refused == []
    assert found == [(offset, f"e-{place}") for place, offset in enumerate(offsets)]


@pytest.mark.parametrize("data", [b"", b"\n", b" \r\n\t ", b"[]", b"[\n]\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"])
@pytest.mark.parametrize("sizes", [[1], [2], [1000]])
def test_an_object_without_records_is_read_and_holds_nothing(data: bytes, sizes: list[int]) -> None:
    found, refused, counts = stage(data, sizes)
    assert (found, refused) == ([], [])
    assert counts.ignored.total() == counts.outside_window == 0


@pytest.mark.parametrize("mark", [b"\xfe\xff", b"\xff\xfe", b"x\x9c", b"x\x01", b"\x1f\x9d"])
def test_a_first_line_that_begins_like_another_format_loses_only_itself(mark: bytes) -> None:
    first, *others = (
        text.encode() for text in written([envelope(f"t-{at}", id=f"e-{at}") for at in range(3)], "lines")
    )
    for damaged in (mark + first, mark + first[2:], mark):
        found, refused, _ = stage(b"\n".join([damaged, *others]) + b"\n", [1000])
        assert [name for _, name in found][-2:] == ["e-1", "e-2"], damaged
        assert len(refused) == 1


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 7), st.data(), SIZES)
def test_one_damaged_line_loses_only_itself(count: int, data: st.DataObject, sizes: list[int]) -> None:
    """Whatever is done to the bytes of one line, its newline apart, all other lines are found."""
    lines = [text.encode() for text in written([envelope(f"t-{at}", id=f"e-{at}") for at in range(count)], "lines")]
    place = data.draw(st.integers(0, count - 1))
    line = bytearray(lines[place])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, max(len(line) - 1, 0)))
        cut = data.draw(st.integers(0, 40))
        line[at : at + cut] = data.draw(st.binary(max_size=6)).translate(None, b"\n")
    lines[place] = bytes(line)
    found, refused, counts = stage(b"\n".join(lines) + b"\n", sizes)
    others = {f"e-{at}" for at in range(count) if at != place}
    assert others <= {name for _, name in found}
    assert len(found) + len(refused) + counts.ignored.total() <= count + 3  # what is left of one line is no flood
    begins = {sum(len(one) + 1 for one in lines[:at]): f"e-{at}" for at in range(count)}
    assert {(offset, name) for offset, name in begins.items() if name in others} <= set(found)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(TRICKY, min_size=2, max_size=5),
    st.sampled_from(["lines", "joined", "pretty", "pretty joined"]),
    st.data(),
    SIZES,
)
def test_a_cut_off_record_glued_to_a_good_one_loses_only_itself(
    texts: list[str], framing: str, data: st.DataObject, sizes: list[int]
) -> None:
    events = [envelope(f"t-{at}", id=f"e-{at}", detail={"data": {"t": text}}) for at, text in enumerate(texts)]
    records = written(events, framing)
    place = data.draw(st.integers(0, len(records) - 2))
    kept = data.draw(st.integers(1, len(records[place]) - 1))
    records[place : place + 2] = [records[place][:kept] + records[place + 1]]
    found, refused, _ = stage(framed(records, framing)[0], sizes)
    assert {name for _, name in found} == {f"e-{at}" for at in range(len(texts)) if at != place}
    assert len(refused) >= 1


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=3000) | st.text('{}[]",:\\\n ', max_size=400).map(str.encode), SIZES)
@example(b"\x1f\x8b", [1])
@example(b"PK\x03\x04" + bytes(range(256)), [100])
@example(b"[" * 3000, [10])
@example(b'{"' * 1500, [10])
def test_no_bytes_are_a_fault(data: bytes, sizes: list[int]) -> None:
    found, _, _ = stage(data, sizes)
    assert found == []


LARGE = 4 * 1024 * 1024 + 1000


@pytest.mark.parametrize("framing", ["lines", "joined", "array", "pretty"])
@pytest.mark.parametrize("size", [65_536, 1_000_000, 6_000_000])
def test_a_record_larger_than_any_event_is_refused_and_what_follows_is_kept(framing: str, size: int) -> None:
    events = [envelope(f"t-{at}", id=f"e-{at}") for at in range(4)]
    events[1]["detail"] = {"data": "x" * LARGE}
    data, offsets = framed(written(events, framing), framing)
    found, refused, _ = stage(data, [size])
    assert [(offset, name) for offset, name in found if name != "e-1"] == [(offsets[at], f"e-{at}") for at in (0, 2, 3)]
    assert {reason for _, reason in refused} <= {"record_too_large", "not_json"}
    assert len(refused) <= 3


def test_many_lines_that_are_left_to_the_exact_decoder_keep_their_places() -> None:
    dice = random.Random(3)
    lines, wanted, wrong = [], [], []
    offset = 0
    for number in range(3000):
        event = envelope(f"t-{number}", id=f"e-{number}")
        pick = dice.random()
        if pick < 0.1:
            event["resources"] = [f"shop/s/{resource(f't-{number}')}"]
        elif pick < 0.2:
            event["time"] = "2026-05-01T12:00:00.5+02:00"
        elif pick < 0.3:
            event["resources"] = []
        (wrong if not event["resources"] else wanted).append((offset, event["id"]))
        lines.append(json.dumps(event).encode() + b"\n")
        offset += len(lines[-1])
    found, refused, _ = stage(b"".join(lines), [300_001])
    assert found == wanted
    assert refused == [(offset, "no_task_in_resources") for offset, _ in wrong]


def joined(data: bytes, sizes: list[int] | None = None) -> bytes:
    return b"".join(blocks(Dripping(data, sizes or [10_000])))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), SIZES, st.integers(0, 30))
def test_gzip_members_in_a_row_are_one_text(parts: list[bytes], sizes: list[int], padding: int) -> None:
    parts[0] = b"{" + parts[0]  # what begins like a compressed object is taken for one, compressed twice
    data = b"".join(gzip.compress(part) + b"\0" * padding for part in parts)
    assert joined(data, [max(2, size) for size in sizes]) == b"".join(parts)


def test_a_text_is_never_held_whole() -> None:
    data = gzip.compress(b"a" * 50_000_000)
    assert len(data) < 100_000
    assert max(len(block) for block in blocks(io.BytesIO(data))) <= 4 * 1024 * 1024


@pytest.mark.parametrize("cut", [3, 12, 200, -9, -8, -1])
def test_a_cut_gzip_gives_what_came_before(cut: int) -> None:
    text = random.Random(1).randbytes(2000)
    before: list[bytes] = []
    with pytest.raises(CutShortError):
        before.extend(blocks(io.BytesIO(gzip.compress(text)[:cut])))
    assert text.startswith(b"".join(before))
    if cut < 0:  # only the end marker is missing
        assert len(b"".join(before)) > 1900


def test_a_wrong_checksum_is_damage() -> None:
    data = bytearray(gzip.compress(b"some text"))
    data[-8:-4] = (zlib.crc32(b"some other text")).to_bytes(4, "little")
    with pytest.raises(CutShortError):
        joined(bytes(data))


@pytest.mark.parametrize(("packed", "text"), [(True, b"x" * 100), (False, b"x" * 100)])
def test_gzip_is_known_by_its_first_bytes(packed: bool, text: bytes) -> None:
    assert joined(gzip.compress(text) if packed else text) == text


HALF = gzip.compress(json.dumps(envelope("t-1")).encode() * 100)[:-40]
REFUSED = {
    "no time": json.dumps({name: value for name, value in envelope("t-1").items() if name != "time"}).encode(),
    "bad time": json.dumps(envelope("t-1", time="never")).encode(),
    "no event": b'{"a": 1}',
    "no JSON": b"{",
    "no task": json.dumps(envelope("t-1", resources=["x/y"])).encode(),
    "cut": HALF,
    "too much text": gzip.compress(b" " * 70_000_000),
    "another format": b"\x04\x22\x4d\x18",
    "in a wrapper": json.dumps(lambda_kinesis([HALF, b"{", b"[{}]", b'{"detail-type": "']) | {"Sns": {}}).encode(),
    "a cut Parquet": as_parquet(pa.table({"id": ["a"]}))[:-9],
}


def errors() -> list[object]:
    return [item for item in gc.get_objects() if isinstance(item, Exception | TracebackType)]


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_leaves_nothing_for_the_garbage_collector(name: str) -> None:
    """Workers run without it, and an error in a cycle would hold its frames, and their text, to the end."""
    stage(REFUSED[name], [1_000_000])
    gc.collect()
    gc.disable()
    try:
        before = errors()
        _, refused, _ = stage(REFUSED[name], [1_000_000])
        left = [item for item in errors() if not any(item is other for other in before)]
    finally:
        gc.enable()
    assert refused
    assert left == []
