"""Objects as Firehose packs them, written from the formats' own descriptions."""

import io
import struct
import zipfile
from typing import Any

import pyarrow as pa
from pyarrow import parquet

_RAW = pa.Codec("snappy")
_CRC = []
for byte in range(256):
    value = byte
    for _ in range(8):
        value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    _CRC.append(value)


def _masked_checksum(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value = (value >> 8) ^ _CRC[(value ^ byte) & 0xFF]
    value ^= 0xFFFFFFFF
    return (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def framed_snappy(text: bytes, *, packed: bool = True) -> bytes:
    """Give framing_format.txt: an identifier, then chunks of at most 64 KiB with a checksum of their text."""
    out = b"\xff\x06\x00\x00sNaPpY" + b"\xfe\x03\x00\x00\0\0\0"
    for at in range(0, len(text), 65536):
        part = text[at : at + 65536]
        body = struct.pack("<I", _masked_checksum(part)) + (_RAW.compress(part, asbytes=True) if packed else part)
        out += bytes([0 if packed else 1]) + struct.pack("<I", len(body))[:3] + body
    return out


def hadoop_snappy(text: bytes, *, block: int = 262_144, piece: int = 100_000) -> bytes:
    """Give Hadoop's block streams: the length of the text, then length and bytes of each compressed piece of it."""
    out = b""
    for at in range(0, len(text), block):
        part = text[at : at + block]
        out += struct.pack(">I", len(part))
        for begin in range(0, len(part), piece):
            packed = _RAW.compress(part[begin : begin + piece], asbytes=True)
            out += struct.pack(">I", len(packed)) + packed
    return out


def zipped(parts: list[bytes], *, how: int = zipfile.ZIP_DEFLATED) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", how) as archive:
        archive.writestr("folder/", b"")
        for place, part in enumerate(parts):
            archive.writestr(f"folder/{place}", part)
    return kept.getvalue()


def in_glue(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give events with the names that a Glue table has: lower case, no hyphens."""

    def named(value: Any) -> Any:
        if isinstance(value, dict):
            return {name.lower().replace("-", "_"): named(inner) for name, inner in value.items()}
        return value

    return [named(event) for event in events]


def as_parquet(table: pa.Table, **options: Any) -> bytes:
    kept = io.BytesIO()
    parquet.write_table(table, kept, **options)
    return kept.getvalue()
