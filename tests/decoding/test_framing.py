"""Records are found whole in every framing, wherever the blocks are cut."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.events import envelope, text_of

from bwp_client.decoding.framing import RecordFramer
from bwp_client.decoding.records import Record, Rejected, exact_records
from bwp_client.events import QuarantineReason

FRAMINGS = ["lines", "joined", "pretty", "array"]
TRICKY = st.text(st.sampled_from('ab{}[]",:\\\n /é😀'), max_size=12)


def cut(data: bytes, size: int) -> list:
    framer = RecordFramer()
    items = []
    for at in range(0, len(data), size):
        items += framer.feed(data[at : at + size])
    items += framer.finish()
    return [(record.offset, record.value if isinstance(record, Record) else record) for record in exact_records(items)]


@settings(max_examples=120, deadline=None)
@given(st.lists(TRICKY, min_size=1, max_size=8), st.sampled_from(FRAMINGS), st.integers(1, 900), st.booleans())
def test_every_record_is_found_once(texts: list[str], framing: str, size: int, bom: bool) -> None:
    events = [
        envelope(f"t-{place}", id=f"{place}{text}", detail={"data": {"t": [{"x": text}, {"y": text}]}})
        for place, text in enumerate(texts)
    ]
    data = (b"\xef\xbb\xbf" if bom else b"") + text_of(events, framing)
    found = cut(data, size)
    assert [getattr(record, "id", record) for _, record in found] == [event["id"] for event in events]
    for (offset, _), event in zip(found, events, strict=True):
        assert json.JSONDecoder().raw_decode(data[offset:].decode())[0] == event


@pytest.mark.parametrize("end", [b"\n", b"", b"\r\n"])
@pytest.mark.parametrize("size", [1, 7, 300, 10_000])
def test_files_that_were_joined_have_a_byte_order_mark_each(end: bytes, size: int) -> None:
    events = [envelope(f"t-{place}", id=f"e-{place}") for place in range(4)]
    lines = [json.dumps(event).encode() + end for event in events]
    data = b"".join(b"\xef\xbb\xbf" + lines[at] + lines[at + 1] for at in (0, 2))
    found = cut(data, size)
    assert [getattr(record, "id", record) for _, record in found] == ["e-0", "e-1", "e-2", "e-3"]


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 900), st.lists(st.booleans(), min_size=1, max_size=12))
def test_bad_lines_cost_only_themselves(size: int, good: list[bool]) -> None:
    lines = [json.dumps(envelope(f"t-{at}", id=f"{at}")) if ok else f"<bad {at}>" for at, ok in enumerate(good)]
    found = cut("\n".join(lines).encode(), size)
    told = [record.raw.decode() if isinstance(record, Rejected) else record.id for _, record in found]
    assert told == [str(at) if ok else f"<bad {at}>" for at, ok in enumerate(good)]


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_a_record_glued_to_a_cut_off_one_is_kept(size: int) -> None:
    whole = json.dumps(envelope("t-2", id="whole")).encode()
    cut_off = json.dumps(envelope("t-1", id="cut")).encode()[:90]
    found = cut(cut_off + whole + b"\n" + whole, size)
    assert [getattr(record, "id", None) for _, record in found] == [None, "whole", "whole"]
    assert found[0] == (0, Rejected(0, cut_off, QuarantineReason.NOT_JSON))
    assert found[1][0] == 90


@pytest.mark.parametrize("data", [b"", b" \n\r\n", b"[]", b"[ ]\n", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("size", [1, 100])
def test_an_empty_object_holds_nothing(data: bytes, size: int) -> None:
    assert cut(data, size) == []


def test_lines_with_carriage_returns_and_blanks() -> None:
    lines = [json.dumps(envelope("t", id=str(at))).encode() for at in range(3)]
    found = cut(b"\r\n" + b"\r\n\r\n".join(lines) + b"\r\n \r\n", 50)
    assert [record.id for _, record in found] == ["0", "1", "2"]
