"""What an object's bytes hold is known by the first of them; damage and floods end reading, and what came before is kept."""

import gzip
import io
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.events import envelope, text_of
from support.staging import Dripping, stage, staged_tables
from support.wire import zstd

from bwp_client.decoding.compression import CutShortError, TooMuchTextError, blocks

SKIPPED = b"\x5a\x2a\x4d\x18\x05\0\0\0hello"
TEXT = b"".join(b'{"id":"%032x"}\n' % random.Random(place).getrandbits(128) for place in range(40_000))


def read(data: bytes, sizes: list[int] | None = None, **options: Any) -> tuple[bytes, CutShortError | None]:
    parts: list[bytes] = []
    try:
        parts.extend(blocks(Dripping(data, sizes or [10_000]), **options))
    except CutShortError as error:
        return b"".join(parts), error
    return b"".join(parts), None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.lists(st.integers(1, 700), min_size=1), st.booleans()
)
def test_zstd_frames_in_a_row_are_one_text(parts: list[bytes], sizes: list[int], skipped: bool) -> None:
    parts[0] = b"{" + parts[0]  # what begins like a compressed object is taken for one, compressed twice
    between = SKIPPED if skipped else b""
    data = between + between.join(zstd(part) for part in parts) + between
    assert read(data, sizes) == (b"".join(parts), None)


@pytest.mark.parametrize("outer", [gzip.compress, zstd])
@pytest.mark.parametrize("inner", [gzip.compress, zstd])
def test_an_object_may_be_compressed_twice(outer: Any, inner: Any) -> None:
    assert read(outer(inner(TEXT[:1000]) + inner(TEXT[1000:]))) == (TEXT, None)


@pytest.mark.parametrize("cut", [5, 200, 0.5, 0.9, -2, -1])
def test_a_cut_zstd_gives_what_came_before(cut: float) -> None:
    data = zstd(TEXT)
    at = int(len(data) * cut) if isinstance(cut, float) else cut
    text, error = read(data[:at])
    assert error
    assert TEXT.startswith(text)
    assert len(text) >= len(TEXT) * (at % len(data)) / len(data) - 200_000


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_damage_inside_a_gzip_costs_only_what_follows(share: float) -> None:
    data = gzip.compress(TEXT)
    at = int(len(data) * share)
    text, error = read(data[:at] + b"\x06" * 9000 + data[at + 9000 :], [1_000_000])
    assert error
    agreeing = next((place for place, (a, b) in enumerate(zip(text, TEXT, strict=False)) if a != b), len(text))
    assert agreeing >= len(TEXT) * share - 20_000


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_all_whole_events_before_damage_are_kept(pack: Any) -> None:
    events = [envelope(f"t-{place}", id=f"{random.Random(place).getrandbits(256):x}") for place in range(3000)]
    data = pack(text_of(events))
    found, refused, _ = stage(data[: len(data) // 2], [1_000_000])
    ids = [event["id"] for event in events]
    assert [name for _, name in found] == ids[: len(found)]
    assert len(found) > 1000
    assert [reason for _, reason in refused] == ["object_cut_short"]


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_text_out_of_all_proportion_is_stopped_and_said(pack: Any) -> None:
    data = text_of([envelope("t-1", id="first")]) + b"\n" * 100_000_000
    found, (row,), counts = staged_tables(pack(data), [100_000])
    assert [one["envelope_id"] for one in found] == ["first"]
    assert counts.quarantined == {"decompression_limit": 1}
    assert row["excerpt"] == (
        "Reading stopped at the limit of 200 times as much text as compressed bytes; "
        f"the first {row['excerpt'].split('first ')[1][:2]} MiB of text were read and count."
    )


def test_layers_of_compression_do_not_multiply_the_limit() -> None:
    bomb = gzip.compress(gzip.compress(b"\n" * 300_000_000))
    text, error = read(bomb)
    assert isinstance(error, TooMuchTextError)
    assert len(text) < 70 * 1024**2


def test_text_has_a_limit_whatever_its_ratio() -> None:
    text, error = read(gzip.compress(TEXT), max_text_bytes=1024**2)
    assert TEXT.startswith(text)
    assert "limit of 1 MiB of text in one object" in str(error)


class Broken(io.RawIOBase):
    """Fails after its first bytes, as a disk or a connection may."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int = -1) -> bytes:
        if not self._data:
            raise OSError("the disk is gone")
        data, self._data = self._data, b""
        return data


@pytest.mark.parametrize("pack", [gzip.compress, zstd, bytes])
def test_a_failure_to_read_is_no_damage(pack: Any) -> None:
    data = pack(TEXT)
    with pytest.raises(OSError, match="the disk is gone"):
        list(blocks(Broken(data[: len(data) // 2])))
