"""Snappy, Hadoop's snappy, zip and Parquet give the same rows as the JSON that they hold; damage keeps what came before."""

import json
import random
import zipfile
from datetime import UTC, datetime
from io import BytesIO

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.events import envelope, text_of
from support.packing import as_parquet, framed_snappy, hadoop_snappy, in_glue, zipped
from support.staging import Dripping, staged_tables
from support.wire import webhook

from bwp_client.decoding.compression import CutShortError, TooMuchTextError, blocks

EVENTS = [
    envelope(f"t-{place}", id=f"{random.Random(place).getrandbits(256):x}", outcome="FAILED") for place in range(3000)
]
LINE = b'{"detail-type": "ORDER_CREATED"}\n'
TEXT = text_of(EVENTS)
PACKED = {
    "snappy": framed_snappy(TEXT),
    "snappy, not compressed": framed_snappy(TEXT, packed=False),
    "hadoop snappy": hadoop_snappy(TEXT),
    "hadoop snappy, one piece": hadoop_snappy(TEXT, block=10_000_000, piece=10_000_000),
    "zip": zipped([TEXT]),
    "zip, stored": zipped([TEXT[:100], TEXT[100:]], how=zipfile.ZIP_STORED),
}


def read(data: bytes, sizes: list[int]) -> bytes:
    return b"".join(blocks(Dripping(data, sizes)))


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("sizes", [[1_000_000], [7, 4000, 1]])
def test_the_text_comes_out(name: str, sizes: list[int]) -> None:
    assert read(PACKED[name], sizes) == TEXT


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=2000), st.integers(1, 500), st.integers(1, 300))
def test_hadoop_blocks_of_any_size(text: bytes, block: int, piece: int) -> None:
    text = b"{" + text
    assert read(hadoop_snappy(text, block=block, piece=piece), [333]) == text


@pytest.mark.parametrize("name", ["snappy", "snappy, not compressed", "hadoop snappy"])
@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_what_came_before_damage_is_kept(name: str, damage: str) -> None:
    data = PACKED[name]
    half = len(data) // 2
    data = data[:half] if damage == "cut" else data[:half] + b"\xff" * 5000 + data[half + 5000 :]
    found, refused, counts = staged_tables(data, [100_000])
    in_order = sorted(found, key=lambda row: row["source_offset"])
    assert [row["envelope_id"] for row in in_order] == [event["id"] for event in EVENTS[: len(found)]]
    assert len(found) > 500
    assert "object_cut_short" in {row["reason"] for row in refused}
    assert counts.events == len(found)


@pytest.mark.parametrize("data", [zipped([TEXT])[:-30], zipped([TEXT])[:60] + b"x" * 500 + zipped([TEXT])[560:]])
def test_a_damaged_zip_is_said_to_be_cut(data: bytes) -> None:
    with pytest.raises(CutShortError):
        read(data, [1_000_000])


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (zipped([LINE]) + LINE, LINE),
        (zipped([b"{}"]) + zipped([LINE]), LINE),
        (zipped([]) + LINE, b""),
        (zipped([]) + zipped([]), b""),
    ],
    ids=["text after a zip", "two zips", "text after an empty zip", "two empty zips"],
)
def test_bytes_outside_a_zip_are_not_passed_over(data: bytes, text: bytes) -> None:
    found: list[bytes] = []
    with pytest.raises(CutShortError, match="does not belong to it"):
        found.extend(blocks(BytesIO(data)))
    assert b"".join(found) == text


def test_a_zip_with_a_comment_is_read_whole() -> None:
    file = BytesIO(zipped([TEXT]))
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"Exported by the shop. " * 900
    assert b"".join(blocks(BytesIO(file.getvalue()))) == TEXT


def test_a_zip_that_wants_a_password_is_said_to_be_cut() -> None:
    data = bytearray(zipped([b"{}"]))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.rindex(mark) + place] |= 1
    with pytest.raises(CutShortError, match="password"):
        read(bytes(data), [1_000_000])


def test_a_flood_in_a_zip_is_stopped() -> None:
    with pytest.raises(TooMuchTextError):
        read(zipped([b"\n" * 100_000_000]), [1_000_000])


@pytest.mark.parametrize(
    "text", ["", "\0", "\0\0\0\0\0\0\0\0\0", "\0\0\0\x05\0\0\xff\xff{}", "PK\x03", "PAR", "\xff\x06"]
)
def test_what_only_begins_like_a_packed_object_is_text(text: str) -> None:
    assert read(text.encode("latin-1"), [100]) == text.encode("latin-1")


def told(data: bytes) -> list[dict]:
    found, refused, _ = staged_tables(data, [1_000_000])
    assert not refused
    return [{name: value for name, value in row.items() if name != "source_offset"} for row in found]


