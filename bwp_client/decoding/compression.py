"""Decompresses the stored bytes of an object to blocks of JSON text.

The format is recognised by the first bytes, never by the name. An object may be compressed twice, as when CloudWatch Logs
sends gzip to Firehose and Firehose compresses what it delivers. Text is never held whole, and its amount is limited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

from backports.zstd import ZstdDecompressor, ZstdError
from isal import isal_zlib

from bwp_client.decoding.byte_reader import MAGIC_BYTES, ByteReader, CutShortError
from bwp_client.decoding.compression_formats import decompressor_for
from bwp_client.decoding.unsupported_formats import unsupported_format

__all__ = ["CutShortError", "TooMuchTextError", "UnsupportedFormatError", "blocks", "is_compressed"]

_MIB = 1024**2
BLOCK_BYTES = 4 * _MIB
MAX_TEXT_BYTES = 20 * 1024 * _MIB
"""Firehose delivers at most 128 MiB of text in one object; this leaves room for objects that somebody put together."""
MAX_RATIO = 200
RATIO_FROM_BYTES = 64 * _MIB
"""Events carry random IDs, so they shrink to a twentieth at best. Small texts are exempt."""
MAX_COMPRESSION_LAYERS = 2
_TEXT_BYTES = _MIB
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPED_MAGIC = b"\x2a\x4d\x18"
_ZSTD_SKIPPED_FIRST = range(0x50, 0x60)
"""A skippable frame begins with one of sixteen bytes."""
_GZIP_WINDOW = 31
_PADDING = b"\0"
"""Zero bytes after a gzip member are allowed."""


class UnsupportedFormatError(Exception):
    """The object is in a known format that is not read; no text was yielded."""

    def __init__(self, description: str) -> None:
        """Take the end of a sentence that begins with "The object is"."""
        self.description = description
        super().__init__(
            f"The object is {description}, which is not read. Store it as plain UTF-8 text, gzip, zstd, snappy (framed or "
            "Hadoop), zip or Parquet, and load it again."
        )


class TooMuchTextError(CutShortError):
    """The compressed stream contains more text than any genuine object would; all text before was yielded."""


def blocks(stream: BinaryIO, *, max_text_bytes: int = MAX_TEXT_BYTES) -> Iterator[bytes]:
    """Yield the object's text in blocks of at most 4 MiB; several gzip members or zstd frames in a row are one text.

    Args:
        stream: The object's bytes as they are stored.
        max_text_bytes: The bytes of text that a compressed object may contain.

    Raises:
        CutShortError: The compressed stream is cut or damaged; the text before was yielded.
        TooMuchTextError: There is more text than is allowed; the text before was yielded.
        UnsupportedFormatError: The object, or what it holds compressed, is in a format that is not read.
    """
    reader = ByteReader.of_stream(stream)
    return _texts(reader, reader, 1, max_text_bytes)


def is_compressed(data: bytes) -> bool:
    """Return whether data begin like a compressed object, or like one in another format that is no plain text."""
    head = data[:MAGIC_BYTES]
    return _decompressor(head) is not None or unsupported_format(head) is not None


def _texts(reader: ByteReader, origin: ByteReader, layer: int, max_text_bytes: int) -> Iterator[bytes]:
    head = reader.head()
    unsupported = unsupported_format(head)
    if unsupported:
        raise UnsupportedFormatError(unsupported)
    decompress = _decompressor(head)
    if decompress is None:
        yield from reader.rest()
    elif layer > MAX_COMPRESSION_LAYERS:
        raise UnsupportedFormatError("compressed more than twice")
    else:
        texts = _bounded(decompress(reader), origin, max_text_bytes)
        yield from _texts(ByteReader(texts), origin, layer + 1, max_text_bytes)


def _decompressor(head: bytes) -> Callable[[ByteReader], Iterator[bytes]] | None:
    if head.startswith(_GZIP_MAGIC):
        return _gunzip
    is_skipped = head[1:4] == _ZSTD_SKIPPED_MAGIC and head[0] in _ZSTD_SKIPPED_FIRST
    if head.startswith(_ZSTD_MAGIC) or is_skipped:
        return _unzstd
    return decompressor_for(head)


def _bounded(chunks: Iterator[bytes], origin: ByteReader, max_text_bytes: int) -> Iterator[bytes]:
    """Join chunks of text to blocks, and stop when there is too much text for the bytes read."""
    parts: list[bytes] = []
    waiting = total = 0
    try:
        for chunk in chunks:
            if waiting + len(chunk) > BLOCK_BYTES:
                yield b"".join(parts)
                parts, waiting = [], 0
            parts.append(chunk)
            waiting += len(chunk)
            total += len(chunk)
            if total > max_text_bytes or total > max(RATIO_FROM_BYTES, MAX_RATIO * origin.count):
                raise _too_much(total, max_text_bytes)
    except CutShortError:
        if parts:
            yield b"".join(parts)
        raise
    if parts:
        yield b"".join(parts)


def _too_much(total: int, max_text_bytes: int) -> TooMuchTextError:
    limit = (
        f"{max_text_bytes // _MIB:,} MiB of text in one object"
        if total > max_text_bytes
        else f"{MAX_RATIO} times as much text as compressed bytes"
    )
    return TooMuchTextError(
        f"Reading stopped at the limit of {limit}; the first {total // _MIB:,} MiB of text were read and count."
    )


def _gunzip(reader: ByteReader) -> Iterator[bytes]:
    member = isal_zlib.decompressobj(wbits=_GZIP_WINDOW)
    data = reader.piece()
    while True:
        try:
            text = member.decompress(data, _TEXT_BYTES)
        except isal_zlib.error as error:  # type: ignore[misc]
            raise CutShortError(str(error)) from error
        if text:
            yield text
        if member.eof:
            data = _after_padding(member.unused_data, reader)
            if not data:
                return
            member = isal_zlib.decompressobj(wbits=_GZIP_WINDOW)
        elif data or text:
            data = member.unconsumed_tail or reader.piece()
        else:
            raise CutShortError("the gzip stream ended before its end marker")


def _after_padding(data: bytes, reader: ByteReader) -> bytes:
    data = data.lstrip(_PADDING)
    while not data:
        piece = reader.piece()
        if not piece:
            break
        data = piece.lstrip(_PADDING)
    return data


def _unzstd(reader: ByteReader) -> Iterator[bytes]:
    frame = ZstdDecompressor()
    data = reader.piece()
    while True:
        try:
            text = frame.decompress(data, _TEXT_BYTES)
        except ZstdError as error:
            raise CutShortError(str(error)) from error
        if text:
            yield text
        if frame.eof:
            data = frame.unused_data or reader.piece()
            if not data:
                return
            frame = ZstdDecompressor()
        elif frame.needs_input:
            data = reader.piece()
            if not data:
                raise CutShortError("the zstd stream ended before its end marker")
        else:
            data = b""
