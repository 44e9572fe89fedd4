"""Text on the line of a record, such as a time stamp, is no record; text that may be a part of one is."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.events import envelope
from support.staging import stage, staged_tables

COUNT = 5000
STAMP = "2026-05-01T12:00:00.000Z"
LINES = [json.dumps(envelope(f"t-{place}", id=f"e-{place}")) for place in range(COUNT)]
BEFORE = {
    "CloudWatch export": f"{STAMP} ",
    "docker": f"{STAMP} stdout F ",
    "syslog": "<14>1 May  1 12:00:00 host app[123]: ",
    "brackets": "[INFO] [2026-05-01 12:00:00,123] request-1: ",
    "Lambda": f"[INFO]\t{STAMP}\t5b0f6c1e-3d55-4b7e-8a0c-91f0a4f0c7d1\t",
    "epoch": "1777636800000\t",
    "process in brackets": "[1234] ",
    "server-sent events": "data: ",
    "call": "callback(",
    "JSON text sequence": "\x1e",
    "accents": "événement à Zürich → ",
}
AFTER = {
    "nothing": "",
    "semicolon": ";",
    "bracket": ");",
    "words": " (delivered) 5 ms",
    "stamp": f"\t{STAMP}",
    "return": "\r",
}


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("size", [777, 1_000_000])
def test_text_beside_a_record_is_no_record(before: str, after: str, size: int) -> None:
    lines = [f"{BEFORE[before]}{line}{AFTER[after]}" for line in LINES[:50]]
    found, refused, counts = stage("\n".join(lines).encode(), [size])
    assert refused == []
    assert counts.events == 50
    data = "\n".join(lines).encode()
    assert all(data[offset:].startswith(b'{"version"') for offset, _ in found)


def test_every_record_of_a_long_export_is_read() -> None:
    data = "".join(f"{STAMP} {line}\n" for line in LINES).encode()
    found, refused, _ = stage(data, [1_000_000])
    assert (len(found), refused) == (COUNT, [])


def test_every_record_after_text_that_counts_is_read() -> None:
    data = "".join(f'level="info" msg={line}\n' for line in LINES).encode()
    found, refused, _ = stage(data, [1_000_000])
    assert (len(found), {reason for _, reason in refused}, len(refused)) == (COUNT, {"not_json"}, COUNT)


def test_indented_records_with_a_time_stamp_each_are_read() -> None:
    data = "".join(
        f"{STAMP} stream\n"[:25].rstrip() + f"\n{json.dumps(json.loads(line), indent=4)}\n" for line in LINES[:20]
    )
    found, refused, _ = stage(data.encode(), [1000])
    assert (len(found), refused) == (20, [])


@pytest.mark.parametrize(
    ("line", "reason", "raw"),
    [
        (json.dumps({"hello": 1}), "not_an_envelope", '(missing: detail-type, id, time, resources) {"hello": 1}'),
        (json.dumps(envelope("t", time="never")), "bad_time", '{"version"'),
        (json.dumps(envelope("t"))[:-40], "not_json", '{"version"'),
    ],
)
def test_a_record_with_text_beside_it_keeps_its_reason(line: str, reason: str, raw: str) -> None:
    data = f"{STAMP} {LINES[0]}\n{STAMP} {line} end\n{STAMP} {LINES[1]}\n"
    found, (row,), _ = staged_tables(data.encode(), [1000])
    assert [one["envelope_id"] for one in found] == ["e-0", "e-1"]
    assert row["reason"] == reason
    assert row["excerpt"].startswith(raw)


DAMAGE = {
    "the beginning of a record": LINES[1][:60],
    "the end of a record": LINES[1][-60:],
    "the middle of a record": LINES[1][40:120],
    "letters that touch the record": "5b0f6c1e",
    "broken UTF-8": "\udcff\udcfe ",
    "control characters": "\0\0\0 ",
    "a quoted text": '"x" ',
    "a literal": "null ",
}


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("size", [50, 1_000_000])
def test_what_may_be_a_part_of_a_record_counts(name: str, size: int) -> None:
    text = f"{LINES[0]}\n{DAMAGE[name]}{LINES[2]}\n".encode("utf-8", "surrogateescape")
    found, refused, _ = stage(text, [size])
    assert [one for _, one in found] == ["e-0", "e-2"]
    assert [offset for offset, _ in refused] == [len(LINES[0]) + 1]


@pytest.mark.parametrize("line", ["START RequestId: 1", "<html>", "null", "2026-05-01 is a day", "a" * 5000])
@pytest.mark.parametrize("size", [50, 1_000_000])
def test_a_line_without_a_record_counts(line: str, size: int) -> None:
    found, refused, _ = stage(f"{LINES[0]}\n{line}\n{STAMP} {LINES[1]} x\n{line}\n".encode(), [size])
    assert len(found) == 2
    assert len(refused) == 2


def test_a_line_of_a_time_stamp_is_no_record() -> None:
    data = f"{STAMP}\n{LINES[0]}\n[2026-05-01 12:00:00]\n{LINES[1]}\n2026-05-01T12:00:00+0000"
    found, refused, _ = stage(data.encode(), [1000])
    assert (len(found), refused) == (2, [])


@pytest.mark.parametrize("data", ["[1, 2, {0}]", "[null, {0}]", '["x", {0}]', "[true,{0}]"])
@pytest.mark.parametrize("size", [1, 1000])
def test_the_elements_of_an_array_all_count(data: str, size: int) -> None:
    found, refused, _ = stage(data.replace("{0}", LINES[0]).encode(), [size])
    assert (len(found), len(refused)) == (1, 1)


PARTS = st.lists(
    st.sampled_from(
        [
            f"{STAMP} ",
            " ",
            "\n",
            "\r\n",
            ",",
            "[",
            "]",
            "x",
            "x ",
            " x",
            "null",
            '"',
            "{}",
            "é",
            "\x1e",
            "\0",
            "{",
            "}",
            *LINES[:2],
        ]
    ),
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(PARTS, st.integers(1, 60))
def test_where_text_is_cut_into_blocks_changes_nothing(parts: list[str], size: int) -> None:
    data = "".join(parts).encode()
    found, refused, counts = stage(data, [1_000_000])
    again, refused_again, counts_again = stage(data, [size])
    assert (found, counts.ignored, bool(refused)) == (again, counts_again.ignored, bool(refused_again))