def events() -> list[dict]:
    made = [envelope(f"t-{place}", id=f"e-{place}", outcome="FAILED") for place in range(5)]
    for place, event in enumerate(made[:3]):
        event["detail"] = webhook(event) | {"idempotencyKey": f"k-{place}"}
    made[4]["replay-name"] = "again"
    return made


@pytest.mark.parametrize("form", ["texts", "struct and list", "times", "detail as text"])
def test_parquet_gives_what_the_json_gave(form: str) -> None:
    rows = in_glue(events())
    for row in rows:
        row["detail"].pop("data", None)
        if form == "times":
            row["time"] = datetime.fromisoformat(row["time"])
        if form in {"texts", "detail as text"}:
            row["detail"] = json.dumps(row["detail"])
        if form == "texts":
            row["resources"] = json.dumps(row["resources"])
    names = sorted({name for row in rows for name in row})
    table = pa.table({name: [row.get(name) for row in rows] for name in names})
    if form == "times":
        place = table.schema.get_field_index("time")
        plain = pa.array([row["time"].astimezone(UTC).replace(tzinfo=None) for row in rows], pa.timestamp("ms"))
        table = table.set_column(place, "time", plain)
    assert told(as_parquet(table, row_group_size=2)) == told(text_of(events()))


@pytest.mark.parametrize("has_column", [True, False])
def test_parquet_has_no_place_for_an_empty_detail(has_column: bool) -> None:
    left_out = {"detail", "replay-name"}
    bare = [{name: value for name, value in event.items() if name not in left_out} for event in events()]
    thin = [event | {"detail": {}} for event in bare]
    kind = pa.struct([("idempotencyKey", pa.string())])
    table = pa.Table.from_pylist(in_glue(bare))
    if has_column:
        table = table.append_column("detail", pa.nulls(len(thin), kind))
    assert told(as_parquet(table)) == told(text_of(thin))


def test_parquet_of_webhook_bodies() -> None:
    bodies = [webhook(event) for event in events()]
    for body in bodies:
        del body["data"]
    assert told(as_parquet(pa.Table.from_pylist(in_glue(bodies)))) == told(text_of(bodies))


def test_a_row_that_is_no_event_is_refused_alone() -> None:
    kind = "PERSONAL_DATA_DELETION_TASK_FAILED"
    table = pa.table({"id": ["a", None], "detail_type": [kind, kind], "resources": ["[]", "[not json"]})
    _, refused, _ = staged_tables(as_parquet(table), [1_000_000])
    assert [row["reason"] for row in refused] == ["not_an_envelope", "not_an_envelope"]


FAR = 10**18
"""µs since 1970: a time that Python cannot represent."""


@pytest.mark.parametrize("kind", [pa.timestamp("us"), pa.timestamp("us", "UTC")])
@pytest.mark.parametrize("column", ["time", "stored_at", "struct", "list"])
def test_a_time_beyond_all_years_decides_only_where_it_is_needed(kind: pa.DataType, column: str) -> None:
    far = pa.array([FAR, None], kind)
    values = {
        "struct": pa.StructArray.from_arrays([far], names=["at"]),
        "list": pa.ListArray.from_arrays([0, 1, 2], far),
    }.get(column, far)
    made = events()[3:]
    table = pa.table({name: [event[name] for event in made] for name in ("id", "resources", "time")})
    table = table.append_column("detail_type", [[event["detail-type"] for event in made]])
    table = table.set_column(2, "time", values) if column == "time" else table.append_column(column, values)
    found, refused, _ = staged_tables(as_parquet(table), [1_000_000])
    if column == "time":
        assert sorted(row["reason"] for row in refused) == ["bad_time", "not_an_envelope"]
    else:
        assert ([row["envelope_id"] for row in found], refused) == (["e-3", "e-4"], [])


def test_of_a_key_that_a_map_holds_twice_the_last_counts() -> None:
    detail = pa.array([[("idempotencykey", "k-1"), ("idempotencykey", "k-2")]], pa.map_(pa.string(), pa.string()))
    event = events()[3]
    table = pa.table({name: [event[name]] for name in ("id", "resources", "time")} | {"detail": detail})
    table = table.append_column("detail_type", [[event["detail-type"]]])
    assert [row["idempotency_key"] for row in told(as_parquet(table))] == ["k-2"]


@pytest.mark.parametrize("cut", [0.1, 0.9, -1])
def test_a_cut_parquet_is_said_to_be_cut(cut: float) -> None:
    data = as_parquet(pa.Table.from_pylist([{"id": "a"}] * 1000))
    with pytest.raises(CutShortError):
        read(data[: int(len(data) * cut) if cut > 0 else int(cut)], [1_000_000])
