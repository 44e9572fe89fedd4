"""Reads the stored bytes of an object in small pieces for whatever decompresses them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

_FIRST_CHUNK_BYTES = 1024**2
_CHUNK_BYTES = 4 * 1024**2
_PIECE_BYTES = 4096
"""Where a stream is damaged, the text of one such piece may be lost."""
MAGIC_BYTES = 16
"""The formats are recognised by so many bytes."""


class CutShortError(Exception):
    """The compressed stream ended, or broke, before its end; all text before was yielded."""


class ByteReader:
    """Reads bytes that come in chunks, and counts them."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._chunk = b""
        self._at = 0
        self.count = 0
        """The number of bytes read so far."""

    @classmethod
    def of_stream(cls, stream: BinaryIO) -> ByteReader:
        """Return a reader of all bytes of a stream."""
        return cls(_chunks(stream))

    def head(self) -> bytes:
        """Return the first bytes, as many as the formats are recognised by, without reading them."""
        while len(self._chunk) < MAGIC_BYTES:
            more = next(self._chunks, b"")
            if not more:
                break
            self._chunk += more
        return self._chunk[:MAGIC_BYTES]

    def rest(self) -> Iterator[bytes]:
        """Return all bytes in the chunks that they come in."""
        return chain([self._chunk] if self._chunk else [], self._chunks)

    def piece(self) -> bytes:
        """Read the next piece; empty at the end."""
        return self._read(_PIECE_BYTES)

    def exactly(self, count: int) -> bytes:
        """Read that number of bytes; fewer only at the end."""
        parts = []
        while count and (part := self._read(count)):
            count -= len(part)
            parts.append(part)
        return b"".join(parts)

    def _read(self, most: int) -> bytes:
        if self._at == len(self._chunk):
            self._chunk, self._at = next(self._chunks, b""), 0
        part = self._chunk[self._at : self._at + most]
        self._at += len(part)
        self.count += len(part)
        return part


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    chunk = stream.read(_FIRST_CHUNK_BYTES)
    while chunk:
        yield chunk
        chunk = stream.read(_CHUNK_BYTES)
