"""An object's bytes as they are stored, handed on in pieces to whatever unpacks them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

_PIECE_BYTES = 4096
"""Where a stream is damaged, what this much of it would have given is lost."""
_MAGIC_BYTES = 16


class CutShortError(Exception):
    """The compressed stream ended, or broke, before its end; all text before was given."""


class Raw:
    """Bytes that come in chunks, handed on in small pieces and counted; looks like a file to Arrow."""

    closed = False

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._chunk = b""
        self._at = 0
        self.count = 0
        self.failure: Exception | None = None

    def head(self) -> bytes:
        """Give the first bytes, as many as tell what it is; they stay."""
        while len(self._chunk) < _MAGIC_BYTES:
            more = next(self._chunks, b"")
            if not more:
                break
            self._chunk += more
        return self._chunk[:_MAGIC_BYTES]

    def rest(self) -> Iterator[bytes]:
        """Give all of it in the chunks that it comes in."""
        return chain([self._chunk] if self._chunk else [], self._chunks)

    def piece(self) -> bytes:
        """Give the next piece; empty at the end."""
        if self._at == len(self._chunk):
            self._chunk, self._at = next(self._chunks, b""), 0
        piece = self._chunk[self._at : self._at + _PIECE_BYTES]
        self._at += len(piece)
        self.count += len(piece)
        return piece

    def read(self, _: int = -1) -> bytes:
        """Give the next piece; what goes wrong is kept too, for Arrow would tell it as damage."""
        try:
            return self.piece()
        except Exception as error:
            self.failure = error
            raise

    def close(self) -> None:
        """Do nothing: whoever opened the stream closes it."""

    def exactly(self, count: int) -> bytes:
        """Give the next so many bytes; fewer only at the end."""
        parts = []
        while count:
            if self._at == len(self._chunk):
                self._chunk, self._at = next(self._chunks, b""), 0
                if not self._chunk:
                    break
            part = self._chunk[self._at : self._at + count]
            self._at += len(part)
            self.count += len(part)
            count -= len(part)
            parts.append(part)
        return b"".join(parts)
