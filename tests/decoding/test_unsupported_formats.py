"""An object in a format that is not read costs one row, which names the format."""

import bz2
import gzip
import io
import json
import lzma
import zlib

import cramjam
import pyarrow as pa
import pytest
from pyarrow import orc
from support.events import envelope, text_of
from support.packing import as_parquet, framed_snappy, zipped
from support.staging import staged_tables
from support.wire import zstd

TEXT = text_of([envelope(f"t-{place}", id=f"e-{place}") for place in range(2000)])
_RAW = pa.Codec("snappy")


def raw_snappy(text: bytes) -> bytes:
    return _RAW.compress(text, asbytes=True)


def xerial(text: bytes) -> bytes:
    """Return what snappy-java writes: a header with two versions, then each block with its length."""
    data = b"\x82SNAPPY\0" + (1).to_bytes(4) + (1).to_bytes(4)
    for at in range(0, len(text), 32768):
        block = raw_snappy(text[at : at + 32768])
        data += len(block).to_bytes(4) + block
    return data


def orc_file(_: bytes) -> bytes:
    kept = io.BytesIO()
    orc.write_table(pa.table({"id": ["e-1"], "detail_type": ["x"]}), kept)
    return kept.getvalue()


PACKED = {
    "snappy-java (xerial)": xerial(TEXT),
    "snappy without framing": raw_snappy(TEXT),
    "lz4": bytes(cramjam.lz4.compress(TEXT)),
    "xz": lzma.compress(TEXT),
    "lzma": lzma.compress(TEXT, format=lzma.FORMAT_ALONE),
    "bzip2": bz2.compress(TEXT),
    "zlib": zlib.compress(TEXT),
    "compressed more than twice": gzip.compress(gzip.compress(gzip.compress(TEXT))),
    "UTF-16": TEXT.decode().encode("utf-16"),
    "UTF-32": TEXT.decode().encode("utf-32"),
    "an ORC file": orc_file(TEXT),
}


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("outer", [bytes, gzip.compress, zstd, lambda data: zipped([data])])
@pytest.mark.parametrize("sizes", [[1_000_000], [1, 3]])
def test_an_object_in_another_format_is_one_row_that_names_it(name: str, outer, sizes: list[int]) -> None:
    found, (row,), counts = staged_tables(outer(PACKED[name]), sizes)
    assert found == []
    assert counts.quarantined == {"unsupported_format": 1}
    assert name in row["excerpt"]
    assert row["offset"] == 0


@pytest.mark.parametrize("code", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_known_without_its_mark(code: str) -> None:
    for text in (TEXT.decode(), json.dumps([envelope("t")])):
        _, (row,), _ = staged_tables(text.encode(code), [1_000_000])
        assert (row["reason"], "UTF-16" in row["excerpt"]) == ("unsupported_format", True)


def test_other_makes_that_are_read_stay_readable() -> None:
    for data in (
        framed_snappy(TEXT),
        zstd(zstd(TEXT)),
        gzip.compress(framed_snappy(TEXT)),
        gzip.compress(zipped([TEXT])),
    ):
        found, refused, _ = staged_tables(data, [1_000_000])
        assert (len(found), refused) == (2000, [])
    table = pa.table({"detail_type": ["ORDER_CREATED"]})
    assert staged_tables(gzip.compress(as_parquet(table)), [1_000_000])[2].ignored == {"ORDER_CREATED": 1}


LINE = text_of([envelope("t", id="e-1")])


@pytest.mark.parametrize(
    "start",
    [b"ORCHESTRATOR 5: ", b"x ", b"BZh9 ", b"LZIP ", b"Obj ", b"]\0", b"\xc3\xa9\xc3\xa9 {", b"\xef\xbb\xbf[ ", b"\t "],
)
def test_text_that_only_begins_like_another_format_is_read(start: bytes) -> None:
    found, _, counts = staged_tables(start + LINE, [1_000_000])
    assert [row["envelope_id"] for row in found] == ["e-1"]
    assert "unsupported_format" not in counts.quarantined
