"""Input made to break a reader: no crash, bounded memory, and a quarantine row that can be read safely."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from support.events import envelope
from support.packing import as_parquet
from support.staging import stage, staged_tables
from support.tables import rows
from support.wire import lambda_kinesis, logs, text

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import TableName, Warehouse

GOOD = envelope("t-9", id="good")
EVENT = text(envelope("t-1", id="e-1"))
ODD = {
    "5,000 digits": (EVENT[:-1] + ', "n": ' + "7" * 5000 + "}", "e-1"),
    "5,000 digits of a fraction": (EVENT[:-1] + ', "n": 0.' + "7" * 5000 + "}", "e-1"),
    "a huge exponent": (EVENT[:-1] + ', "n": 1e999999}', "e-1"),
    "NaN": (EVENT[:-1] + ', "n": NaN}', "not_json"),
    "a lone surrogate": (EVENT.replace('"e-1"', '"\\ud800"'), "not_json"),
    "a lone surrogate that is not read": (EVENT[:-1] + ', "n": "\\udc00"}', "not_json"),
    "a key twice": (EVENT[:-1] + ', "id": "second"}', "second"),
    "deep nesting": (EVENT[:-1] + ', "n": ' + "[" * 100_000 + "]" * 100_000 + "}", "not_json"),
    "deep objects": (EVENT[:-1] + ', "n": ' + '{"a":' * 100_000 + "1" + "}" * 100_001, "not_json"),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("framing", ["\n", "", ","])
def test_an_odd_record_gets_a_verdict_and_costs_only_itself(name: str, framing: str) -> None:
    record, verdict = ODD[name]
    joined = framing.join([record, text(GOOD)])
    found, refused, _ = stage((f"[{joined}]" if framing == "," else joined).encode(), [100_000])
    wanted = ["good"] if verdict == "not_json" else [verdict, "good"]
    assert [name for _, name in found] == wanted
    assert {reason for _, reason in refused} == ({"not_json"} if verdict == "not_json" else set())


@pytest.mark.parametrize("bad", [b"\xff\xfe", b"\xc3(", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80"])
def test_broken_utf8_is_refused_and_shown_safely(bad: bytes) -> None:
    data = EVENT.replace("e-1", "BAD").encode().replace(b"BAD", bad + b"\x1b[31m\0") + b"\n" + text(GOOD).encode()
    found, (row,), _ = staged_tables(data, [1000])
    assert [one["envelope_id"] for one in found] == ["good"]
    assert row["excerpt"].isprintable()
    assert len(row["excerpt"]) <= 300


def test_an_excerpt_carries_no_address_and_no_long_number() -> None:
    inner = 'mail shopper@example.com, order 112-1234567-1234567 \u202e\u2028 <script>"'
    _, (row,), _ = staged_tables(text(logs([inner])).encode(), [1000])
    assert "shopper@" not in row["excerpt"]
    assert "1234567" not in row["excerpt"]
    assert row["excerpt"].isprintable()


ADDRESSES = {
    "plain": "jane.doe@example.com",
    "escaped": "jane.doe\\u0040example.com",
    "of a web address": "jane.doe%40example.com",
    "of a web page": "mailto:jane.doe&#64;example.com",
    "wide": "jane.doe＠example.com",
    "of other letters": "jane.döe@müller.de",
    "of no Latin letter": "jane.иван@почта.рф",
    "quoted": '\\"jane doe\\"@example.com',
    "of a number": "jane@[192.168.2.1]",
    "in words": "jane.doe (at) example.com",
    "long": "jane." + "x" * 200 + "@example.com",
}


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
@pytest.mark.parametrize("code", ["utf-8", "utf-16", "utf-16-be"])
def test_no_address_of_any_form_gets_into_an_excerpt(address: str, code: str) -> None:
    data = f'{{"bad": "{address}", "more'.encode(code)
    _, (row,), _ = staged_tables(data, [1000])
    assert "jane" not in row["excerpt"]
    assert "example" not in row["excerpt"]


@pytest.mark.parametrize("before", range(1100, 1216, 5))
def test_an_address_that_the_excerpts_end_cuts_is_left_out(before: int) -> None:
    data = b'{"a": ' + b"1" * before + b' "jane.doe.of.springfield@example.com", "b": "' + b"x" * 400
    _, (row,), _ = staged_tables(data, [1000])
    assert "jane" not in row["excerpt"]
    assert row["excerpt"].startswith('{"a": <number>')


def test_an_excerpt_of_one_long_word_is_shown() -> None:
    _, (row,), _ = staged_tables(b'{"' + b"x" * 5000, [1000])
    assert len(row["excerpt"]) == 300


def test_a_flood_of_words_that_are_no_address_is_scrubbed_soon() -> None:
    line = b"{" + b"a" * 1150 + b" @\n"
    _, refused, _ = staged_tables(line * 2000, [1_000_000])
    assert len(refused) == 2000


def test_a_type_with_an_address_is_not_named() -> None:
    event = envelope("t") | {"detail-type": "jane.doe@example.com"}
    _, _, counts = stage(text(event).encode(), [1000])
    assert counts.ignored == {"(other types)": 1}


@pytest.mark.parametrize("count", [450_000, 1_200_000])
@pytest.mark.parametrize("size", [1_000_000, 4_194_304])
def test_a_long_record_of_many_small_objects_is_one_row(count: int, size: int) -> None:
    big = '{"id":"big","x":[' + '{"a":"}"},' * count + "1]}"
    data = "\n".join([EVENT, big, text(GOOD)]).encode()
    found, refused, _ = stage(data, [size])
    assert [name for _, name in found] == ["e-1", "good"]
    assert refused == [(data.index(big.encode()), "record_too_large")]


def test_events_inside_a_long_record_are_not_taken_for_events() -> None:
    big = '{"x": "' + "a" * 9_000_000 + f'", "y": [{EVENT}, {EVENT}]}}'
    found, refused, _ = stage("\n".join([big, text(GOOD)]).encode(), [1_000_000])
    assert [name for _, name in found] == ["good"]
    assert refused == [(0, "record_too_large")]


@pytest.mark.parametrize("end", ["", "]]", '"', *(pytest.param(end, marks=pytest.mark.soak) for end in ("}", "\n"))])
def test_what_follows_a_long_record_that_breaks_off_is_found(end: str) -> None:
    big = '{"id":"big","x":[' + '{"a":[1, "\\\\"]},' * 300_000 + end
    data = "\n".join([EVENT, big, text(GOOD), EVENT]).encode()
    for size in (1_000_000, data.index(text(GOOD).encode()) + 20):
        found, refused, _ = stage(data, [size])
        assert [name for _, name in found] == ["e-1", "good", "e-1"]
        assert refused[0][1] == "record_too_large"


def test_a_flood_of_lines_with_commas_between_is_cut_soon() -> None:
    """A try at each must not copy all that follows."""
    found, refused, _ = stage(('{"a":1},' * 100_000 + text(GOOD)).encode(), [1_000_000])
    assert [name for _, name in found] == ["good"]
    assert len(refused) == 100_000


@pytest.mark.parametrize("joint", ["\n", "", ","])
def test_a_record_of_any_size_is_one_row(joint: str) -> None:
    big = text(envelope("t", id="big", detail={"data": "x" * 30_000_000}))
    joined = joint.join([EVENT, big, text(GOOD)])
    data = (f"[{joined}]" if joint == "," else joined).encode()
    found, refused, _ = stage(data, [1_000_000])
    assert [name for _, name in found] == ["e-1", "good"]
    assert refused == [(data.index(big.encode()), "record_too_large")]


@pytest.mark.parametrize("joint", ["\n", "", ","])
def test_a_flood_of_tiny_records_is_counted_one_by_one(joint: str) -> None:
    joined = joint.join(["{}"] * 50_000 + [text(GOOD)])
    data = f"[{joined}]" if joint == "," else joined
    found, refused, counts = stage(data.encode(), [1_000_000])
    assert [name for _, name in found] == ["good"]
    assert counts.quarantined == {"not_an_envelope": 50_000}
    assert len({offset for offset, _ in refused}) == 50_000


PEAK = """
import resource, sys
from pathlib import Path
from tempfile import TemporaryDirectory
from bwp_client.sources import open_source
from bwp_client.load.staged import StagingJob, TimeWindow
from bwp_client.load.staging import stage
source = open_source(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with TemporaryDirectory() as folder:
    for batch in stage(source.objects(), StagingJob(source, Path(folder), TimeWindow(), 1_800_000_000_000_000), "t"):
        pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def peak_growth_mb(path: Path) -> float:
    done = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024


def write_giant(path: Path) -> None:
    start, end = text(envelope("t", id="big", detail={"data": "X"})).split("X")
    with path.open("w") as file:
        file.write(start)
        for _ in range(100):
            file.write("x" * 1_000_000)
        file.write(end + "\n" + text(GOOD))


def test_a_record_of_100_mb_takes_a_fraction_of_that(tmp_path: Path) -> None:
    write_giant(tmp_path / "giant.json")
    assert peak_growth_mb(tmp_path / "giant.json") < 60


@pytest.mark.parametrize("content", [b"a", b"{}", b'"', b"\n", b"[", b"{}\n"])
def test_a_bomb_takes_bounded_memory(tmp_path: Path, content: bytes) -> None:
    count = 12_000_000 // 40 if b"{" in content else 100_000_000
    (tmp_path / "bomb").write_bytes(gzip.compress(content * count, 1))
    assert peak_growth_mb(tmp_path / "bomb") < 150


def test_a_long_text_in_every_row_of_a_parquet_file_takes_bounded_memory(tmp_path: Path) -> None:
    """A dictionary holds the text once, so that the file is small."""
    table = pa.table({"detail_type": ["X"] * 200, "detail": ["x" * 4_000_000] * 200})
    (tmp_path / "rows").write_bytes(as_parquet(table))
    assert (tmp_path / "rows").stat().st_size < 1_000_000
    assert peak_growth_mb(tmp_path / "rows") < 350


def test_many_bombs_in_a_wrapper_take_bounded_memory(tmp_path: Path) -> None:
    wrapper = text(lambda_kinesis([gzip.compress(b"\n" * 1_000_000)] * 1500))
    (tmp_path / "bombs").write_text(f"{wrapper}\n{text(GOOD)}\n")
    assert peak_growth_mb(tmp_path / "bombs") < 150
    found, refused, _ = stage((tmp_path / "bombs").read_bytes(), [1_000_000])
    assert [name for _, name in found] == ["good"]
    assert refused == [(0, "record_too_large")]


@pytest.mark.parametrize(
    "detail", ["[" + "[]," * 1_000_000 + "[]]", "[" + "1," * 1_500_000 + "1]", '"' + "[]," * 1_000_000 + '"']
)
def test_a_detail_of_many_values_takes_bounded_memory(tmp_path: Path, detail: str) -> None:
    event = EVENT.replace('"detail": {}', f'"detail": {detail}')
    foreign = event.replace("PERSONAL_DATA_DELETION_TASK_COMPLETED", "ORDER_CREATED")
    (tmp_path / "values").write_text("\n".join([event, foreign, text(GOOD)]))
    assert peak_growth_mb(tmp_path / "values") < 150


def test_object_names_are_never_paths_of_ours(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    names = [
        'a"b.json',
        "a'b.json",
        "a\nb.json",
        "x..%2f..%2fy.json",
        "a;drop table events.json",
        "é😀.json",
        "-x",
        "$(x)",
    ]
    for place, name in enumerate(names):
        (folder / name).write_text(json.dumps(envelope(f"t-{place}")) + "\n<bad>\n")
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    result = load(warehouse, open_source(str(folder)))
    assert (result.objects, result.stored, result.quarantined) == (len(names), len(names), len(names))
    assert len({row[0] for row in rows(warehouse, TableName.QUARANTINE, "source_uri")}) == len(names)
    assert load(warehouse, open_source(str(folder))).objects == 0
