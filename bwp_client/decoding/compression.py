"""From an object's raw bytes to blocks of JSON text: how it is packed is known by its first bytes, never by the name.

An object may be compressed twice, as when CloudWatch Logs hands gzip to Firehose and Firehose compresses what it delivers.
Text is given as it comes and never held whole; how much of it there may be is limited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

import pyarrow as pa
from isal import isal_zlib

from bwp_client.decoding.byte_reader import CutShortError, Raw
from bwp_client.decoding.compression_formats import unpacker_of

__all__ = ["CutShortError", "TooMuchTextError", "blocks"]

_MIB = 1024**2
RAW_BYTES = _MIB
BLOCK_BYTES = 4 * _MIB
MAX_TEXT_BYTES = 20 * 1024 * _MIB
"""Firehose delivers at most 128 MiB of text in one object; this leaves room for objects that somebody put together."""
MAX_RATIO = 200
RATIO_FROM_BYTES = 64 * _MIB
"""Events carry random IDs, so they shrink to a twentieth at best. Small texts are let through, whatever they were."""
MAX_COMPRESSION_LAYERS = 2
_TEXT_BYTES = _MIB
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPED_MAGIC = b"\x2a\x4d\x18"
_ZSTD_SKIPPED_FIRST = range(0x50, 0x60)
"""A frame to skip has sixteen beginnings."""
_GZIP_WINDOW = 31
_PADDING = b"\0"
"""Zero bytes after a gzip member are allowed."""


class TooMuchTextError(CutShortError):
    """The compressed stream holds more text than any honest object would; all text before was given."""


def blocks(stream: BinaryIO, *, max_text_bytes: int = MAX_TEXT_BYTES) -> Iterator[bytes]:
    """Give the object's text in blocks of at most 4 MiB; several gzip members or zstd frames in a row are one text.

    Args:
        stream: The object's bytes as they are stored.
        max_text_bytes: How much text a compressed object may give.

    Raises:
        CutShortError: The compressed stream is cut or damaged; what came before it was given.
        TooMuchTextError: It gave more text than is allowed; what came before was given.
    """
    raw = Raw(_chunks(stream))
    return _texts(raw, raw, 1, max_text_bytes)


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    chunk = stream.read(RAW_BYTES)
    while chunk:
        yield chunk
        chunk = stream.read(BLOCK_BYTES)


def _texts(raw: Raw, origin: Raw, layer: int, max_text_bytes: int) -> Iterator[bytes]:
    unpack = _unpacker(raw.head())
    if unpack is None:
        yield from raw.rest()
    else:
        texts = _bounded(unpack(raw), origin, max_text_bytes)
        yield from texts if layer == MAX_COMPRESSION_LAYERS else _texts(Raw(texts), origin, layer + 1, max_text_bytes)


def _unpacker(head: bytes) -> Callable[[Raw], Iterator[bytes]] | None:
    if head.startswith(_GZIP_MAGIC):
        return _gunzip
    is_skipped = head[1:4] == _ZSTD_SKIPPED_MAGIC and head[0] in _ZSTD_SKIPPED_FIRST
    if head.startswith(_ZSTD_MAGIC) or is_skipped:
        return _unzstd
    return unpacker_of(head)


def _bounded(pieces: Iterator[bytes], origin: Raw, max_text_bytes: int) -> Iterator[bytes]:
    """Join pieces of text to blocks, and stop where there is too much text for so few bytes read."""
    parts: list[bytes] = []
    waiting = total = 0
    failure = None
    try:
        for piece in pieces:
            if waiting + len(piece) > BLOCK_BYTES:
                yield b"".join(parts)
                parts, waiting = [], 0
            parts.append(piece)
            waiting += len(piece)
            total += len(piece)
            if total > max_text_bytes or total > max(RATIO_FROM_BYTES, MAX_RATIO * origin.count):
                raise _too_much(total, max_text_bytes)
    except CutShortError as error:
        failure = error
    if parts:
        yield b"".join(parts)
    if failure:
        raise failure


def _too_much(total: int, max_text_bytes: int) -> TooMuchTextError:
    limit = (
        f"{max_text_bytes // _MIB:,} MiB of text in one object"
        if total > max_text_bytes
        else f"{MAX_RATIO} times as much text as compressed bytes"
    )
    return TooMuchTextError(
        f"Reading stopped at the limit of {limit}; the first {total // _MIB:,} MiB of text were read and count."
    )


def _gunzip(raw: Raw) -> Iterator[bytes]:
    member = isal_zlib.decompressobj(wbits=_GZIP_WINDOW)
    data = raw.piece()
    while True:
        try:
            text = member.decompress(data, _TEXT_BYTES)
        except isal_zlib.error as error:  # type: ignore[misc]
            raise CutShortError(str(error)) from error
        if text:
            yield text
        if member.eof:
            data = _after_padding(member.unused_data, raw)
            if not data:
                return
            member = isal_zlib.decompressobj(wbits=_GZIP_WINDOW)
        elif data or text:
            data = member.unconsumed_tail or raw.piece()
        else:
            raise CutShortError("the gzip stream ended before its end marker")


def _after_padding(data: bytes, raw: Raw) -> bytes:
    data = data.lstrip(_PADDING)
    while not data:
        piece = raw.piece()
        if not piece:
            break
        data = piece.lstrip(_PADDING)
    return data


def _unzstd(raw: Raw) -> Iterator[bytes]:
    stream = pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
    while True:
        # Into zeros, which no JSON holds: when reading fails half-way, what is not zero was read before.
        space = bytearray(_TEXT_BYTES)
        try:
            count = stream.readinto(space)
        except OSError as error:
            if raw.failure:
                raise raw.failure from error
            yield bytes(space.rstrip(b"\0"))
            raise CutShortError(str(error)) from error
        if not count:
            return
        yield bytes(memoryview(space)[:count])
