"""Every format but gzip and zstd: framed snappy, Hadoop's snappy, zip, and Parquet that Firehose converted from JSON.

Zip and Parquet have their directory at the end, so such an object is copied to a temporary file first. One that was cut
can't be read at all, not even its beginning.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import SEEK_END
from tempfile import SpooledTemporaryFile, gettempdir
from typing import BinaryIO, cast

import cramjam

from bwp_client.decoding.byte_reader import ByteReader, CutShortError

_SNAPPY_MAGIC = b"\xff\x06\0\0sNaPpY"
_ZIP_MAGIC = b"PK\x03\x04"
_EMPTY_ZIP_MAGIC = b"PK\x05\x06"
"""Begins the last part of every zip archive; an empty archive has no other part."""
_ZIP_END_BYTES = 22
"""The size of that part without the archive's comment."""
_PARQUET_MAGIC = b"PAR1"
_CHUNK_HEAD = struct.Struct("<BBH")
_LENGTH = struct.Struct(">I")
_MAX_BLOCK_BYTES = 64 * 1024**2
"""The largest text in one block of Hadoop's snappy; its writers use 256 KiB."""
_IN_MEMORY_BYTES = 16 * 1024**2
_TEXT_BYTES = 1024**2


def decompressor_for(head: bytes) -> Callable[[ByteReader], Iterator[bytes]] | None:
    """Return the decompressor of an object with these first bytes; None if they are text already."""
    if head.startswith(_SNAPPY_MAGIC):
        return _unsnappy
    if head.startswith((_ZIP_MAGIC, _EMPTY_ZIP_MAGIC)):
        return _unzip
    if head.startswith(_PARQUET_MAGIC):
        return _from_parquet
    return _unhadoop if _is_hadoop_snappy(head) else None


def _unsnappy(reader: ByteReader) -> Iterator[bytes]:
    while head := reader.exactly(_CHUNK_HEAD.size):
        if len(head) < _CHUNK_HEAD.size:
            raise CutShortError("the snappy stream ended in a chunk's head")
        _, low, high = _CHUNK_HEAD.unpack(head)
        body = reader.exactly(low | high << 8)
        try:
            # Each chunk is a stream of its own, so that the text before a damaged chunk is not lost.
            text = bytes(cramjam.snappy.decompress(_SNAPPY_MAGIC + head + body))
        except cramjam.DecompressionError as error:
            raise CutShortError(str(error)) from error
        if text:
            yield text


def _is_hadoop_snappy(head: bytes) -> bool:
    """Recognise the format by the lengths it begins with: it has no magic number, and no text begins with a zero byte."""
    if len(head) <= 2 * _LENGTH.size or head[0]:
        return False
    (text_bytes,), (packed_bytes,) = _LENGTH.unpack_from(head), _LENGTH.unpack_from(head, _LENGTH.size)
    return bool(0 < text_bytes <= _MAX_BLOCK_BYTES and 0 < packed_bytes <= 2 * text_bytes + _LENGTH.size)


def _unhadoop(reader: ByteReader) -> Iterator[bytes]:
    while head := reader.exactly(_LENGTH.size):
        left = _length(head)
        while left:
            packed = reader.exactly(_length(reader.exactly(_LENGTH.size)))
            try:
                if not 0 < cramjam.snappy.decompress_raw_len(packed) <= left:
                    raise CutShortError("a snappy block does not hold as much text as it says")
                text = bytes(cramjam.snappy.decompress_raw(packed))
            except cramjam.DecompressionError as error:
                raise CutShortError(str(error)) from error
            left -= len(text)
            yield text


def _length(head: bytes) -> int:
    if len(head) < _LENGTH.size:
        raise CutShortError("the snappy stream ended in a block's head")
    (length,) = _LENGTH.unpack(head)
    if length > _MAX_BLOCK_BYTES:
        raise CutShortError("a snappy block says that it is longer than any block")
    return int(length)


@contextmanager
def _seekable(reader: ByteReader) -> Iterator[BinaryIO]:
    with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as copy:
        while piece := reader.exactly(_TEXT_BYTES):
            try:
                copy.write(piece)
            except OSError as error:
                raise RuntimeError(
                    f"{gettempdir()} can't be written ({error.strerror or error}); free some space there, or set TMPDIR"
                ) from error
        copy.seek(0)
        yield cast("BinaryIO", copy)


def _unzip(reader: ByteReader) -> Iterator[bytes]:
    with _seekable(reader) as copy:
        try:
            archive = zipfile.ZipFile(copy)
            for member in archive.infolist():
                with archive.open(member) as stream:
                    while text := stream.read(_TEXT_BYTES):
                        yield text
            if not _is_whole_file(archive, copy):
                raise CutShortError("the file holds bytes before or after the zip archive that does not belong to it")
        # RuntimeError: the archive needs a password, or (NotImplementedError) uses an unknown method.
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
            raise CutShortError(str(error)) from error


def _is_whole_file(archive: zipfile.ZipFile, file: BinaryIO) -> bool:
    """Return whether nothing precedes or follows an archive; `zipfile` passes over both, such as another archive."""
    file.seek(-_ZIP_END_BYTES - len(archive.comment), SEEK_END)
    if not file.read(_ZIP_END_BYTES).startswith(_EMPTY_ZIP_MAGIC):
        return False
    return min((member.header_offset for member in archive.infolist()), default=archive.start_dir) == 0


def _from_parquet(reader: ByteReader) -> Iterator[bytes]:
    from bwp_client.decoding.parquet_records import json_lines

    with _seekable(reader) as copy:
        yield from json_lines(copy)
